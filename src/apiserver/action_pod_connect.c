/*
 * Logs, exec, attach, port-forward: which kubelet has the pod, and what to ask it; the kubelet proxy does the rest.
 */
#include "apiserver/actions.h"
#include "apiserver/encode.h"
#include "apiserver/kubelet_proxy.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "base/limits.h"
#include "types/gen/core_v1.h"

#define KUBELET_PORT 10250

/* --- Which container */

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

/* The one asked for, or the only one there is. */
static enum step_result pick_container(struct request *request, const struct core_v1_pod *pod, struct str *ret)
{
	struct str asked = query_get(&request->query, STR("container")), names = STR_EMPTY;

	if (asked.len) {
		*ret = asked;
		if (has_container(pod, asked))
			return STEP_NEXT;
		return status_bad_request(request, "container " STR_FMT " is not valid for pod " STR_FMT,
					  STR_ARG(asked), STR_ARG(pod->metadata.name));
	}
	if (pod->spec.containers.len == 1) {
		*ret = pod->spec.containers.items[0].name;
		return STEP_NEXT;
	}
	SLICE_FOREACH (container, pod->spec.containers)
		names = arena_printf(&request->arena, STR_FMT "%s" STR_FMT, STR_ARG(names), names.len ? " " : "",
				     STR_ARG(container->name));
	return status_bad_request(
		request, "a container name must be specified for pod " STR_FMT ", choose one of: [" STR_FMT "]",
		STR_ARG(pod->metadata.name), STR_ARG(names));
}

/* --- What to ask the kubelet */

static void add_param(struct buf *query, const char *name, struct str value)
{
	if (query->len)
		buf_char(query, '&');
	buf_c(query, name);
	buf_char(query, '=');
	url_encode(query, value);
}

