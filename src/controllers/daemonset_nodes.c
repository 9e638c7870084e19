/* A DaemonSet's nodes and the pods it makes for them; see daemonset.h. */
#include "controllers/daemonset.h"
#include "controllers/pod_control.h"
#include "logic/node_selector.h"
#include "logic/pod.h"
#include "logic/taint.h"
#include "types/selector.h"

#define GENERATION_ANNOTATION "deprecated.daemonset.template.generation"
#define GENERATION_LABEL      "pod-template-generation"
#define NAME_FIELD	      "metadata.name"
#define BURST		      250 /* pods made or deleted by one plan, as upstream */

/* What a daemon's pod tolerates whatever its template says: a node's troubles are what daemons are for. */
static const struct {
	const char *key, *effect;
	bool host_network; /* only a pod in the host's network does */
} tolerated[] = {
	{"node.kubernetes.io/not-ready", "NoExecute", false},
	{"node.kubernetes.io/unreachable", "NoExecute", false},
	{"node.kubernetes.io/disk-pressure", "NoSchedule", false},
	{"node.kubernetes.io/memory-pressure", "NoSchedule", false},
	{"node.kubernetes.io/pid-pressure", "NoSchedule", false},
	{"node.kubernetes.io/unschedulable", "NoSchedule", false},
	{"node.kubernetes.io/network-unavailable", "NoSchedule", true},
};

static bool same_toleration(const struct core_v1_toleration *a, const struct core_v1_toleration *b)
{
	return str_eq(a->key, b->key) && str_eq(a->operator, b->operator) && str_eq(a->value, b->value) &&
	       str_eq(a->effect, b->effect);
}

/* The template's tolerations, and those of every daemon; one that says the same but for a time gives way. */
static struct core_v1_toleration_slice tolerations(const struct core_v1_pod_spec *spec, struct arena *arena)
{
	VEC_OF(struct core_v1_toleration) all = {0};

	SLICE_FOREACH (toleration, spec->tolerations)
		vec_push(arena, &all, *toleration);
	for (size_t i = 0; i < ARRAY_LEN(tolerated); i++) {
		struct core_v1_toleration added = {.key = str_from(tolerated[i].key),
						   .operator= STR("Exists"),
						   .effect = str_from(tolerated[i].effect)};
		size_t at = 0;

		if (tolerated[i].host_network && !spec->host_network)
			continue;
		while (at < all.len && !same_toleration(&all.items[at], &added))
			at++;
		if (at < all.len)
			all.items[at] = added;
		else
			vec_push(arena, &all, added);
	}
	return (struct core_v1_toleration_slice){all.items, all.len};
}

bool daemonset_should_run(const struct apps_v1_daemon_set *set, const struct core_v1_node *node, struct arena *arena,
			  bool *ret_may_stay)
{
	const struct core_v1_pod_spec *spec = &set->spec.template.spec;
	struct core_v1_toleration_slice accepted = tolerations(spec, arena);

	*ret_may_stay = false;
	if ((!str_empty(spec->node_name) && !str_eq(spec->node_name, node->metadata.name)) ||
	    !pod_matches_node(spec, &node->metadata))
		return false;
	*ret_may_stay = true;
	SLICE_FOREACH (taint, node->spec.taints)
		if (str_eq(taint->effect, STR("NoExecute")) && !taint_tolerated(taint, &accepted))
			*ret_may_stay = false;
	return !taint_forbidding(&node->spec.taints, &accepted);
}

struct str daemonset_target(const struct core_v1_pod *pod)
{
	const struct core_v1_node_selector *nodes = pod_required_nodes(&pod->spec);

	if (!str_empty(pod->spec.node_name) || !nodes)
		return pod->spec.node_name;
	SLICE_FOREACH (term, nodes->node_selector_terms)
		SLICE_FOREACH (field, term->match_fields)
			if (str_eq(field->key, STR(NAME_FIELD)) && str_eq(field->operator, STR("In")) &&
			    field->values.len == 1)
				return field->values.items[0];
	return STR_EMPTY;
}

