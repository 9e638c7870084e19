/* The way to the kubelets; see kubelet_proxy.h. */
#include "apiserver/kubelet_proxy.h"

#include "apiserver/server.h"
#include "apiserver/status.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "net/conn.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/relay.h"
#include "sys/thread.h"
#include "types/gen/core_v1.h"

#define DIAL_THREADS	32
#define CONNECT_TIMEOUT (10 * NS_PER_SEC)
#define REFUSAL_SIZE	50000 /* of a kubelet's error text; upstream's maxReadLength */

/* One loop's client. */
struct loop_client {
	struct list link;
	struct kubelet_proxy *proxy;
	struct loop *loop;
	struct http_client *client;
	struct list forwards; /* under way */
	struct loop_exit exit;
};

struct kubelet_proxy {
	struct tls_context *tls;
	struct worker_pool *dialers;
	struct mutex lock; /* guards clients */
	struct list clients;
};

struct forward {
	struct list link;
	struct request *request;
	struct http_request *http; /* until its answer has begun */
	enum kubelet_proxy_form form;
	struct str url;
	struct http_call *call;
	struct http_stream *stream;
	struct relay *relay;
	bool held;	   /* the call is paused until the client has taken what waits */
	int status;	   /* of a refusal that becomes a Status */
	struct buf reason; /* its text */
	struct stream_tally tally;
};

struct kubelet_proxy *kubelet_proxy_new(struct tls_context *tls)
{
	struct kubelet_proxy *proxy = XNEW(struct kubelet_proxy);

	proxy->tls = tls_context_ref(tls);
	proxy->dialers = worker_pool_new("kubelet-dial", DIAL_THREADS);
	mutex_init(&proxy->lock);
	list_init(&proxy->clients);
	return proxy;
}

struct kubelet_proxy *kubelet_proxy_free(struct kubelet_proxy *proxy)
{
	if (!proxy)
		return NULL;
	assert(list_empty(&proxy->clients));
	worker_pool_free(proxy->dialers);
	tls_context_unref(proxy->tls);
	mutex_release(&proxy->lock);
	free(proxy);
	return NULL;
}

static void forward_free(struct forward *forward)
{
	request_metrics_close(&forward->tally);
	list_remove(&forward->link);
	buf_release(&forward->reason);
	free(forward);
}

/* The loop ends: nobody is left to send to. */
static void on_loop_exit(struct loop_exit *exit)
{
	struct loop_client *client = CONTAINER_OF(exit, struct loop_client, exit);

	LIST_FOREACH_SAFE (struct forward, forward, &client->forwards, link) {
		if (!forward->relay)
			continue; /* its HTTP request ends with its server */
		relay_free(forward->relay);
		forward_free(forward);
	}
	http_client_free(client->client);
	mutex_lock(&client->proxy->lock);
	list_remove(&client->link);
	mutex_unlock(&client->proxy->lock);
	free(client);
}

/* On @loop's thread. */
static struct loop_client *client_of(struct kubelet_proxy *proxy, struct loop *loop)
{
	struct loop_client *client;
	MUTEX_GUARD(&proxy->lock);

	LIST_FOREACH (struct loop_client, it, &proxy->clients, link)
		if (it->loop == loop)
			return it;
	client = XNEW(struct loop_client);
	client->proxy = proxy;
	client->loop = loop;
	client->client = http_client_new(&(struct http_client_config){.loop = loop,
								      .tls = proxy->tls,
								      .user_agent = STR("wherry-apiserver"),
								      .pool = proxy->dialers,
								      .connect_timeout = CONNECT_TIMEOUT});
	list_init(&client->forwards);
	list_append(&proxy->clients, &client->link);
	client->exit.run = on_loop_exit;
	loop_exit_add(loop, &client->exit);
	return client;
}

/* --- Where ------------------------------------------------------------------------------------------------------- */

static struct str node_address(const struct core_v1_node *node)
{
	static const struct str types[] = {STR_INIT("InternalIP"), STR_INIT("ExternalIP"), STR_INIT("Hostname")};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		SLICE_FOREACH (address, node->status.addresses)
			if (str_eq(address->type, types[i]))
				return address->address;
	return STR_EMPTY;
}

enum step_result kubelet_proxy_locate(struct request *request, struct str node_name, struct str *ret_url)
{
	const struct object *object = request_lookup(&request->context, STR_EMPTY, STR("nodes"), STR_EMPTY, node_name);
	const struct core_v1_node *node;
	struct str address;
	int32_t port;

