/* Pods of a StatefulSet: names, labels, what they are made of; see statefulset.h. */
#include "controllers/pod_control.h"
#include "controllers/statefulset.h"
#include "types/selector.h"

#define POD_NAME_LABEL	"statefulset.kubernetes.io/pod-name"
#define POD_INDEX_LABEL "apps.kubernetes.io/pod-index"

struct str statefulset_pod_name(const struct apps_v1_stateful_set *set, int64_t ordinal, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "-%lld", STR_ARG(set->metadata.name), (long long)ordinal);
}

int64_t statefulset_ordinal(const struct apps_v1_stateful_set *set, struct str pod)
{
	struct str name = set->metadata.name, digits = str_from_at(pod, name.len + 1);
	int64_t ordinal;

	if (pod.len < name.len + 2 || !str_has_prefix(pod, name) || pod.data[name.len] != '-')
		return -1;
	for (size_t i = 0; i < digits.len; i++)
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return -1;
	if ((digits.len > 1 && digits.data[0] == '0') || str_parse_int64(digits, &ordinal) < 0 || ordinal > INT32_MAX)
		return -1;
	return ordinal;
}

void statefulset_tell(const struct stateful_plan *plan, struct change *change, const char *verb, int64_t ordinal)
{
	struct arena *arena = plan->plan->arena;
	const char *pod = str_c(statefulset_pod_name(plan->set, ordinal, arena)),
		   *set = str_c(plan->set->metadata.name);

	change->on_success = (struct change_event){
		str_c(arena_printf(arena, "Successful%s", verb)),
		str_c(arena_printf(arena, "%s Pod %s in StatefulSet %s successful", verb, pod, set))};
	change->on_failure = (struct change_event){
		str_c(arena_printf(arena, "Failed%s", verb)),
		str_c(arena_printf(arena, "%s Pod %s in StatefulSet %s failed error: %%s", verb, pod, set))};
}

/* The claims first, then the template's volumes that have none of their names. */
static struct core_v1_volume_slice volumes(const struct apps_v1_stateful_set *set, struct core_v1_volume_slice own,
					   int64_t ordinal, struct arena *arena)
{
	const struct core_v1_persistent_volume_claim_slice *templates = &set->spec.volume_claim_templates;
	VEC_OF(struct core_v1_volume) all = {0};

	SLICE_FOREACH (template, *templates) {
		struct core_v1_persistent_volume_claim_volume_source *claim =
			ARENA_NEW(arena, struct core_v1_persistent_volume_claim_volume_source);

		claim->claim_name = statefulset_claim_name(set, template, ordinal, arena);
		vec_push(arena, &all,
			 (struct core_v1_volume){.name = template->metadata.name,
						 .volume_source.persistent_volume_claim = claim});
	}
	SLICE_FOREACH (volume, own) {
		bool hidden = false;

		SLICE_FOREACH (template, *templates)
			hidden = hidden || str_eq(template->metadata.name, volume->name);
		if (!hidden)
			vec_push(arena, &all, *volume);
	}
	return (struct core_v1_volume_slice){all.items, all.len};
}

/* Pods below the partition are made as they were; without one, so many as are still of the current revision. */
static const struct apps_v1_controller_revision *revision_for(const struct stateful_plan *plan, int64_t ordinal)
{
	const struct apps_v1_stateful_set_update_strategy *strategy = &plan->set->spec.update_strategy;
	int64_t below = statefulset_start_ordinal(plan->set);

	if (strategy->rolling_update)
		below += strategy->rolling_update->partition ? *strategy->rolling_update->partition : 0;
	else if (str_eq(strategy->type, STR("RollingUpdate")))
		below += plan->set->status.current_replicas;
	return ordinal < below ? plan->current : plan->update;
}

static struct str_map identity(const struct stateful_plan *plan, const struct str_map *labels, int64_t ordinal)
{
	struct arena *arena = plan->plan->arena;
	struct str_map named =
		str_map_set(labels, STR(POD_NAME_LABEL), statefulset_pod_name(plan->set, ordinal, arena), arena);

	return str_map_set(&named, STR(POD_INDEX_LABEL), arena_printf(arena, "%lld", (long long)ordinal), arena);
}

void statefulset_plan_create(const struct stateful_plan *plan, int64_t ordinal)
{
	struct arena *arena = plan->plan->arena;
	const struct apps_v1_controller_revision *revision = revision_for(plan, ordinal);
	const struct core_v1_pod_template_spec *template =
		revision == plan->update ? NULL : history_template(revision, arena);
	struct core_v1_pod *pod = ARENA_NEW(arena, struct core_v1_pod);

	*pod = pod_control_from_template(template ? template : &plan->set->spec.template, plan->inputs->object, arena);
	pod->metadata.name = statefulset_pod_name(plan->set, ordinal, arena);
	pod->metadata.labels = identity(plan, &pod->metadata.labels, ordinal);
	pod->metadata.labels =
		str_map_set(&pod->metadata.labels, STR(STATEFUL_REVISION_LABEL), revision->metadata.name, arena);
	pod->spec.hostname = pod->metadata.name;
	pod->spec.subdomain = plan->set->spec.service_name;
	pod->spec.volumes = volumes(plan->set, pod->spec.volumes, ordinal, arena);
	statefulset_tell(plan, plan_create(plan->plan, plan->inputs->pods, pod), "Create", ordinal);
}

void statefulset_plan_delete(const struct stateful_plan *plan, const struct stateful_pod *pod)
{
	statefulset_tell(plan, plan_delete(plan->plan, plan->inputs->pods, pod->object->meta), "Delete", pod->ordinal);
}

void statefulset_plan_identity(const struct stateful_plan *plan, const struct stateful_pod *pod)
{
	const struct str *name = str_map_get(&pod->pod->metadata.labels, STR(POD_NAME_LABEL));
	struct core_v1_pod next = *pod->pod;

	if (name && str_eq(*name, next.metadata.name))
		return;
	next.metadata.labels = identity(plan, &next.metadata.labels, pod->ordinal);
	statefulset_tell(plan, plan_diff(plan->plan, plan->inputs->pods, pod->pod, &next, "metadata", NULL), "Update",
			 pod->ordinal);
}
