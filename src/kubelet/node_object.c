/* The node's own objects; see node_object.h. */
#include "kubelet/node_object.h"

#include "base/clock.h"
#include "base/log.h"
#include "client/reconnect.h"
#include "kubelet/node_status.h"
#include "sys/loop.h"
#include "sys/thread.h"
#include "types/gen/coordination_v1.h"

#define REPORT_NS    (300 * NS_PER_SEC)
#define NOT_READY_NS (200 * NS_PER_MS) /* until the node is ready it is looked at often */
#define RETRY_MIN_NS (200 * NS_PER_MS)
#define RETRY_MAX_NS (7 * NS_PER_SEC)

struct node_object {
	const struct kubelet_context *context;
	struct loop *loop;
	struct worker_pool *pool;
	struct loop_timer timer;
	struct loop_call done;
	struct reconnect backoff;
	struct random_source random;
	bool stopped;

	/* The turn's, while one is under way: */
	bool failed, ready;
	bool said_starting;
	int64_t reported_at;
	struct object *lease; /* as written last */
};

/* --- A turn, on a worker ---------------------------------------------------------------------------------------- */

static int get_or_register(struct node_object *node, struct arena *arena, struct object **ret, struct error *err)
{
	const struct kubelet_context *context = node->context;
	struct core_v1_node initial;

	if (client_get(&context->client, context->nodes, STR_EMPTY, context->config->node_name, ret, err) == 0)
		return 0;
	if (err->code != ERR_NOT_FOUND)
		return -(int)err->code;
	error_clear(err);
	initial = node_initial(context, arena);
	initial.status = node_status(context, &initial.status, clock_wall_ns(), arena);
	if (client_create(&context->client, context->nodes, &initial, ret, err) == 0)
		return 0;
	return -(int)err->code;
}

static int report(struct node_object *node, const struct object *object, struct arena *arena, struct error *err)
{
	const struct kubelet_context *context = node->context;
	const struct core_v1_node *before = OBJECT_AS(core_v1_node, object);
	struct core_v1_node next = *before;
	int64_t now = clock_wall_ns();
	struct str patch;

	next.status = node_status(context, &before->status, now, arena);
	node->ready = node_status_ready(&next.status);
	if (!node_status_differs(&next.status, &before->status, arena) && now - node->reported_at < REPORT_NS)
		return 0;
	patch = client_diff(context->nodes->schema, before, &next, "status", arena);
	if (patch.len && client_patch(&context->client, context->nodes, STR_EMPTY, context->config->node_name,
				      STR("status"), PATCH_TYPE_MERGE, patch, NULL, err) < 0)
		return -(int)err->code;
	node->reported_at = now;
	return 0;
}

static struct coordination_v1_lease new_lease(const struct node_object *node, const struct object *owner,
					      struct arena *arena)
{
	const struct kubelet_config *config = node->context->config;
	struct meta_v1_owner_reference *reference = ARENA_NEW(arena, struct meta_v1_owner_reference);
	int32_t duration = (int32_t)config->lease_duration_s;

	*reference = (struct meta_v1_owner_reference){
		.api_version = STR("v1"), .kind = STR("Node"), .name = config->node_name, .uid = owner->meta->uid};
	return (struct coordination_v1_lease){
		.metadata = {.name = config->node_name,
			     .namespace = STR("kube-node-lease"),
			     .owner_references = {reference, 1}},
		.spec = {.holder_identity = &config->node_name,
			 .lease_duration_seconds = ARENA_DUP(arena, int32_t, &duration)},
	};
}

static int renew(struct node_object *node, const struct object *owner, struct arena *arena, struct error *err)
{
	const struct kubelet_context *context = node->context;
	int64_t now = clock_wall_ns();
	struct timestamp time = {.seconds = now / NS_PER_SEC, .nanos = (int32_t)(now % NS_PER_SEC), .is_set = true};
	struct coordination_v1_lease lease;
	struct object *written = NULL;

	if (!node->lease && client_get(&context->client, context->leases, STR("kube-node-lease"),
				       context->config->node_name, &node->lease, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return -(int)err->code;
		error_clear(err);
	}
	lease = node->lease ? *OBJECT_AS(coordination_v1_lease, node->lease) : new_lease(node, owner, arena);
	lease.spec.renew_time = &time;
	if ((node->lease ? client_update(&context->client, context->leases, STR_EMPTY, &lease, &written, err)
			 : client_create(&context->client, context->leases, &lease, &written, err)) < 0) {
		/* Whatever is there now is read before the next try. */
		node->lease = object_unref(node->lease);
		return -(int)err->code;
	}
	object_unref(node->lease);
	node->lease = written;
	return 0;
}

static void on_done(struct loop_call *call);

static void run_turn(void *data)
{
	struct node_object *node = data;
	struct object cleanup_object *object = NULL;
	struct arena cleanup_arena arena = {0};
	struct error err = {0};

	log_set_component("kubelet");
	node->failed = get_or_register(node, &arena, &object, &err) < 0 || renew(node, object, &arena, &err) < 0 ||
		       report(node, object, &arena, &err) < 0;
	if (node->failed)
		log_warn("cannot report the node", "error=\"%s\"", err.message);
	if (object && !node->said_starting) {
		recorder_eventf(node->context->recorder, object, "Normal", "Starting", "Starting kubelet.");
		node->said_starting = true;
	}
	node->done.run = on_done;
	loop_post_call(node->loop, &node->done);
}

/* --- The loop's side -------------------------------------------------------------------------------------------- */

static void on_done(struct loop_call *call)
{
	struct node_object *node = CONTAINER_OF(call, struct node_object, done);
	int64_t delay = node->context->config->node_status_period_ns, now = clock_monotonic_ns();

	if (node->stopped)
		return;
	if (node->failed)
		delay = MIN(delay, reconnect_failed(&node->backoff, now, &node->random));
	else
		reconnect_connected(&node->backoff, now);
	if (!node->ready)
		delay = MIN(delay, NOT_READY_NS);
	loop_timer_start(&node->timer, delay, 0);
}

static void on_timer(struct loop_timer *timer)
{
	struct node_object *node = CONTAINER_OF(timer, struct node_object, timer);

	worker_pool_submit(node->pool, run_turn, node);
}

struct node_object *node_object_new(const struct kubelet_context *context, struct loop *loop, struct worker_pool *pool)
{
	struct node_object *node = XNEW(struct node_object);

	node->context = context;
	node->loop = loop;
	node->pool = pool;
	loop_timer_init(&node->timer, loop, on_timer);
	reconnect_init(&node->backoff, RETRY_MIN_NS, RETRY_MAX_NS, 0);
	random_bytes(&node->random, sizeof(node->random));
	return node;
}

int node_object_start(struct node_object *node, struct error *err)
{
	struct runtime_version version;
	struct arena cleanup_arena arena = {0};

	if (RUNTIME_CALL(node->context->runtime, version, &arena, &version, err) < 0)
		return error_wrap(err, "container runtime");
	worker_pool_submit(node->pool, run_turn, node);
	return 0;
}

void node_object_stop(struct node_object *node)
{
	node->stopped = true;
	loop_timer_stop(&node->timer);
}

struct node_object *node_object_free(struct node_object *node)
{
	if (!node)
		return NULL;
	object_unref(node->lease);
	free(node);
	return NULL;
}
