/* Selectors: what parses to what, what is refused in which words, what matches. */
#include "unit.h"

#include "types/selector.h"

static const struct str_pair pairs[] = {
	{STR_INIT("app"), STR_INIT("web")}, {STR_INIT("n"), STR_INIT("3")}, {STR_INIT("tier"), STR_INIT("")}};
static const struct str_map labels = {pairs, 3};

static void test_parse_and_match(void **state UNUSED)
{
	static const struct {
		const char *text, *canonical;
		bool matches;
	} cases[] = {
		{"", "", true},
		{"app=web", "app=web", true},
		{" app == web ", "app=web", true},
		{"tier=", "tier=", true},
		{"tier,app", "app,tier", true},
		{"app!=web", "app!=web", false},
		{"missing!=x", "missing!=x", true},
		{"!app", "!app", false},
		{"!missing", "!missing", true},
		{"app in (web,api)", "app in (api,web)", true},
		{"app in (api,api,)", "app in (,api)", false},
		{"app notin (web)", "app notin (web)", false},
		{"x notin (a),!y", "x notin (a),!y", true},
		{"app in ()", "app in ()", false},
		{"tier in ()", "tier in ()", true},
		{"tier in (,)", "tier in ()", true},
		{"in in (in)", "in in (in)", false},
		{"n>2", "n>2", true},
		{"n<2", "n<2", false},
		{"app>2", "app>2", false},
		{"app=web,app=api", "app=web,app=api", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena arena = {0};
		struct error err = {0};
		struct selector selector;

		assert_int_equal(selector_parse(str_from(cases[i].text), &arena, &selector, &err), 0);
		assert_str_equal(selector_format(&selector, &arena), cases[i].canonical);
		assert_int_equal(selector_matches(&selector, &labels), cases[i].matches);
		selector = selector_copy(&selector, &arena);
		assert_str_equal(selector_format(&selector, &arena), cases[i].canonical);
		arena_release(&arena);
	}
}

static void test_refused(void **state UNUSED)
{
	static const char *const cases[][2] = {
		{"a===b", "unable to parse requirement: found '=', expected: identifier"},
		{"a=b c", "found 'c', expected: ',' or 'end of string'"},
		{"a in (b", "unable to parse requirement: found '', expected: ',' or ')'"},
		{"a in b", "unable to parse requirement: found 'b' expected: '('"},
		{"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
		{"a,", "found '', expected: identifier after ','"},
		{"=", "found '=', expected: !, identifier, or 'end of string'"},
		{"n>x",
		 "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value "
		 "must be an integer"},
		{"a~b",
		 "unable to parse requirement: <nil>: Invalid value: \"a~b\": name part must consist of "
		 "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
		 "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
		 "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
		{"a=~",
		 "unable to parse requirement: values[0][a]: Invalid value: \"~\": a valid label must be an empty "
		 "string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
		 "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
		 "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena arena = {0};
		struct error err = {0};
		struct selector selector;

		assert_true(selector_parse(str_from(cases[i][0]), &arena, &selector, &err) < 0);
		assert_string_equal(err.message, cases[i][1]);
		arena_release(&arena);
	}
}

static struct str get_field(const void *object UNUSED, struct str path)
{
	return str_eq_c(path, "spec.nodeName") ? STR("n1,x") : STR_EMPTY;
}

static void test_fields(void **state UNUSED)
{
	static const struct {
		const char *text, *error;
		bool matches;
	} cases[] = {
		{"", NULL, true},
		{"spec.nodeName=n1\\,x", NULL, true},
		{"spec.nodeName!=n1\\,x", NULL, false},
		{"spec.nodeName==n2,", NULL, false},
		{"status.phase=", NULL, true},
		{"a", "invalid selector: 'a'; can't understand 'a'", false},
		{"a=b=c", "invalid field selector: unescaped character in value: 61", false},
		{"a=\\x", "invalid field selector: invalid escape sequence: \\x", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena arena = {0};
		struct error err = {0};
		struct selector selector;
		int result = selector_parse_fields(str_from(cases[i].text), &arena, &selector, &err);

		assert_int_equal(result < 0, cases[i].error != NULL);
		if (cases[i].error)
			assert_string_equal(err.message, cases[i].error);
		else
			assert_int_equal(selector_matches_fields(&selector, get_field, NULL), cases[i].matches);
		arena_release(&arena);
	}
}

static void test_label_selector(void **state UNUSED)
{
	struct str value = STR("web");
	struct meta_v1_label_selector_requirement expressions[] = {
		{.key = STR("app"), .operator= STR("In"), .values = {&value, 1}},
		{.key = STR("zone"), .operator= STR("DoesNotExist")}};
	struct meta_v1_label_selector label_selector = {.match_labels = {pairs + 1, 1},
							.match_expressions = {expressions, 2}};
	struct arena arena = {0};
	struct error err = {0};
	struct selector selector;

	assert_int_equal(selector_from_label_selector(&label_selector, &arena, &selector, &err), 0);
	assert_str_equal(selector_format(&selector, &arena), "app in (web),n=3,!zone");
	assert_true(selector_matches(&selector, &labels));
	assert_int_equal(selector_from_label_selector(NULL, &arena, &selector, &err), 0);
	assert_false(selector_matches(&selector, &labels));
	expressions[0].operator= STR("Near");
	assert_true(selector_from_label_selector(&label_selector, &arena, &selector, &err) < 0);
	assert_string_equal(err.message, "\"Near\" is not a valid label selector operator");
	arena_release(&arena);
}

static void test_map_set(void **state UNUSED)
{
	struct arena arena = {0};
	struct str_map map = str_map_set(&labels, STR("b"), STR("1"), &arena);

	assert_int_equal(map.len, 4);
	assert_str_equal(map.items[1].key, "b");
	map = str_map_set(&map, STR("app"), STR("2"), &arena);
	assert_int_equal(map.len, 4);
	assert_str_equal(*str_map_get(&map, STR("app")), "2");
	assert_str_equal(*str_map_get(&map, STR("tier")), "");
	assert_null(str_map_get(&map, STR("zzz")));
	map = str_map_set(&(struct str_map){0}, STR("x"), STR("y"), &arena);
	assert_int_equal(map.len, 1);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_and_match), cmocka_unit_test(test_refused), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_label_selector),	cmocka_unit_test(test_map_set),
	};

	return cmocka_run_group_tests_name("selector", tests, NULL, NULL);
}
