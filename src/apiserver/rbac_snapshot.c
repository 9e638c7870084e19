/* Builds a snapshot of roles and bindings out of one view of the store; see rbac_snapshot.h. */
#include "apiserver/rbac_snapshot.h"

#include "apiserver/stored.h"
#include "base/log.h"
#include "types/object.h"
#include "types/resource.h"
#include "types/selector.h"

/* Cluster roles may gather cluster roles that gather: admin, edit, view.  What goes in circles ends here. */
#define GATHER_DEPTH_MAX 8

const struct resource *rbac_resource(unsigned which)
{
	static const struct str plurals[RBAC_RESOURCES] = {
		[RBAC_CLUSTER_ROLES] = STR_INIT("clusterroles"),
		[RBAC_ROLES] = STR_INIT("roles"),
		[RBAC_CLUSTER_ROLE_BINDINGS] = STR_INIT("clusterrolebindings"),
		[RBAC_ROLE_BINDINGS] = STR_INIT("rolebindings"),
	};

	return resource_find(STR("rbac.authorization.k8s.io"), STR("v1"), plurals[which]);
}

/* --- Reading */

struct reading {
	struct rbac_snapshot *snapshot;
	const struct schema *schema;
};

static enum store_visit read_record(void *data, const struct store_record *record)
{
	struct reading *reading = data;
	struct object *object;
	struct error err = {0};

	if (stored_object(record, reading->schema, &object, &err) < 0)
		log_error("role unreadable", "key=" STR_FMT " error=" STR_FMT, STR_ARG(store_record_key(record)),
			  STR_ARG(str_from(err.message)));
	else
		vec_push(&reading->snapshot->arena, &reading->snapshot->objects, object);
	return STORE_VISIT_TAKEN;
}

static void read_all(struct rbac_snapshot *snapshot, const struct store_view *view)
{
	for (unsigned i = 0; i < RBAC_RESOURCES; i++) {
		const struct resource *resource = rbac_resource(i);
		struct reading reading = {snapshot, stored_schema(resource)};
		struct store_range range = {
			.scope = stored_key(resource, STR_EMPTY, STR_EMPTY, &snapshot->arena),
		};
		struct store_range_result result;
		struct error err = {0};

		if (store_view_scan(view, &range, read_record, &reading, &result, &err) < 0)
			log_error("roles unreadable", "error=%s", err.message);
	}
}

/* --- Roles */

static int compare_names(struct str a_space, struct str a_name, struct str b_space, struct str b_name)
{
	int order = str_cmp(a_space, b_space);

	return order ? order : str_cmp(a_name, b_name);
}

static int compare_roles(const void *left, const void *right)
{
	const struct rbac_role *a = left, *b = right;

	return compare_names(a->name_space, a->name, b->name_space, b->name);
}

static struct rbac_role *find_role(const struct rbac_snapshot *snapshot, struct str name_space, struct str name)
{
	struct rbac_role key = {.name_space = name_space, .name = name};

	return snapshot->roles.len ? bsearch(&key, snapshot->roles.items, snapshot->roles.len,
					     sizeof(*snapshot->roles.items), compare_roles)
				   : NULL;
}

static void collect_roles(struct rbac_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->objects.len; i++) {
		const struct object *object = snapshot->objects.items[i];
		struct rbac_role role = {.name_space = object->meta->namespace, .name = object->meta->name};

		if (object->schema == &schema_rbac_v1_cluster_role) {
			role.cluster_role = OBJECT_AS(rbac_v1_cluster_role, object);
			role.rules = role.cluster_role->rules;
		} else if (object->schema == &schema_rbac_v1_role) {
			role.rules = OBJECT_AS(rbac_v1_role, object)->rules;
		} else {
			continue;
		}
		vec_push(&snapshot->arena, &snapshot->roles, role);
	}
	if (snapshot->roles.len)
		qsort(snapshot->roles.items, snapshot->roles.len, sizeof(*snapshot->roles.items), compare_roles);
}