/* The kubelet's names for the streams of an exec or attach. */
static void stream_query(const struct request *request, struct buf *query)
{
	static const struct {
		struct str name;
		const char *kubelet;
	} flags[] = {
		{STR_INIT("stdin"), "input"},
		{STR_INIT("stdout"), "output"},
		{STR_INIT("stderr"), "error"},
		{STR_INIT("tty"), "tty"},
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (query_flag(&request->query, flags[i].name))
			add_param(query, flags[i].kubelet, STR("1"));
	SLICE_FOREACH (param, request->query)
		if (str_eq(param->name, STR("command")))
			add_param(query, "command", param->value);
}

static void log_query(const struct request *request, struct buf *query)
{
	static const char *const names[] = {"follow",	 "previous",  "timestamps", "sinceSeconds",
					    "sinceTime", "tailLines", "limitBytes", "stream"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str value = query_get(&request->query, str_from(names[i]));

		if (value.data)
			add_param(query, names[i], value);
	}
}

static void port_query(const struct request *request, struct buf *query)
{
	SLICE_FOREACH (param, request->query)
		if (str_eq(param->name, STR("ports")))
			add_param(query, "port", param->value);
}

static struct str finish_query(struct request *request, struct buf *query)
{
	struct str text = arena_str(&request->arena, buf_view(query));

	buf_release(query);
	return text;
}

/* --- Which kubelet */

static void add_addresses(struct request *request, const struct core_v1_node *node, struct str type,
			  struct kubelet_target *target)
{
	struct str *items = EDIT(struct str, target->addresses.items);

	SLICE_FOREACH (address, node->status.addresses)
		if (str_eq(address->type, type) && target->addresses.len < node->status.addresses.len)
			items[target->addresses.len++] = arena_str(&request->arena, address->address);
}

static enum step_result forward(struct request *request, const struct core_v1_pod *pod, struct kubelet_target *target)
{
	struct kubelet_proxy *proxy = request->server->kubelet_proxy;
	const struct object *object =
		request_lookup(&request->context, STR_EMPTY, STR("nodes"), STR_EMPTY, pod->spec.node_name);
	const struct core_v1_node *node;

	if (!object)
		return status_not_found_in(request, STR_EMPTY, STR("nodes"), pod->spec.node_name);
	node = OBJECT_AS(core_v1_node, object);
	target->node = pod->spec.node_name;
	target->addresses.items = ARENA_NEW_N(&request->arena, struct str, node->status.addresses.len + 1);
	add_addresses(request, node, STR("InternalIP"), target);
	add_addresses(request, node, STR("ExternalIP"), target);
	add_addresses(request, node, STR("Hostname"), target);
	target->port = KUBELET_PORT;
	if (node->status.daemon_endpoints.kubelet_endpoint.port > 0)
		target->port = (uint16_t)node->status.daemon_endpoints.kubelet_endpoint.port;
	if (target->addresses.len == 0 || !proxy)
		return status_fail(request, ERR_INTERNAL, "no preferred addresses found; known addresses: []");
	return proxy->forward(proxy, request, target);
}

/* --- The actions */

static enum step_result fetch(struct request *request, const struct core_v1_pod **ret)
{
	const struct object *object =
		request_lookup(&request->context, STR_EMPTY, STR("pods"), request->info.name_space, request->info.name);

	if (!object)
		return status_not_found(request, request->info.name);
	*ret = OBJECT_AS(core_v1_pod, object);
	return STEP_NEXT;
}

static enum step_result no_host(struct request *request, const struct core_v1_pod *pod)
{
	return status_bad_request(request, "pod " STR_FMT " does not have a host assigned",
				  STR_ARG(pod->metadata.name));
}

static struct str pod_path(struct request *request, const char *what, const struct core_v1_pod *pod,
			   struct str container)
{
	return arena_printf(&request->arena, "/%s/" STR_FMT "/" STR_FMT "%s" STR_FMT, what,
			    STR_ARG(pod->metadata.namespace), STR_ARG(pod->metadata.name), container.len ? "/" : "",
			    STR_ARG(container));
}

static enum step_result run_log(struct request *request)
{
	struct kubelet_target target = {0};
	const struct core_v1_pod *pod;
	struct str container;
	struct buf query;
	enum step_result result = fetch(request, &pod);

	if (result == STEP_NEXT)
		result = pick_container(request, pod, &container);
	if (result != STEP_NEXT)
		return result;
	/* A pod that nobody runs yet has said nothing. */
	if (pod->spec.node_name.len == 0)
		return respond_text(request, 200, STR("text/plain"), STR_EMPTY);
	buf_init(&query, LIMIT_REQUEST_HEADERS);
	log_query(request, &query);
	target.path = pod_path(request, "containerLogs", pod, container);
	target.query = finish_query(request, &query);
	return forward(request, pod, &target);
}

static enum step_result run_stream(struct request *request)
{
	struct kubelet_target target = {0};
	const struct core_v1_pod *pod;
	struct str container;
	struct buf query;
	enum step_result result = fetch(request, &pod);

	if (result == STEP_NEXT)
		result = pick_container(request, pod, &container);
	if (result != STEP_NEXT)
		return result;
	if (pod->spec.node_name.len == 0)
		return no_host(request, pod);
	buf_init(&query, LIMIT_REQUEST_HEADERS);
	stream_query(request, &query);
	target.path = pod_path(request, str_c(request->action->subresource), pod, container);
	target.query = finish_query(request, &query);
	return forward(request, pod, &target);
}

static enum step_result run_port_forward(struct request *request)
{
	struct kubelet_target target = {0};
	const struct core_v1_pod *pod;
	struct buf query;
	enum step_result result = fetch(request, &pod);

	if (result != STEP_NEXT)
		return result;
	if (pod->spec.node_name.len == 0)
		return no_host(request, pod);
	buf_init(&query, LIMIT_REQUEST_HEADERS);
	port_query(request, &query);
	target.path = pod_path(request, "portForward", pod, STR_EMPTY);
	target.query = finish_query(request, &query);
	return forward(request, pod, &target);
}

#define CONNECT_ACTION(word, function, bits)                                                                           \
	{                                                                                                              \
		.plural = STR_INIT("pods"), .subresource = STR_INIT(word), .verbs = (bits), .may_block = true,         \
		.run = (function),                                                                                     \
	}

const struct action action_pod_log = CONNECT_ACTION("log", run_log, VERB_GET);
const struct action action_pod_exec = CONNECT_ACTION("exec", run_stream, VERB_GET | VERB_CREATE);
const struct action action_pod_attach = CONNECT_ACTION("attach", run_stream, VERB_GET | VERB_CREATE);
const struct action action_pod_port_forward = CONNECT_ACTION("portforward", run_port_forward, VERB_GET | VERB_CREATE);
