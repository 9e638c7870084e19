/*
 * The garbage collector: deletes what has lost its owners, and carries out orphaning and foreground deletion.
 *
 * It watches every resource that can be deleted, and looks at metadata alone: what no other controller needs whole is
 * held as that.  A work key is "<place of the resource>:<object key>".  That an owner is gone is never
 * believed of the cache alone: observe() asks the server first.
 */
#include "controllers/garbage_collector.h"

struct garbage_collector;

struct watched {
	struct informer_handler handler;
	struct garbage_collector *collector;
	const struct resource *resource;
	struct informer *informer;
	int by_owner;
	unsigned place;
};

struct garbage_collector {
	struct reconciler *reconciler;
	struct watched *watched;
	size_t len;
};

static void index_owners(const struct object *object, struct informer_keys *values)
{
	SLICE_FOREACH (owner, object->meta->owner_references)
		informer_keys_add(values, owner->uid);
}

static void queue(struct watched *watched, const struct object *object)
{
	struct arena cleanup_arena arena = {0};

	reconciler_queue(watched->collector->reconciler,
			 arena_printf(&arena, "%u:" STR_FMT, watched->place, STR_ARG(object_key(object, &arena))));
}

static void queue_dependents(struct garbage_collector *collector, struct str uid)
{
	for (size_t i = 0; i < collector->len; i++)
		INFORMER_FOREACH_INDEXED(it, collector->watched[i].informer, collector->watched[i].by_owner, uid)
	queue(&collector->watched[i], it->object);
}

static struct watched *watched_of(struct garbage_collector *collector, const struct meta_v1_owner_reference *reference)
{
	for (size_t i = 0; i < collector->len; i++)
		if (str_eq(collector->watched[i].resource->kind, reference->kind) &&
		    str_eq(collector->watched[i].resource->api_version, reference->api_version))
			return &collector->watched[i];
	return NULL;
}

/* An object that may have work: it has owners, or its own deletion waits for us. */
static bool concerns_us(const struct object *object)
{
	if (object->meta->owner_references.len && !object->meta->deletion_timestamp)
		return true;
	if (!object->meta->deletion_timestamp)
		return false;
	SLICE_FOREACH (finalizer, object->meta->finalizers)
		if (str_eq(*finalizer, STR(FINALIZER_ORPHAN)) || str_eq(*finalizer, STR(FINALIZER_FOREGROUND)))
			return true;
	return false;
}

static void queue_owners(struct garbage_collector *collector, const struct object *object)
{
	SLICE_FOREACH (reference, object->meta->owner_references) {
		struct watched *owners = watched_of(collector, reference);
		struct object *owner =
			!owners ? NULL
				: informer_get_named(owners->informer,
						     owners->resource->namespaced ? object->meta->namespace : STR_EMPTY,
						     reference->name);

		if (owner && concerns_us(owner))
			queue(owners, owner);
	}
}

static void on_changed(struct informer_handler *handler, struct object *old, struct object *new_)
{
	struct watched *watched = CONTAINER_OF(handler, struct watched, handler);

	if (new_ && concerns_us(new_))
		queue(watched, new_);
	if (!new_ || (new_->meta->deletion_timestamp && !(old && old->meta->deletion_timestamp)))
		queue_dependents(watched->collector, (new_ ? new_ : old)->meta->uid);
	if (!new_)
		queue_owners(watched->collector, old);
}

static struct garbage_owner gather_owner(struct garbage_collector *collector, const struct object *object,
					 const struct meta_v1_owner_reference *reference)
{
	struct watched *owners = watched_of(collector, reference);
	struct garbage_owner owner = {.reference = *reference, .resource = owners ? owners->resource : NULL};
	struct object *cached;

	if (!owners)
		return owner;
	cached = informer_get_named(
		owners->informer, owners->resource->namespaced ? object->meta->namespace : STR_EMPTY, reference->name);
	owner.cached = cached && str_eq(cached->meta->uid, reference->uid);
	if (!owner.cached) {
		owner.state = OWNER_ABSENT;
	} else if (cached->meta->deletion_timestamp) {
		SLICE_FOREACH (finalizer, cached->meta->finalizers)
			if (str_eq(*finalizer, STR(FINALIZER_FOREGROUND)))
				owner.state = OWNER_WAITING;
	}
	return owner;
}

