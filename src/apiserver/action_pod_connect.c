/*
 * What a pod's node does for the API: logs, commands, attaching.
 *
 * The pod and its container are checked here, in upstream's words; then the node's kubelet answers (kubelet_proxy.h).
 */
#include "apiserver/actions.h"
#include "apiserver/authorizer.h"
#include "apiserver/encode.h"
#include "apiserver/kubelet_proxy.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "base/limits.h"
#include "net/http_server.h"
#include "types/field_error.h"
#include "types/gen/core_v1.h"
#include "types/timestamp.h"

/* --- Pod and container ------------------------------------------------------------------------------------------- */

/* The names of a pod's containers: of those that run first, as upstream lists them. */
static struct str_slice container_names(const struct core_v1_pod *pod, struct arena *arena)
{
	VEC_OF(struct str) names = {0};

	SLICE_FOREACH (container, pod->spec.init_containers)
		vec_push(arena, &names, container->name);
	SLICE_FOREACH (container, pod->spec.containers)
		vec_push(arena, &names, container->name);
	SLICE_FOREACH (container, pod->spec.ephemeral_containers)
		vec_push(arena, &names, container->ephemeral_container_common.name);
	return (struct str_slice){names.items, names.len};
}

static enum step_result choose_container(struct request *request, const struct core_v1_pod *pod, struct str *ret)
{
	struct str wanted = query_get(&request->query, STR("container")), list = STR_EMPTY;
	struct str_slice names = container_names(pod, &request->arena);
	struct str pod_name = pod->metadata.name;

	if (wanted.len) {
		SLICE_FOREACH (name, names)
			if (str_eq(*name, wanted)) {
				*ret = wanted;
				return STEP_NEXT;
			}
		return status_bad_request(request, "container " STR_FMT " is not valid for pod " STR_FMT,
					  STR_ARG(wanted), STR_ARG(pod_name));
	}
	if (pod->spec.containers.len == 1) {
		*ret = pod->spec.containers.items[0].name;
		return STEP_NEXT;
	}
	SLICE_FOREACH (name, names)
		list = arena_printf(&request->arena, STR_FMT "%s" STR_FMT, STR_ARG(list), list.len ? " " : "",
				    STR_ARG(*name));
	return status_bad_request(
		request, "a container name must be specified for pod " STR_FMT ", choose one of: [" STR_FMT "]",
		STR_ARG(pod_name), STR_ARG(list));
}

static enum step_result find_pod(struct request *request, const struct core_v1_pod **ret)
{
	const struct object *object =
		request_lookup(&request->context, STR_EMPTY, STR("pods"), request->info.name_space, request->info.name);

	if (!object)
		return status_not_found(request, request->info.name);
	*ret = OBJECT_AS(core_v1_pod, object);
	return STEP_NEXT;
}

static void put_param(struct buf *out, const char *name, struct str value)
{
	buf_char(out, str_index(buf_view(out), '?') < 0 ? '?' : '&');
	buf_c(out, name);
	buf_char(out, '=');
	url_encode(out, value);
}

/* --- Logs -------------------------------------------------------------------------------------------------------- */

static enum step_result parse_number(struct request *request, const char *name, int64_t *ret, bool *ret_set)
{
	struct str text = query_get(&request->query, str_from(name));
	int result = text.len ? str_parse_int64(text, ret) : 0;

	*ret_set = text.len > 0;
	if (result == 0)
		return STEP_NEXT;
	return status_bad_request(request, "strconv.ParseInt: parsing \"" STR_FMT "\": %s", STR_ARG(text),
				  result == -ERANGE ? "value out of range" : "invalid syntax");
}

static enum step_result check_log_options(struct request *request)
{
	struct field_errors errors = {.arena = &request->arena};
	int64_t tail = 0, limit = 0, seconds = 0;
	bool has_tail, has_limit, has_seconds;
	struct str since = query_get(&request->query, STR("sinceTime"));
	struct timestamp time;
	struct error err = {0};

	if (parse_number(request, "sinceSeconds", &seconds, &has_seconds) != STEP_NEXT)
		return STEP_DONE;
	if (since.len && timestamp_parse(since, &time, &err) < 0)
		return status_bad_request(request, "%s", err.message);
	if (parse_number(request, "tailLines", &tail, &has_tail) != STEP_NEXT ||
	    parse_number(request, "limitBytes", &limit, &has_limit) != STEP_NEXT)
		return STEP_DONE;
	if (has_tail && tail < 0)
		field_invalid(&errors, FIELD(NULL, "tailLines"), VALUE(tail), "must be greater than or equal to 0");
	if (has_limit && limit < 1)
		field_invalid(&errors, FIELD(NULL, "limitBytes"), VALUE(limit), "must be greater than 0");
	if (has_seconds && since.len)
		field_forbidden(&errors, FIELD(NULL, "[]"),
				"at most one of `sinceTime` or `sinceSeconds` may be specified");
	else if (has_seconds && seconds < 1)
		field_invalid(&errors, FIELD(NULL, "sinceSeconds"), VALUE(seconds), "must be greater than 0");
	if (query_has(&request->query, STR("stream")))
		field_forbidden(&errors, FIELD(NULL, "stream"), "may not be specified");
	if (errors.len)
		return status_field_errors(request, STR_EMPTY, STR("PodLogOptions"), request->info.name, &errors);
	return STEP_NEXT;
}

static struct str log_url(struct request *request, struct str base, const struct core_v1_pod *pod, struct str container)
{
	static const char *const flags[] = {"follow", "previous", "timestamps"};
	static const char *const values[] = {"sinceSeconds", "sinceTime", "tailLines", "limitBytes"};
	struct buf cleanup_buf url;

