/* Rules against questions, and rules against rules. */
#include "unit.h"

#include "apiserver/rbac_rules.h"

/* "a,b" as a list. */
static struct str_slice list(struct arena *arena, const char *text)
{
	VEC_OF(struct str) items = {0};
	struct str rest = str_from(text ? text : "");

	while (text) {
		struct str word;
		bool more = str_cut(rest, ',', &word, &rest);

		vec_push(arena, &items, word);
		if (!more)
			break;
	}
	return (struct str_slice){items.items, items.len};
}

struct rule_text {
	const char *verbs, *groups, *resources, *names, *urls;
};

static struct rbac_v1_policy_rule rule(struct arena *arena, const struct rule_text *text)
{
	return (struct rbac_v1_policy_rule){list(arena, text->verbs), list(arena, text->groups),
					    list(arena, text->resources), list(arena, text->names),
					    list(arena, text->urls)};
}

static void test_allows(void **state UNUSED)
{
	static const struct {
		struct rule_text rule;
		const char *verb, *group, *resource, *subresource, *name;
		bool allowed;
	} cases[] = {
		{{"get", "", "pods", NULL, NULL}, "get", "", "pods", "", "x", true},
		{{"get", "", "pods", NULL, NULL}, "list", "", "pods", "", "", false},
		{{"get", "", "pods", NULL, NULL}, "get", "apps", "pods", "", "x", false},
		{{"get", "", "pods", NULL, NULL}, "get", "", "pods", "log", "x", false},
		{{"get", "", "pods/log", NULL, NULL}, "get", "", "pods", "log", "x", true},
		{{"get", "", "pods/log", NULL, NULL}, "get", "", "pods", "", "x", false},
		{{"*", "*", "*/scale", NULL, NULL}, "update", "apps", "deployments", "scale", "x", true},
		{{"*", "*", "*/scale", NULL, NULL}, "update", "apps", "deployments", "", "x", false},
		{{"*", "*", "*/scale", NULL, NULL}, "update", "apps", "deployments", "rescale", "x", false},
		{{"*", "apps", "*", NULL, NULL}, "frob", "apps", "things", "sub", "x", true},
		{{"*", "apps", "*", NULL, NULL}, "*", "apps", "*", "", "", true},
		{{"get,list", "", "configmaps", "a,b", NULL}, "get", "", "configmaps", "", "b", true},
		{{"get,list", "", "configmaps", "a,b", NULL}, "get", "", "configmaps", "", "c", false},
		{{"get,list", "", "configmaps", "a,b", NULL}, "list", "", "configmaps", "", "", false},
		{{"get", NULL, NULL, NULL, "*"}, "get", "", "pods", "", "x", false},
	};
	struct arena arena = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rbac_v1_policy_rule made = rule(&arena, &cases[i].rule);
		struct authorization_attributes asked = {
			.verb = str_from(cases[i].verb),
			.is_resource = true,
			.group = str_from(cases[i].group),
			.resource = str_from(cases[i].resource),
			.subresource = str_from(cases[i].subresource),
			.name = str_from(cases[i].name),
		};

		if (rbac_rule_allows(&made, &asked) != cases[i].allowed)
			fail_msg("case %zu", i);
	}
	arena_release(&arena);
}

static void test_allows_path(void **state UNUSED)
{
	static const struct {
		const char *pattern, *path;
		bool allowed;
	} cases[] = {
		{"/healthz", "/healthz", true},	    {"/healthz", "/healthz/x", false},
		{"/healthz/*", "/healthz/x", true}, {"/healthz/*", "/healthz", false},
		{"*", "/anything", true},	    {"/api*", "/apis/apps", true},
		{"/a,/b/*", "/b/c", true},	    {"/*/b", "/a/b", false},
	};
	struct arena arena = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rbac_v1_policy_rule made =
			rule(&arena, &(struct rule_text){.verbs = "get", .urls = cases[i].pattern});
		struct authorization_attributes asked = {.verb = STR("get"), .path = str_from(cases[i].path)};

		if (rbac_rule_allows(&made, &asked) != cases[i].allowed)
			fail_msg("case %zu", i);
	}
	arena_release(&arena);
}

static void test_cover(void **state UNUSED)
{
	static const struct {
		struct rule_text owned, wanted;
		const char *missing; /* of the first compacted rule; NULL: none */
	} cases[] = {
		{{"*", "*", "*", NULL, NULL}, {"get,list", "apps", "pods,pods/log", NULL, NULL}, NULL},
		{{"get", "", "pods", NULL, NULL},
		 {"get,list,watch", "", "pods", NULL, NULL},
		 "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\" \"watch\"]}"},
		{{"get", "", "*/log", NULL, NULL}, {"get", "", "pods/log", NULL, NULL}, NULL},
		{{"get", "", "pods", "a", NULL},
		 {"get", "", "pods", NULL, NULL},
		 "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\"]}"},
		{{"get", "", "pods", "a", NULL},
		 {"get", "", "pods", "a,b", NULL},
		 "{APIGroups:[\"\"], Resources:[\"pods\"], ResourceNames:[\"b\"], Verbs:[\"get\"]}"},
		{{"get", "", "pods", NULL, NULL}, {"get", "", "pods", "a,b", NULL}, NULL},
		{{"get", NULL, NULL, NULL, "/a/*"}, {"get", NULL, NULL, NULL, "/a/b"}, NULL},
		{{"get", NULL, NULL, NULL, "/a/*"},
		 {"get", NULL, NULL, NULL, "/b"},
		 "{NonResourceURLs:[\"/b\"], Verbs:[\"get\"]}"},
	};
	struct arena arena = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rbac_v1_policy_rule owned = rule(&arena, &cases[i].owned),
					   wanted = rule(&arena, &cases[i].wanted);
		struct rbac_v1_policy_rule_slice have = {&owned, 1}, want = {&wanted, 1}, missing;
		bool covered = rbac_rules_cover(&have, &want, &arena, &missing);

		if (covered != !cases[i].missing)
			fail_msg("case %zu", i);
		if (covered)
			continue;
		missing = rbac_rules_compact(&missing, &arena);
		assert_int_equal(missing.len, 1);
		assert_str_equal(rbac_rule_text(&missing.items[0], &arena), cases[i].missing);
	}
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allows),
		cmocka_unit_test(test_allows_path),
		cmocka_unit_test(test_cover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
