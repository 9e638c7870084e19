/*
 * The probes of running containers; see probes.h.
 *
 * Probes live on the loop.  Results are copied to a table under a lock, from which turns read.  A probe whose container
 * is gone while it is asked is freed when the worker comes back.
 */
#include "kubelet/probes.h"

#include "base/clock.h"

#include "base/map.h"
#include "kubelet/probe_run.h"
#include "kubelet/probe_state.h"
#include "sys/loop.h"
#include "sys/thread.h"

/* One container's probes. */
struct probed {
	struct probes *probes;
	struct str id, uid, host; /* the arena's */
	struct arena arena;
	struct object *object; /* the pod, for the container's spec */
	const struct core_v1_container *container;
	struct str field;
	struct probe {
		struct probed *probed;
		enum probe_type type;
		const struct core_v1_probe *spec; /* NULL: none */
		struct loop_timer timer;
		struct loop_call done;
		bool running;
		bool success; /* the worker's answer */
	} all[PROBE_TYPE_MAX];
	unsigned running;
	bool ended; /* freed when the last worker is back */
	/* The lock's: */
	struct probe_state states[PROBE_TYPE_MAX];
};

struct probes {
	const struct kubelet_context *context;
	struct loop *loop;
	struct worker_pool *pool;
	bool stopped;
	struct mutex lock; /* guards by_id against readers, and states */
	struct map by_id;  /* container id -> struct probed; changed on the loop */
};

static bool started(const struct probed *probed)
{
	return !probed->all[PROBE_STARTUP].spec || probed->states[PROBE_STARTUP].result == PROBE_SUCCEEDED;
}

/* --- Asking, on a worker -------------------------------------------------------------------------------------------
 */

static void tell(const struct probe *probe, enum probe_outcome outcome, struct str text)
{
	const struct probed *probed = probe->probed;
	const char *name = probe_type_name(probe->type), *reason = "Unhealthy";
	const char *middle = outcome == PROBE_ERROR ? "errored and resulted in unknown state" : "failed";

	if (outcome == PROBE_GOOD)
		return;
	if (outcome == PROBE_WARNING) {
		reason = "ProbeWarning";
		middle = "warning";
	}
	pod_event(probed->probes->context, probed->object, str_c(probed->field), probed->container->name, "Warning",
		  reason, "%s probe %s: " STR_FMT, name, middle, STR_ARG(text));
}

static void on_asked(struct loop_call *call);

static void ask(void *data)
{
	struct probe *probe = data;
	struct probed *probed = probe->probed;
	struct arena cleanup_arena arena = {0};
	const struct probe_target target = {probed->id, probed->container, probed->host};
	enum probe_outcome outcome;
	struct str text;

	outcome = probe_run(probed->probes->context, &target, &probe->spec->probe_handler,
			    MAX(probe->spec->timeout_seconds, 1), &arena, &text);
	tell(probe, outcome, text);
	probe->success = outcome == PROBE_GOOD || outcome == PROBE_WARNING;
	probe->done.run = on_asked;
	loop_post_call(probed->probes->loop, &probe->done);
}

/* --- On the loop ---------------------------------------------------------------------------------------------------
 */

static void probed_free(struct probed *probed)
{
	for (size_t i = 0; i < ARRAY_LEN(probed->all); i++)
		loop_timer_stop(&probed->all[i].timer);
	object_unref(probed->object);
	arena_release(&probed->arena);
	free(probed);
}

static void begin(struct probe *probe)
{
	if (probe->running || probe->probed->probes->stopped)
		return;
	probe->running = true;
	probe->probed->running++;
	worker_pool_submit(probe->probed->probes->pool, ask, probe);
}

static void on_timer(struct loop_timer *timer)
{
	struct probe *probe = CONTAINER_OF(timer, struct probe, timer);

	if (probe->type == PROBE_STARTUP || started(probe->probed))
		begin(probe);
}