	if (!object)
		return status_not_found_in(request, STR_EMPTY, STR("nodes"), node_name);
	node = OBJECT_AS(core_v1_node, object);
	address = node_address(node);
	if (!address.len)
		return status_plain(request, 500, STR("no preferred addresses found; known addresses: []"));
	port = node->status.daemon_endpoints.kubelet_endpoint.port;
	*ret_url = arena_printf(&request->arena,
				str_index(address, ':') >= 0 ? "https://[" STR_FMT "]:%d" : "https://" STR_FMT ":%d",
				STR_ARG(address), port > 0 ? port : 10250);
	return STEP_NEXT;
}

/* --- No answer --------------------------------------------------------------------------------------------------- */

/* The request comes back, its Status set. */
static void give_back(struct forward *forward)
{
	struct request *request = forward->request;

	forward->http->aborted = NULL;
	forward_free(forward);
	request_resume(request);
}

static void on_aborted(struct http_request *http)
{
	struct forward *forward = http->data;

	http_call_cancel(forward->call);
	status_plain(forward->request, 500, STR("the client is gone"));
	give_back(forward);
}

static void tell_unreachable(struct forward *forward, const struct error *err)
{
	struct request *request = forward->request;

	switch (forward->form) {
	case KUBELET_PROXY_LOG:
		status_plain(
			request, 500,
			arena_printf(&request->arena, "Get \"" STR_FMT "\": %s", STR_ARG(forward->url), err->message));
		break;
	case KUBELET_PROXY_UPGRADE:
		status_plain(request, 500, arena_printf(&request->arena, "error dialing backend: %s", err->message));
		break;
	case KUBELET_PROXY_RAW:
		status_fail(request, ERR_SERVICE_UNAVAILABLE, "error trying to reach service: %s", err->message);
		break;
	}
}

/* What a kubelet says about a log it does not give, in the words of the API. */
static void tell_refusal(struct forward *forward)
{
	struct request *request = forward->request;
	struct str text = buf_view(&forward->reason), name = request->info.name;

	if (forward->status == 400)
		status_bad_request(request, STR_FMT, STR_ARG(text));
	else if (forward->status == 404)
		status_fail(request, ERR_NOT_FOUND,
			    "the server could not find the requested resource ( pods/log " STR_FMT ")", STR_ARG(name));
	else if (forward->status == 500)
		status_fail(request, ERR_INTERNAL, "Internal error occurred: " STR_FMT, STR_ARG(text));
	else
		status_fail(request, ERR_INTERNAL,
			    "an error on the server (\"" STR_FMT
			    "\") has prevented the request from succeeding ( pods/log " STR_FMT ")",
			    STR_ARG(text), STR_ARG(name));
}

/* --- The answer -------------------------------------------------------------------------------------------------- */

static void on_drained(struct http_stream *stream UNUSED, void *data)
{
	struct forward *forward = data;

	if (forward->held && forward->call) {
		forward->held = false;
		http_call_resume(forward->call);
	}
}

static void on_closed(struct http_stream *stream UNUSED, void *data)
{
	struct forward *forward = data;

	if (forward->call)
		http_call_cancel(forward->call);
	request_free(forward->request);
	forward_free(forward);
}

static const struct http_stream_ops stream_ops = {.drained = on_drained, .closed = on_closed};

/* Is the field about one connection, or the server's own business? */
static bool is_hop_by_hop(struct str name)
{
	static const char *const names[] = {"connection", "content-length",    "date",
					    "keep-alive", "proxy-connection",  "te",
					    "trailer",	  "transfer-encoding", "upgrade"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_c(name, names[i]))
			return true;
	return false;
}

static struct http_headers filter(struct http_headers headers, bool (*drop)(struct str name), struct arena *arena)
{
	struct http_header *kept = ARENA_NEW_N(arena, struct http_header, headers.len + 1);
	size_t len = 0;

	SLICE_FOREACH (field, headers)
		if (!drop(field->name))
			kept[len++] = *field;
	return (struct http_headers){kept, len};
}

static void on_headers(struct http_call *call UNUSED, void *data, int status, struct http_headers headers)
{
	static const struct http_header log_headers[] = {
		{STR_INIT("content-type"), STR_INIT("text/plain")},
		{STR_INIT("cache-control"), STR_INIT("no-cache, private")},
	};
	struct forward *forward = data;
	struct http_request *http = forward->http;
	struct http_response response = {.status = status};

	if (forward->form == KUBELET_PROXY_LOG) {
		if (status < 200 || status > 206) {
			forward->status = status;
			return;
		}
		response.headers = (struct http_headers){log_headers, ARRAY_LEN(log_headers)};
	} else {
		response.headers = filter(headers, is_hop_by_hop, &forward->request->arena);
	}
	http->aborted = NULL;
	forward->http = NULL;
	forward->tally = request_metrics_open(forward->request, status);
	forward->stream = http_stream_start(http, &response, &stream_ops, forward);
}

