/*
 * A way to the API: requests in terms of objects, not bytes.
 *
 * Every component speaks to the API server through a transport and cannot tell which: HTTPS (client/https.h) encodes
 * and decodes, the in-process one (apiserver/local.h) hands references over below HTTP and runs the same pipeline, so
 * that authorization and admission apply to both.
 *
 * Threads.  call() blocks and is for worker threads.  watch() returns at once; its events arrive through the sink's
 * functions on a thread of the transport's choosing, one at a time and in order, and those must not block: they hand
 * the event to their owner's loop.  After watch_close() returns no sink function runs any more.
 *
 * Errors carry the server's Status: code by its reason, message as it came.  ERR_CLOSED and ERR_SYSTEM are the way's
 * own.
 */
#ifndef WHERRY_CLIENT_TRANSPORT_H
#define WHERRY_CLIENT_TRANSPORT_H

#include "base/error.h"
#include "types/object.h"
#include "types/resource.h"

enum api_operation { API_GET, API_LIST, API_CREATE, API_UPDATE, API_PATCH, API_DELETE, API_OPERATION_MAX };

enum patch_type { PATCH_TYPE_JSON, PATCH_TYPE_MERGE, PATCH_TYPE_STRATEGIC, PATCH_TYPE_APPLY };

struct api_request {
	enum api_operation operation;
	const struct resource *resource;
	struct str namespace; /* empty: cluster-scoped, or all namespaces in a list */
	struct str name;
	struct str subresource; /* "status", "binding", "token" or empty */

	/* CREATE, UPDATE: the struct of body_schema (the subresource's where it has one of its own). */
	const struct schema *body_schema;
	const void *body;
	/* PATCH: the patch's JSON text. */
	enum patch_type patch_type;
	struct str patch;
	bool force; /* APPLY: take fields of other managers */

	/* LIST and watches */
	struct str label_selector, field_selector;
	/*
	 * Watches: no more than the objects' metadata is wanted.  Of what comes only `meta` may be looked at: over
	 * HTTPS it is a PartialObjectMetadata, in process the whole object where somebody holds it anyway.
	 */
	bool metadata_only;

	/* DELETE */
	const int64_t *grace_period_seconds;
	struct str precondition_uid;
	struct str propagation_policy; /* "Background", "Foreground", "Orphan" or empty */

	struct str field_manager;
};

struct api_response {
	/* GET, CREATE, UPDATE, PATCH, and DELETE of what lives on: the object as stored, a reference the caller drops.
	 * NULL after a DELETE that removed it. */
	struct object *object;
	/* LIST: references the caller drops, and the array itself to free(). */
	struct object **items;
	size_t items_len;
	/* The revision of the snapshot or of the write; 0 when the server did not say. */
	uint64_t revision;
};

/* Drops every reference in @response. */
void api_response_release(struct api_response *response);

enum watch_event_type { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK, WATCH_EVENT_MAX };

struct watch_sink {
	/* @object is borrowed; a bookmark has NULL. @initial_end: this bookmark ends the initial events. */
	void (*event)(struct watch_sink *sink, enum watch_event_type type, struct object *object, uint64_t revision,
		      bool initial_end);
	/* The watch is over, for the reason in @err (ERR_EXPIRED: start anew; ERR_CLOSED: resume).  Last call. */
	void (*closed)(struct watch_sink *sink, const struct error *err);
};

struct transport;
struct transport_watch;

struct transport_ops {
	int (*call)(struct transport *transport, const struct api_request *request, struct api_response *ret,
		    struct error *err);
	/*
	 * Starts a watch of request's resource, namespace and selectors.  @revision 0: first all objects as ADDED and a
	 * bookmark with initial_end (sendInitialEvents), then changes; else changes after that revision.
	 */
	int (*watch)(struct transport *transport, const struct api_request *request, uint64_t revision,
		     struct watch_sink *sink, struct transport_watch **ret, struct error *err);
	void (*watch_close)(struct transport_watch *watch);
	void (*free)(struct transport *transport);
};

/* Implementations embed this first. */
struct transport {
	const struct transport_ops *ops;
};

static inline void transport_free(struct transport *transport)
{
	if (transport)
		transport->ops->free(transport);
}

#endif
