/* Probes and lifecycle handlers; see pod_check.h. */
#include "apiserver/registry/core/pod_check.h"

#include <inttypes.h>

#include "types/int_or_string.h"

void check_port_or_name(struct field_errors *errors, const struct path *path, const struct int_or_string *port)
{
	if (port->is_string)
		check_name(errors, path, port->string, name_is_port(port->string));
	else
		check_port_number(errors, path, port->number);
}

/* The handlers of probes and of lifecycle hooks together. */
struct handler {
	const struct core_v1_exec_action *exec;
	const struct core_v1_http_get_action *http_get;
	const struct core_v1_tcp_socket_action *tcp_socket;
	const struct core_v1_grpc_action *grpc;
	const struct core_v1_sleep_action *sleep;
};

/* Counts a handler; false, and an error, when it is one too many. */
static bool is_first(struct field_errors *errors, const struct path *path, int *count)
{
	if ((*count)++ == 0)
		return true;
	field_forbidden(errors, path, "may not specify more than 1 handler type");
	return false;
}

static void check_http(struct field_errors *errors, const struct path *path, const struct core_v1_http_get_action *http)
{
	if (!http->path.len)
		field_required(errors, FIELD(path, "path"), NULL);
	check_port_or_name(errors, FIELD(path, "port"), &http->port);
	if (!is_one_of(http->scheme, "HTTP", "HTTPS", NULL))
		field_not_supported_c(errors, FIELD(path, "scheme"), VALUE(http->scheme), "HTTP", "HTTPS", NULL);
	SLICE_FOREACH (header, http->http_headers)
		check_name(errors, FIELD(path, "httpHeaders"), header->name, name_is_http_header(header->name));
}

static void check_sleep(struct field_errors *errors, const struct path *path, const struct core_v1_sleep_action *sleep,
			const int64_t *grace)
{
	if (grace && (sleep->seconds < 0 || sleep->seconds > *grace))
		field_invalid(errors, path, VALUE(sleep->seconds),
			      "must be non-negative and less than terminationGracePeriodSeconds (%" PRId64 ")", *grace);
}

static void check_handler(struct field_errors *errors, const struct path *path, const struct handler *handler,
			  const int64_t *grace)
{
	int count = 0;

	if (handler->exec && is_first(errors, FIELD(path, "exec"), &count) && !handler->exec->command.len)
		field_required(errors, FIELD(path, "exec.command"), NULL);
	if (handler->http_get && is_first(errors, FIELD(path, "httpGet"), &count))
		check_http(errors, FIELD(path, "httpGet"), handler->http_get);
	if (handler->tcp_socket && is_first(errors, FIELD(path, "tcpSocket"), &count))
		check_port_or_name(errors, FIELD(path, "tcpSocket.port"), &handler->tcp_socket->port);
	if (handler->grpc && is_first(errors, FIELD(path, "grpc"), &count))
		check_port_number(errors, FIELD(path, "grpc.port"), handler->grpc->port);
	if (handler->sleep && is_first(errors, FIELD(path, "sleep"), &count))
		check_sleep(errors, FIELD(path, "sleep"), handler->sleep, grace);
	if (!count)
		field_required(errors, path, "must specify a handler type");
}

static void check_probe(struct pod_check *check, const struct path *path, const struct core_v1_probe *probe)
{
	struct field_errors *errors = check->errors;
	const struct core_v1_probe_handler *h = &probe->probe_handler;
	struct handler handler = {h->exec, h->http_get, h->tcp_socket, h->grpc, NULL};
	const int64_t *grace = probe->termination_grace_period_seconds;

	check_handler(errors, path, &handler, check->spec->termination_grace_period_seconds);
	check_not_negative(errors, FIELD(path, "initialDelaySeconds"), probe->initial_delay_seconds);
	check_not_negative(errors, FIELD(path, "timeoutSeconds"), probe->timeout_seconds);
	check_not_negative(errors, FIELD(path, "periodSeconds"), probe->period_seconds);
	check_not_negative(errors, FIELD(path, "successThreshold"), probe->success_threshold);
	check_not_negative(errors, FIELD(path, "failureThreshold"), probe->failure_threshold);
	if (grace && *grace <= 0)
		field_invalid(errors, FIELD(path, "terminationGracePeriodSeconds"), VALUE(*grace),
			      "must be greater than 0");
}

/* Liveness and startup: one success is enough. */
static void check_single_success(struct pod_check *check, const struct path *path, const struct core_v1_probe *probe)
{
	if (!probe)
		return;
	check_probe(check, path, probe);
	if (probe->success_threshold != 1)
		field_invalid(check->errors, FIELD(path, "successThreshold"), VALUE(probe->success_threshold),
			      "must be 1");
}

static void check_readiness(struct pod_check *check, const struct path *path, const struct core_v1_probe *probe)
{
	if (!probe)
		return;
	check_probe(check, path, probe);
	if (probe->termination_grace_period_seconds)
		field_invalid(check->errors, FIELD(path, "terminationGracePeriodSeconds"),
			      VALUE(*probe->termination_grace_period_seconds), "must not be set for readinessProbes");
}

static void check_hook(struct pod_check *check, const struct path *path, const struct core_v1_lifecycle_handler *h)
{
	struct handler handler = {h->exec, h->http_get, h->tcp_socket, NULL, h->sleep};

	check_handler(check->errors, path, &handler, check->spec->termination_grace_period_seconds);
}

void check_probes(struct pod_check *check, const struct path *path, const struct core_v1_container *container)
{
	if (container->lifecycle && container->lifecycle->post_start)
		check_hook(check, FIELD(path, "lifecycle.postStart"), container->lifecycle->post_start);
	if (container->lifecycle && container->lifecycle->pre_stop)
		check_hook(check, FIELD(path, "lifecycle.preStop"), container->lifecycle->pre_stop);
	check_single_success(check, FIELD(path, "livenessProbe"), container->liveness_probe);
	check_readiness(check, FIELD(path, "readinessProbe"), container->readiness_probe);
	check_single_success(check, FIELD(path, "startupProbe"), container->startup_probe);
}
