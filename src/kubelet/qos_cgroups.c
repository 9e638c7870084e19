/*
 * The tiers' cgroups; see qos_cgroups.h.
 *
 * The loop computes the shares and a worker writes them, one job at a time: `wanted` is the loop's, `target` lent to
 * the job from its start to on_written().  A write that failed is tried again with the next change of a pod.
 */
#include "kubelet/qos_cgroups.h"

#include <unistd.h>

#include "base/log.h"
#include "client/informer.h"
#include "kubelet/pod_cgroup.h"
#include "kubelet/resources.h"
#include "logic/pod.h"
#include "logic/pod_requests.h"
#include "sys/loop.h"
#include "sys/thread.h"

struct qos_cgroups {
	const struct kubelet_context *context;
	struct loop *loop;
	struct informer *pods;
	struct loop_defer changed;
	struct loop_call written;
	int64_t wanted, target, present; /* shares of the Burstable tier */
	bool writing, failed;
};

int64_t qos_burstable_shares(const struct core_v1_pod *const *pods, size_t len)
{
	static const struct pod_requests_options by_spec = {0};
	int64_t milli = 0;

	for (size_t i = 0; i < len; i++) {
		struct arena cleanup_arena arena = {0};
		struct resource_amounts requests;

		if (!str_eq(pods[i]->status.qos_class, STR("Burstable")) || pod_is_finished(pods[i]))
			continue;
		pod_requests(pods[i], &by_spec, &arena, &requests);
		if (__builtin_add_overflow(milli, resource_amounts_get(&requests, STR("cpu")), &milli))
			milli = INT64_MAX;
	}
	return cpu_shares(milli);
}

static int set_tier(const struct kubelet_context *context, const char *qos_class, const struct cgroup_limits *limits,
		    struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str path = pod_tier_path(context->config, str_from(qos_class), &arena);

	if (cgroup_create(&context->cgroups, path, err) < 0)
		return -(int)err->code;
	return cgroup_set(&context->cgroups, path, limits, err);
}

static void on_written(struct loop_call *call);

static void write_shares(void *data)
{
	struct qos_cgroups *qos = data;
	const struct cgroup_limits limits = {.cpu_shares = qos->target};
	struct error err = {0};

	log_set_component("kubelet");
	qos->failed = set_tier(qos->context, "Burstable", &limits, &err) < 0;
	if (qos->failed)
		log_warn("cannot set the shares of burstable pods", "error=\"%s\"", err.message);
	qos->written.run = on_written;
	loop_post_call(qos->loop, &qos->written);
}

static void write_if_changed(struct qos_cgroups *qos)
{
	if (qos->writing || qos->wanted == qos->present)
		return;
	qos->writing = true;
	qos->target = qos->wanted;
	worker_pool_submit(qos->context->pool, write_shares, qos);
}

static void on_written(struct loop_call *call)
{
	struct qos_cgroups *qos = CONTAINER_OF(call, struct qos_cgroups, written);

	qos->writing = false;
	if (qos->failed)
		return;
	qos->present = qos->target;
	write_if_changed(qos);
}

static void on_changed(struct loop_defer *defer)
{
	struct qos_cgroups *qos = CONTAINER_OF(defer, struct qos_cgroups, changed);
	struct arena cleanup_arena arena = {0};
	VEC_OF(const struct core_v1_pod *) pods = {0};

	INFORMER_FOREACH(it, qos->pods)
	vec_push(&arena, &pods, OBJECT_AS(core_v1_pod, it->object));
	qos->wanted = qos_burstable_shares(pods.items, pods.len);
	write_if_changed(qos);
}

struct qos_cgroups *qos_cgroups_new(const struct kubelet_context *context, struct loop *loop, struct informer *pods)
{
	struct qos_cgroups *qos = XNEW(struct qos_cgroups);

	qos->context = context;
	qos->loop = loop;
	qos->pods = pods;
	loop_defer_init(&qos->changed, loop, on_changed);
	return qos;
}

int qos_cgroups_start(struct qos_cgroups *qos, struct error *err)
{
	const struct cgroup_limits all = {.cpu_shares = cpu_shares(sysconf(_SC_NPROCESSORS_ONLN) * 1000),
					  .memory_limit = (int64_t)machine_memory()};
	const struct cgroup_limits least = {.cpu_shares = cpu_shares(0)};

	if (set_tier(qos->context, "Guaranteed", &all, err) < 0 ||
	    set_tier(qos->context, "BestEffort", &least, err) < 0)
		return -(int)err->code;
	/* The shares of pods that run already come with the informer's first list: until then they keep theirs. */
	return set_tier(qos->context, "Burstable", &(struct cgroup_limits){0}, err);
}

void qos_cgroups_changed(struct qos_cgroups *qos)
{
	loop_defer(&qos->changed);
}

struct qos_cgroups *qos_cgroups_free(struct qos_cgroups *qos)
{
	free(qos);
	return NULL;
}
