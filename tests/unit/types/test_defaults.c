/* Defaults that need nothing but their parent. */
#include "unit.h"

#include "types/copy.h"
#include "types/defaults.h"
#include "types/gen/all.h"
#include "types/object.h"

static void test_pod(void **state UNUSED)
{
	struct arena arena = {0};
	struct core_v1_container *containers = ARENA_NEW_N(&arena, struct core_v1_container, 2);
	struct core_v1_probe *probe = ARENA_NEW(&arena, struct core_v1_probe);
	struct core_v1_pod pod = {0};
	int64_t grace = 5;

	probe->period_seconds = 7;
	containers[1].liveness_probe = probe;
	containers[1].termination_message_policy = STR("FallbackToLogsOnError");
	pod.spec.containers = (struct core_v1_container_slice){containers, 2};
	pod.spec.termination_grace_period_seconds = &grace;
	default_struct(&schema_core_v1_pod, &pod, &arena);
	assert_str_equal(pod.spec.restart_policy, "Always");
	assert_str_equal(pod.spec.dns_policy, "ClusterFirst");
	assert_int_equal(*pod.spec.termination_grace_period_seconds, 5);
	assert_non_null(pod.spec.security_context);
	assert_str_equal(containers[0].termination_message_path, "/dev/termination-log");
	assert_str_equal(containers[1].termination_message_policy, "FallbackToLogsOnError");
	assert_int_equal(probe->period_seconds, 7);
	assert_int_equal(probe->failure_threshold, 3);
	assert_str_equal(pod.status.phase, "");
	arena_release(&arena);
}

static void test_other_shapes(void **state UNUSED)
{
	struct arena arena = {0};
	struct apps_v1_rolling_update_deployment rolling = {0};
	struct apps_v1_deployment deployment = {.spec.strategy.rolling_update = &rolling};
	struct storage_v1_csi_driver driver = {0};

	default_struct(&schema_apps_v1_deployment, &deployment, &arena);
	assert_int_equal(*deployment.spec.replicas, 1);
	assert_str_equal(deployment.spec.strategy.type, "RollingUpdate");
	assert_true(rolling.max_surge->is_string);
	assert_str_equal(rolling.max_surge->string, "25%");
	default_struct(&schema_storage_v1_csi_driver, &driver, &arena);
	assert_int_equal(driver.spec.volume_lifecycle_modes.len, 1);
	assert_str_equal(driver.spec.volume_lifecycle_modes.items[0], "Persistent");
	assert_true(*driver.spec.attach_required);
	assert_false(*driver.spec.storage_capacity);
	arena_release(&arena);
}

/* Every default in api/ can be read, and set again it changes nothing. */
static void test_all(void **state UNUSED)
{
	for (size_t i = 0; i < all_schemas_len; i++) {
		struct arena arena = {0};
		const struct schema *schema = all_schemas[i];
		void *data = arena_zalloc(&arena, schema->size), *once;

		default_struct(schema, data, &arena);
		once = copy_struct(schema, data, &arena);
		default_struct(schema, data, &arena);
		assert_true(equal_struct(schema, data, once));
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pod),
		cmocka_unit_test(test_other_shapes),
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests_name("defaults", tests, NULL, NULL);
}