struct gathering {
	struct rbac_snapshot *snapshot;
	VEC_OF(struct rbac_v1_policy_rule) rules;
	VEC_OF(const struct rbac_role *) seen;
};

static bool is_selected(struct rbac_snapshot *snapshot, const struct rbac_v1_aggregation_rule *rule,
			const struct rbac_role *role)
{
	for (size_t i = 0; i < rule->cluster_role_selectors.len; i++) {
		struct selector selector;
		struct error err = {0};

		if (selector_from_label_selector(&rule->cluster_role_selectors.items[i], &snapshot->arena, &selector,
						 &err) == 0 &&
		    selector_matches(&selector, &role->cluster_role->metadata.labels))
			return true;
	}
	return false;
}

static void gather(struct gathering *gathering, const struct rbac_role *role, unsigned depth)
{
	struct rbac_snapshot *snapshot = gathering->snapshot;
	const struct rbac_v1_policy_rule_slice *own = &role->cluster_role->rules;

	for (size_t i = 0; i < gathering->seen.len; i++)
		if (gathering->seen.items[i] == role)
			return;
	vec_push(&snapshot->arena, &gathering->seen, role);
	for (size_t i = 0; i < own->len; i++)
		vec_push(&snapshot->arena, &gathering->rules, own->items[i]);
	if (!role->cluster_role->aggregation_rule || depth == GATHER_DEPTH_MAX)
		return;
	for (size_t i = 0; i < snapshot->roles.len; i++) {
		const struct rbac_role *other = &snapshot->roles.items[i];

		if (other->cluster_role && is_selected(snapshot, role->cluster_role->aggregation_rule, other))
			gather(gathering, other, depth + 1);
	}
}

static void gather_roles(struct rbac_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->roles.len; i++) {
		struct rbac_role *role = &snapshot->roles.items[i];
		struct gathering gathering = {.snapshot = snapshot};

		if (!role->cluster_role || !role->cluster_role->aggregation_rule)
			continue;
		gather(&gathering, role, 0);
		role->rules = (struct rbac_v1_policy_rule_slice){gathering.rules.items, gathering.rules.len};
	}
}

bool rbac_role_rules(const struct rbac_snapshot *snapshot, const struct rbac_v1_role_ref *role, struct str name_space,
		     struct rbac_v1_policy_rule_slice *ret)
{
	const struct rbac_role *found =
		find_role(snapshot, str_eq(role->kind, STR("ClusterRole")) ? STR_EMPTY : name_space, role->name);

	if (found)
		*ret = found->rules;
	return found;
}

/* --- Bindings */

static int compare_grants(const void *left, const void *right)
{
	const struct rbac_grant *a = left, *b = right;
	int order = str_cmp(a->name_space, b->name_space);

	if (order)
		return order;
	if (a->is_group != b->is_group)
		return a->is_group ? 1 : -1;
	return str_cmp(a->who, b->who);
}

/* The grant's key for a subject; false: it can be nobody. */
static bool subject_key(struct rbac_snapshot *snapshot, const struct rbac_v1_subject *subject, struct rbac_grant *grant)
{
	grant->who = subject->name;
	grant->is_group = str_eq(subject->kind, STR("Group"));
	if (grant->is_group || str_eq(subject->kind, STR("User")))
		return true;
	if (!str_eq(subject->kind, STR("ServiceAccount")))
		return false;
	struct str name_space = subject->namespace.len ? subject->namespace : grant->name_space;

	grant->who = arena_printf(&snapshot->arena, "system:serviceaccount:" STR_FMT ":" STR_FMT, STR_ARG(name_space),
				  STR_ARG(subject->name));
	return name_space.len > 0;
}

