/*
 * Registries over HTTP; see registry_http.h.
 *
 * The caller waits while the loop's thread carries the call; pieces of a blob go to the sink on that thread.  A
 * transfer that makes no progress for REGISTRY_STALL is given up.
 */
#include "runtime/registry_http.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/http_client.h"
#include "net/tls.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define REGISTRY_STALL	   (60 * NS_PER_SEC)
#define REGISTRY_REDIRECTS 5

struct registry_http {
	struct registry_transport transport;
	struct loop *loop;
	struct thread *thread;
	struct tls_context *tls;
	struct http_client *client;
};

struct exchange {
	struct registry_http *http;
	const struct registry_request *request;
	registry_sink *sink;
	void *sink_data;
	struct arena *arena;
	struct http_call *call;
	struct registry_response response;
	struct buf body;
	struct error err;

	struct mutex lock; /* guards what follows */
	struct cond changed;
	bool ended;
	int64_t progress;
};

static void note_progress(struct exchange *x)
{
	MUTEX_GUARD(&x->lock);
	x->progress = clock_monotonic_ns();
}

static void end(struct exchange *x)
{
	MUTEX_GUARD(&x->lock);
	x->call = NULL;
	x->ended = true;
	cond_signal(&x->changed);
}

static struct str header(struct exchange *x, struct http_headers headers, struct str name)
{
	struct str value = http_headers_get(headers, name);

	return value.data ? arena_str(x->arena, value) : STR_EMPTY;
}

static void on_headers(struct http_call *call UNUSED, void *data, int status, struct http_headers headers)
{
	struct exchange *x = data;

	note_progress(x);
	x->response.status = status;
	x->response.content_type = header(x, headers, STR("content-type"));
	x->response.challenge = header(x, headers, STR("www-authenticate"));
	x->response.content_digest = header(x, headers, STR("docker-content-digest"));
}

static void on_body(struct http_call *call, void *data, struct str bytes)
{
	struct exchange *x = data;

	note_progress(x);
	if (x->sink && x->response.status >= 200 && x->response.status <= 299) {
		if (x->sink(x->sink_data, bytes, &x->err) == 0)
			return;
	} else {
		buf_str(&x->body, bytes);
		if (!x->body.overflow)
			return;
		error_set(&x->err, ERR_TOO_LARGE, "the registry's answer is larger than %d bytes", LIMIT_IMAGE_JSON);
	}
	http_call_cancel(call);
	end(x);
}

static void on_ended(struct http_call *call UNUSED, void *data, const struct error *err)
{
	struct exchange *x = data;

	if (err)
		error_set(&x->err, ERR_SERVICE_UNAVAILABLE, "failed to do request: %s \"" STR_FMT "\": %s",
			  strcmp(x->request->method, "POST") == 0 ? "Post" : "Get", STR_ARG(x->request->url),
			  err->message);
	end(x);
}

static const struct http_call_ops call_ops = {.headers = on_headers, .body = on_body, .ended = on_ended};

static void begin(void *data)
{
	struct exchange *x = data;
	const struct registry_request *request = x->request;
	struct http_header headers[3];
	size_t len = 0;

	if (request->accept.len)
		headers[len++] = (struct http_header){STR("accept"), request->accept};
	if (request->authorization.len)
		headers[len++] = (struct http_header){STR("authorization"), request->authorization};
	if (request->form.len)
		headers[len++] = (struct http_header){STR("content-type"), STR("application/x-www-form-urlencoded")};
	x->call = http_client_call(x->http->client, &(struct http_call_config){.method = request->method,
									       .url = request->url,
									       .headers = {headers, len},
									       .body = PAYLOAD(request->form),
									       .header_timeout = REGISTRY_STALL,
									       .redirects = REGISTRY_REDIRECTS,
									       .ops = &call_ops,
									       .data = x});
}

/* On the loop: the call may have ended while this was on its way. */
static void give_up(void *data)
{
	struct exchange *x = data;

	if (!x->call)
		return;
	http_call_cancel(x->call);
	error_set(&x->err, ERR_TIMEOUT, "failed to do request: Get \"" STR_FMT "\": no data for %lld seconds",
		  STR_ARG(x->request->url), (long long)(REGISTRY_STALL / NS_PER_SEC));
	end(x);
}

static void wait_for_end(struct exchange *x)
{
	bool given_up = false;

	MUTEX_GUARD(&x->lock);
	while (!x->ended) {
		int64_t deadline = x->progress + REGISTRY_STALL;

		if (given_up) {
			cond_wait(&x->changed, &x->lock);
		} else if (!cond_wait_until(&x->changed, &x->lock, deadline) && !x->ended &&
			   clock_monotonic_ns() >= x->progress + REGISTRY_STALL) {
			given_up = true;
			loop_post(x->http->loop, give_up, x);
		}
	}
}

/* What was posted before has run when this has. */
static void pass(void *data)
{
	struct exchange *x = data;

	MUTEX_GUARD(&x->lock);
	x->ended = true;
	cond_signal(&x->changed);
}

static int exchange(struct registry_transport *transport, const struct registry_request *request, registry_sink *sink,
		    void *sink_data, struct arena *arena, struct registry_response *ret, struct error *err)
{
	struct exchange x = {.http = CONTAINER_OF(transport, struct registry_http, transport),
			     .request = request,
			     .sink = sink,
			     .sink_data = sink_data,
			     .arena = arena,
			     .progress = clock_monotonic_ns()};
	int r = 0;

	mutex_init(&x.lock);
	cond_init(&x.changed);
	buf_init(&x.body, LIMIT_IMAGE_JSON);
	loop_post(x.http->loop, begin, &x);
	wait_for_end(&x);
	/* A give_up() still on its way holds a pointer to this frame. */
	mutex_lock(&x.lock);
	x.ended = false;
	loop_post(x.http->loop, pass, &x);
	while (!x.ended)
		cond_wait(&x.changed, &x.lock);
	mutex_unlock(&x.lock);
	if (x.err.code) {
		r = error_pass(err, &x.err);
	} else {
		x.response.body = arena_str(arena, buf_view(&x.body));
		*ret = x.response;
	}
	buf_release(&x.body);
	cond_release(&x.changed);
	mutex_release(&x.lock);
	return r;
}

static void loop_main(void *data)
{
	struct registry_http *http = data;

	loop_run(http->loop);
	/* The client is the loop thread's. */
	http->client = http_client_free(http->client);
}

int registry_http_new(int netns_fd, struct str ca_pem, struct registry_transport **ret, struct error *err)
{
	struct registry_http *http = XNEW(struct registry_http);
	int r;

	http->transport.exchange = exchange;
	http->loop = loop_new();
	r = tls_context_new_client(&(struct tls_client_config){.ca_pem = ca_pem}, &http->tls, err);
	if (r == 0) {
		http->client = http_client_new(&(struct http_client_config){.loop = http->loop,
									    .tls = http->tls,
									    .user_agent = STR("wherry"),
									    .netns_fd = MAX(netns_fd, 0)});
		r = thread_start("registry", loop_main, http, &http->thread, err);
	}
	if (r < 0) {
		registry_http_free(&http->transport);
		return r;
	}
	*ret = &http->transport;
	return 0;
}

struct registry_transport *registry_http_free(struct registry_transport *transport)
{
	struct registry_http *http;

	if (!transport)
		return NULL;
	http = CONTAINER_OF(transport, struct registry_http, transport);
	if (http->thread) {
		loop_stop(http->loop);
		thread_join(http->thread);
	}
	http_client_free(http->client);
	tls_context_unref(http->tls);
	loop_free(http->loop);
	free(http);
	return NULL;
}
