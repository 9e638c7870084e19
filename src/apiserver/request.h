/*
 * One request: what came, what was found out about it, and the answer in the making.
 *
 * A request goes through the steps of steps.h in order.  A step is one function on the request; it answers
 *   STEP_NEXT       go on with the next,
 *   STEP_DONE       the response is complete (also when it is an error),
 *   STEP_SUSPENDED  somebody else holds the request now and calls request_resume() (or request_retry()) once,
 *   STEP_RETRY      the object changed meanwhile: begin again at the step `decode`.
 *
 * Where it runs.  A request has a home: the I/O thread of its connection, or the thread that calls in process.  Steps
 * run at home unless the table says that they may block; then the rest of the request runs on a handler thread.
 * request_resume() may be called from any thread; it posts the request to its home.
 *
 * Memory.  Everything a step makes lives in the request's arena, which goes when the response has been handed over.
 * References to objects and records that the answer needs are dropped with the arena (request_hold_object,
 * request_hold_record).
 *
 * A request comes in over HTTP (http.c: bytes) or from a component of this process (local.c: structs).  For the latter
 * `local` is set: bodies are not decoded and answers not encoded.
 */
#ifndef WHERRY_APISERVER_REQUEST_H
#define WHERRY_APISERVER_REQUEST_H

#include "apiserver/authenticator.h"
#include "apiserver/negotiate.h"
#include "apiserver/options.h"
#include "apiserver/request_info.h"
#include "apiserver/request_metrics.h"
#include "apiserver/strategy.h"
#include "base/buf.h"
#include "store/store.h"
#include "sys/loop.h"
#include "types/codec.h"
#include "types/gen/meta_v1.h"
#include "types/object.h"

struct action;
struct apiserver;
struct await;
struct forward;
struct http_request;
struct request;
struct watcher;

enum step_result { STEP_NEXT, STEP_DONE, STEP_SUSPENDED, STEP_RETRY };

/* What is done to a resource; what is no resource is OP_PATH. */
enum operation {
	OP_UNKNOWN = 0, /* not routed yet */
	OP_PATH = 1 << 0,
	OP_GET = 1 << 1,
	OP_LIST = 1 << 2,
	OP_WATCH = 1 << 3,
	OP_CREATE = 1 << 4,
	OP_UPDATE = 1 << 5,
	OP_PATCH = 1 << 6,
	OP_DELETE = 1 << 7,
	OP_DELETE_COLLECTION = 1 << 8,
	OP_ACTION = 1 << 9, /* of a kind of its own: actions.h */
};

/* Whom the user asks to be. */
struct impersonation {
	struct str user, uid;
	struct str_slice groups;
	struct str_slice_map extra;
};

struct response_header {
	struct str name, value;
};

struct response {
	int code; /* 0: nothing yet */
	struct str content_type;
	VEC_OF(struct response_header) headers;
	struct buf body;
	struct watcher *watcher; /* the body is a stream of events: the way it came in takes it over */
	/* In process: the answer as references the caller takes. */
	struct object *object;
	VEC_OF(struct object *) items;
	uint64_t revision;
};

/* How an answer leaves, set by the way the request came in. */
struct request_home {
	/* Runs @run(request) at home soon.  Any thread. */
	void (*post)(struct request *request, void (*run)(struct request *request));
	/* The response is complete: send it and free the request.  At home. */
	void (*finish)(struct request *request);
};

struct request {
	struct arena arena;
	struct apiserver *server;
	const struct request_home *home;
	void *home_data;
	int64_t started; /* monotonic */
	struct timestamp now;

	/* As it came. */
	struct str method, raw_path, raw_query;
	struct str accept, content_type, user_agent, if_none_match;
	struct credentials credentials;
	const struct impersonation *impersonation; /* or NULL */
	struct str body;
	struct http_request *http; /* NULL in process: for actions that upgrade or stream */
	struct forward *forward;   /* kubelet_proxy.c's, while a node answers */
	bool local;
	bool lazy;			   /* in process: the write need not survive the machine */
	bool keeps_managed;		   /* in process: the body's managedFields are as they are to be */
	bool trusted;			   /* in process, as part of a request that was authorized: not asked again */
	const struct schema *local_schema; /* of local_body */
	const void *local_body;

