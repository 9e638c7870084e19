/* The kubelet's server: who may come, and which handler a path has; see server.h. */
#include "kubelet/server.h"

#include "base/clock.h"
#include "base/limits.h"
#include "client/informer.h"
#include "kubelet/auth.h"
#include "kubelet/server_internal.h"
#include "net/tls.h"
#include "sys/thread.h"

#define ASKERS_MAX  16
#define DIALERS_MAX 16

bool query_is_set(const struct query *query, struct str name)
{
	struct str value = query_get(query, name);

	return str_eq(value, STR("1")) || str_eq(value, STR("true"));
}

static int newest_first(const void *a, const void *b)
{
	const struct runtime_container_status *x = a, *y = b;

	return (x->metadata.attempt < y->metadata.attempt) - (x->metadata.attempt > y->metadata.attempt);
}

int server_find_containers(const struct kubelet_context *context, struct str pod_uid, struct str container,
			   struct arena *arena, struct runtime_container_list *ret, struct error *err)
{
	const struct runtime_pair labels[] = {{STR("io.kubernetes.pod.uid"), pod_uid},
					      {STR("io.kubernetes.container.name"), container}};
	const struct runtime_filter filter = {.label_selector = {labels, ARRAY_LEN(labels)}};
	int result = RUNTIME_CALL(context->runtime, list_containers, &filter, arena, ret, err);

	if (result == 0 && ret->len)
		qsort(ret->items, ret->len, sizeof(*ret->items), newest_first);
	return result;
}

/* --- Where to -------------------------------------------------------------------------------------------------- */

static bool has_container(const struct core_v1_pod *pod, struct str name)
{
	SLICE_FOREACH (container, pod->spec.containers)
		if (str_eq(container->name, name))
			return true;
	SLICE_FOREACH (container, pod->spec.init_containers)
		if (str_eq(container->name, name))
			return true;
	SLICE_FOREACH (container, pod->spec.ephemeral_containers)
		if (str_eq(container->ephemeral_container_common.name, name))
			return true;
	return false;
}

/* The pod of that name, and, unless @uid is empty, of that UID; NULL: there is none. */
static struct object *find_pod(struct kubelet_server *server, struct str namespace, struct str name, struct str uid)
{
	struct object *pod = informer_get_named(server->config.pods, namespace, name);

	return pod && uid.len && !str_eq(uid, pod->meta->uid) ? NULL : pod;
}

/* "NAMESPACE/POD[/UID]/CONTAINER" */
static bool parse_container_path(struct kubelet_server *server, struct http_request *http, struct str path,
				 struct container_request *ret)
{
	struct str rest, last;

	if (!str_cut(path, '/', &ret->namespace, &rest) || !str_cut(rest, '/', &ret->pod_name, &rest))
		return false;
	ret->container = rest;
	if (str_cut(rest, '/', &ret->uid, &last))
		ret->container = last;
	else
		ret->uid = STR_EMPTY;
	if (!ret->container.len || str_index(ret->container, '/') >= 0)
		return false;
	/* What cannot be decoded is left out, as Go does. */
	(void)query_parse(http->query, &http->arena, &ret->query);
	ret->pod = find_pod(server, ret->namespace, ret->pod_name, ret->uid);
	ret->known = ret->pod && has_container(OBJECT_AS(core_v1_pod, ret->pod), ret->container);
	return true;
}

/* "/portForward/NAMESPACE/POD[/UID]" */
static bool route_pod(struct kubelet_server *server, struct http_request *http)
{
	static const struct str prefix = STR_INIT("/portForward/");
	struct str namespace, name, uid;

	if (!str_has_prefix(http->path, prefix) ||
	    !str_cut(str_from_at(http->path, prefix.len), '/', &namespace, &name))
		return false;
	str_cut(name, '/', &name, &uid);
	if (!name.len || str_index(uid, '/') >= 0)
		return false;
	server_port_forward_start(server, http, find_pod(server, namespace, name, uid));
	return true;
}

static void healthz(struct kubelet_server *server UNUSED, struct http_request *http)
{
	http_respond_text(http, 200, "ok");
}

static bool route_container(struct kubelet_server *server, struct http_request *http)
{
	static const struct str logs = STR_INIT("/containerLogs/"), exec = STR_INIT("/exec/"),
				attach = STR_INIT("/attach/");
	struct container_request request = {0};

	if (str_has_prefix(http->path, logs)) {
		if (!str_eq(http->method, STR("GET")) ||
		    !parse_container_path(server, http, str_from_at(http->path, logs.len), &request))
			return false;
		server_logs_start(server, http, &request);
		return true;
	}
	if (str_has_prefix(http->path, exec) || str_has_prefix(http->path, attach)) {
		bool is_attach = str_has_prefix(http->path, attach);

		if (!parse_container_path(server, http, str_from_at(http->path, is_attach ? attach.len : exec.len),
					  &request))
			return false;
		server_exec_start(server, http, &request, is_attach);
		return true;
	}
	return false;
}

