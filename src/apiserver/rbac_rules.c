/* What policy rules allow; see rbac_rules.h. */
#include "apiserver/rbac_rules.h"

#include "types/copy.h"
#include "types/field_error.h"

static bool has(const struct str_slice *list, struct str word)
{
	for (size_t i = 0; i < list->len; i++)
		if (str_eq(list->items[i], word))
			return true;
	return false;
}

static bool has_or_all(const struct str_slice *list, struct str word)
{
	return has(list, STR("*")) || has(list, word);
}

/* "pods" "log" against "pods/log". */
static bool is_combined(struct str text, struct str resource, struct str subresource)
{
	if (subresource.len == 0)
		return str_eq(text, resource);
	return text.len == resource.len + 1 + subresource.len && str_has_prefix(text, resource) &&
	       text.data[resource.len] == '/' && str_has_suffix(text, subresource);
}

static bool resource_matches(const struct str_slice *resources, const struct authorization_attributes *asked)
{
	for (size_t i = 0; i < resources->len; i++) {
		struct str resource = resources->items[i];

		if (str_eq(resource, STR("*")) || is_combined(resource, asked->resource, asked->subresource))
			return true;
		if (asked->subresource.len && is_combined(resource, STR("*"), asked->subresource))
			return true;
	}
	return false;
}

static bool url_matches(struct str pattern, struct str path)
{
	if (str_eq(pattern, path))
		return true;
	if (!str_has_suffix(pattern, STR("*")))
		return false;
	while (pattern.len && pattern.data[pattern.len - 1] == '*')
		pattern.len--;
	return str_has_prefix(path, pattern);
}

static bool url_in(const struct str_slice *patterns, struct str path)
{
	for (size_t i = 0; i < patterns->len; i++)
		if (url_matches(patterns->items[i], path))
			return true;
	return false;
}

bool rbac_rule_allows(const struct rbac_v1_policy_rule *rule, const struct authorization_attributes *asked)
{
	if (!has_or_all(&rule->verbs, asked->verb))
		return false;
	if (!asked->is_resource)
		return url_in(&rule->non_resource_urls, asked->path);
	return has_or_all(&rule->api_groups, asked->group) && resource_matches(&rule->resources, asked) &&
	       (rule->resource_names.len == 0 || has(&rule->resource_names, asked->name));
}

bool rbac_rules_allow(const struct rbac_v1_policy_rule_slice *rules, const struct authorization_attributes *asked)
{
	for (size_t i = 0; i < rules->len; i++)
		if (rbac_rule_allows(&rules->items[i], asked))
			return true;
	return false;
}

/* --- Does one cover the other? */

static bool all_in(const struct str_slice *owned, const struct str_slice *wanted)
{
	if (has(owned, STR("*")))
		return true;
	for (size_t i = 0; i < wanted->len; i++)
		if (!has(owned, wanted->items[i]))
			return false;
	return true;
}

static bool resources_cover(const struct str_slice *owned, const struct str_slice *wanted)
{
	if (has(owned, STR("*")))
		return true;
	for (size_t i = 0; i < wanted->len; i++) {
		struct str resource, subresource;
		bool found = has(owned, wanted->items[i]);

		if (!found && str_cut(wanted->items[i], '/', &resource, &subresource))
			for (size_t j = 0; j < owned->len && !found; j++)
				found = is_combined(owned->items[j], STR("*"), subresource);
		if (!found)
			return false;
	}
	return true;
}

static bool names_cover(const struct str_slice *owned, const struct str_slice *wanted)
{
	if (owned->len == 0)
		return true;
	if (wanted->len == 0)
		return false;
	for (size_t i = 0; i < wanted->len; i++)
		if (!has(owned, wanted->items[i]))
			return false;
	return true;
}

static bool rule_covers(const struct rbac_v1_policy_rule *owned, const struct rbac_v1_policy_rule *wanted)
{
	for (size_t i = 0; i < wanted->non_resource_urls.len; i++)
		if (!url_in(&owned->non_resource_urls, wanted->non_resource_urls.items[i]))
			return false;
	return all_in(&owned->verbs, &wanted->verbs) && all_in(&owned->api_groups, &wanted->api_groups) &&
	       resources_cover(&owned->resources, &wanted->resources) &&
	       names_cover(&owned->resource_names, &wanted->resource_names);
}

struct covering {
	const struct rbac_v1_policy_rule_slice *owned;
	struct arena *arena;
	VEC_OF(struct rbac_v1_policy_rule) missing;
};

static void check_single(struct covering *covering, const struct rbac_v1_policy_rule *wanted)
{
	for (size_t i = 0; i < covering->owned->len; i++)
		if (rule_covers(&covering->owned->items[i], wanted))
			return;
	vec_push(covering->arena, &covering->missing, *wanted);
}

