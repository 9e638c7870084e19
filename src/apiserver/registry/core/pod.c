/* Pods: how they begin, what may change, when they go. */
#include "logic/pod.h"
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/core/pod_table.h"
#include "apiserver/registry/warnings.h"
#include "logic/pod_qos.h"

#define MIRROR_ANNOTATION "kubernetes.io/config.mirror"
#define APP_ARMOR_PREFIX  "container.apparmor.security.beta.kubernetes.io/"
#define DELETION_COST	  "controller.kubernetes.io/pod-deletion-cost"

/* A gated pod says so from the beginning. */
static struct core_v1_pod_condition_slice gated_condition(struct strategy_context *context)
{
	struct core_v1_pod_condition *condition = ARENA_NEW(context->arena, struct core_v1_pod_condition);

	condition->type = STR("PodScheduled");
	condition->status = STR("False");
	condition->reason = STR("SchedulingGated");
	condition->message = STR("Scheduling is blocked due to non-empty scheduling gates");
	condition->last_transition_time = context->now;
	return (struct core_v1_pod_condition_slice){condition, 1};
}

static void add_expressions(struct arena *arena, const struct meta_v1_label_selector *selector,
			    const struct str_slice *keys, struct str op, const struct str_map *labels)
{
	struct meta_v1_label_selector *edited = EDIT(struct meta_v1_label_selector, selector);
	struct meta_v1_label_selector_requirement *all;
	size_t len = selector ? selector->match_expressions.len : 0;

	if (!selector || !keys->len)
		return;
	all = ARENA_NEW_N(arena, struct meta_v1_label_selector_requirement, len + keys->len);
	for (size_t i = 0; i < len; i++)
		all[i] = selector->match_expressions.items[i];
	SLICE_FOREACH (key, *keys) {
		const struct str *value = str_map_get(labels, *key);

		if (value)
			all[len++] = (struct meta_v1_label_selector_requirement){
				.key = *key, .operator= op, .values = {value, 1}};
	}
	edited->match_expressions = (struct meta_v1_label_selector_requirement_slice){all, len};
}

static void merge_term(struct arena *arena, const struct core_v1_pod_affinity_term *term, const struct str_map *labels)
{
	add_expressions(arena, term->label_selector, &term->match_label_keys, STR("In"), labels);
	add_expressions(arena, term->label_selector, &term->mismatch_label_keys, STR("NotIn"), labels);
}

static void merge_terms(struct arena *arena, const struct core_v1_pod_affinity_term_slice *required,
			const struct core_v1_weighted_pod_affinity_term_slice *preferred, const struct str_map *labels)
{
	SLICE_FOREACH (term, *required)
		merge_term(arena, term, labels);
	SLICE_FOREACH (term, *preferred)
		merge_term(arena, &term->pod_affinity_term, labels);
}

/* matchLabelKeys and mismatchLabelKeys become expressions with the pod's own values. */
static void merge_label_keys(struct arena *arena, const struct core_v1_pod *pod)
{
	const struct str_map *labels = &pod->metadata.labels;
	const struct core_v1_affinity *affinity = pod->spec.affinity;

	if (affinity && affinity->pod_affinity)
		merge_terms(arena, &affinity->pod_affinity->required_during_scheduling_ignored_during_execution,
			    &affinity->pod_affinity->preferred_during_scheduling_ignored_during_execution, labels);
	if (affinity && affinity->pod_anti_affinity)
		merge_terms(arena, &affinity->pod_anti_affinity->required_during_scheduling_ignored_during_execution,
			    &affinity->pod_anti_affinity->preferred_during_scheduling_ignored_during_execution, labels);
	SLICE_FOREACH (constraint, pod->spec.topology_spread_constraints)
		add_expressions(arena, constraint->label_selector, &constraint->match_label_keys, STR("In"), labels);
}

static void prepare_create(struct strategy_context *context, void *object)
{
	struct core_v1_pod *pod = object;

	pod->status = (struct core_v1_pod_status){.phase = STR("Pending"), .qos_class = pod_qos_class(&pod->spec)};
	if (pod->spec.scheduling_gates.len)
		pod->status.conditions = gated_condition(context);
	merge_label_keys(context->arena, pod);
}

/* The status is the kubelet's and the scheduler's; owners and the end of a pod are not. */
static void prepare_status(struct strategy_context *context UNUSED, void *object, const void *old)
{
	struct core_v1_pod *pod = object;
	const struct core_v1_pod *before = old;

	pod->metadata.owner_references = before->metadata.owner_references;
	pod->metadata.deletion_timestamp = before->metadata.deletion_timestamp;
	if (!pod->status.qos_class.len)
		pod->status.qos_class = before->status.qos_class;
	if (!pod->status.observed_generation)
		pod->status.observed_generation = before->status.observed_generation;
}

