/* OpenAPI documents: every reference resolves, kubectl finds what it asks for, the index points at the documents. */
#include "unit.h"

#include "base/limits.h"
#include "codec/json.h"
#include "types/openapi.h"

static struct value *document(struct arena *arena, struct str group, struct str version)
{
	struct buf cleanup_buf out;
	struct error err = {0};
	struct value *tree;

	buf_init(&out, LIMIT_RESPONSE_BODY);
	openapi_v3_builtin(group, version, &out);
	if (json_parse(buf_view(&out), arena, NULL, &tree, &err) < 0)
		fail_msg("%s", err.message);
	return tree;
}

static size_t check_references(const struct value *value, const struct value *schemas)
{
	static const char prefix[] = "#/components/schemas/";
	size_t count = 0;

	for (size_t i = 0; value->kind == VALUE_ARRAY && i < value->array.len; i++)
		count += check_references(value->array.items[i], schemas);
	for (size_t i = 0; value->kind == VALUE_OBJECT && i < value->object.len; i++) {
		const struct value_member *member = &value->object.members[i];

		if (str_eq_c(member->key, "$ref") && member->value->kind == VALUE_STRING) {
			assert_true(str_has_prefix(member->value->string, STR("#/components/schemas/")));
			if (!value_get(schemas, str_from_at(member->value->string, sizeof(prefix) - 1)))
				fail_msg("%s does not resolve", member->value->string.data);
			count++;
		} else {
			count += check_references(member->value, schemas);
		}
	}
	return count;
}

static void test_references(void **state UNUSED)
{
	for (size_t i = 0; i < api_group_versions_len; i++) {
		struct arena cleanup_arena arena = {0};
		struct value *tree = document(&arena, api_group_versions[i].group, api_group_versions[i].version);

		assert_true(check_references(tree, value_find(tree, "components", "schemas", NULL)) > 0);
	}
}

static void test_patch_is_validated(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct value *tree = document(&arena, STR("apps"), STR("v1"));
	struct value *patch =
		value_find(tree, "paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "patch", NULL);
	struct value *list = value_find(patch, "parameters", NULL);
	bool found = false;

	assert_non_null(list);
	for (size_t i = 0; i < list->array.len; i++)
		found = found || str_eq_c(value_get_str(value_find(list->array.items[i], "name", NULL), STR_EMPTY),
					  "fieldValidation");
	assert_true(found);
	assert_str_equal(value_get_str(value_find(patch, "x-kubernetes-action", NULL), STR_EMPTY), "patch");
	assert_str_equal(value_get_str(value_find(patch, "x-kubernetes-group-version-kind", "kind", NULL), STR_EMPTY),
			 "Deployment");
}

static void test_property_forms(void **state UNUSED)
{
	static const struct {
		const char *type, *property, *want;
	} cases[] = {
		{"io.k8s.api.core.v1.Container", "ports",
		 "{\"items\":{\"$ref\":\"#/components/schemas/io.k8s.api.core.v1.ContainerPort\"},\"type\":\"array\","
		 "\"x-kubernetes-list-map-keys\":[\"containerPort\",\"protocol\"],\"x-kubernetes-list-type\":\"map\","
		 "\"x-kubernetes-patch-merge-key\":\"containerPort\",\"x-kubernetes-patch-strategy\":\"merge\"}"},
		{"io.k8s.api.core.v1.Container", "resources",
		 "{\"allOf\":[{\"$ref\":\"#/components/schemas/"
		 "io.k8s.api.core.v1.ResourceRequirements\"}],\"default\":{}}"},
		{"io.k8s.api.core.v1.ServicePort", "protocol",
		 "{\"default\":\"TCP\",\"enum\":[\"SCTP\",\"TCP\",\"UDP\"],\"type\":\"string\"}"},
		{"io.k8s.api.core.v1.Secret", "data",
		 "{\"additionalProperties\":{\"format\":\"byte\",\"type\":\"string\"},\"type\":\"object\"}"},
	};
	struct arena cleanup_arena arena = {0};
	struct value *tree = document(&arena, STR_EMPTY, STR("v1"));

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct value *property =
			value_find(tree, "components", "schemas", cases[i].type, "properties", cases[i].property, NULL);
		struct buf cleanup_buf out;

		assert_non_null(property);
		buf_init(&out, 10000);
		json_write(property, &out);
		assert_string_equal(out.data, cases[i].want);
	}
}

static void test_index(void **state UNUSED)
{
	static const struct openapi_entry entries[] = {{STR_INIT("apis/apps/v1"), STR_INIT("AB")},
						       {STR_INIT("api/v1"), STR_INIT("CD")}};
	struct buf cleanup_buf out;
	char hash[OPENAPI_HASH_SIZE], other[OPENAPI_HASH_SIZE];

	buf_init(&out, 10000);
	openapi_v3_index(entries, 2, &out);
	assert_string_equal(out.data,
			    "{\"paths\":{\"api/v1\":{\"serverRelativeURL\":\"/openapi/v3/api/v1?hash=CD\"},"
			    "\"apis/apps/v1\":{\"serverRelativeURL\":\"/openapi/v3/apis/apps/v1?hash=AB\"}}}");
	openapi_hash(STR("a"), hash);
	openapi_hash(STR("b"), other);
	assert_string_equal(hash, "D228CB696F1A8CAF78912B704E4A8964");
	assert_string_not_equal(hash, other);
	buf_clear(&out);
	assert_true(openapi_v3_other(STR("apis/apps"), &out));
	assert_false(openapi_v3_other(STR("apis/apps/v1"), &out));
	assert_false(openapi_v3_other(STR("nothing"), &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_patch_is_validated),
		cmocka_unit_test(test_property_forms),
		cmocka_unit_test(test_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
