/* The bootstrap policy against what is in the store; see reconcile.h. */
#include "apiserver/policy/reconcile.h"

#include "apiserver/local.h"
#include "apiserver/policy/bootstrap_policy.h"
#include "apiserver/rbac_rules.h"
#include "apiserver/server.h"
#include "apiserver/stored.h"
#include "types/copy.h"
#include "types/object.h"
#include "types/selector.h"

static const struct str autoupdate = STR_INIT("rbac.authorization.kubernetes.io/autoupdate");
static const struct str masters[] = {STR_INIT("system:masters")};
static const struct user_info self = {.name = STR_INIT("system:apiserver"), .groups = {masters, 1}};

/* --- What is missing */

/* Adds the pairs whose keys are not there. */
static bool complete_map(struct str_map *map, const struct str_map *wanted, struct arena *arena)
{
	bool changed = false;

	for (size_t i = 0; i < wanted->len; i++) {
		if (str_map_get(map, wanted->items[i].key))
			continue;
		*map = str_map_set(map, wanted->items[i].key, wanted->items[i].value, arena);
		changed = true;
	}
	return changed;
}

static bool complete_meta(struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *wanted,
			  struct arena *arena)
{
	bool changed = complete_map(&meta->labels, &wanted->labels, arena);

	return complete_map(&meta->annotations, &wanted->annotations, arena) || changed;
}

static bool complete_rules(struct rbac_v1_policy_rule_slice *rules, const struct rbac_v1_policy_rule_slice *wanted,
			   struct arena *arena)
{
	VEC_OF(struct rbac_v1_policy_rule) all = {0};
	struct rbac_v1_policy_rule_slice missing;

	if (rbac_rules_cover(rules, wanted, arena, &missing))
		return false;
	missing = rbac_rules_compact(&missing, arena);
	for (size_t i = 0; i < rules->len; i++)
		vec_push(arena, &all, rules->items[i]);
	for (size_t i = 0; i < missing.len; i++)
		vec_push(arena, &all, missing.items[i]);
	*rules = (struct rbac_v1_policy_rule_slice){all.items, all.len};
	return true;
}

static bool has_selector(const struct meta_v1_label_selector_slice *list, const struct meta_v1_label_selector *selector)
{
	for (size_t i = 0; i < list->len; i++)
		if (equal_struct(&schema_meta_v1_label_selector, &list->items[i], selector))
			return true;
	return false;
}

static bool complete_selectors(struct rbac_v1_cluster_role *role, const struct rbac_v1_aggregation_rule *wanted,
			       struct arena *arena)
{
	struct rbac_v1_aggregation_rule rule = {0};
	VEC_OF(struct meta_v1_label_selector) all = {0};
	bool changed = false;

	if (role->aggregation_rule)
		rule = *role->aggregation_rule;
	for (size_t i = 0; i < rule.cluster_role_selectors.len; i++)
		vec_push(arena, &all, rule.cluster_role_selectors.items[i]);
	for (size_t i = 0; i < wanted->cluster_role_selectors.len; i++) {
		if (has_selector(&rule.cluster_role_selectors, &wanted->cluster_role_selectors.items[i]))
			continue;
		vec_push(arena, &all, wanted->cluster_role_selectors.items[i]);
		changed = true;
	}
	rule.cluster_role_selectors = (struct meta_v1_label_selector_slice){all.items, all.len};
	if (changed)
		role->aggregation_rule = ARENA_DUP(arena, struct rbac_v1_aggregation_rule, &rule);
	return changed;
}

bool policy_complete_cluster_role(struct rbac_v1_cluster_role *role, const struct rbac_v1_cluster_role *wanted,
				  struct arena *arena)
{
	bool changed = complete_meta(&role->metadata, &wanted->metadata, arena);

	/* The rules of a role that gathers others are the gathering's. */
	if (wanted->aggregation_rule)
		return complete_selectors(role, wanted->aggregation_rule, arena) || changed;
	return complete_rules(&role->rules, &wanted->rules, arena) || changed;
}

bool policy_complete_role(struct rbac_v1_role *role, const struct rbac_v1_role *wanted, struct arena *arena)
{
	bool changed = complete_meta(&role->metadata, &wanted->metadata, arena);

	return complete_rules(&role->rules, &wanted->rules, arena) || changed;
}

static bool complete_subjects(struct rbac_v1_subject_slice *subjects, const struct rbac_v1_subject_slice *wanted,
			      struct arena *arena)
{
	VEC_OF(struct rbac_v1_subject) all = {0};

	for (size_t i = 0; i < subjects->len; i++)
		vec_push(arena, &all, subjects->items[i]);
	for (size_t i = 0; i < wanted->len; i++) {
		bool found = false;

		for (size_t j = 0; j < subjects->len && !found; j++)
			found = equal_struct(&schema_rbac_v1_subject, &subjects->items[j], &wanted->items[i]);
		if (!found)
			vec_push(arena, &all, wanted->items[i]);
	}
	if (all.len == subjects->len)
		return false;
	*subjects = (struct rbac_v1_subject_slice){all.items, all.len};
	return true;
}

/* --- The kinds */