static bool has_container(const struct core_v1_pod_spec *spec, struct str name)
{
	const struct core_v1_container_slice *lists[] = {&spec->init_containers, &spec->containers};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		SLICE_FOREACH (container, *lists[i])
			if (str_eq(container->name, name))
				return true;
	return false;
}

static void check_pod_annotations(struct field_errors *errors, const struct core_v1_pod *pod)
{
	const struct path *path = FIELD(NULL, "metadata.annotations");
	const struct str *mirror = str_map_get(&pod->metadata.annotations, STR(MIRROR_ANNOTATION));
	const struct str *cost = str_map_get(&pod->metadata.annotations, STR(DELETION_COST));
	int64_t number;

	if (mirror && !pod->spec.node_name.len)
		field_invalid(errors, KEY(path, STR(MIRROR_ANNOTATION)), VALUE(*mirror),
			      "must set spec.nodeName if mirror pod annotation is set");
	if (cost && (str_parse_int64(*cost, &number) < 0 || number != (int32_t)number))
		field_invalid(errors, KEY(path, STR(DELETION_COST)), VALUE(*cost), "must be a 32bit integer");
	SLICE_FOREACH (pair, pod->metadata.annotations) {
		struct str name = str_from_at(pair->key, strlen(APP_ARMOR_PREFIX));

		if (str_has_prefix(pair->key, STR(APP_ARMOR_PREFIX)) && !has_container(&pod->spec, name))
			field_invalid(errors, KEY(path, pair->key), VALUE(name), "container not found");
	}
}

/* Rules for pods that templates are free of. */
static void check_for_pod(struct field_errors *errors, const struct core_v1_pod_spec *spec)
{
	for (size_t i = 0; !spec->service_account_name.len && i < spec->volumes.len; i++) {
		const struct core_v1_projected_volume_source *projected =
			spec->volumes.items[i].volume_source.projected;

		for (size_t j = 0; projected && j < projected->sources.len; j++)
			if (projected->sources.items[j].service_account_token)
				field_forbidden(
					errors,
					FIELD(INDEX(FIELD(INDEX(FIELD(SPEC, "volumes"), i), "projected.sources"), j),
					      "serviceAccountToken"),
					"must not be specified when serviceAccountName is not set");
	}
	check_images_of_pod(errors, FIELD(SPEC, "containers"), &spec->containers);
	check_images_of_pod(errors, FIELD(SPEC, "initContainers"), &spec->init_containers);
}

static void check_pod(struct field_errors *errors, const struct core_v1_pod *pod)
{
	check_pod_annotations(errors, pod);
	check_pod_spec(errors, SPEC, &pod->spec, &pod->metadata, true);
	check_for_pod(errors, &pod->spec);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct core_v1_pod *pod = object;

	check_pod(errors, pod);
	if (pod->spec.ephemeral_containers.len)
		field_forbidden(errors, FIELD(SPEC, "ephemeralContainers"), "cannot be set on create");
	if (pod->spec.node_name.len && pod->spec.scheduling_gates.len)
		field_forbidden(errors, FIELD(SPEC, "nodeName"),
				"cannot be set until all schedulingGates have been cleared");
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	check_pod(errors, object);
	check_pod_update(errors, object, old);
}

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct core_v1_pod *pod = object, *before = old;
	const struct path *status = FIELD(NULL, "status");

	if (pod->spec.node_name.len && pod->status.nominated_node_name.len &&
	    !str_eq(pod->status.nominated_node_name, before->status.nominated_node_name))
		field_forbidden(errors, FIELD(status, "nominatedNodeName"), "may not be changed on a bound pod");
	check_immutable_str(errors, FIELD(status, "qosClass"), pod->status.qos_class, before->status.qos_class);
}

/* Of the ephemeral containers nothing may be taken away or changed; nothing else may change at all. */
static void prepare_ephemeral(struct strategy_context *context UNUSED, void *object, const void *old)
{
	struct core_v1_pod *pod = object;
	struct core_v1_ephemeral_container_slice given = pod->spec.ephemeral_containers;

	*pod = *(const struct core_v1_pod *)old;
	pod->metadata.generation++;
	pod->spec.ephemeral_containers = given;
}

