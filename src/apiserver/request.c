/* Requests: birth, the runner of steps, death; see request.h. */
#include "apiserver/request.h"

#include "apiserver/encode.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "apiserver/watch.h"
#include "base/clock.h"
#include "base/limits.h"
#include "sys/thread.h"

static const struct step {
	const char *name;
	enum step_result (*run)(struct request *request);
	unsigned operations;
	bool may_block;
} steps[] = {
#define X(name, operations, may_block) {#name, step_##name, operations, may_block},
	REQUEST_STEPS(X)
#undef X
};

enum {
#define X(name, operations, may_block) STEP_INDEX_##name,
	REQUEST_STEPS(X)
#undef X
};

struct request *request_new(struct apiserver *server, const struct request_home *home, void *home_data)
{
	struct request *request = XNEW(struct request);
	int64_t wall = clock_wall_ns();

	arena_init(&request->arena, LIMIT_REQUEST_MEMORY);
	request->server = server;
	request->home = home;
	request->home_data = home_data;
	request->started = clock_monotonic_ns();
	request->now = (struct timestamp){wall / NS_PER_SEC, (int32_t)(wall % NS_PER_SEC), true};
	buf_init(&request->stored, 2 * LIMIT_OBJECT);
	buf_init(&request->header, LIMIT_OBJECT);
	buf_init(&request->response.body, LIMIT_RESPONSE_BODY);
	return request;
}

struct request *request_free(struct request *request)
{
	if (!request)
		return NULL;
	watcher_free(request->response.watcher);
	request_metrics_gone(request);
	object_unref(request->response.object);
	for (size_t i = 0; i < request->response.items.len; i++)
		object_unref(request->response.items.items[i]);
	object_unref(request->old);
	object_unref(request->published);
	store_record_unref(request->old_record);
	store_record_unref(request->new_record);
	buf_release(&request->stored);
	buf_release(&request->header);
	buf_release(&request->response.body);
	arena_release(&request->arena);
	free(request);
	return NULL;
}

static void unref_object(void *object)
{
	object_unref(object);
}

void request_hold_object(struct request *request, struct object *object)
{
	arena_defer(&request->arena, unref_object, object);
}

static void unref_record(void *record)
{
	store_record_unref(record);
}

void request_hold_record(struct request *request, const struct store_record *record)
{
	/* The callback takes a plain pointer; it only drops the reference. */
	arena_defer(&request->arena, unref_record, UNCONST(void *, record));
}

void response_header(struct request *request, struct str name, struct str value)
{
	vec_push(&request->arena, &request->response.headers, (struct response_header){name, value});
}

void response_warning(struct request *request, struct str text)
{
	struct buf cleanup_buf value;

	buf_init(&value, 16 * KIB);
	buf_c(&value, "299 - \"");
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			buf_char(&value, '\\');
		if ((unsigned char)text.data[i] >= ' ')
			buf_char(&value, text.data[i]);
	}
	buf_char(&value, '"');
	if (!value.overflow)
		response_header(request, STR("Warning"), arena_str(&request->arena, buf_view(&value)));
}

/* The answer is complete as a thought; make it bytes and send it off from home. */
static void finish_at_home(struct request *request)
{
	request->home->finish(request);
}

static void complete(struct request *request)
{
	if (request->deprecation.len)
		response_warning(request, request->deprecation);
	for (size_t i = 0; i < request->context.warnings.len; i++)
		response_warning(request, request->context.warnings.items[i]);
	if (request->status && !request->local)
		encode_status_response(request);
	/* A watch counts when it ends. */
	if (!request->response.watcher)
		request_metrics_answered(request);
	if (request->on_handler)
		request->home->post(request, finish_at_home);
	else
		request->home->finish(request);
}

/* The object changed meanwhile: what was made for the old one goes, and the way begins again at the body. */
static void restart(struct request *request)
{
	request->step = STEP_INDEX_decode;
	request->old = object_unref(request->old);
	request->published = object_unref(request->published);
	request->old_record = store_record_unref(request->old_record);
	request->new_record = store_record_unref(request->new_record);
	buf_clear(&request->stored);
	buf_clear(&request->header);
	request->object = NULL;
	request->context.warnings.len = 0;
	request->response.headers.len = 0;
	request->managed = false;
	request->created = request->delete_now = request->delete_next = request->unchanged = request->generated_name =
		false;
}

static void run(struct request *request);

/* On a handler thread. */
static void run_on_handler(void *data)
{
	struct request *request = data;

	request->on_handler = true;
	run(request);
}

static void run(struct request *request)
{
	while (request->step < ARRAY_LEN(steps)) {
		const struct step *step = &steps[request->step];
		unsigned operation = request->operation ? request->operation : OP_ANY;

		if (!(step->operations & operation)) {
			request->step++;
			continue;
		}
		if (step->may_block && !request->on_handler && !request->local) {
			request_metrics_waits(request);
			worker_pool_submit(request->server->workers, run_on_handler, request);
			return;
		}
		/* Moved on before it runs: a step that suspends may be resumed by another thread at once. */
		request->step++;
		switch (step->run(request)) {
		case STEP_NEXT:
			break;
		case STEP_DONE:
			complete(request);
			return;
		case STEP_SUSPENDED:
			return;
		case STEP_RETRY:
			restart(request);
			break;
		}
	}
	complete(request);
}

void request_start(struct request *request)
{
	run(request);
}

enum step_result request_move_to_handler(struct request *request)
{
	request->step--;
	request_metrics_waits(request);
	worker_pool_submit(request->server->workers, run_on_handler, request);
	return STEP_SUSPENDED;
}

void request_step_again(struct request *request)
{
	request->step--;
	request->on_handler = false;
	run(request);
}

static void resume_at_home(struct request *request)
{
	request->on_handler = false;
	run(request);
}

void request_resume(struct request *request)
{
	request->home->post(request, resume_at_home);
}

void request_retry(struct request *request)
{
	restart(request);
	request_resume(request);
}
