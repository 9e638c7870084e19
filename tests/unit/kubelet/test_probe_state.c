/* What a probe's outcomes add up to, and dialling. */
#include "unit.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "kubelet/probe_run.h"
#include "kubelet/probe_state.h"

static void test_thresholds(void **state UNUSED)
{
	static const struct {
		enum probe_type type;
		int32_t success, failure;
		const char *outcomes; /* g, b */
		const char *results;  /* after each: ?, g, b */
	} cases[] = {
		{PROBE_READINESS, 1, 3, "bbgbbgbbb", "bbggggggb"},
		{PROBE_READINESS, 2, 1, "ggbg", "bgbb"},
		{PROBE_LIVENESS, 1, 3, "bbgbbb", "gggggb"},
		{PROBE_STARTUP, 1, 2, "bg", "?g"},
		{PROBE_STARTUP, 1, 2, "bb", "?b"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct core_v1_probe spec = {.success_threshold = cases[i].success,
					     .failure_threshold = cases[i].failure};
		struct probe_state probe = probe_state_begin(cases[i].type);

		for (size_t k = 0; cases[i].outcomes[k]; k++) {
			enum probe_result before = probe.result;
			bool changed = probe_state_step(&probe, &spec, cases[i].outcomes[k] == 'g');

			assert_int_equal(changed, before != probe.result);
			assert_int_equal("?bg"[probe.result], cases[i].results[k]);
		}
	}
}

static void test_final(void **state UNUSED)
{
	assert_false(probe_state_is_final(&(struct probe_state){.result = PROBE_UNDECIDED}, PROBE_STARTUP));
	assert_true(probe_state_is_final(&(struct probe_state){.result = PROBE_SUCCEEDED}, PROBE_STARTUP));
	assert_true(probe_state_is_final(&(struct probe_state){.result = PROBE_FAILED}, PROBE_LIVENESS));
	assert_false(probe_state_is_final(&(struct probe_state){.result = PROBE_SUCCEEDED}, PROBE_LIVENESS));
	assert_false(probe_state_is_final(&(struct probe_state){.result = PROBE_FAILED}, PROBE_READINESS));
}

static void test_dials(void **state UNUSED)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	cleanup_close int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(address);
	struct error err = {0};
	char words[128];
	int fd;

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	assert_true(probe_dial("127.0.0.1", ntohs(address.sin_port), NS_PER_SEC, &err) < 0);
	snprintf(words, sizeof(words), "dial tcp 127.0.0.1:%u: connect: connection refused", ntohs(address.sin_port));
	assert_string_equal(err.message, words);
	error_clear(&err);
	assert_int_equal(listen(listener, 1), 0);
	fd = probe_dial("localhost", ntohs(address.sin_port), NS_PER_SEC, &err);
	assert_true(fd >= 0);
	close_fd(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_final),
		cmocka_unit_test(test_dials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
