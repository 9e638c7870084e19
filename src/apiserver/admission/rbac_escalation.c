/*
 * Nobody grants what he does not hold: writes of roles and bindings.
 *
 * In the original this is part of the storage of these kinds; here it is a plug-in that nobody can turn off.  A role
 * needs all of its rules, or the verb `escalate` on it; a binding all the rules of its role, or the verb `bind` on the
 * role; a role that gathers others everything there is.
 */
#include "apiserver/admission_plugins.h"
#include "apiserver/rbac.h"
#include "apiserver/rbac_rules.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "types/copy.h"
#include "types/field_error.h"
#include "types/object.h"

#define RBAC_GROUP STR("rbac.authorization.k8s.io")

static enum step_result refuse(struct request *request, struct str why)
{
	const struct meta_v1_object_meta *meta = object_meta_of(request->schema, request->object);

	return status_forbidden(request, RBAC_GROUP, request->resource->plural, meta->name, why);
}

static bool may(struct request *request, const char *verb, struct str resource, struct str name)
{
	struct authorization_attributes asked = {
		.user = &request->user,
		.verb = str_from(verb),
		.is_resource = true,
		.group = RBAC_GROUP,
		.version = STR("*"),
		.resource = resource,
		.name = name,
		.name_space = request->info.name_space,
	};
	struct str reason;

	return apiserver_authorize(request->server, &asked, &request->arena, &reason) == AUTHORIZATION_ALLOW;
}

/* Does the update touch no more than what the garbage collector needs? */
static bool is_collectors_update(const struct request *request)
{
	struct meta_v1_object_meta *meta;
	char *copy;
	struct arena cleanup_arena arena = {0};

	if (!request->old)
		return false;
	copy = arena_memdup(&arena, request->object, request->schema->size);
	meta = UNCONST(struct meta_v1_object_meta *, object_meta_of(request->schema, copy));
	meta->owner_references = request->old->meta->owner_references;
	meta->finalizers = request->old->meta->finalizers;
	meta->managed_fields = request->old->meta->managed_fields;
	meta->resource_version = request->old->meta->resource_version;
	meta->generation = request->old->meta->generation;
	return equal_struct(request->schema, copy, request->old->data);
}

/* --- What is missing */

static int compare_text(const void *left, const void *right)
{
	return str_cmp(*(const struct str *)left, *(const struct str *)right);
}

static struct str groups_text(const struct user_info *user, struct arena *arena)
{
	struct str text = STR("[");

	for (size_t i = 0; i < user->groups.len; i++) {
		struct str group = quote_go(user->groups.items[i], arena);

		text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? " " : "", STR_ARG(group));
	}
	return arena_concat(arena, text, STR("]"));
}

static struct str describe(struct request *request, const struct rbac_v1_policy_rule_slice *missing)
{
	struct arena *arena = &request->arena;
	struct rbac_v1_policy_rule_slice rules = rbac_rules_compact(missing, arena);
	struct str *lines = ARENA_NEW_N(arena, struct str, rules.len + 1);
	struct str user = quote_go(request->user.name, arena), groups = groups_text(&request->user, arena);
	struct str text = arena_printf(arena,
				       "user " STR_FMT " (groups=" STR_FMT
				       ") is attempting to grant RBAC permissions not currently held:",
				       STR_ARG(user), STR_ARG(groups));

	for (size_t i = 0; i < rules.len; i++)
		lines[i] = rbac_rule_text(&rules.items[i], arena);
	qsort(lines, rules.len, sizeof(*lines), compare_text);
	for (size_t i = 0; i < rules.len; i++)
		if (i == 0 || !str_eq(lines[i], lines[i - 1]))
			text = arena_printf(arena, STR_FMT "\n" STR_FMT, STR_ARG(text), STR_ARG(lines[i]));
	return text;
}

