/*
 * The ConfigMaps and Secrets that pods refer to; see references.h.
 *
 * That no change is missed: a pod is entered as a user before it looks, and `served` is what it was given last (under
 * the lock).  The watch begins with the present state; whenever the watch's state and `served` differ after an event,
 * the users are woken, so a change between a request and the watch's beginning is seen too.  A wake that comes too
 * often costs a turn and nothing else.
 */
#include "kubelet/references.h"

#include "base/list.h"
#include "base/map.h"
#include "client/informer.h"
#include "sys/loop.h"
#include "sys/thread.h"

struct reference {
	struct references *references;
	struct list link;
	struct str key; /* "configmaps/ns/name"; follows the struct, as the next three */
	const struct resource *resource;
	struct str namespace, name, selector;
	struct loop_call start, end;
	struct informer *informer; /* the loop's */
	struct informer_handler handler;
	/* The lock's: */
	struct map users; /* uid -> its struct user */
	bool known;	  /* the watch has begun: object is the state, NULL for absent */
	struct object *object;
	bool asked, mixed; /* before that: users were given something; not all the same */
	uint64_t served;   /* the revision they were given; 0: absent */
};

struct user {
	struct str uid; /* follows the struct */
};

struct references {
	const struct kubelet_context *context;
	struct loop *loop;
	struct list all;   /* the loop's */
	struct mutex lock; /* guards by_key, stopped and what references say */
	struct map by_key; /* those with users */
	bool stopped;
};

static void drop(void *object)
{
	object_unref(object);
}

/* --- On the loop ---------------------------------------------------------------------------------------------------
 */

static void wake_all(const struct references *references, const struct str *users, size_t len)
{
	for (size_t i = 0; i < len; i++)
		references->context->wake(references->context->cookie, users[i]);
}

static uint64_t revision_of(const struct reference *reference)
{
	return reference->object ? reference->object->revision : 0;
}

/* A change of the state, in one step with the choice of who is to know. */
static void change(struct reference *reference, struct object *object, bool synced)
{
	struct references *references = reference->references;
	struct object *before = reference->object;
	struct arena cleanup_arena arena = {0};
	VEC_OF(struct str) users = {0};

	mutex_lock(&references->lock);
	reference->object = object;
	if (reference->known ||
	    (synced && reference->asked && (reference->mixed || reference->served != revision_of(reference))))
		MAP_FOREACH (it, &reference->users)
			vec_push(&arena, &users, arena_str(&arena, it->key));
	reference->known = reference->known || synced;
	mutex_unlock(&references->lock);
	wake_all(references, users.items, users.len);
	if (before != object)
		object_unref(before);
}

static void on_changed(struct informer_handler *handler, struct object *old UNUSED, struct object *new_)
{
	change(CONTAINER_OF(handler, struct reference, handler), new_ ? object_ref(new_) : NULL, false);
}

static void on_synced(struct informer_handler *handler)
{
	struct reference *reference = CONTAINER_OF(handler, struct reference, handler);

	change(reference, reference->object, true);
}

static void on_start(struct loop_call *call)
{
	struct reference *reference = CONTAINER_OF(call, struct reference, start);
	struct references *references = reference->references;

	list_append(&references->all, &reference->link);
	if (references->stopped)
		return;
	reference->informer = informer_new(&(struct informer_config){
		.loop = references->loop,
		.transport = references->context->client.transport,
		.resource = reference->resource,
		.namespace = reference->namespace,
		.field_selector = reference->selector,
	});
	reference->handler = (struct informer_handler){.changed = on_changed, .synced = on_synced};
	informer_add_handler(reference->informer, &reference->handler);
	informer_start(reference->informer);
}

static void reference_free(struct reference *reference)
{
	informer_free(reference->informer);
	object_unref(reference->object);
	MAP_FOREACH (it, &reference->users)
		free(it->value);
	map_release(&reference->users);
	list_remove(&reference->link);
	free(reference);
}

static void on_end(struct loop_call *call)
{
	reference_free(CONTAINER_OF(call, struct reference, end));
}

/* --- Any thread ----------------------------------------------------------------------------------------------------
 */

static struct str put(char **place, struct str s)
{
	struct str out = {*place, s.len};

	memcpy(*place, s.data, s.len);
	*place += s.len + 1;
	return out;
}

static struct reference *reference_new(struct references *references, const struct resource *resource, struct str key,
				       struct str namespace, struct str name)
{
	static const struct str prefix = STR_INIT("metadata.name=");
	struct reference *reference =
		xcalloc(1, sizeof(*reference) + key.len + namespace.len + 2 * name.len + prefix.len + sizeof("four"));
	char *place = (char *)(reference + 1);

	reference->references = references;
	reference->resource = resource;
	reference->key = put(&place, key);
	reference->namespace = put(&place, namespace);
	reference->name = put(&place, name);
	reference->selector = put(&place, prefix);
	place--;
	reference->selector.len += put(&place, name).len;
	reference->start.run = on_start;
	reference->end.run = on_end;
	list_init(&reference->link);
	return reference;
}

