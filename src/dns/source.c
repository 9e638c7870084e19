/* The node's end of the DNS feed; see source.h. */
#include "dns/source.h"

#include "base/limits.h"
#include "client/client.h"
#include "dns/feed.h"
#include "sys/loop.h"

#define OUT_KEPT      (64 * KIB)
#define SLICE_SERVICE "kubernetes.io/service-name" /* a slice's label with its service */

struct dns_source {
	struct loop *loop;
	struct informer *namespaces, *services, *slices;
	int by_service;
	struct informer_handler namespaces_handler, services_handler, slices_handler;
	void (*closed)(void *data);
	void *data;
	struct loop_watch *watch; /* NULL: nobody is attached */
	int fd;
	bool told; /* the snapshot is in `out` or was written */
	struct buf out;
};

static bool synced(const struct dns_source *s)
{
	return informer_synced(s->namespaces) && informer_synced(s->services) && informer_synced(s->slices);
}

void dns_source_detach(struct dns_source *s)
{
	s->watch = loop_watch_free(s->watch);
	s->told = false;
	buf_clear(&s->out);
}

static void close_feed(struct dns_source *s)
{
	dns_source_detach(s);
	if (s->closed)
		s->closed(s->data);
}

/* The other end never writes; that it can be read from means that it is gone. */
static void run_watch(void *data, unsigned events)
{
	struct dns_source *s = data;
	ssize_t n;

	if (events & LOOP_HANGUP) {
		close_feed(s);
		return;
	}
	while (s->out.len > 0) {
		n = write(s->fd, s->out.data, s->out.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			close_feed(s);
			return;
		}
		buf_consume(&s->out, (size_t)n);
	}
	loop_watch_set(s->watch, LOOP_HANGUP | (s->out.len > 0 ? LOOP_WRITE : 0));
	/* A snapshot's memory is not kept for the small frames after it. */
	if (s->out.len == 0 && s->out.cap > OUT_KEPT) {
		buf_release(&s->out);
		buf_init(&s->out, LIMIT_DNS_BACKLOG);
	}
}

/* Has it written on the loop's next turn: a failure must not meet an informer's handler. */
static void flush_soon(struct dns_source *s)
{
	loop_watch_set(s->watch, LOOP_HANGUP | LOOP_WRITE);
}

static struct dns_service make_service(const struct dns_source *s, struct arena *arena, const struct object *object)
{
	VEC_OF(const struct discovery_v1_endpoint_slice *) slices = {0};
	struct str key = object_key(object, arena);

	INFORMER_FOREACH_INDEXED(slice, s->slices, s->by_service, key)
	vec_push(arena, &slices, OBJECT_AS(discovery_v1_endpoint_slice, slice->object));
	return dns_service_from(arena, OBJECT_AS(core_v1_service, object), slices.items, slices.len);
}

static void tell_service(struct dns_source *s, const struct object *object)
{
	struct arena cleanup_arena arena = {0};
	struct dns_service service = make_service(s, &arena, object);

	dns_feed_service(&s->out, &service);
}

static void tell_everything(struct dns_source *s)
{
	dns_feed_begin(&s->out);
	INFORMER_FOREACH(it, s->namespaces)
	dns_feed_namespace(&s->out, it->object->meta->name, false);
	INFORMER_FOREACH(it, s->services)
	tell_service(s, it->object);
	dns_feed_end(&s->out);
	s->told = true;
	flush_soon(s);
}

static void begin(struct dns_source *s)
{
	if (s->watch && !s->told && synced(s))
		tell_everything(s);
}

/* After a change was appended.  A reader so far behind is as good as gone. */
static void appended(struct dns_source *s)
{
	flush_soon(s);
	if (s->out.overflow)
		close_feed(s);
}

static void namespaces_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct dns_source *s = CONTAINER_OF(handler, struct dns_source, namespaces_handler);

	if (!s->told || (old && new_))
		return;
	dns_feed_namespace(&s->out, (new_ ? new_ : old)->meta->name, !new_);
	appended(s);
}

