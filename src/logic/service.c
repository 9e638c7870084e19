/* Services and the pods behind them; see service.h. */
#include "logic/service.h"

#include "base/arena.h"
#include "logic/pod.h"

bool service_selects(const struct core_v1_service *service)
{
	return service->spec.selector.len > 0 && !str_eq(service->spec.type, STR("ExternalName"));
}

bool service_is_headless(const struct core_v1_service *service)
{
	struct str address =
		service->spec.cluster_ips.len == 1 ? service->spec.cluster_ips.items[0] : service->spec.cluster_ip;

	return str_eq(address, STR("None"));
}

static int32_t named_port(const struct core_v1_container_slice *containers, struct str name, struct str protocol)
{
	SLICE_FOREACH (container, *containers)
		SLICE_FOREACH (port, container->ports)
			if (str_eq(port->name, name) && str_eq(port->protocol, protocol))
				return port->container_port;
	return 0;
}

int32_t service_target_port(const struct core_v1_service_port *port, const struct core_v1_pod *pod)
{
	int32_t number;

	if (!port->target_port.is_string)
		return port->target_port.number ? port->target_port.number : port->port;
	number = named_port(&pod->spec.containers, port->target_port.string, port->protocol);
	return number ? number : named_port(&pod->spec.init_containers, port->target_port.string, port->protocol);
}

bool service_pod_counts(const struct core_v1_pod *pod)
{
	return pod->status.pod_ip.len && !pod_is_finished(pod);
}