/* What follows from a new result: others may begin, or all rest. */
static void react(struct probe *probe, enum probe_result result)
{
	struct probed *probed = probe->probed;

	if (probe_state_is_final(&(struct probe_state){.result = result}, probe->type))
		loop_timer_stop(&probe->timer);
	for (size_t i = 0; i < ARRAY_LEN(probed->all); i++) {
		struct probe *other = &probed->all[i];

		if (!other->spec || other == probe)
			continue;
		if (probe->type == PROBE_STARTUP && result == PROBE_SUCCEEDED && other->type == PROBE_READINESS)
			begin(other);
		if (probe->type != PROBE_READINESS && result == PROBE_FAILED)
			loop_timer_stop(&other->timer);
	}
}

static void on_asked(struct loop_call *call)
{
	struct probe *probe = CONTAINER_OF(call, struct probe, done);
	struct probed *probed = probe->probed;
	struct probes *probes = probed->probes;
	enum probe_result result;
	bool changed;

	probe->running = false;
	probed->running--;
	if (probed->ended) {
		if (!probed->running)
			probed_free(probed);
		return;
	}
	mutex_lock(&probes->lock);
	changed = probe_state_step(&probed->states[probe->type], probe->spec, probe->success);
	result = probed->states[probe->type].result;
	mutex_unlock(&probes->lock);
	if (!changed)
		return;
	react(probe, result);
	probes->context->wake(probes->context->cookie, probed->uid);
}

static void end(struct probes *probes, struct probed *probed)
{
	mutex_lock(&probes->lock);
	map_remove(&probes->by_id, probed->id);
	mutex_unlock(&probes->lock);
	for (size_t i = 0; i < ARRAY_LEN(probed->all); i++)
		loop_timer_stop(&probed->all[i].timer);
	probed->ended = true;
	if (!probed->running)
		probed_free(probed);
}

struct wanted {
	const struct core_v1_container *container;
	struct str id, field;
	int64_t started_at;
};

/* What a turn asks for, posted to the loop. */
struct wish {
	struct loop_call call;
	struct probes *probes;
	struct arena arena;
	struct object *object;
	struct str uid, host;
	VEC_OF(struct wanted) wanted;
};

static void add(struct wish *wish, const struct wanted *wanted)
{
	struct probes *probes = wish->probes;
	struct probed *probed = XNEW(struct probed);
	int64_t now = clock_wall_ns();

	probed->probes = probes;
	probed->id = arena_str(&probed->arena, wanted->id);
	probed->uid = arena_str(&probed->arena, wish->uid);
	probed->host = arena_str(&probed->arena, wish->host);
	probed->field = arena_str(&probed->arena, wanted->field);
	probed->object = object_ref(wish->object);
	probed->container = wanted->container;
	for (size_t i = 0; i < ARRAY_LEN(probed->all); i++) {
		struct probe *probe = &probed->all[i];
		int64_t delay, period;

		probed->states[i] = probe_state_begin((enum probe_type)i);
		probe->probed = probed;
		probe->type = (enum probe_type)i;
		probe->spec = probe_spec(probed->container, probe->type);
		loop_timer_init(&probe->timer, probes->loop, on_timer);
		if (!probe->spec)
			continue;
		delay = wanted->started_at + probe->spec->initial_delay_seconds * NS_PER_SEC - now;
		period = MAX(probe->spec->period_seconds, 1) * NS_PER_SEC;
		loop_timer_start(&probe->timer, MAX(delay, INT64_C(0)), period);
	}
	mutex_lock(&probes->lock);
	map_set(&probes->by_id, probed->id, probed);
	mutex_unlock(&probes->lock);
}

static bool wants(const struct wish *wish, struct str id)
{
	for (size_t i = 0; i < wish->wanted.len; i++)
		if (str_eq(wish->wanted.items[i].id, id))
			return true;
	return false;
}

static void on_wish(struct loop_call *call)
{
	struct wish *wish = CONTAINER_OF(call, struct wish, call);
	struct probes *probes = wish->probes;
	VEC_OF(struct probed *) over = {0};

	MAP_FOREACH (it, &probes->by_id) {
		struct probed *probed = it->value;

		if (str_eq(probed->uid, wish->uid) && !wants(wish, probed->id))
			vec_push(&wish->arena, &over, probed);
	}
	for (size_t i = 0; i < over.len; i++)
		end(probes, over.items[i]);
	for (size_t i = 0; i < wish->wanted.len && !probes->stopped; i++)
		if (!map_get(&probes->by_id, wish->wanted.items[i].id))
			add(wish, &wish->wanted.items[i]);
	object_unref(wish->object);
	arena_release(&wish->arena);
	free(wish);
}