	/* Found out, in this order. */
	struct query query;
	struct request_info info;
	struct user_info user;
	enum operation operation;
	const struct resource *resource;
	const struct strategy *strategy;
	const struct subresource *subresource;
	struct str deprecation; /* of the type the request is about; told in every answer */
	const struct action *action;
	struct answer_form accepted;	/* of the answer */
	struct request_options options; /* of the query and, for deletes, the body */
	struct strategy_context context;

	/* A write in the making. */
	const struct schema *body_schema; /* of `decoded` */
	void *decoded;			  /* the body as a struct */
	const struct meta_v1_delete_options *delete_options;
	const struct schema *schema;				  /* of the stored form: what object and old are */
	void *object;						  /* the new object */
	struct object *old;					  /* the present one, or NULL */
	struct meta_v1_managed_fields_entry_slice managed_fields; /* of the new object */
	const struct store_record *old_record;
	struct store_write write;
	struct buf stored, header; /* the new object's stored form */
	struct object *published;
	const struct store_record *new_record;
	unsigned attempts;
	struct await *await; /* await.c's, while something is waited for */
	bool awaited;	     /* it was; nothing is waited for twice */
	bool created;	     /* answer 201 */
	bool delete_now;     /* the write removes the object */
	bool delete_next;    /* the write ends its grace, then another removes it */
	bool generated_name;
	bool managed;	    /* managed_fields are known: the step `manage` has nothing to do */
	bool unconditional; /* the client named no version: a conflict is tried again */
	bool submitted;	    /* `write` was handed in */
	bool unchanged;	    /* nothing to write: the answer is the present object */

	/* The answer. */
	struct response response;
	struct meta_v1_status *status; /* of a failure */

	struct request_tally tally; /* request_metrics.c's */

	/* The runner's. */
	size_t step;
	bool on_handler;
	bool body_too_large;
	struct loop *loop;     /* of its home, NULL: a thread that waits */
	struct loop_call call; /* for post() */
	void (*posted)(struct request *request);
};

/* A new request; the way in fills in what came and calls request_start(). */
struct request *request_new(struct apiserver *server, const struct request_home *home, void *home_data);
/* Frees it with all it holds; a watcher not taken over is closed. */
struct request *request_free(struct request *request);
/* Runs the steps, at home.  The home's finish() is called, perhaps before this returns. */
void request_start(struct request *request);
/* Goes on after the step that suspended it.  Any thread. */
void request_resume(struct request *request);
/* Begins again at the step `decode`.  Any thread. */
void request_retry(struct request *request);

/* Runs the step that suspended it again.  At home. */
void request_step_again(struct request *request);
/* For a step that finds out by itself that it may block: what it returns.  It runs again, on a handler thread. */
enum step_result request_move_to_handler(struct request *request);

/* Drops a reference when the request goes. */
void request_hold_object(struct request *request, struct object *object);
void request_hold_record(struct request *request, const struct store_record *record);

/* What the query says, by kind of request; not STEP_NEXT: it is refused. */
enum step_result options_parse_get(struct request *request) MUST_CHECK;
enum step_result options_parse_list(struct request *request) MUST_CHECK;
enum step_result options_parse_write(struct request *request) MUST_CHECK;
/* Options of the @body when it has some, else of the query. */
enum step_result options_parse_delete(struct request *request, const struct meta_v1_delete_options *body) MUST_CHECK;

/* strategy_context's lookup: the stored object, held as long as the request; NULL: there is none. */
const struct object *request_lookup(struct strategy_context *context, struct str group, struct str plural,
				    struct str name_space, struct str name);
/* Do labels and fields of the stored object match the request's selectors? */
bool request_selects(const struct request *request, const struct store_record *record);

void response_header(struct request *request, struct str name, struct str value);
/* A Warning header: `299 - "text"`. */
void response_warning(struct request *request, struct str text);

#endif