	buf_init(&url, 64 * KIB);
	buf_printf(&url, STR_FMT "/containerLogs/" STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(base),
		   STR_ARG(pod->metadata.namespace), STR_ARG(pod->metadata.name), STR_ARG(container));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (query_flag(&request->query, str_from(flags[i])))
			put_param(&url, flags[i], STR("true"));
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct str value = query_get(&request->query, str_from(values[i]));

		if (value.len)
			put_param(&url, values[i], value);
	}
	return arena_str(&request->arena, buf_view(&url));
}

static enum step_result run_log(struct request *request)
{
	const struct core_v1_pod *pod;
	struct str container, base;

	if (check_log_options(request) != STEP_NEXT || find_pod(request, &pod) != STEP_NEXT ||
	    choose_container(request, pod, &container) != STEP_NEXT)
		return STEP_DONE;
	if (pod->spec.node_name.len == 0) {
		/* No node, no log: nothing is the answer. */
		request->response.code = 204;
		return STEP_DONE;
	}
	if (kubelet_proxy_locate(request, pod->spec.node_name, &base) != STEP_NEXT)
		return STEP_DONE;
	return kubelet_proxy_forward(request, KUBELET_PROXY_LOG, log_url(request, base, pod, container));
}

const struct action action_pod_log = {
	.plural = STR_INIT("pods"),
	.subresource = STR_INIT("log"),
	.verbs = VERB_GET,
	.run = run_log,
};

/* --- Streams ----------------------------------------------------------------------------------------------------- */

/* A WebSocket begins with GET; still it takes the right to create, as the other way of asking does. */
static enum step_result check_create(struct request *request)
{
	const struct request_info *info = &request->info;
	const struct authorization_attributes asked = {
		.user = &request->user,
		.verb = STR("create"),
		.is_resource = true,
		.group = info->group,
		.version = info->version,
		.resource = info->resource,
		.subresource = info->subresource,
		.name = info->name,
		.name_space = info->name_space,
	};
	struct str reason;

	if (str_eq(info->verb, STR("create")) || request->trusted ||
	    apiserver_authorize(request->server, &asked, &request->arena, &reason) == AUTHORIZATION_ALLOW)
		return STEP_NEXT;
	return status_forbidden(request, info->group, info->resource, info->name,
				authorization_denial(&asked, reason, &request->arena));
}

static enum step_result no_host(struct request *request, const struct core_v1_pod *pod)
{
	return status_bad_request(request, "pod " STR_FMT " does not have a host assigned",
				  STR_ARG(pod->metadata.name));
}

static enum step_result forward_upgrade(struct request *request, struct str url)
{
	if (!request->http || http_request_upgrade(request->http).len == 0)
		return status_bad_request(request, "Upgrade request required");
	return kubelet_proxy_forward(request, KUBELET_PROXY_UPGRADE, url);
}

/* exec and attach: the kubelet's path has the subresource's name. */
static enum step_result run_stream(struct request *request)
{
	static const char *const flags[][2] = {
		{"stdin", "input"}, {"stdout", "output"}, {"stderr", "error"}, {"tty", "tty"}};
	const struct core_v1_pod *pod;
	struct str container, base;
	struct buf cleanup_buf url;

	buf_init(&url, MIB);
	if (check_create(request) != STEP_NEXT || find_pod(request, &pod) != STEP_NEXT ||
	    choose_container(request, pod, &container) != STEP_NEXT)
		return STEP_DONE;
	if (pod->spec.node_name.len == 0)
		return no_host(request, pod);
	if (kubelet_proxy_locate(request, pod->spec.node_name, &base) != STEP_NEXT)
		return STEP_DONE;
	buf_printf(&url, STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(base),
		   STR_ARG(request->info.subresource), STR_ARG(pod->metadata.namespace), STR_ARG(pod->metadata.name),
		   STR_ARG(container));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (query_flag(&request->query, str_from(flags[i][0])))
			put_param(&url, flags[i][1], STR("1"));
	SLICE_FOREACH (pair, request->query)
		if (str_eq(pair->name, STR("command")) && str_eq(request->info.subresource, STR("exec")))
			put_param(&url, "command", pair->value);
	return forward_upgrade(request, arena_str(&request->arena, buf_view(&url)));
}

const struct action action_pod_exec = {
	.plural = STR_INIT("pods"),
	.subresource = STR_INIT("exec"),
	.verbs = VERB_GET | VERB_CREATE,
	.run = run_stream,
};

const struct action action_pod_attach = {
	.plural = STR_INIT("pods"),
	.subresource = STR_INIT("attach"),
	.verbs = VERB_GET | VERB_CREATE,
	.run = run_stream,
};

static enum step_result run_portforward(struct request *request)
{
	struct str ports = query_get(&request->query, STR("ports")), base;
	const struct core_v1_pod *pod;
	struct buf cleanup_buf url;

	buf_init(&url, 64 * KIB);
	if (check_create(request) != STEP_NEXT || find_pod(request, &pod) != STEP_NEXT)
		return STEP_DONE;
	if (pod->spec.node_name.len == 0)
		return no_host(request, pod);
	if (kubelet_proxy_locate(request, pod->spec.node_name, &base) != STEP_NEXT)
		return STEP_DONE;
	buf_printf(&url, STR_FMT "/portForward/" STR_FMT "/" STR_FMT, STR_ARG(base), STR_ARG(pod->metadata.namespace),
		   STR_ARG(pod->metadata.name));
	if (ports.len)
		put_param(&url, "port", ports);
	return forward_upgrade(request, arena_str(&request->arena, buf_view(&url)));
}

const struct action action_pod_port_forward = {
	.plural = STR_INIT("pods"),
	.subresource = STR_INIT("portforward"),
	.verbs = VERB_GET | VERB_CREATE,
	.run = run_portforward,
};
