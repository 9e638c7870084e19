/*
 * kube-proxy as a component; see component.h.
 *
 * Two threads and one mailbox.  The loop puts a job in it, one at a time, and the applying thread posts the job back
 * with its result; neither touches the other's state.
 */
#include "proxy/component.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "client/client.h"
#include "client/informer.h"
#include "proxy/source.h"
#include "sys/loop.h"
#include "sys/thread.h"
#include "types/selector.h"

#define RETRY_MIN_NS (1 * NS_PER_SEC)
#define RETRY_MAX_NS (30 * NS_PER_SEC)

/* One piece of work for the applying thread, and its result. */
struct job {
	struct proxy_component *component;
	struct arena arena;
	struct proxy_service *services;
	size_t services_len;
	bool sync; /* else only check for damage */
	struct proxy_result result;
	struct error error;
};

struct proxy_component {
	struct proxy *proxy; /* the applying thread's */
	struct str node_name;
	int64_t min_sync_ns;

	/* The loop's. */
	struct loop *loop;
	struct informer *services, *slices;
	int by_service;
	struct informer_handler services_handler, slices_handler;
	struct loop_timer timer;
	struct loop_watch *watch;
	bool dirty, busy;
	int64_t last_sync, retry;

	/* Between the two. */
	struct thread *thread;
	struct mutex lock;
	struct cond filled;
	struct job *mail;
	bool ending;

	atomic_uint_fast64_t syncs;
	atomic_int_fast64_t behind_since;
};

static struct job *take_mail(struct proxy_component *c)
{
	MUTEX_GUARD(&c->lock);
	while (!c->mail && !c->ending)
		cond_wait(&c->filled, &c->lock);
	return TAKE_PTR(c->mail);
}

static void finish(void *data);

static void apply_jobs(void *data)
{
	struct proxy_component *c = data;
	struct job *job;

	log_set_component("kube-proxy");
	while ((job = take_mail(c))) {
		int result = job->sync
				     ? proxy_sync(c->proxy, job->services, job->services_len, &job->result, &job->error)
				     : proxy_heal(c->proxy, &job->result, &job->error);

		if (result < 0)
			log_error(job->sync ? "services not synced" : "tables not checked", "error=\"%s\"",
				  job->error.message);
		loop_post(c->loop, finish, job);
	}
}

static void send_job(struct proxy_component *c, struct job *job)
{
	job->component = c;
	c->busy = true;
	MUTEX_GUARD(&c->lock);
	c->mail = job;
	cond_signal(&c->filled);
}

static void gather(struct proxy_component *c, struct job *job)
{
	struct proxy_source source = {.arena = &job->arena, .node_name = c->node_name};

	INFORMER_FOREACH(service, c->services)
	{
		VEC_OF(const struct discovery_v1_endpoint_slice *) slices = {0};
		struct str key = object_key(service->object, &job->arena);

		INFORMER_FOREACH_INDEXED(slice, c->slices, c->by_service, key)
		vec_push(&job->arena, &slices, OBJECT_AS(discovery_v1_endpoint_slice, slice->object));
		proxy_source_add(&source, OBJECT_AS(core_v1_service, service->object), slices.items, slices.len);
	}
	job->services = source.services.items;
	job->services_len = source.services.len;
}

static void start_sync(struct proxy_component *c)
{
	struct job *job = XNEW(struct job);

	job->sync = true;
	c->dirty = false;
	c->last_sync = clock_monotonic_ns();
	gather(c, job);
	send_job(c, job);
}

/* Now, or when enough time has passed since the last sync. */
static void schedule(struct proxy_component *c)
{
	int64_t wait;

	if (!c->dirty || c->busy || loop_timer_active(&c->timer))
		return;
	wait = c->last_sync ? c->last_sync + MAX(c->min_sync_ns, c->retry) - clock_monotonic_ns() : 0;
	loop_timer_start(&c->timer, MAX(wait, 0), 0);
}

static void run_timer(struct loop_timer *timer)
{
	struct proxy_component *c = CONTAINER_OF(timer, struct proxy_component, timer);

	if (c->dirty && !c->busy)
		start_sync(c);
}

static void finish(void *data)
{
	struct job *job = data;
	struct proxy_component *c = job->component;

	c->busy = false;
	if (job->sync && job->error.code == ERR_NONE) {
		c->retry = 0;
		atomic_fetch_add(&c->syncs, 1);
		if (!c->dirty)
			atomic_store(&c->behind_since, 0);
		if (job->result.added || job->result.deleted || job->result.rebuilt)
			log_debug("services synced", "services=%zu added=%zu deleted=%zu conntrack=%zu rebuilt=%d",
				  job->services_len, job->result.added, job->result.deleted,
				  job->result.conntrack_deleted, job->result.rebuilt);
	} else if (job->error.code != ERR_NONE) {
		c->retry = c->retry ? MIN(c->retry * 2, RETRY_MAX_NS) : RETRY_MIN_NS;
		c->dirty = true;
	} else if (job->result.rebuilt || job->result.added) {
		log_warn("tables put right", "added=%zu deleted=%zu rebuilt=%d", job->result.added, job->result.deleted,
			 job->result.rebuilt);
	}
	/* What came in meanwhile is seen now: the descriptor is watched again. */
	if (c->watch)
		loop_watch_set(c->watch, LOOP_READ);
	arena_release(&job->arena);
	free(job);
	schedule(c);
}