static void on_body(struct http_call *call, void *data, struct str bytes)
{
	struct forward *forward = data;

	if (!forward->stream) {
		buf_str(&forward->reason, str_sub(bytes, 0, forward->reason.limit - forward->reason.len));
		return;
	}
	http_stream_write(forward->stream, PAYLOAD(bytes));
	if (http_stream_pending(forward->stream) > LIMIT_RELAY_BUFFER) {
		forward->held = true;
		http_call_pause(call);
	}
}

static void on_ended(struct http_call *call UNUSED, void *data, const struct error *err)
{
	struct forward *forward = data;

	forward->call = NULL;
	if (forward->stream && err) {
		http_stream_abort(forward->stream);
	} else if (forward->stream) {
		http_stream_end(forward->stream);
	} else {
		if (err)
			tell_unreachable(forward, err);
		else
			tell_refusal(forward);
		give_back(forward);
	}
}

static void on_relayed(void *data, uint64_t to_node UNUSED, uint64_t from_node UNUSED)
{
	forward_free(data);
}

/* Only what the two ends have to agree on. */
static bool is_no_upgrade_field(struct str name)
{
	return !str_has_prefix(name, STR("sec-websocket-")) && !str_has_prefix(name, STR("x-stream-protocol-")) &&
	       !str_eq(name, STR("upgrade"));
}

static void on_upgraded(struct http_call *call UNUSED, void *data, struct http_headers headers, struct conn *conn)
{
	struct forward *forward = data;
	struct request *request = forward->request;
	struct conn *ours;

	forward->call = NULL;
	forward->http->aborted = NULL;
	forward->tally = request_metrics_open(request, 101); /* while what it came with is there */
	ours = http_upgrade(forward->http, filter(headers, is_no_upgrade_field, &request->arena));
	if (!ours) {
		conn_free(conn);
		request_metrics_cancel(&forward->tally);
		status_bad_request(request, "Upgrade request required");
		give_back(forward);
		return;
	}
	forward->http = NULL;
	forward->request = request_free(request);
	forward->relay = relay_new(ours, conn, on_relayed, forward);
}

static const struct http_call_ops call_ops = {
	.headers = on_headers, .body = on_body, .ended = on_ended, .upgraded = on_upgraded};

/* --- The request ------------------------------------------------------------------------------------------------- */

/* Who the client is, the kubelet is not told: it knows us alone. */
static bool is_not_forwarded(struct str name)
{
	return is_hop_by_hop(name) || str_eq(name, STR("authorization")) || str_eq(name, STR("host")) ||
	       str_eq(name, STR("expect")) || str_has_prefix(name, STR("impersonate-")) ||
	       str_has_prefix(name, STR("x-remote-"));
}

static void begin(struct request *request)
{
	struct forward *forward = request->forward;
	struct loop_client *client = client_of(request->server->kubelet_proxy, request->loop);
	struct http_request *http = forward->http;
	bool upgrade = forward->form == KUBELET_PROXY_UPGRADE;
	struct http_headers headers = http->headers;
	struct http_call_config config = {
		.method = str_c(arena_str(&request->arena, request->method)),
		.url = forward->url,
		.upgrade = upgrade,
		.ops = &call_ops,
		.data = forward,
	};

	if (upgrade) {
		config.method = "GET";
		headers = filter(headers, is_no_upgrade_field, &request->arena);
	} else if (forward->form == KUBELET_PROXY_LOG) {
		config.method = "GET";
		headers.len = 0;
	} else {
		headers = filter(headers, is_not_forwarded, &request->arena);
		config.body.bytes = request->body;
	}
	config.headers = headers;
	list_append(&client->forwards, &forward->link);
	http->data = forward;
	http->aborted = on_aborted;
	forward->call = http_client_call(client->client, &config);
}

enum step_result kubelet_proxy_forward(struct request *request, enum kubelet_proxy_form form, struct str url)
{
	struct forward *forward;

	if (!request->http || !request->server->kubelet_proxy)
		return status_plain(request, 500, STR("nodes cannot be reached from here"));
	forward = XNEW(struct forward);
	*forward = (struct forward){.request = request, .http = request->http, .form = form, .url = url};
	list_init(&forward->link);
	buf_init(&forward->reason, REFUSAL_SIZE);
	request->forward = forward;
	if (loop_is_current(request->loop))
		begin(request);
	else
		request->home->post(request, begin);
	return STEP_SUSPENDED;
}
