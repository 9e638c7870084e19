/* Back-off as a script of what happened and when. */
#include "unit.h"

#include "client/reconnect.h"

static void test_script(void **state UNUSED)
{
	enum { CONNECT, FAIL };
	static const struct {
		int what;
		int64_t now, most; /* the delay is between half of most and most */
	} script[] = {
		{FAIL, 0, 100},	    {FAIL, 200, 200},	{FAIL, 500, 400},   {FAIL, 1000, 800},
		{FAIL, 2000, 1000}, {FAIL, 4000, 1000}, {CONNECT, 5000, 0}, {FAIL, 5010, 1000}, /* too short a life */
		{CONNECT, 7000, 0}, {FAIL, 9000, 100},	{FAIL, 9200, 200},
	};
	struct random_source random = {.state = 7};
	struct reconnect reconnect;

	reconnect_init(&reconnect, 100, 1000, 2000);
	for (size_t i = 0; i < ARRAY_LEN(script); i++) {
		int64_t delay;

		if (script[i].what == CONNECT) {
			reconnect_connected(&reconnect, script[i].now);
			continue;
		}
		delay = reconnect_failed(&reconnect, script[i].now, &random);
		assert_in_range(delay, script[i].most / 2, script[i].most);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_script)};

	return cmocka_run_group_tests_name("reconnect", tests, NULL, NULL);
}