static void validate_ephemeral(struct strategy_context *context UNUSED, const void *object, const void *old,
			       struct field_errors *errors)
{
	const struct core_v1_pod *pod = object, *before = old;
	const struct path *path = FIELD(SPEC, "ephemeralContainers");

	check_pod(errors, pod);
	SLICE_FOREACH (was, before->spec.ephemeral_containers) {
		const struct core_v1_ephemeral_container *is = NULL;

		SLICE_FOREACH (now, pod->spec.ephemeral_containers)
			if (str_eq(now->ephemeral_container_common.name, was->ephemeral_container_common.name))
				is = now;
		if (!is)
			field_forbidden(errors, path,
					"existing ephemeral containers \"" STR_FMT "\" may not be removed\n",
					STR_ARG(was->ephemeral_container_common.name));
		else if (!equal_struct(&schema_core_v1_ephemeral_container, is, was))
			field_forbidden(errors, path,
					"existing ephemeral containers \"" STR_FMT "\" may not be changed\n",
					STR_ARG(was->ephemeral_container_common.name));
	}
}

static const struct strategy_subresource subresources[] = {
	{STR_INIT("ephemeralcontainers"), prepare_ephemeral, validate_ephemeral},
};

/* Asked for, else the pod's own; nobody waits for a pod that never ran or has ended. */
static int64_t graceful_period(struct strategy_context *context UNUSED, const void *object, const int64_t *asked)
{
	const struct core_v1_pod *pod = object;
	const int64_t *own = pod->spec.termination_grace_period_seconds;
	int64_t period = asked ? *asked : own ? *own : 0;

	if (!pod->spec.node_name.len || pod_is_finished(pod))
		return 0;
	return period < 0 ? 1 : period;
}

static struct str select_field(const void *object, struct str path, struct arena *arena UNUSED)
{
	const struct core_v1_pod *pod = object;

	if (str_eq_c(path, "spec.nodeName"))
		return pod->spec.node_name;
	if (str_eq_c(path, "spec.restartPolicy"))
		return pod->spec.restart_policy;
	if (str_eq_c(path, "spec.schedulerName"))
		return pod->spec.scheduler_name;
	if (str_eq_c(path, "spec.serviceAccountName"))
		return pod->spec.service_account_name;
	if (str_eq_c(path, "spec.hostNetwork"))
		return pod->spec.host_network ? STR("true") : STR("false");
	if (str_eq_c(path, "status.phase"))
		return pod->status.phase;
	if (str_eq_c(path, "status.podIP"))
		return pod->status.pod_ips.len ? pod->status.pod_ips.items[0].ip : STR_EMPTY;
	if (str_eq_c(path, "status.nominatedNodeName"))
		return pod->status.nominated_node_name;
	return STR_EMPTY;
}

static const struct str fields[] = {
	STR_INIT("spec.nodeName"),
	STR_INIT("spec.restartPolicy"),
	STR_INIT("spec.schedulerName"),
	STR_INIT("spec.serviceAccountName"),
	STR_INIT("spec.hostNetwork"),
	STR_INIT("status.phase"),
	STR_INIT("status.podIP"),
	STR_INIT("status.podIPs"),
	STR_INIT("status.nominatedNodeName"),
};

static const struct str aliases[][2] = {{STR_INIT("spec.host"), STR_INIT("spec.nodeName")}};

/* Updates are left alone: few people change pods by hand. */
static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	if (!old)
		warn_pod(context, object);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Ready", "string", 0),
	COLUMN("Status", "string", 0),
	COLUMN("Restarts", "string", 0),
	COLUMN_AGE,
	COLUMN("IP", "string", 1),
	COLUMN("Node", "string", 1),
	COLUMN("Nominated Node", "string", 1),
	COLUMN("Readiness Gates", "string", 1),
};

const struct strategy strategy_core_pods = {
	.group = STR_INIT(""),
	.plural = STR_INIT("pods"),
	.generation = GENERATION_SPEC,
	.delete_returns_object = true,
	.default_object = default_pod,
	.prepare_create = prepare_create,
	.prepare_status = prepare_status,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_status,
	.warnings = warnings,
	.status_reset_fields = STR_INIT("metadata.deletionTimestamp metadata.ownerReferences"),
	.graceful_period = graceful_period,
	.subresources = subresources,
	.subresources_len = ARRAY_LEN(subresources),
	FIELDS(fields),
	.select_field = select_field,
	.field_aliases = aliases,
	.field_aliases_len = ARRAY_LEN(aliases),
	COLUMNS(columns),
	.cells = cells_of_pod,
};