/* --- Any thread ----------------------------------------------------------------------------------------------------
 */

static bool runs(const struct container_view *container)
{
	return container->latest && container->latest->state == RUNTIME_CONTAINER_RUNNING;
}

static bool has_probes(const struct core_v1_container *container)
{
	return container->startup_probe || container->readiness_probe || container->liveness_probe;
}

static struct wish *wish_new(struct probes *probes, struct str uid)
{
	struct wish *wish = XNEW(struct wish);

	wish->call.run = on_wish;
	wish->probes = probes;
	wish->uid = arena_str(&wish->arena, uid);
	return wish;
}

struct str probe_host(const struct kubelet_context *context, const struct pod_view *view, struct arena *arena)
{
	const struct runtime_ips *ips = view->pod->spec.host_network ? &context->config->node_ips
					: view->sandbox		     ? &view->sandbox->ips
								     : NULL;
	char text[IP_TEXT_SIZE];

	if (!ips || !ips->len)
		return STR_EMPTY;
	ip_format(&ips->items[0], text);
	return arena_str_c(arena, text);
}

void probes_set(struct probes *probes, const struct pod_view *view)
{
	bool any = false;
	struct wish *wish;

	for (size_t i = 0; i < view->len; i++)
		any = any || has_probes(view->containers[i].spec);
	if (!any)
		return;
	wish = wish_new(probes, view->pod->metadata.uid);
	wish->object = object_ref(UNCONST(struct object *, view->object));
	wish->host = probe_host(probes->context, view, &wish->arena);
	for (size_t i = 0; i < view->len; i++) {
		const struct container_view *container = &view->containers[i];

		if (runs(container) && has_probes(container->spec))
			vec_push(&wish->arena, &wish->wanted,
				 (struct wanted){container->spec, arena_str(&wish->arena, container->latest->id),
						 arena_str(&wish->arena, container->field),
						 container->latest->started_at});
	}
	loop_post_call(probes->loop, &wish->call);
}

void probes_forget(struct probes *probes, struct str uid)
{
	loop_post_call(probes->loop, &wish_new(probes, uid)->call);
}

void probes_look(struct probes *probes, struct pod_view *view)
{
	MUTEX_GUARD(&probes->lock);

	for (size_t i = 0; i < view->len; i++) {
		struct container_view *container = &view->containers[i];
		const struct probed *probed = NULL;

		container->verdict = (struct probe_verdict){0};
		if (!runs(container))
			continue;
		probed = map_get(&probes->by_id, container->latest->id);
		container->verdict.started = !container->spec->startup_probe || (probed && started(probed));
		container->verdict.ready = container->verdict.started &&
					   (!container->spec->readiness_probe ||
					    (probed && probed->states[PROBE_READINESS].result == PROBE_SUCCEEDED));
		if (!probed)
			continue;
		container->verdict.failed_startup = probed->states[PROBE_STARTUP].result == PROBE_FAILED;
		container->verdict.failed_liveness = probed->states[PROBE_LIVENESS].result == PROBE_FAILED;
	}
}

/* --- Life ----------------------------------------------------------------------------------------------------------
 */

struct probes *probes_new(const struct kubelet_context *context, struct loop *loop, struct worker_pool *pool)
{
	struct probes *probes = XNEW(struct probes);

	probes->context = context;
	probes->loop = loop;
	probes->pool = pool;
	mutex_init(&probes->lock);
	return probes;
}

void probes_stop(struct probes *probes)
{
	probes->stopped = true;
	MAP_FOREACH (it, &probes->by_id)
		for (size_t i = 0; i < PROBE_TYPE_MAX; i++)
			loop_timer_stop(&((struct probed *)it->value)->all[i].timer);
}

struct probes *probes_free(struct probes *probes)
{
	if (!probes)
		return NULL;
	MAP_FOREACH (it, &probes->by_id)
		probed_free(it->value);
	map_release(&probes->by_id);
	mutex_release(&probes->lock);
	free(probes);
	return NULL;
}
