/*
 * What of a pod's spec may change after it was made: images, deadlines, tolerations that are added, scheduling gates
 * that are removed, and while there are gates, where it may be scheduled.
 */
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/struct_diff.h"

#define FORBIDDEN_PROBLEM                                                                                              \
	"pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"      \
	"`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"                    \
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

static bool has_toleration(const struct core_v1_toleration_slice *list, const struct core_v1_toleration *wanted)
{
	struct core_v1_toleration a = *wanted;

	a.toleration_seconds = NULL;
	SLICE_FOREACH (toleration, *list) {
		struct core_v1_toleration b = *toleration;

		b.toleration_seconds = NULL;
		if (equal_struct(&schema_core_v1_toleration, &a, &b))
			return true;
	}
	return false;
}

static void check_added_tolerations(struct field_errors *errors, const struct path *path,
				    const struct core_v1_pod_spec *now, const struct core_v1_pod_spec *old)
{
	SLICE_FOREACH (toleration, old->tolerations)
		if (!has_toleration(&now->tolerations, toleration)) {
			field_forbidden(errors, path,
					"existing toleration can not be modified except its tolerationSeconds");
			break;
		}
	check_tolerations(errors, path, &now->tolerations);
}

static void check_deleted_gates(struct field_errors *errors, const struct path *path,
				const struct core_v1_pod_spec *now, const struct core_v1_pod_spec *old)
{
	for (size_t i = 0; i < now->scheduling_gates.len; i++) {
		struct str name = now->scheduling_gates.items[i].name;
		bool found = false;

		SLICE_FOREACH (gate, old->scheduling_gates)
			found = found || str_eq(gate->name, name);
		if (!found)
			field_forbidden(errors, INDEX(path, i),
					"only deletion is allowed, but found new scheduling gate '" STR_FMT "'",
					STR_ARG(name));
	}
}

static void check_deadline(struct field_errors *errors, const struct path *path, const struct core_v1_pod_spec *now,
			   const struct core_v1_pod_spec *old)
{
	const int64_t *new_seconds = now->active_deadline_seconds, *old_seconds = old->active_deadline_seconds;

	if (new_seconds && (*new_seconds < 0 || *new_seconds > INT32_MAX))
		check_range(errors, path, *new_seconds, 0, INT32_MAX);
	else if (new_seconds && old_seconds && *old_seconds < *new_seconds)
		field_invalid(errors, path, VALUE(*new_seconds), "must be less than or equal to previous value");
	else if (old_seconds && !new_seconds)
		field_invalid(errors, path, VALUE_NULL, "must not update from a positive integer to nil value");
}

static bool only_added(const struct str_map *now, const struct str_map *old)
{
	SLICE_FOREACH (pair, *old) {
		const struct str *value = str_map_get(now, pair->key);

		if (!value || !str_eq(*value, pair->value))
			return false;
	}
	return true;
}

/* The containers, of which there are as many as before, with the images they had. */
static struct core_v1_container_slice with_images_of(struct arena *arena, const struct core_v1_container_slice *now,
						     const struct core_v1_container_slice *old)
{
	struct core_v1_container *containers;

	if (!now->len)
		return *old;
	containers = arena_memdup(arena, now->items, now->len * sizeof(*containers));
	for (size_t i = 0; i < now->len; i++)
		containers[i].image = old->items[i].image;
	return (struct core_v1_container_slice){containers, now->len};
}

/* The new spec with all that may change set to what it was. */
static struct core_v1_pod_spec munged(struct arena *arena, const struct core_v1_pod_spec *now,
				      const struct core_v1_pod_spec *old)
{
	struct core_v1_pod_spec spec = *now;

	spec.containers = with_images_of(arena, &now->containers, &old->containers);
	spec.init_containers = with_images_of(arena, &now->init_containers, &old->init_containers);
	spec.active_deadline_seconds = old->active_deadline_seconds;
	spec.tolerations = old->tolerations;
	spec.scheduling_gates = old->scheduling_gates;
	if (old->termination_grace_period_seconds && *old->termination_grace_period_seconds < 0 &&
	    now->termination_grace_period_seconds && *now->termination_grace_period_seconds == 1)
		spec.termination_grace_period_seconds = old->termination_grace_period_seconds;
	return spec;
}

static void check_gated(struct field_errors *errors, const struct path *path, struct core_v1_pod_spec *spec,
			const struct core_v1_pod_spec *old)
{
	if (!only_added(&spec->node_selector, &old->node_selector))
		field_invalid(errors, FIELD(path, "nodeSelector"), field_value_map(&spec->node_selector, errors->arena),
			      "field is immutable");
	spec->node_selector = old->node_selector;
	spec->affinity = old->affinity;
}

void check_pod_update(struct field_errors *errors, const struct core_v1_pod *pod, const struct core_v1_pod *old)
{
	const struct path *path = SPEC;
	struct core_v1_pod_spec spec;
	struct str diff;

	if (pod->spec.containers.len != old->spec.containers.len) {
		field_forbidden(errors, FIELD(path, "containers"), "pod updates may not add or remove containers");
		return;
	}
	if (pod->spec.init_containers.len != old->spec.init_containers.len) {
		field_forbidden(errors, FIELD(path, "initContainers"), "pod updates may not add or remove containers");
		return;
	}
	for (size_t i = 0; i < pod->spec.containers.len; i++)
		if (!pod->spec.containers.items[i].image.len)
			field_required(errors, FIELD(INDEX(FIELD(path, "containers"), i), "image"), NULL);
	check_deadline(errors, FIELD(path, "activeDeadlineSeconds"), &pod->spec, &old->spec);
	check_added_tolerations(errors, FIELD(path, "tolerations"), &pod->spec, &old->spec);
	check_deleted_gates(errors, FIELD(path, "schedulingGates"), &pod->spec, &old->spec);
	spec = munged(errors->arena, &pod->spec, &old->spec);
	if (old->spec.scheduling_gates.len)
		check_gated(errors, path, &spec, &old->spec);
	if (equal_struct(&schema_core_v1_pod_spec, &spec, &old->spec))
		return;
	diff = struct_diff(&schema_core_v1_pod_spec, &old->spec, &spec, errors->arena);
	field_forbidden(errors, path, "%s\n" STR_FMT, FORBIDDEN_PROBLEM, STR_ARG(diff));
}
