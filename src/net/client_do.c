/* The HTTP client's blocking form: posts a call to the loop and waits for its end; see http_client.h. */
#include "base/clock.h"
#include "base/limits.h"
#include "net/client_internal.h"

struct waiter {
	struct http_client *client;
	struct http_call_config config;
	struct arena *arena; /* the loop's until done */
	struct buf body;
	struct http_result result;
	struct error err;
	struct mutex lock; /* guards done */
	struct cond ended;
	bool done;
};

static void finish(struct waiter *waiter)
{
	MUTEX_GUARD(&waiter->lock);

	waiter->done = true;
	/* Under the lock: the waiter's stack frame goes as soon as it can take it. */
	cond_signal(&waiter->ended);
}

static void on_headers(struct http_call *call UNUSED, void *data, int status, struct http_headers headers)
{
	struct waiter *waiter = data;

	waiter->result.status = status;
	waiter->result.headers = http_headers_dup(headers, waiter->arena);
}

static void on_body(struct http_call *call, void *data, struct str bytes)
{
	struct waiter *waiter = data;

	buf_str(&waiter->body, bytes);
	if (!waiter->body.overflow)
		return;
	error_set(&waiter->err, ERR_TOO_LARGE, "the answer is larger than %zu bytes", waiter->body.limit);
	http_call_cancel(call);
	finish(waiter);
}

static void on_ended(struct http_call *call UNUSED, void *data, const struct error *err)
{
	struct waiter *waiter = data;

	if (err)
		error_pass(&waiter->err, err);
	finish(waiter);
}

static const struct http_call_ops ops = {.headers = on_headers, .body = on_body, .ended = on_ended};

static void begin(void *data)
{
	struct waiter *waiter = data;

	http_client_call(waiter->client, &waiter->config);
}

int http_client_do(struct http_client *client, const struct http_call_config *config, struct arena *arena,
		   struct http_result *ret, struct error *err)
{
	struct waiter waiter = {.client = client, .config = *config, .arena = arena};
	size_t len;

	assert(!loop_is_current(http_client_loop(client)));
	waiter.config.ops = &ops;
	waiter.config.data = &waiter;
	waiter.config.upgrade = false;
	if (!waiter.config.timeout)
		waiter.config.timeout = HTTP_CALL_TIMEOUT;
	buf_init(&waiter.body, config->body_max ? config->body_max : LIMIT_RESPONSE_BODY);
	mutex_init(&waiter.lock);
	cond_init(&waiter.ended);
	loop_post(http_client_loop(client), begin, &waiter);
	mutex_lock(&waiter.lock);
	while (!waiter.done)
		cond_wait(&waiter.ended, &waiter.lock);
	mutex_unlock(&waiter.lock);
	mutex_release(&waiter.lock);
	cond_release(&waiter.ended);
	if (waiter.err.code) {
		buf_release(&waiter.body);
		return error_pass(err, &waiter.err);
	}
	waiter.result.body.data = buf_take(&waiter.body, &len);
	waiter.result.body.len = len;
	/* The arena frees it, which forgot const. */
	arena_defer(arena, free, UNCONST(char *, waiter.result.body.data));
	*ret = waiter.result;
	return 0;
}