/* --- Where pods are ------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct daemon_node *)a)->name, ((const struct daemon_node *)b)->name);
}

static int by_place_and_age(const void *a, const void *b)
{
	const struct core_v1_pod *x = OBJECT_AS(core_v1_pod, *(struct object *const *)a),
				 *y = OBJECT_AS(core_v1_pod, *(struct object *const *)b);
	int64_t made = x->metadata.creation_timestamp.seconds - y->metadata.creation_timestamp.seconds;

	if (str_empty(x->spec.node_name) != str_empty(y->spec.node_name))
		return str_empty(x->spec.node_name) ? 1 : -1;
	return made ? (made < 0 ? -1 : 1) : str_cmp(x->metadata.name, y->metadata.name);
}

static struct daemon_node *find_node(const struct daemon_plan *plan, struct str name)
{
	return bsearch(&(struct daemon_node){.name = name}, plan->nodes, plan->len, sizeof(*plan->nodes), by_name);
}

/* A pod that has ended and goes is not there any more. */
static bool counts(const struct core_v1_pod *pod)
{
	return !pod->metadata.deletion_timestamp || !pod_is_finished(pod);
}

/* Names of nodes that are gone, for which there are pods. */
static void add_missing_nodes(struct daemon_plan *plan, struct object_slice pods)
{
	size_t known = plan->len;

	for (size_t i = 0; i < pods.len; i++) {
		struct str target = daemonset_target(OBJECT_AS(core_v1_pod, pods.items[i]));

		if (str_empty(target) || !counts(OBJECT_AS(core_v1_pod, pods.items[i])) ||
		    bsearch(&(struct daemon_node){.name = target}, plan->nodes, known, sizeof(*plan->nodes), by_name))
			continue;
		plan->nodes[plan->len++] = (struct daemon_node){.name = target};
	}
	qsort(plan->nodes, plan->len, sizeof(*plan->nodes), by_name);
	known = plan->len;
	plan->len = 0;
	for (size_t i = 0; i < known; i++)
		if (!plan->len || !str_eq(plan->nodes[plan->len - 1].name, plan->nodes[i].name))
			plan->nodes[plan->len++] = plan->nodes[i];
}

void daemonset_place(struct daemon_plan *plan, struct object_slice pods)
{
	struct arena *arena = plan->plan->arena;
	struct object_slice nodes = plan->inputs->nodes;

	plan->nodes = ARENA_NEW_N(arena, struct daemon_node, nodes.len + pods.len + 1);
	for (size_t i = 0; i < nodes.len; i++) {
		const struct core_v1_node *node = OBJECT_AS(core_v1_node, nodes.items[i]);
		struct daemon_node *placed = &plan->nodes[plan->len++];

		*placed = (struct daemon_node){.name = node->metadata.name, .node = node};
		placed->should_run = daemonset_should_run(plan->set, node, arena, &placed->may_stay);
	}
	add_missing_nodes(plan, pods);
	for (size_t i = 0; i < pods.len; i++) {
		const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, pods.items[i]);
		struct daemon_node *node = find_node(plan, daemonset_target(pod));

		if (!node || !counts(pod))
			continue;
		if (!node->pods)
			node->pods = ARENA_NEW_N(arena, struct object *, pods.len);
		node->pods[node->len++] = pods.items[i];
	}
	for (size_t i = 0; i < plan->len; i++)
		if (plan->nodes[i].len > 1)
			qsort(plan->nodes[i].pods, plan->nodes[i].len, sizeof(*plan->nodes[i].pods), by_place_and_age);
}

/* --- Pods ----------------------------------------------------------------------------------------------------- */