static void services_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct dns_source *s = CONTAINER_OF(handler, struct dns_source, services_handler);

	if (!s->told)
		return;
	if (new_)
		tell_service(s, new_);
	else
		dns_feed_service_gone(&s->out, old->meta->namespace, old->meta->name);
	appended(s);
}

static const struct str *service_label(const struct object *object)
{
	for (size_t i = 0; i < object->meta->labels.len; i++)
		if (str_eq(object->meta->labels.items[i].key, STR(SLICE_SERVICE)))
			return &object->meta->labels.items[i].value;
	return NULL;
}

/* Only a headless service is seen through its endpoints. */
static void tell_service_of(struct dns_source *s, const struct object *slice)
{
	const struct str *name = slice ? service_label(slice) : NULL;
	const struct object *object = name ? informer_get_named(s->services, slice->meta->namespace, *name) : NULL;

	if (!object || !str_eq(OBJECT_AS(core_v1_service, object)->spec.cluster_ip, STR("None")))
		return;
	tell_service(s, object);
	appended(s);
}

static void slices_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct dns_source *s = CONTAINER_OF(handler, struct dns_source, slices_handler);
	const struct str *before = old ? service_label(old) : NULL, *after = new_ ? service_label(new_) : NULL;

	if (!s->told)
		return;
	tell_service_of(s, new_ ? new_ : old);
	/* A slice that changed hands is missed by its former service. */
	if (s->told && before && after && !str_eq(*before, *after))
		tell_service_of(s, old);
}

static void namespaces_synced(struct informer_handler *handler)
{
	begin(CONTAINER_OF(handler, struct dns_source, namespaces_handler));
}

static void services_synced(struct informer_handler *handler)
{
	begin(CONTAINER_OF(handler, struct dns_source, services_handler));
}

static void slices_synced(struct informer_handler *handler)
{
	begin(CONTAINER_OF(handler, struct dns_source, slices_handler));
}

static void service_of_slice(const struct object *object, struct informer_keys *values)
{
	const struct str *name = service_label(object);

	if (name)
		informer_keys_add_named(values, object->meta->namespace, *name);
}

struct dns_source *dns_source_new(const struct dns_source_config *config)
{
	const struct resource *slices = client_resource("discovery.k8s.io", "v1", "endpointslices");
	struct dns_source *s = XNEW(struct dns_source);

	s->loop = config->loop;
	s->closed = config->closed;
	s->data = config->data;
	s->fd = -1;
	buf_init(&s->out, LIMIT_DNS_BACKLOG);
	s->namespaces = informer_set_get(config->informers, client_resource("", "v1", "namespaces"));
	s->services = informer_set_get(config->informers, client_resource("", "v1", "services"));
	s->slices = informer_set_get(config->informers, slices);
	s->by_service = informer_set_index(config->informers, slices, service_of_slice);
	s->namespaces_handler = (struct informer_handler){.changed = namespaces_changed, .synced = namespaces_synced};
	s->services_handler = (struct informer_handler){.changed = services_changed, .synced = services_synced};
	s->slices_handler = (struct informer_handler){.changed = slices_changed, .synced = slices_synced};
	informer_add_handler(s->namespaces, &s->namespaces_handler);
	informer_add_handler(s->services, &s->services_handler);
	informer_add_handler(s->slices, &s->slices_handler);
	return s;
}

struct dns_source *dns_source_free(struct dns_source *s)
{
	if (!s)
		return NULL;
	dns_source_detach(s);
	buf_release(&s->out);
	free(s);
	return NULL;
}

int dns_source_attach(struct dns_source *s, int fd, struct error *err)
{
	int error;

	dns_source_detach(s);
	s->fd = fd;
	s->watch = loop_watch_new(s->loop, fd, LOOP_HANGUP, run_watch, s, &error);
	if (!s->watch)
		return error_set_errno(err, error, "watch the DNS feed");
	begin(s);
	return 0;
}