static struct str_slice one(const struct str_slice *list, size_t at)
{
	return (struct str_slice){list->items + at, 1};
}

/* One verb of the rule, for each group, resource and name. */
static void check_verb(struct covering *covering, const struct rbac_v1_policy_rule *rule, size_t group, size_t resource,
		       size_t verb)
{
	struct rbac_v1_policy_rule single = {
		.verbs = one(&rule->verbs, verb),
		.api_groups = one(&rule->api_groups, group),
		.resources = one(&rule->resources, resource),
	};

	if (rule->resource_names.len == 0)
		check_single(covering, &single);
	for (size_t i = 0; i < rule->resource_names.len; i++) {
		single.resource_names = one(&rule->resource_names, i);
		check_single(covering, &single);
	}
}

static void check_rule(struct covering *covering, const struct rbac_v1_policy_rule *rule)
{
	for (size_t group = 0; group < rule->api_groups.len; group++)
		for (size_t resource = 0; resource < rule->resources.len; resource++)
			for (size_t verb = 0; verb < rule->verbs.len; verb++)
				check_verb(covering, rule, group, resource, verb);
	for (size_t url = 0; url < rule->non_resource_urls.len; url++)
		for (size_t verb = 0; verb < rule->verbs.len; verb++) {
			struct rbac_v1_policy_rule single = {
				.verbs = one(&rule->verbs, verb),
				.non_resource_urls = one(&rule->non_resource_urls, url),
			};

			check_single(covering, &single);
		}
}

bool rbac_rules_cover(const struct rbac_v1_policy_rule_slice *owned, const struct rbac_v1_policy_rule_slice *wanted,
		      struct arena *arena, struct rbac_v1_policy_rule_slice *ret_missing)
{
	struct covering covering = {.owned = owned, .arena = arena};

	for (size_t i = 0; i < wanted->len; i++)
		check_rule(&covering, &wanted->items[i]);
	*ret_missing = (struct rbac_v1_policy_rule_slice){covering.missing.items, covering.missing.len};
	return covering.missing.len == 0;
}

bool rbac_rule_equal(const struct rbac_v1_policy_rule *a, const struct rbac_v1_policy_rule *b)
{
	return equal_struct(&schema_rbac_v1_policy_rule, a, b);
}

/* --- As text */

static bool same_but_verbs(const struct rbac_v1_policy_rule *a, const struct rbac_v1_policy_rule *b)
{
	struct rbac_v1_policy_rule copy = *a;

	if (a->api_groups.len != 1 || a->resources.len != 1 || a->resource_names.len > 1 || a->non_resource_urls.len)
		return false;
	copy.verbs = b->verbs;
	return rbac_rule_equal(&copy, b);
}

static struct str_slice join(const struct str_slice *a, const struct str_slice *b, struct arena *arena)
{
	struct str *items = ARENA_NEW_N(arena, struct str, a->len + b->len);

	for (size_t i = 0; i < a->len + b->len; i++)
		items[i] = i < a->len ? a->items[i] : b->items[i - a->len];
	return (struct str_slice){items, a->len + b->len};
}

struct rbac_v1_policy_rule_slice rbac_rules_compact(const struct rbac_v1_policy_rule_slice *rules, struct arena *arena)
{
	struct rbac_v1_policy_rule *items = ARENA_NEW_N(arena, struct rbac_v1_policy_rule, rules->len + 1);
	size_t len = 0;

	for (size_t i = 0; i < rules->len; i++) {
		size_t at = 0;

		while (at < len && !same_but_verbs(&items[at], &rules->items[i]))
			at++;
		if (at < len)
			items[at].verbs = join(&items[at].verbs, &rules->items[i].verbs, arena);
		else
			items[len++] = rules->items[i];
	}
	return (struct rbac_v1_policy_rule_slice){items, len};
}

static struct str append_list(struct str text, const char *name, const struct str_slice *list, struct arena *arena)
{
	if (list->len == 0)
		return text;
	text = arena_printf(arena, STR_FMT "%s%s:[", STR_ARG(text), text.len > 1 ? ", " : "", name);
	for (size_t i = 0; i < list->len; i++) {
		struct str word = quote_go(list->items[i], arena);

		text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? " " : "", STR_ARG(word));
	}
	return arena_concat(arena, text, STR("]"));
}

struct str rbac_rule_text(const struct rbac_v1_policy_rule *rule, struct arena *arena)
{
	struct str text = STR("{");

	text = append_list(text, "APIGroups", &rule->api_groups, arena);
	text = append_list(text, "Resources", &rule->resources, arena);
	text = append_list(text, "NonResourceURLs", &rule->non_resource_urls, arena);
	text = append_list(text, "ResourceNames", &rule->resource_names, arena);
	text = append_list(text, "Verbs", &rule->verbs, arena);
	return arena_concat(arena, text, STR("}"));
}
