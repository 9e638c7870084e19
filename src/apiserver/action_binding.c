/*
 * Bindings: a pod gets its node.  POST of a Binding to pods/NAME/binding, or to bindings with the pod's name in it.
 */
#include "apiserver/actions.h"
#include "apiserver/encode.h"
#include "apiserver/local.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/stored.h"
#include "types/field_error.h"
#include "types/gen/core_v1.h"
#include "types/selector.h"

#define ATTEMPTS 5

static const struct resource *pods(void)
{
	return resource_find(STR_EMPTY, STR("v1"), STR("pods"));
}

static enum step_result fetch_pod(struct request *request, struct str name, struct object **ret)
{
	struct str key = stored_key(pods(), request->info.name_space, name, &request->arena);
	const struct store_record *record = store_get(request->server->store, key);
	struct error err = {0};
	int result;

	if (!record)
		return status_not_found_in(request, STR_EMPTY, STR("pods"), name);
	result = stored_object(record, &schema_core_v1_pod, ret, &err);
	store_record_unref(record);
	if (result < 0)
		return status_from_error(request, &err);
	request_hold_object(request, *ret);
	return STEP_NEXT;
}

static enum step_result conflict(struct request *request, struct str name, struct str why)
{
	struct meta_v1_status_details *details = ARENA_NEW(&request->arena, struct meta_v1_status_details);

	status_fail(request, ERR_CONFLICT, "Operation cannot be fulfilled on pods/binding \"" STR_FMT "\": " STR_FMT,
		    STR_ARG(name), STR_ARG(why));
	details->name = name;
	details->kind = STR("pods/binding");
	request->status->details = details;
	return STEP_DONE;
}

static enum step_result check_pod(struct request *request, const struct core_v1_binding *binding,
				  const struct core_v1_pod *pod, struct str name)
{
	if (binding->metadata.uid.len && !str_eq(binding->metadata.uid, pod->metadata.uid))
		return conflict(request, name,
				arena_printf(&request->arena,
					     "Precondition failed: UID in precondition: " STR_FMT
					     ", UID in object meta: " STR_FMT,
					     STR_ARG(binding->metadata.uid), STR_ARG(pod->metadata.uid)));
	if (pod->metadata.deletion_timestamp)
		return conflict(request, name,
				arena_printf(&request->arena,
					     "pod " STR_FMT " is being deleted, cannot be assigned to a host",
					     STR_ARG(name)));
	if (pod->spec.node_name.len)
		return conflict(request, name,
				arena_printf(&request->arena,
					     "pod " STR_FMT " is already assigned to node \"" STR_FMT "\"",
					     STR_ARG(name), STR_ARG(pod->spec.node_name)));
	if (pod->spec.scheduling_gates.len)
		return conflict(request, name,
				arena_printf(&request->arena, "pod " STR_FMT " has non-empty .spec.schedulingGates",
					     STR_ARG(name)));
	return STEP_NEXT;
}

/* The pod's conditions with PodScheduled True. */
static struct core_v1_pod_condition_slice scheduled(struct request *request, const struct core_v1_pod *pod)
{
	const struct core_v1_pod_condition_slice *old = &pod->status.conditions;
	struct core_v1_pod_condition *items = ARENA_NEW_N(&request->arena, struct core_v1_pod_condition, old->len + 1);
	struct core_v1_pod_condition *condition = NULL;
	size_t len = 0;

	SLICE_FOREACH (it, *old) {
		items[len] = *it;
		if (str_eq(it->type, STR("PodScheduled")))
			condition = &items[len];
		len++;
	}
	if (!condition)
		condition = &items[len++];
	if (!str_eq(condition->status, STR("True")))
		condition->last_transition_time = (struct timestamp){request->now.seconds, 0, true};
	condition->type = STR("PodScheduled");
	condition->status = STR("True");
	condition->reason = condition->message = STR_EMPTY;
	return (struct core_v1_pod_condition_slice){items, len};
}

static void merge(struct request *request, struct str_map *into, const struct str_map *from)
{
	SLICE_FOREACH (pair, *from)
		*into = str_map_set(into, pair->key, pair->value, &request->arena);
}

/* One try; err says ERR_CONFLICT when the pod changed meanwhile. */
static enum step_result bind_pod(struct request *request, const struct core_v1_binding *binding, struct str name,
				 struct error *err)
{
	static const struct meta_v1_status success = {.status = STR_INIT("Success"), .code = 201};
	struct store_write write;
	struct core_v1_pod pod;
	struct object *object;
	enum step_result result = fetch_pod(request, name, &object);

	if (result != STEP_NEXT)
		return result;
	pod = *OBJECT_AS(core_v1_pod, object);
	result = check_pod(request, binding, &pod, name);
	if (result != STEP_NEXT)
		return result;
	pod.spec.node_name = binding->target.name;
	pod.status.nominated_node_name = STR_EMPTY;
	pod.status.conditions = scheduled(request, &pod);
	merge(request, &pod.metadata.annotations, &binding->metadata.annotations);
	merge(request, &pod.metadata.labels, &binding->metadata.labels);
	if (!request->options.dry_run && write_object(request, pods(), &pod, object->revision, &write, err) < 0)
		return status_from_error(request, err);
	return respond_struct(request, 201, &schema_meta_v1_status, &success);
}

static enum step_result run(struct request *request)
{
	const struct core_v1_binding *binding = request->decoded;
	struct str name = request->info.name.len ? request->info.name : binding->metadata.name;
	struct field_errors errors = {.arena = &request->arena};

	if (binding->target.name.len == 0)
		field_required(&errors, FIELD(NULL, "target.name"), NULL);
	if (binding->target.kind.len && !str_eq(binding->target.kind, STR("Node")))
		field_not_supported_c(&errors, FIELD(NULL, "target.kind"), VALUE(binding->target.kind), "Node",
				      "<empty>", NULL);
	if (errors.len)
		return status_field_errors(request, STR_EMPTY, STR("Binding"), name, &errors);
	for (int attempt = 1;; attempt++) {
		struct error err = {0};
		enum step_result result = bind_pod(request, binding, name, &err);

		if (err.code != ERR_CONFLICT || attempt == ATTEMPTS)
			return result;
		request->status = NULL;
	}
}

const struct action action_pod_binding = {
	.plural = STR_INIT("pods"),
	.subresource = STR_INIT("binding"),
	.verbs = VERB_CREATE,
	.may_block = true,
	.run = run,
};

const struct action action_binding = {
	.plural = STR_INIT("bindings"),
	.verbs = VERB_CREATE,
	.may_block = true,
	.run = run,
};
