/* What a pod's status says: conditions that are set. */
#include "unit.h"

#include "base/arena.h"
#include "logic/pod.h"

static struct core_v1_pod_condition condition(const char *type, const char *status, int64_t seconds)
{
	return (struct core_v1_pod_condition){.type = str_from(type),
					      .status = str_from(status),
					      .last_transition_time = {.seconds = seconds, .is_set = true}};
}

static void conditions(void **state UNUSED)
{
	static const struct {
		const char *type, *status;
		size_t len, at;
		int64_t since;
	} cases[] = {
		{"B", "True", 2, 1, 20},  /* as it was: its time stays */
		{"B", "False", 2, 1, 99}, /* another status */
		{"C", "True", 3, 2, 99},  /* a new one, behind all */
	};
	const struct core_v1_pod_condition before[] = {condition("A", "True", 10), condition("B", "True", 20)};
	struct arena cleanup_arena arena = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct core_v1_pod_condition_slice all =
			pod_conditions_with((struct core_v1_pod_condition_slice){before, ARRAY_LEN(before)},
					    condition(cases[i].type, cases[i].status, 99), &arena);

		assert_int_equal(all.len, cases[i].len);
		assert_string_equal(str_c(all.items[0].type), "A");
		assert_string_equal(str_c(all.items[cases[i].at].type), cases[i].type);
		assert_string_equal(str_c(all.items[cases[i].at].status), cases[i].status);
		assert_int_equal(all.items[cases[i].at].last_transition_time.seconds, cases[i].since);
	}
	assert_int_equal(
		pod_conditions_with((struct core_v1_pod_condition_slice){0}, condition("A", "True", 1), &arena).len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(conditions)};

	return cmocka_run_group_tests_name("pod", tests, NULL, NULL);
}