static void enter(struct reference *reference, struct str uid)
{
	struct user *user;
	char *place;

	if (map_get(&reference->users, uid))
		return;
	user = xcalloc(1, sizeof(*user) + uid.len + 1);
	place = (char *)(user + 1);
	user->uid = put(&place, uid);
	map_set(&reference->users, user->uid, user);
}

/* Enters @uid as a user; true when the state is known: *ret (NULL: absent) is the caller's reference. */
static bool look(struct references *references, const struct resource *resource, struct str key,
		 const struct core_v1_pod *pod, struct str name, struct object **ret)
{
	struct reference *reference;
	MUTEX_GUARD(&references->lock);

	reference = map_get(&references->by_key, key);
	if (!reference) {
		reference = reference_new(references, resource, key, pod->metadata.namespace, name);
		map_set(&references->by_key, reference->key, reference);
		loop_post_call(references->loop, &reference->start);
	}
	enter(reference, pod->metadata.uid);
	if (!reference->known)
		return false;
	*ret = reference->object ? object_ref(reference->object) : NULL;
	return true;
}

/* What a request for the pod @uid was answered; false when the watch knows better by now. */
static bool note_served(struct references *references, struct str key, uint64_t revision)
{
	struct reference *reference;
	MUTEX_GUARD(&references->lock);

	reference = map_get(&references->by_key, key);
	if (!reference)
		return true;
	if (reference->known)
		return revision == revision_of(reference);
	reference->mixed = reference->mixed || (reference->asked && reference->served != revision);
	reference->asked = true;
	reference->served = revision;
	return true;
}

static int ask(const struct kubelet_context *context, const struct resource *resource, struct str namespace,
	       struct str name, struct object **ret, struct error *err)
{
	struct error got = {0};

	if (client_get(&context->client, resource, namespace, name, ret, &got) == 0)
		return 0;
	if (got.code != ERR_NOT_FOUND)
		return error_pass(err, &got);
	*ret = NULL;
	return 0;
}

static int get(const struct kubelet_context *context, const struct resource *resource, const char *word,
	       const struct core_v1_pod *pod, struct str name, struct arena *arena, struct object **ret,
	       struct error *err)
{
	struct str key = arena_printf(arena, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(resource->plural),
				      STR_ARG(pod->metadata.namespace), STR_ARG(name));
	struct object *object = NULL;

	if (!context->references || !look(context->references, resource, key, pod, name, &object)) {
		if (ask(context, resource, pod->metadata.namespace, name, &object, err) < 0)
			return -(int)err->code;
		if (context->references && !note_served(context->references, key, object ? object->revision : 0))
			wake_all(context->references, &pod->metadata.uid, 1);
	}
	if (!object)
		return error_set(err, ERR_NOT_FOUND, "%s \"" STR_FMT "\" not found", word, STR_ARG(name));
	arena_defer(arena, drop, object);
	*ret = object;
	return 0;
}

int reference_config_map(const struct kubelet_context *context, const struct core_v1_pod *pod, struct str name,
			 struct arena *arena, const struct core_v1_config_map **ret, struct error *err)
{
	struct object *object;

	if (get(context, context->configmaps, "configmap", pod, name, arena, &object, err) < 0)
		return -(int)err->code;
	*ret = OBJECT_AS(core_v1_config_map, object);
	return 0;
}

int reference_secret(const struct kubelet_context *context, const struct core_v1_pod *pod, struct str name,
		     struct arena *arena, const struct core_v1_secret **ret, struct error *err)
{
	struct object *object;

	if (get(context, context->secrets, "secret", pod, name, arena, &object, err) < 0)
		return -(int)err->code;
	*ret = OBJECT_AS(core_v1_secret, object);
	return 0;
}

void references_forget(struct references *references, struct str uid)
{
	struct arena cleanup_arena arena = {0};
	VEC_OF(struct reference *) unused = {0};
	MUTEX_GUARD(&references->lock);

	MAP_FOREACH (it, &references->by_key) {
		struct reference *reference = it->value;

		free(map_remove(&reference->users, uid));
		if (!reference->users.len)
			vec_push(&arena, &unused, reference);
	}
	for (size_t i = 0; i < unused.len; i++) {
		map_remove(&references->by_key, unused.items[i]->key);
		loop_post_call(references->loop, &unused.items[i]->end);
	}
}

/* --- Life ----------------------------------------------------------------------------------------------------------
 */

struct references *references_new(const struct kubelet_context *context, struct loop *loop)
{
	struct references *references = XNEW(struct references);

	references->context = context;
	references->loop = loop;
	list_init(&references->all);
	mutex_init(&references->lock);
	return references;
}

void references_stop(struct references *references)
{
	mutex_lock(&references->lock);
	references->stopped = true;
	mutex_unlock(&references->lock);
	LIST_FOREACH (struct reference, reference, &references->all, link)
		reference->informer = informer_free(reference->informer);
}

struct references *references_free(struct references *references)
{
	if (!references)
		return NULL;
	LIST_FOREACH_SAFE (struct reference, reference, &references->all, link)
		reference_free(reference);
	map_release(&references->by_key);
	mutex_release(&references->lock);
	free(references);
	return NULL;
}
