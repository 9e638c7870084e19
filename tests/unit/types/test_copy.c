/* Copies share nothing, equality is semantic, objects are counted. */
#include "unit.h"

#include "types/copy.h"
#include "types/gen/all.h"
#include "types/object.h"

static struct core_v1_pod make_pod(struct arena *arena)
{
	struct core_v1_pod pod = {0};
	struct core_v1_container *container = ARENA_NEW(arena, struct core_v1_container);
	struct quantity_pair *limits = ARENA_NEW(arena, struct quantity_pair);
	struct str_pair *labels = ARENA_NEW_N(arena, struct str_pair, 2);
	int64_t *grace = ARENA_NEW(arena, int64_t);
	struct core_v1_volume *volume = ARENA_NEW(arena, struct core_v1_volume);
	struct core_v1_empty_dir_volume_source *empty_dir = ARENA_NEW(arena, struct core_v1_empty_dir_volume_source);

	*limits = (struct quantity_pair){STR("cpu"),
					 {.mantissa = 15, .exponent = -1, .is_set = true, .text = STR("1500m")}};
	labels[0] = (struct str_pair){STR("a"), STR("b")};
	labels[1] = (struct str_pair){STR("c"), STR("")};
	container->name = STR("main");
	container->resources.limits = (struct quantity_map){limits, 1};
	container->command = (struct str_slice){&labels[0].key, 1};
	*grace = 30;
	volume->name = STR("v");
	volume->volume_source.empty_dir = empty_dir;
	pod.metadata.name = STR("pod");
	pod.metadata.labels = (struct str_map){labels, 2};
	pod.metadata.resource_version = STR("77");
	pod.spec.termination_grace_period_seconds = grace;
	pod.spec.containers = (struct core_v1_container_slice){container, 1};
	pod.spec.volumes = (struct core_v1_volume_slice){volume, 1};
	pod.spec.tolerations = (struct core_v1_toleration_slice){(const struct core_v1_toleration *)container, 0};
	return pod;
}

static void test_copy_shares_nothing(void **state UNUSED)
{
	struct arena source = {0}, target = {0};
	struct core_v1_pod pod = make_pod(&source);
	const struct core_v1_pod *copy = copy_struct(&schema_core_v1_pod, &pod, &target);

	assert_true(equal_struct(&schema_core_v1_pod, &pod, copy));
	memset(UNCONST(char *, pod.spec.containers.items), 0xff, sizeof(struct core_v1_container));
	arena_release(&source);
	assert_str_equal(copy->metadata.name, "pod");
	assert_str_equal(copy->metadata.labels.items[0].value, "b");
	assert_str_equal(copy->spec.containers.items[0].name, "main");
	assert_str_equal(copy->spec.containers.items[0].resources.limits.items[0].value.text, "1500m");
	assert_int_equal(*copy->spec.termination_grace_period_seconds, 30);
	assert_non_null(copy->spec.volumes.items[0].volume_source.empty_dir);
	assert_non_null(copy->spec.tolerations.items);
	assert_int_equal(copy->spec.tolerations.len, 0);
	assert_null(copy->spec.init_containers.items);
	assert_int_equal(copy->spec.containers.items[0].name.data[4], 0);
	arena_release(&target);
}

static void test_equality_is_semantic(void **state UNUSED)
{
	struct arena arena = {0};
	struct core_v1_pod a = make_pod(&arena), b = make_pod(&arena);
	struct quantity *limit;

	assert_true(equal_struct(&schema_core_v1_pod, &a, &b));
	limit = EDIT(struct quantity, &b.spec.containers.items[0].resources.limits.items[0].value);
	*limit = (struct quantity){.mantissa = 1500, .exponent = -3, .is_set = true};
	assert_true(equal_struct(&schema_core_v1_pod, &a, &b));
	limit->mantissa++;
	assert_false(equal_struct(&schema_core_v1_pod, &a, &b));
	limit->mantissa--;
	b.spec.tolerations.items = NULL;
	assert_true(equal_struct(&schema_core_v1_pod, &a, &b));
	b.spec.termination_grace_period_seconds = NULL;
	assert_false(equal_struct(&schema_core_v1_pod, &a, &b));
	arena_release(&arena);
}

static void test_empty(void **state UNUSED)
{
	struct core_v1_pod pod = {0};

	assert_true(empty_struct(&schema_core_v1_pod, &pod));
	pod.status.phase = STR("Running");
	assert_false(empty_struct(&schema_core_v1_pod, &pod));
}

static void test_drop_empty_lists(void **state UNUSED)
{
	struct arena arena = {0};
	struct core_v1_pod pod = make_pod(&arena);

	EDIT(struct core_v1_container, pod.spec.containers.items)->args = (struct str_slice){&pod.metadata.name, 0};
	drop_empty_lists(&schema_core_v1_pod, &pod);
	assert_null(pod.spec.tolerations.items);
	assert_null(pod.spec.containers.items[0].args.items);
	assert_int_equal(pod.spec.containers.items[0].command.len, 1);
	arena_release(&arena);
}

static void test_object(void **state UNUSED)
{
	struct arena arena = {0};
	struct core_v1_pod pod = make_pod(&arena);
	struct object *object = object_publish(&schema_core_v1_pod, &pod);

	arena_release(&arena);
	assert_str_equal(object->meta->name, "pod");
	assert_str_equal(object->meta->resource_version, "");
	object_set_revision(object, 123456789);
	assert_str_equal(object->meta->resource_version, "123456789");
	assert_str_equal(OBJECT_AS(core_v1_pod, object)->metadata.resource_version, "123456789");
	object_ref(object);
	assert_null(object_unref(object));
	assert_str_equal(object->meta->name, "pod");
	assert_null(object_unref(object));
	assert_null(object_unref(NULL));
}

static void test_object_without_metadata(void **state UNUSED)
{
	struct core_v1_pod_list list = {0};
	struct object *object = object_publish(&schema_core_v1_pod_list, &list);

	assert_null(object->meta);
	object_set_revision(object, 1);
	object_unref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_shares_nothing),
		cmocka_unit_test(test_equality_is_semantic),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_object),
		cmocka_unit_test(test_object_without_metadata),
		cmocka_unit_test(test_drop_empty_lists),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
