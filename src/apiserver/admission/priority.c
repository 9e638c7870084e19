/*
 * Priority: a pod's priority and preemption policy come from its PriorityClass, or from the default one, or are 0.
 */
#include "apiserver/admission_plugins.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/stored.h"
#include "store/store.h"
#include "types/gen/core_v1.h"
#include "types/gen/scheduling_v1.h"

#define CLASSES_SCOPE "/registry/priorityclasses/"

struct computed {
	struct str class_name;
	int32_t priority;
	struct str policy;
};

static enum step_result refuse(struct request *request, struct str why)
{
	const struct meta_v1_object_meta *meta = object_meta_of(request->schema, request->object);

	return status_forbidden(request, STR_EMPTY, STR("pods"), meta->name.len ? meta->name : meta->generate_name,
				why);
}

static struct computed from_class(const struct scheduling_v1_priority_class *class, struct arena *arena)
{
	return (struct computed){
		.class_name = arena_str(arena, class->metadata.name),
		.priority = class->value,
		.policy = class->preemption_policy ? arena_str(arena, *class->preemption_policy)
						   : STR("PreemptLowerPriority"),
	};
}

struct search {
	struct arena *arena;
	struct computed found;
	bool any;
};

/* Of several defaults the lowest counts. */
static enum store_visit look_for_default(void *data, const struct store_record *record)
{
	struct search *search = data;
	const struct scheduling_v1_priority_class *class;
	struct object *object;
	struct error ignored = {0}; /* what cannot be read is no default */

	if (stored_object(record, &schema_scheduling_v1_priority_class, &object, &ignored) < 0)
		return STORE_VISIT_PASSED;
	class = OBJECT_AS(scheduling_v1_priority_class, object);
	if (class->global_default && (!search->any || class->value < search->found.priority)) {
		search->found = from_class(class, search->arena);
		search->any = true;
	}
	object_unref(object);
	return STORE_VISIT_PASSED;
}

static struct computed find_default(struct request *request)
{
	struct search search = {.arena = &request->arena, .found = {.policy = STR("PreemptLowerPriority")}};
	struct store_range range = {.scope = STR(CLASSES_SCOPE)};
	struct store_view *view = store_view_acquire(request->server->store);
	struct store_range_result seen;
	struct error ignored = {0}; /* the present revision can always be read */

	if (store_view_scan(view, &range, look_for_default, &search, &seen, &ignored) < 0)
		search.any = false;
	store_view_release(view);
	return search.found;
}

static enum step_result check(struct request *request, const struct core_v1_pod *pod, const struct computed *computed)
{
	struct arena *arena = &request->arena;

	if (pod->spec.priority && *pod->spec.priority != computed->priority)
		return refuse(
			request,
			arena_printf(arena,
				     "the integer value of priority (%d) must not be provided in pod spec; priority "
				     "admission controller computed %d from the given PriorityClass name",
				     *pod->spec.priority, computed->priority));
	if (pod->spec.preemption_policy && !str_eq(*pod->spec.preemption_policy, computed->policy))
		return refuse(request, arena_printf(arena,
						    "the string value of PreemptionPolicy (" STR_FMT
						    ") must not be provided in pod spec; priority admission controller "
						    "computed " STR_FMT " from the given PriorityClass name",
						    STR_ARG(*pod->spec.preemption_policy), STR_ARG(computed->policy)));
	return STEP_NEXT;
}

static enum step_result mutate(struct request *request)
{
	struct core_v1_pod *pod = request->object;
	const struct object *class;
	struct computed computed;
	enum step_result result;

	if (request->schema != &schema_core_v1_pod || request->subresource)
		return STEP_NEXT;
	if (pod->spec.priority_class_name.len) {
		class = request_lookup(&request->context, STR("scheduling.k8s.io"), STR("priorityclasses"), STR_EMPTY,
				       pod->spec.priority_class_name);
		if (!class)
			return refuse(request,
				      arena_printf(&request->arena, "no PriorityClass with name " STR_FMT " was found",
						   STR_ARG(pod->spec.priority_class_name)));
		computed = from_class(OBJECT_AS(scheduling_v1_priority_class, class), &request->arena);
	} else {
		computed = find_default(request);
	}
	result = check(request, pod, &computed);
	if (result != STEP_NEXT)
		return result;
	pod->spec.priority_class_name = computed.class_name;
	pod->spec.priority = ARENA_DUP(&request->arena, int32_t, &computed.priority);
	pod->spec.preemption_policy = ARENA_DUP(&request->arena, struct str, &computed.policy);
	return STEP_NEXT;
}

const struct admission_plugin admission_priority = {
	.name = "Priority",
	.operations = OP_CREATE,
	.mutate = mutate,
};
