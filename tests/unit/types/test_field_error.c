/* Field errors and name checks in upstream's words. */
#include "unit.h"

#include "types/gen/all.h"
#include "types/meta_validate.h"

static void expect(const struct field_errors *errors, struct arena *arena, const char *message)
{
	assert_string_equal(str_c(field_errors_join(errors, arena)), message);
}

static void test_each_kind(void **state UNUSED)
{
	struct arena arena = {0};
	struct field_errors errors = {.arena = &arena};
	const struct path *spec = FIELD(NULL, "spec");
	struct str_slice list = {(struct str[]){STR("a\"b"), STR("c")}, 2};
	struct str_map map = {(struct str_pair[]){{STR("k"), STR("v")}}, 1};

	field_required(&errors, INDEX(FIELD(spec, "containers"), 3), NULL);
	field_required(&errors, spec, "needed");
	field_invalid(&errors, KEY(FIELD(spec, "limits"), STR("cpu")), VALUE(STR("x\n")), "must be %d", 3);
	field_invalid(&errors, spec, VALUE((int32_t)-1), "small");
	field_invalid(&errors, spec, VALUE((bool)true), "no");
	field_invalid(&errors, spec, field_value_map(&map, &arena), "m");
	field_invalid(&errors, spec, field_value_map(&(struct str_map){0}, &arena), "m");
	field_invalid(&errors, spec, field_value_list(&list, &arena), "l");
	field_duplicate(&errors, spec, VALUE("d"));
	field_not_found(&errors, spec, VALUE("d"));
	field_forbidden(&errors, spec, "may %s", "not");
	field_too_long(&errors, spec, 1);
	field_too_many(&errors, spec, 3, 2);
	field_too_few(&errors, spec, 0, 1);
	field_internal(&errors, NULL, "odd");
	field_not_supported_c(&errors, spec, VALUE("x"), "A", "B", NULL);
	field_required(&errors, spec, "needed");
	expect(&errors, &arena,
	       "[spec.containers[3]: Required value, spec: Required value: needed, spec.limits[cpu]: Invalid value: "
	       "\"x\\n\": must be 3, spec: Invalid value: -1: small, spec: Invalid value: true: no, spec: Invalid "
	       "value: {\"k\":\"v\"}: m, spec: Invalid value: null: m, spec: Invalid value: [\"a\\\"b\",\"c\"]: l, "
	       "spec: Duplicate value: \"d\", spec: Not found: \"d\", spec: Forbidden: may not, spec: Too long: may "
	       "not be more than 1 byte, spec: Too many: 3: must have at most 2 items, spec: Too few: 0: must have "
	       "at least 1 item, <nil>: Internal error: odd, spec: Unsupported value: \"x\": supported values: "
	       "\"A\", \"B\"]");
	errors.len = 1;
	assert_str_equal(field_errors_message(&errors, STR("apps"), STR("Deployment"), STR("x"), &arena),
			 "Deployment.apps \"x\" is invalid: spec.containers[3]: Required value");
	arena_release(&arena);
}

static void test_enum_of_schema(void **state UNUSED)
{
	struct arena arena = {0};
	struct field_errors errors = {.arena = &arena};
	const struct schema *schema = &schema_core_v1_container;

	assert_true(field_in_enum(STR("File"), schema, "terminationMessagePolicy"));
	assert_false(field_in_enum(STR("None"), schema, "terminationMessagePolicy"));
	field_not_in_enum(&errors, FIELD(NULL, "p"), STR("None"), schema, "terminationMessagePolicy");
	expect(&errors, &arena,
	       "p: Unsupported value: \"None\": supported values: \"FallbackToLogsOnError\", \"File\"");
	arena_release(&arena);
}

static void test_quote(void **state UNUSED)
{
	static const char *const cases[][2] = {
		{"", "\"\""},
		{"a\t\"\\\x7f", "\"a\\t\\\"\\\\\\x7f\""},
		{"h\xc3\xa9 \xe2\x98\x83", "\"h\xc3\xa9 \xe2\x98\x83\""},
		{"\xff\xc3", "\"\\xff\\xc3\""},
		{"\xc2\xa0", "\"\\u00a0\""},
	};
	struct arena arena = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_str_equal(quote_go(str_from(cases[i][0]), &arena), cases[i][1]);
	arena_release(&arena);
}