struct policy_kind {
	struct str plural;
	const struct schema *schema;
	/* As policy_complete_role(). */
	bool (*complete)(void *object, const void *wanted, struct arena *arena);
	const struct rbac_v1_role_ref *(*role_ref)(const void *object); /* NULL: no binding */
};

static bool complete_cluster_role(void *object, const void *wanted, struct arena *arena)
{
	return policy_complete_cluster_role(object, wanted, arena);
}

static bool complete_role(void *object, const void *wanted, struct arena *arena)
{
	return policy_complete_role(object, wanted, arena);
}

static bool complete_cluster_binding(void *object, const void *data, struct arena *arena)
{
	struct rbac_v1_cluster_role_binding *binding = object;
	const struct rbac_v1_cluster_role_binding *wanted = data;
	bool changed = complete_meta(&binding->metadata, &wanted->metadata, arena);

	return complete_subjects(&binding->subjects, &wanted->subjects, arena) || changed;
}

static bool complete_binding(void *object, const void *data, struct arena *arena)
{
	struct rbac_v1_role_binding *binding = object;
	const struct rbac_v1_role_binding *wanted = data;
	bool changed = complete_meta(&binding->metadata, &wanted->metadata, arena);

	return complete_subjects(&binding->subjects, &wanted->subjects, arena) || changed;
}

static const struct rbac_v1_role_ref *cluster_binding_ref(const void *object)
{
	return &((const struct rbac_v1_cluster_role_binding *)object)->role_ref;
}

static const struct rbac_v1_role_ref *binding_ref(const void *object)
{
	return &((const struct rbac_v1_role_binding *)object)->role_ref;
}

static const struct policy_kind kinds[] = {
	{STR_INIT("clusterroles"), &schema_rbac_v1_cluster_role, complete_cluster_role, NULL},
	{STR_INIT("roles"), &schema_rbac_v1_role, complete_role, NULL},
	{STR_INIT("clusterrolebindings"), &schema_rbac_v1_cluster_role_binding, complete_cluster_binding,
	 cluster_binding_ref},
	{STR_INIT("rolebindings"), &schema_rbac_v1_role_binding, complete_binding, binding_ref},
};

/* --- Against the store */

static int call(struct apiserver *server, const char *verb, const struct resource *resource,
		const struct meta_v1_object_meta *meta, const void *body, struct error *err)
{
	struct local_call call = {
		.user = &self,
		.verb = str_from(verb),
		.resource = resource,
		.name_space = meta->namespace,
		.name = strcmp(verb, "create") == 0 ? STR_EMPTY : meta->name,
		.body = body,
		.lazy = true,
	};
	struct local_answer answer = {0};

	if (apiserver_call(server, &call, &answer, err) < 0)
		return error_wrap(err, "%s of " STR_FMT " " STR_FMT, verb, STR_ARG(resource->plural),
				  STR_ARG(meta->name));
	object_unref(answer.object);
	return 0;
}

static int reconcile_existing(struct apiserver *server, const struct policy_kind *kind, const struct resource *resource,
			      const struct object *present, const void *wanted, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	const struct str *keep = str_map_get(&present->meta->annotations, autoupdate);
	void *copy;

	if (keep && str_eq(*keep, STR("false")))
		return 0;
	if (kind->role_ref &&
	    !equal_struct(&schema_rbac_v1_role_ref, kind->role_ref(present->data), kind->role_ref(wanted))) {
		const struct meta_v1_object_meta *meta = object_meta_of(kind->schema, wanted);

		if (call(server, "delete", resource, meta, NULL, err) < 0)
			return -(int)err->code;
		return call(server, "create", resource, meta, wanted, err);
	}
	copy = arena_memdup(&arena, present->data, kind->schema->size);
	if (!kind->complete(copy, wanted, &arena))
		return 0;
	return call(server, "update", resource, present->meta, copy, err);
}

static int reconcile_one(struct apiserver *server, const struct policy_kind *kind, const void *wanted,
			 struct error *err)
{
	struct arena cleanup_arena arena = {0};
	const struct resource *resource = resource_find(STR("rbac.authorization.k8s.io"), STR("v1"), kind->plural);
	const struct meta_v1_object_meta *meta = object_meta_of(kind->schema, wanted);
	const struct store_record *record =
		store_get(server->store, stored_key(resource, meta->namespace, meta->name, &arena));
	struct object *present;
	int result;

	if (!record)
		return call(server, "create", resource, meta, wanted, err);
	result = stored_object(record, kind->schema, &present, err);
	store_record_unref(record);
	if (result == 0) {
		result = reconcile_existing(server, kind, resource, present, wanted, err);
		object_unref(present);
	}
	return result;
}

int policy_reconcile(struct apiserver *server, struct error *err)
{
	const struct {
		const void *items;
		size_t len;
	} tables[ARRAY_LEN(kinds)] = {
		{policy_cluster_roles, policy_cluster_roles_len},
		{policy_roles, policy_roles_len},
		{policy_cluster_role_bindings, policy_cluster_role_bindings_len},
		{policy_role_bindings, policy_role_bindings_len},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (size_t j = 0; j < tables[i].len; j++) {
			const char *item = (const char *)tables[i].items + j * kinds[i].schema->size;

			if (reconcile_one(server, &kinds[i], item, err) < 0)
				return error_wrap(err, "bootstrap policy");
		}
	return 0;
}