static void gather_dependents(struct garbage_collector *collector, struct garbage_inputs *inputs, struct arena *arena)
{
	VEC_OF(struct garbage_dependent) all = {0};
	struct str uid = inputs->object->meta->uid;

	for (size_t i = 0; i < collector->len; i++) {
		const struct watched *watched = &collector->watched[i];

		INFORMER_FOREACH_INDEXED(it, watched->informer, watched->by_owner, uid)
		{
			struct garbage_dependent dependent = {reconciler_hold(arena, it->object), watched->resource,
							      false};

			SLICE_FOREACH (reference, it->object->meta->owner_references)
				if (str_eq(reference->uid, uid) && reference->block_owner_deletion)
					dependent.blocks = *reference->block_owner_deletion;
			vec_push(arena, &all, dependent);
		}
	}
	inputs->dependents = all.items;
	inputs->dependents_len = all.len;
}

static void *gather(void *cookie, struct str key, struct arena *arena)
{
	struct garbage_collector *collector = cookie;
	struct garbage_inputs *inputs;
	struct str place, name;
	struct object *object;
	uint64_t n;

	if (!str_cut(key, ':', &place, &name) || str_parse_uint64(place, &n) < 0 || n >= collector->len)
		return NULL;
	object = informer_get(collector->watched[n].informer, name);
	if (!object || !concerns_us(object))
		return NULL;
	inputs = ARENA_NEW(arena, struct garbage_inputs);
	inputs->resource = collector->watched[n].resource;
	inputs->object = reconciler_hold(arena, object);
	inputs->owners_len = object->meta->owner_references.len;
	inputs->owners = ARENA_NEW_N(arena, struct garbage_owner, inputs->owners_len + 1);
	for (size_t i = 0; i < inputs->owners_len; i++)
		inputs->owners[i] = gather_owner(collector, object, &object->meta->owner_references.items[i]);
	if (object->meta->deletion_timestamp)
		gather_dependents(collector, inputs, arena);
	return inputs;
}

/* The cache may lag: an owner it does not know is asked for. */
static int observe(void *cookie UNUSED, void *data, const struct client *client, struct arena *arena UNUSED,
		   struct error *err)
{
	struct garbage_inputs *inputs = data;

	for (size_t i = 0; i < inputs->owners_len; i++) {
		struct garbage_owner *owner = &inputs->owners[i];
		struct object cleanup_object *live = NULL;

		if (!owner->resource || owner->cached)
			continue;
		if (client_get(client, owner->resource,
			       owner->resource->namespaced ? inputs->object->meta->namespace : STR_EMPTY,
			       owner->reference.name, &live, err) == 0) {
			owner->state = str_eq(live->meta->uid, owner->reference.uid) ? OWNER_SOLID : OWNER_ABSENT;
		} else if (err->code == ERR_NOT_FOUND) {
			error_clear(err);
		} else {
			return -(int)err->code;
		}
	}
	return 0;
}

static bool is_watched(const struct resource *resource)
{
	const unsigned needs = VERB_DELETE | VERB_LIST | VERB_WATCH;

	return resource->schema && resource->stability == STABILITY_GA && (resource->verbs & needs) == needs &&
	       !str_eq(resource->plural, STR("events")) &&
	       str_eq(resource->api_version, resource->storage_version); /* one version of each */
}

static void watch_all(struct garbage_collector *collector, struct controller_context *context)
{
	collector->watched = xcalloc(resources_len, sizeof(*collector->watched));
	for (size_t i = 0; i < resources_len; i++) {
		struct watched *watched = &collector->watched[collector->len];

		if (!is_watched(&resources[i]))
			continue;
		*watched = (struct watched){.handler = {.changed = on_changed},
					    .collector = collector,
					    .resource = &resources[i],
					    .informer = informer_set_get_metadata(context->informers, &resources[i]),
					    .by_owner =
						    informer_set_index(context->informers, &resources[i], index_owners),
					    .place = (unsigned)collector->len};
		collector->len++;
		reconciler_add_input(collector->reconciler, watched->informer);
		informer_add_handler(watched->informer, &watched->handler);
	}
}

static void *start(struct controller_context *context)
{
	static const struct reconciler_ops ops = {.name = "garbage-collector-controller",
						  .gather = gather,
						  .observe = observe,
						  .plan = garbage_plan,
						  .workers = 20};
	struct garbage_collector *collector = XNEW(struct garbage_collector);

	collector->reconciler = controller_reconciler(context, &ops, collector);
	watch_all(collector, context);
	return collector;
}

static void stop(void *state)
{
	struct garbage_collector *collector = state;

	reconciler_stop(collector->reconciler);
}

static void release(void *state)
{
	struct garbage_collector *collector = state;

	reconciler_free(collector->reconciler);
	free(collector->watched);
	free(collector);
}

const struct controller controller_garbage_collector = {"garbage-collector-controller", "generic-garbage-collector",
							start, stop, release};
