/* The generated tables against what the structs and the look-ups promise. */
#include "unit.h"

#include "types/gen/all.h"
#include "types/resource.h"

static void test_every_field_is_found(void **state UNUSED)
{
	for (size_t i = 0; i < all_schemas_len; i++) {
		const struct schema *schema = all_schemas[i];

		assert_ptr_equal(schema_by_name(schema->name), schema);
		for (size_t j = 0; j < schema->len; j++) {
			const struct schema_field *field = &schema->fields[j];

			assert_true(field->offset < schema->size);
			if (!(field->flags & FIELD_NO_JSON))
				assert_ptr_equal(schema_find(schema, field->name), field);
		}
		for (size_t j = 0; j < schema->numbers_len; j++) {
			const struct schema_field *field = &schema->fields[schema->by_number[j]];

			assert_ptr_equal(schema_find_number(schema, field->number), field);
			assert_true(j == 0 || field->number > schema->fields[schema->by_number[j - 1]].number);
		}
		assert_null(schema_find(schema, STR("no such field")));
	}
}

static void test_embedded_fields(void **state UNUSED)
{
	const struct schema_field *field = schema_find(&schema_core_v1_volume, STR("configMap"));

	assert_int_equal(field->offset, offsetof(struct core_v1_volume, volume_source.config_map));
	assert_true(field->flags & FIELD_EMBEDDED);
	assert_ptr_equal(schema_find_number(&schema_core_v1_volume, 2)->message, &schema_core_v1_volume_source);
}

static void test_entry_sizes(void **state UNUSED)
{
	const struct schema_field *labels = schema_find(&schema_meta_v1_object_meta, STR("labels"));
	const struct schema_field *limits = schema_find(&schema_core_v1_resource_requirements, STR("limits"));

	assert_int_equal(field_entry_size(labels), sizeof(struct str_pair));
	assert_int_equal(field_entry_size(limits), sizeof(struct quantity_pair));
	assert_int_equal(offsetof(struct quantity_pair, value), FIELD_ENTRY_VALUE_OFFSET);
}

static void test_resources(void **state UNUSED)
{
	const struct resource *pods = resource_find(STR(""), STR("v1"), STR("pods"));
	const struct resource *services = resource_by_kind(STR("v1"), STR("Service"));

	assert_ptr_equal(pods->schema, &schema_core_v1_pod);
	assert_ptr_equal(pods->list_schema, &schema_core_v1_pod_list);
	assert_true(pods->verbs & VERB_WATCH);
	assert_ptr_equal(resource_subresource(pods, STR("eviction"))->schema, &schema_policy_v1_eviction);
	assert_str_equal(services->storage_key, "services/specs");
	assert_null(resource_find(STR("apps"), STR("v1"), STR("pods")));
	assert_int_equal(verb_parse(STR("deletecollection")), VERB_DELETE_COLLECTION);
	assert_ptr_equal(schema_by_kind(STR("apps/v1"), STR("Deployment")), &schema_apps_v1_deployment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_is_found),
		cmocka_unit_test(test_embedded_fields),
		cmocka_unit_test(test_entry_sizes),
		cmocka_unit_test(test_resources),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