/* The template's affinity, but for the node: that one, by name.  Other fields to match by give way. */
static const struct core_v1_affinity *affinity_to(const struct core_v1_affinity *own, struct str node,
						  struct arena *arena)
{
	struct core_v1_affinity *affinity = ARENA_NEW(arena, struct core_v1_affinity);
	struct core_v1_node_affinity *by_node = ARENA_NEW(arena, struct core_v1_node_affinity);
	struct core_v1_node_selector *required = ARENA_NEW(arena, struct core_v1_node_selector);
	struct core_v1_node_selector_requirement *name = ARENA_NEW(arena, struct core_v1_node_selector_requirement);
	VEC_OF(struct core_v1_node_selector_term) terms = {0};

	name->key = STR(NAME_FIELD);
	name->operator= STR("In");
	name->values = (struct str_slice){ARENA_DUP(arena, struct str, &node), 1};
	if (own)
		*affinity = *own;
	if (affinity->node_affinity)
		*by_node = *affinity->node_affinity;
	if (by_node->required_during_scheduling_ignored_during_execution)
		SLICE_FOREACH (term, by_node->required_during_scheduling_ignored_during_execution->node_selector_terms)
			vec_push(arena, &terms,
				 (struct core_v1_node_selector_term){.match_expressions = term->match_expressions,
								     .match_fields = {name, 1}});
	if (!terms.len)
		vec_push(arena, &terms, (struct core_v1_node_selector_term){.match_fields = {name, 1}});
	required->node_selector_terms = (struct core_v1_node_selector_term_slice){terms.items, terms.len};
	by_node->required_during_scheduling_ignored_during_execution = required;
	affinity->node_affinity = by_node;
	return affinity;
}

static const struct str *generation(const struct daemon_plan *plan)
{
	return str_map_get(&plan->set->metadata.annotations, STR(GENERATION_ANNOTATION));
}

void daemonset_plan_create(struct daemon_plan *plan, const struct daemon_node *node)
{
	vec_push(plan->plan->arena, &plan->creates, node);
}

void daemonset_plan_delete(struct daemon_plan *plan, const struct object *pod)
{
	vec_push(plan->plan->arena, &plan->deletes, pod);
}

static const struct core_v1_pod *make_pod(const struct daemon_plan *plan, const struct daemon_node *node)
{
	struct arena *arena = plan->plan->arena;
	struct core_v1_pod *pod = ARENA_NEW(arena, struct core_v1_pod);

	*pod = pod_control_from_template(&plan->set->spec.template, plan->inputs->object, arena);
	pod->spec.tolerations = tolerations(&pod->spec, arena);
	pod->spec.affinity = affinity_to(pod->spec.affinity, node->name, arena);
	if (generation(plan))
		pod->metadata.labels =
			str_map_set(&pod->metadata.labels, STR(GENERATION_LABEL), *generation(plan), arena);
	pod->metadata.labels = str_map_set(&pod->metadata.labels, STR(DAEMON_HASH_LABEL), plan->hash, arena);
	return pod;
}

/* Deletions first: one that fails stops nothing. */
void daemonset_plan_pods(struct daemon_plan *plan)
{
	for (size_t i = 0; i < MIN(plan->deletes.len, (size_t)BURST); i++)
		pod_control_plan_delete(plan->plan, plan->inputs->pods, plan->deletes.items[i]);
	for (size_t i = 0; i < MIN(plan->creates.len, (size_t)BURST); i++)
		pod_control_plan_create(plan->plan, plan->inputs->pods, make_pod(plan, plan->creates.items[i]));
}

bool daemonset_is_updated(const struct daemon_plan *plan, const struct core_v1_pod *pod)
{
	const struct str *hash = str_map_get(&pod->metadata.labels, STR(DAEMON_HASH_LABEL));
	const struct str *made_by = str_map_get(&pod->metadata.labels, STR(GENERATION_LABEL));

	return (hash && str_eq(*hash, plan->hash)) ||
	       (made_by && generation(plan) && str_eq(*made_by, *generation(plan)));
}

bool daemonset_is_available(const struct daemon_plan *plan, const struct core_v1_pod *pod)
{
	int64_t wait;

	if (pod_is_available(pod, plan->set->spec.min_ready_seconds, plan->now, &wait))
		return true;
	plan_requeue_within(plan->plan, wait);
	return false;
}