/* Some table changed.  The applying thread finds out whether it was ours; until then there is no need to hear more. */
static void run_watch(void *data, unsigned events UNUSED)
{
	struct proxy_component *c = data;

	loop_watch_set(c->watch, 0);
	if (!c->busy)
		send_job(c, XNEW(struct job));
}

static void note_change(struct proxy_component *c)
{
	if (!c->dirty && atomic_load(&c->behind_since) == 0)
		atomic_store(&c->behind_since, clock_monotonic_ns());
	c->dirty = true;
	if (informer_synced(c->services) && informer_synced(c->slices))
		schedule(c);
}

static void services_changed(struct informer_handler *handler, struct object *old UNUSED, struct object *new_ UNUSED)
{
	note_change(CONTAINER_OF(handler, struct proxy_component, services_handler));
}

static void services_synced(struct informer_handler *handler)
{
	note_change(CONTAINER_OF(handler, struct proxy_component, services_handler));
}

static void slices_changed(struct informer_handler *handler, struct object *old UNUSED, struct object *new_ UNUSED)
{
	note_change(CONTAINER_OF(handler, struct proxy_component, slices_handler));
}

static void slices_synced(struct informer_handler *handler)
{
	note_change(CONTAINER_OF(handler, struct proxy_component, slices_handler));
}

/* A slice is found by the service its label names, as "namespace/name". */
static void service_of_slice(const struct object *object, struct informer_keys *values)
{
	const struct str *name = str_map_get(&object->meta->labels, STR(PROXY_SLICE_SERVICE));

	if (name)
		informer_keys_add_named(values, object->meta->namespace, *name);
}

static void make_informers(struct proxy_component *c, struct transport *transport)
{
	struct informer_config services = {.loop = c->loop,
					   .transport = transport,
					   .resource = client_resource("", "v1", "services"),
					   .label_selector = STR(PROXY_SERVICE_SELECTOR)};
	struct informer_config slices = {.loop = c->loop,
					 .transport = transport,
					 .resource = client_resource("discovery.k8s.io", "v1", "endpointslices"),
					 .label_selector = STR(PROXY_SLICE_SELECTOR)};

	c->services_handler = (struct informer_handler){.changed = services_changed, .synced = services_synced};
	c->slices_handler = (struct informer_handler){.changed = slices_changed, .synced = slices_synced};
	c->services = informer_new(&services);
	c->slices = informer_new(&slices);
	c->by_service = informer_add_index(c->slices, service_of_slice);
	informer_add_handler(c->services, &c->services_handler);
	informer_add_handler(c->slices, &c->slices_handler);
}

int proxy_component_new(const struct proxy_component_config *config, struct proxy_component **ret, struct error *err)
{
	struct proxy_component *c = XNEW(struct proxy_component);
	size_t name_len = strlen(config->proxy.node_name);
	int error = 0;

	mutex_init(&c->lock);
	cond_init(&c->filled);
	c->node_name = (struct str){xmemdup(config->proxy.node_name, name_len), name_len};
	c->min_sync_ns = config->min_sync_ns;
	c->loop = loop_new();
	loop_timer_init(&c->timer, c->loop, run_timer);
	make_informers(c, config->transport);
	if (proxy_open(&config->proxy, &c->proxy, err) < 0)
		goto out;
	c->watch = loop_watch_new(c->loop, proxy_watch_fd(c->proxy), LOOP_READ, run_watch, c, &error);
	if (!c->watch) {
		error_set_errno(err, error, "watch for nftables changes");
		goto out;
	}
	if (thread_start("proxy-apply", apply_jobs, c, &c->thread, err) < 0)
		goto out;
	*ret = c;
	return 0;
out:
	proxy_component_free(c);
	return -(int)err->code;
}

void proxy_component_run(struct proxy_component *c)
{
	informer_start(c->services);
	informer_start(c->slices);
	loop_run(c->loop);
}

void proxy_component_stop(struct proxy_component *c)
{
	loop_stop(c->loop);
}

static void end_thread(struct proxy_component *c)
{
	{
		MUTEX_GUARD(&c->lock);
		c->ending = true;
		cond_signal(&c->filled);
	}
	thread_join(c->thread);
}

struct proxy_component *proxy_component_free(struct proxy_component *c)
{
	if (!c)
		return NULL;
	end_thread(c);
	informer_free(c->services);
	informer_free(c->slices);
	c->dirty = false;
	c->watch = loop_watch_free(c->watch);
	/* Runs finish() of a job that was under way. */
	loop_free(c->loop);
	proxy_close(c->proxy);
	mutex_release(&c->lock);
	cond_release(&c->filled);
	free(UNCONST(char *, c->node_name.data)); /* ours; struct str is const for its readers */
	free(c);
	return NULL;
}

uint64_t proxy_component_syncs(const struct proxy_component *c)
{
	return atomic_load(&c->syncs);
}

int64_t proxy_component_behind_since(const struct proxy_component *c)
{
	return atomic_load(&c->behind_since);
}
