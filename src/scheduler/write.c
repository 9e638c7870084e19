/* What follows a decision; see write.h. */
#include "scheduler/write.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "client/client.h"
#include "client/recorder.h"
#include "logic/pod.h"
#include "scheduler/framework.h"
#include "types/codec.h"

/* Longer texts of events are cut, upstream's way. */
#define NOTE_MAX 1024

static void tell(const struct sched_write *write, const struct object *object, const char *type, const char *reason,
		 const char *action, struct str message, struct arena *arena)
{
	struct event_record record = {.involved = recorder_reference(object, STR_EMPTY, arena),
				      .type = str_from(type),
				      .reason = str_from(reason),
				      .action = str_from(action),
				      .message = message};

	if (message.len > NOTE_MAX)
		record.message = arena_concat(arena, str_sub(message, 0, NOTE_MAX - 4), STR(" ..."));
	recorder_record(write->recorder, &record);
}

/* A strategic merge patch of pods/status. */
static int patch_status(const struct sched_write *write, const struct object *pod,
			const struct core_v1_pod_condition *condition, struct str nominated, struct error *err)
{
	const struct client client = {write->transport, STR("kube-scheduler")};
	struct buf cleanup_buf out;

	buf_init(&out, LIMIT_OBJECT);
	buf_printf(&out, "{\"metadata\":{\"uid\":\"" STR_FMT "\"},\"status\":{", STR_ARG(pod->meta->uid));
	if (nominated.len)
		buf_printf(&out, "\"nominatedNodeName\":\"" STR_FMT "\"%s", STR_ARG(nominated), condition ? "," : "");
	if (condition) {
		buf_c(&out, "\"conditions\":[");
		encode_json(&schema_core_v1_pod_condition, condition, 0, &out);
		buf_char(&out, ']');
	}
	buf_c(&out, "}}");
	return client_patch(&client, client_resource("", "v1", "pods"), pod->meta->namespace, pod->meta->name,
			    STR("status"), PATCH_TYPE_STRATEGIC, buf_view(&out), NULL, err);
}

static struct core_v1_pod_condition make_condition(const struct core_v1_pod *pod, const char *type, const char *status,
						   const char *reason, struct str message)
{
	const struct core_v1_pod_condition *old = pod_condition(pod, str_from(type));
	struct core_v1_pod_condition condition = {
		.type = str_from(type),
		.status = str_from(status),
		.reason = str_from(reason),
		.message = message,
		.observed_generation = pod->metadata.generation,
		.last_transition_time = {.seconds = clock_wall_ns() / NS_PER_SEC, .is_set = true},
	};

	if (old && str_eq(old->status, condition.status))
		condition.last_transition_time = old->last_transition_time;
	return condition;
}

static bool same_condition(const struct core_v1_pod_condition *a, const struct core_v1_pod_condition *b)
{
	return a && str_eq(a->status, b->status) && str_eq(a->reason, b->reason) && str_eq(a->message, b->message) &&
	       a->observed_generation == b->observed_generation;
}

static void log_failure(const struct sched_write *write, const char *what, struct error *err)
{
	if (err->code != ERR_NOT_FOUND && err->code != ERR_CONFLICT)
		log_warn(what, "pod=" STR_FMT " error=\"%s\"", STR_ARG(write->key), err->message);
	error_clear(err);
}

/* --- Binding --------------------------------------------------------------------------------------------------- */

static void write_binding(struct sched_write *write)
{
	struct binding binding = {.transport = write->transport, .pod = write->pod, .node = write->node};

	if (framework_bind(&binding, &write->err) < 0)
		return;
	tell(write, write->pod, "Normal", "Scheduled", "Binding",
	     arena_printf(&write->arena, "Successfully assigned " STR_FMT " to " STR_FMT, STR_ARG(write->key),
			  STR_ARG(write->node)),
	     &write->arena);
}

/* --- Failing, and making room ---------------------------------------------------------------------------------- */

static void evict(struct sched_write *write, const struct object *victim)
{
	const struct client client = {write->transport, STR("kube-scheduler")};
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, victim);
	struct str message = arena_printf(&write->arena, STR_FMT ": preempting to accommodate a higher priority pod",
					  STR_ARG(write->scheduler_name));
	struct core_v1_pod_condition condition =
		make_condition(pod, "DisruptionTarget", "True", "PreemptionByScheduler", message);
	struct error err = {0};

	if (patch_status(write, victim, &condition, STR_EMPTY, &err) < 0)
		log_failure(write, "victim not marked", &err);
	if (client_delete(&client, client_resource("", "v1", "pods"), victim->meta->namespace, victim->meta->name,
			  victim->meta->uid, NULL, &err) < 0) {
		log_failure(write, "victim not deleted", &err);
		return;
	}
	tell(write, victim, "Normal", "Preempted", "Preempting",
	     arena_printf(&write->arena, "Preempted by pod " STR_FMT " on node " STR_FMT,
			  STR_ARG(write->pod->meta->uid), STR_ARG(write->node)),
	     &write->arena);
}

static void write_failure(struct sched_write *write)
{
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, write->pod);
	struct core_v1_pod_condition condition = make_condition(
		pod, "PodScheduled", "False", write->is_error ? "SchedulerError" : "Unschedulable", write->message);
	bool same = same_condition(pod_condition(pod, condition.type), &condition);
	struct error err = {0};

	tell(write, write->pod, "Warning", "FailedScheduling", "Scheduling", write->message, &write->arena);
	if ((!same || write->node.len) &&
	    patch_status(write, write->pod, same ? NULL : &condition, write->node, &err) < 0)
		log_failure(write, "condition not written", &err);
	for (size_t i = 0; i < write->victims_len; i++)
		evict(write, write->victims[i]);
}

void sched_write_run(struct sched_write *write)
{
	if (write->kind == WRITE_BINDING)
		write_binding(write);
	else
		write_failure(write);
	write->done(write);
}

struct sched_write *sched_write_free(struct sched_write *write)
{
	if (!write)
		return NULL;
	object_unref(write->pod);
	for (size_t i = 0; i < write->victims_len; i++)
		object_unref(write->victims[i]);
	arena_release(&write->arena);
	free(write);
	return NULL;
}