static void route(struct kubelet_server *server, struct http_request *http)
{
	static const struct {
		const char *path;
		void (*run)(struct kubelet_server *server, struct http_request *http);
	} routes[] = {
		{"/healthz", healthz},
		{"/healthz/ping", healthz},
		{"/healthz/log", healthz},
		{"/healthz/syncloop", healthz},
		{"/pods", server_pods},
		{"/metrics", server_metrics},
		{"/metrics/resource", server_resource_metrics},
		{"/stats/summary", server_stats},
	};

	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (str_eq_c(http->path, routes[i].path)) {
			if (str_eq(http->method, STR("GET")) || str_eq(http->method, STR("HEAD")))
				routes[i].run(server, http);
			else
				http_respond_text(http, 405, "405: Method Not Allowed");
			return;
		}
	if (!route_container(server, http) && !route_pod(server, http))
		http_respond_text(http, 404, "404 page not found\n");
}

/* --- Who may come ------------------------------------------------------------------------------------------------ */

/* A request on its way in, in its arena. */
struct admission {
	struct kubelet_server *server;
	struct http_request *http;
	struct auth_request auth;
};

static void admit(struct admission *admission);

/* An answer that came when the server was over is nobody's. */
static void on_asked(struct http_request *http)
{
	struct admission *admission = http->data;

	if (admission->server->http)
		admit(admission);
	else
		http_request_drop(http);
}

static void ask(void *data)
{
	struct admission *admission = data;

	auth_ask(admission->server->auth, &admission->auth);
	http_request_post(admission->http, on_asked);
}

static void admit(struct admission *admission)
{
	static const int statuses[] = {[AUTH_UNKNOWN] = 401, [AUTH_FORBIDDEN] = 403, [AUTH_FAILED] = 500};
	struct kubelet_server *server = admission->server;
	struct http_request *http = admission->http;
	enum auth_verdict verdict = auth_judge(server->auth, &admission->auth, clock_monotonic_ns());

	switch (verdict) {
	case AUTH_ALLOWED:
		http->data = NULL;
		route(server, http);
		break;
	case AUTH_ASK:
		http->data = admission;
		if (worker_pool_try_submit(server->askers, LIMIT_KUBELET_ASKING, ask, admission) < 0)
			http_respond_text(http, 503, "too many requests wait for the API server");
		break;
	case AUTH_UNKNOWN:
	case AUTH_FORBIDDEN:
	case AUTH_FAILED:
		http_respond_text(http, statuses[verdict], STR_FMT, STR_ARG(auth_refusal(&admission->auth, verdict)));
		break;
	}
}

static void handle(void *cookie, struct http_request *http)
{
	struct admission *admission = ARENA_NEW(&http->arena, struct admission);
	const struct tls_peer *peer = http->peer;

	*admission = (struct admission){
		.server = cookie,
		.http = http,
		.auth = {.arena = &http->arena,
			 .method = http->method,
			 .path = http->path,
			 .authorization = http_request_header(http, STR("authorization"))},
	};
	if (peer && peer->verified) {
		admission->auth.certificate_name = peer->common_name;
		admission->auth.certificate_groups =
			(struct str_slice){peer->organizations.items, peer->organizations.len};
	}
	admit(admission);
}

/* --- Life ------------------------------------------------------------------------------------------------------ */

int kubelet_server_new(const struct kubelet_server_config *config, struct kubelet_server **ret, struct error *err)
{
	const struct kubelet_config *kubelet = config->context->config;
	const struct tls_server_config tls = {.certificate_pem = kubelet->server_cert,
					      .key_pem = kubelet->server_key,
					      .client_ca_pem = kubelet->client_ca};
	struct kubelet_server *server = XNEW(struct kubelet_server);
	struct http_server_config http = {.port = kubelet->port,
					  .loop = config->loop,
					  .name = "kubelet-http",
					  .handle = handle,
					  .cookie = server};

	server->config = *config;
	list_init(&server->logs);
	list_init(&server->execs);
	list_init(&server->forwardings);
	if ((kubelet->server_address.len && ip_parse(kubelet->server_address, &http.address) < 0)) {
		free(server);
		return error_set(err, ERR_BAD_REQUEST, "\"" STR_FMT "\" is no address to serve on",
				 STR_ARG(kubelet->server_address));
	}
	if (tls_context_new_server(&tls, &http.tls, err) < 0 || http_server_new(&http, &server->http, err) < 0) {
		tls_context_unref(http.tls);
		free(server);
		return error_wrap(err, "the kubelet's server");
	}
	tls_context_unref(http.tls);
	server->auth = auth_new(&config->context->client, kubelet->node_name);
	server->askers = worker_pool_new("kubelet-auth", ASKERS_MAX);
	server->dialers = worker_pool_new("kubelet-dial", DIALERS_MAX);
	*ret = server;
	return 0;
}

void kubelet_server_container_stopped(struct kubelet_server *server)
{
	if (server)
		server_logs_wake(server);
}

void kubelet_server_stop(struct kubelet_server *server)
{
	if (!server)
		return;
	server_exec_stop(server);
	server_port_forward_stop(server);
	server->http = http_server_free(server->http);
	server->askers = worker_pool_free(server->askers);
	server->dialers = worker_pool_free(server->dialers);
}

struct kubelet_server *kubelet_server_free(struct kubelet_server *server)
{
	if (server)
		auth_free(server->auth);
	free(server);
	return NULL;
}