static void test_names(void **state UNUSED)
{
	static const struct {
		struct name_problems (*is)(struct str name);
		const char *name;
		size_t problems;
	} cases[] = {
		{name_is_dns_label, "a-1", 0},
		{name_is_dns_label, "", 1},
		{name_is_dns_label, "a.b", 1},
		{name_is_dns_label, "-a", 1},
		{name_is_dns_label, "A", 1},
		{name_is_dns_subdomain, "a.b-c.d", 0},
		{name_is_dns_subdomain, "a..b", 1},
		{name_is_dns_subdomain, "a.", 1},
		{name_is_dns1035_label, "a1", 0},
		{name_is_dns1035_label, "1a", 1},
		{name_is_qualified, "example.com/A_b.c", 0},
		{name_is_qualified, "/a", 1},
		{name_is_qualified, "", 2},
		{name_is_qualified, "a/b/c", 1},
		{name_is_qualified, "A.b/c", 1},
		{name_is_label_value, "", 0},
		{name_is_label_value, "a b", 1},
		{name_is_path_segment, "..", 1},
		{name_is_path_segment, "a:b", 0},
		{name_is_path_segment, "a%/b", 2},
		{name_is_port, "http-1", 0},
		{name_is_port, "1", 1},
		{name_is_port, "a--b-", 2},
		{name_is_port, "", 2},
		{name_is_env_var, "A.b c", 0},
		{name_is_env_var, "A=b", 1},
		{name_is_config_key, "a.b_C-1", 0},
		{name_is_config_key, "..", 1},
		{name_is_config_key, "..a", 1},
		{name_is_config_key, "a b", 1},
		{name_is_wildcard_subdomain, "*.a.b", 0},
		{name_is_wildcard_subdomain, "*.*.b", 1},
		{name_is_percent, "10%", 0},
		{name_is_percent, "10", 1},
		{name_is_c_identifier, "_a1", 0},
		{name_is_c_identifier, "1a", 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(cases[i].is(str_from(cases[i].name)).len, cases[i].problems);
}

static void test_addresses(void **state UNUSED)
{
	static const struct {
		void (*check)(struct field_errors *errors, const struct path *path, struct str text);
		const char *text, *problem;
	} cases[] = {
		{check_ip, "10.0.0.1", NULL},
		{check_ip, "x", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
		{check_ip, "192.0.2.001", "must not have leading 0s"},
		{check_ip, "2001:DB8::1", "must be in canonical form (\"2001:db8::1\")"},
		{check_ip, "::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"},
		{check_legacy_ip, "010.0.0.1", NULL},
		{check_cidr, "10.0.0.0/8", NULL},
		{check_cidr, "10.0.0.1/8", "must not have bits set beyond the prefix length"},
		{check_cidr, "10.0.0.0/33", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
		{check_legacy_cidr, "10.0.0.1/8", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena arena = {0};
		struct field_errors errors = {.arena = &arena};

		cases[i].check(&errors, FIELD(NULL, "ip"), str_from(cases[i].text));
		assert_int_equal(errors.len, cases[i].problem ? 1 : 0);
		if (cases[i].problem)
			assert_true(str_has_suffix(errors.items[0].message, str_from(cases[i].problem)));
		arena_release(&arena);
	}
}

static void test_object_meta(void **state UNUSED)
{
	struct arena arena = {0};
	struct field_errors errors = {.arena = &arena};
	struct meta_v1_object_meta meta = {.name = STR("a"), .namespace = STR("n"), .resource_version = STR("1")},
				   old = meta;
	struct timestamp deleted = {.seconds = 86400, .is_set = true};
	bool yes = true;
	struct meta_v1_owner_reference owners[] = {
		{.api_version = STR("v1"), .kind = STR("Pod"), .name = STR("p"), .uid = STR("1"), .controller = &yes},
		{.api_version = STR("v1"), .kind = STR("Pod"), .name = STR("q"), .uid = STR("2"), .controller = &yes}};

	check_object_meta(&errors, FIELD(NULL, "metadata"), &meta, true, NULL);
	check_object_meta_update(&errors, FIELD(NULL, "metadata"), &meta, &old);
	assert_int_equal(errors.len, 0);
	check_object_meta(&errors, FIELD(NULL, "metadata"), &(struct meta_v1_object_meta){.generate_name = STR("a-")},
			  true, NULL);
	expect(&errors, &arena,
	       "[metadata.name: Required value: name or generateName is required, metadata.namespace: Required value]");
	errors.len = 0;
	meta.uid = STR("x");
	meta.deletion_timestamp = &deleted;
	meta.finalizers = (struct str_slice){(struct str[]){STR("example.com/g")}, 1};
	old.deletion_timestamp = &deleted;
	meta.owner_references = (struct meta_v1_owner_reference_slice){owners, 2};
	check_object_meta_update(&errors, FIELD(NULL, "metadata"), &meta, &old);
	expect(&errors, &arena,
	       "[metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found "
	       "new "
	       "finalizers []string{\"example.com/g\"}, metadata.uid: Invalid value: \"x\": field is immutable, "
	       "metadata.ownerReferences: Invalid value: "
	       "[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"1\",\"controller\":true},"
	       "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"q\",\"uid\":\"2\",\"controller\":true}]: Only one "
	       "reference can have Controller set to true. Found \"true\" in references for Pod/p and Pod/q]");
	errors.len = 0;
	old.deletion_timestamp = NULL;
	meta.owner_references.len = 0;
	meta.uid = STR_EMPTY;
	check_object_meta_update(&errors, FIELD(NULL, "metadata"), &meta, &old);
	expect(&errors, &arena,
	       "metadata.deletionTimestamp: Invalid value: \"1970-01-02T00:00:00Z\": field is immutable");
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind), cmocka_unit_test(test_enum_of_schema),
		cmocka_unit_test(test_quote),	  cmocka_unit_test(test_names),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_object_meta),
	};

	return cmocka_run_group_tests_name("field_error", tests, NULL, NULL);
}