static void add_grants(struct rbac_snapshot *snapshot, const struct meta_v1_object_meta *meta,
		       const struct rbac_v1_role_ref *role, const struct rbac_v1_subject_slice *subjects)
{
	struct rbac_grant grant = {.name_space = meta->namespace, .binding = meta->name, .role = role};

	grant.missing = !rbac_role_rules(snapshot, role, meta->namespace, &grant.rules);
	for (size_t i = 0; i < subjects->len; i++) {
		grant.subject = &subjects->items[i];
		if (subject_key(snapshot, grant.subject, &grant))
			vec_push(&snapshot->arena, &snapshot->grants, grant);
	}
}

static void collect_grants(struct rbac_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->objects.len; i++) {
		const struct object *object = snapshot->objects.items[i];

		if (object->schema == &schema_rbac_v1_cluster_role_binding) {
			const struct rbac_v1_cluster_role_binding *binding =
				OBJECT_AS(rbac_v1_cluster_role_binding, object);

			add_grants(snapshot, object->meta, &binding->role_ref, &binding->subjects);
		} else if (object->schema == &schema_rbac_v1_role_binding) {
			const struct rbac_v1_role_binding *binding = OBJECT_AS(rbac_v1_role_binding, object);

			add_grants(snapshot, object->meta, &binding->role_ref, &binding->subjects);
		}
	}
	if (snapshot->grants.len)
		qsort(snapshot->grants.items, snapshot->grants.len, sizeof(*snapshot->grants.items), compare_grants);
}

/* The first grant not before @key. */
static size_t lower_bound(const struct rbac_snapshot *snapshot, const struct rbac_grant *key)
{
	size_t low = 0, high = snapshot->grants.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_grants(&snapshot->grants.items[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool visit_subject(const struct rbac_snapshot *snapshot, const struct rbac_grant *key,
			  bool (*visit)(void *data, const struct rbac_grant *grant), void *data)
{
	for (size_t i = lower_bound(snapshot, key); i < snapshot->grants.len; i++) {
		if (compare_grants(&snapshot->grants.items[i], key) != 0)
			return true;
		if (!visit(data, &snapshot->grants.items[i]))
			return false;
	}
	return true;
}

/* An impersonator may name a group twice. */
static bool is_repeated(const struct str_slice *groups, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(groups->items[i], groups->items[at]))
			return true;
	return false;
}

static bool visit_scope(const struct rbac_snapshot *snapshot, const struct user_info *user, struct str name_space,
			bool (*visit)(void *data, const struct rbac_grant *grant), void *data)
{
	struct rbac_grant key = {.name_space = name_space, .who = user->name};

	if (!visit_subject(snapshot, &key, visit, data))
		return false;
	key.is_group = true;
	for (size_t i = 0; i < user->groups.len; i++) {
		key.who = user->groups.items[i];
		if (!is_repeated(&user->groups, i) && !visit_subject(snapshot, &key, visit, data))
			return false;
	}
	return true;
}

void rbac_visit(const struct rbac_snapshot *snapshot, const struct user_info *user, struct str name_space,
		bool (*visit)(void *data, const struct rbac_grant *grant), void *data)
{
	if (visit_scope(snapshot, user, STR_EMPTY, visit, data) && name_space.len)
		visit_scope(snapshot, user, name_space, visit, data);
}

/* --- The whole */

struct rbac_snapshot *rbac_snapshot_build(struct store *store)
{
	struct rbac_snapshot *snapshot = XNEW(struct rbac_snapshot);
	struct store_view *view = store_view_acquire(store);

	snapshot->revision = store_view_revision(view);
	read_all(snapshot, view);
	store_view_release(view);
	collect_roles(snapshot);
	gather_roles(snapshot);
	collect_grants(snapshot);
	return snapshot;
}

struct rbac_snapshot *rbac_snapshot_free(struct rbac_snapshot *snapshot)
{
	if (!snapshot)
		return NULL;
	for (size_t i = 0; i < snapshot->objects.len; i++)
		object_unref(snapshot->objects.items[i]);
	arena_release(&snapshot->arena);
	free(snapshot);
	return NULL;
}