/* Does the user hold all of @wanted?  @why: set when not. */
static bool holds(struct request *request, const struct rbac_snapshot *snapshot,
		  const struct rbac_v1_policy_rule_slice *wanted, struct str *why)
{
	struct rbac_v1_policy_rule_slice owned =
		rbac_rules_of(snapshot, &request->user, request->info.name_space, &request->arena);
	struct rbac_v1_policy_rule_slice missing;

	if (rbac_rules_cover(&owned, wanted, &request->arena, &missing))
		return true;
	*why = describe(request, &missing);
	return false;
}

/* --- Roles */

static bool holds_everything(struct request *request, const struct rbac_snapshot *snapshot)
{
	static const struct str all[] = {STR_INIT("*")};
	static const struct rbac_v1_policy_rule rules[] = {
		{.verbs = {all, 1}, .api_groups = {all, 1}, .resources = {all, 1}},
		{.verbs = {all, 1}, .non_resource_urls = {all, 1}},
	};
	const struct rbac_v1_policy_rule_slice everything = {rules, ARRAY_LEN(rules)};
	struct str why;

	return holds(request, snapshot, &everything, &why);
}

static bool gathers(const struct request *request)
{
	const struct rbac_v1_cluster_role *role = request->object, *old;

	if (request->schema != &schema_rbac_v1_cluster_role)
		return false;
	old = request->old ? OBJECT_AS(rbac_v1_cluster_role, request->old) : NULL;
	return role->aggregation_rule || (old && old->aggregation_rule);
}

static enum step_result check_role(struct request *request, const struct rbac_snapshot *snapshot,
				   const struct rbac_v1_policy_rule_slice *rules)
{
	struct str why;

	if (may(request, "escalate", request->resource->plural, request->info.name))
		return STEP_NEXT;
	if (gathers(request) && !holds_everything(request, snapshot))
		return refuse(request, STR("must have cluster-admin privileges to use the aggregationRule"));
	return holds(request, snapshot, rules, &why) ? STEP_NEXT : refuse(request, why);
}

/* --- Bindings */

static enum step_result check_binding(struct request *request, const struct rbac_snapshot *snapshot,
				      const struct rbac_v1_role_ref *role)
{
	bool cluster = str_eq(role->kind, STR("ClusterRole"));
	struct rbac_v1_policy_rule_slice rules;
	struct str why;

	/* What is no role fails validation. */
	if (!cluster && !str_eq(role->kind, STR("Role")))
		return STEP_NEXT;
	if (may(request, "bind", cluster ? STR("clusterroles") : STR("roles"), role->name))
		return STEP_NEXT;
	if (!rbac_role_rules(snapshot, role, request->info.name_space, &rules))
		return status_not_found_in(request, RBAC_GROUP, cluster ? STR("clusterrole") : STR("role"), role->name);
	return holds(request, snapshot, &rules, &why) ? STEP_NEXT : refuse(request, why);
}

static enum step_result check(struct request *request, const struct rbac_snapshot *snapshot)
{
	if (request->schema == &schema_rbac_v1_cluster_role)
		return check_role(request, snapshot, &((struct rbac_v1_cluster_role *)request->object)->rules);
	if (request->schema == &schema_rbac_v1_role)
		return check_role(request, snapshot, &((struct rbac_v1_role *)request->object)->rules);
	if (request->schema == &schema_rbac_v1_cluster_role_binding)
		return check_binding(request, snapshot,
				     &((struct rbac_v1_cluster_role_binding *)request->object)->role_ref);
	return check_binding(request, snapshot, &((struct rbac_v1_role_binding *)request->object)->role_ref);
}

static enum step_result mutate(struct request *request)
{
	struct rbac_snapshot *snapshot;
	enum step_result result;

	if (!str_eq(request->resource->group, RBAC_GROUP) || !request->server->rbac || request->trusted ||
	    user_in_group(&request->user, STR("system:masters")))
		return STEP_NEXT;
	if (is_collectors_update(request))
		return STEP_NEXT;
	snapshot = rbac_acquire(request->server->rbac);
	result = check(request, snapshot);
	rbac_release(request->server->rbac, snapshot);
	return result;
}

const struct admission_plugin admission_rbac_escalation = {
	.name = "RBACEscalation",
	.operations = OP_CREATE | OP_UPDATE | OP_PATCH,
	.mutate = mutate,
};
