/* Services and EndpointSlices as the engine gets them. */
#include "unit.h"

#include <netinet/in.h>

#include "base/buf.h"
#include "proxy/source.h"

static const bool yes = true, no = false;
static const int32_t http_number = 8080, metrics_number = 9090;
static const struct str http = STR_INIT("http"), metrics = STR_INIT("metrics"), here = STR_INIT("here"),
			there = STR_INIT("there"), udp = STR_INIT("UDP"), local = STR_INIT("Local"),
			proxy_mode = STR_INIT("Proxy"), vip_mode = STR_INIT("VIP");

/* One line per service: name, addresses, ports and endpoints. */
static void print(const struct proxy_source *source, struct buf *out)
{
	char text[IP_TEXT_SIZE];

	SLICE_FOREACH (service, source->services) {
		buf_printf(out, STR_FMT " %u/%u", STR_ARG(service->name), service->protocol, service->port);
		for (size_t i = 0; i < service->cluster_ips.len; i++) {
			ip_format(&service->cluster_ips.items[i], text);
			buf_printf(out, " %s", text);
		}
		for (size_t i = 0; i < service->external_ips.len; i++) {
			ip_format(&service->external_ips.items[i], text);
			buf_printf(out, " external=%s", text);
		}
		if (service->node_port)
			buf_printf(out, " node=%u", service->node_port);
		if (service->affinity_seconds)
			buf_printf(out, " affinity=%u", service->affinity_seconds);
		buf_printf(out, "%s%s:", service->external_policy == PROXY_LOCAL ? " etp=local" : "",
			   service->internal_policy == PROXY_LOCAL ? " itp=local" : "");
		for (size_t i = 0; i < service->endpoints_len; i++) {
			const struct proxy_endpoint *endpoint = &service->endpoints[i];

			ip_format(&endpoint->address, text);
			buf_printf(out, " %s/%u%s%s%s%s", text, endpoint->port, endpoint->ready ? "" : "-unready",
				   endpoint->serving ? "" : "-unserving", endpoint->terminating ? "-terminating" : "",
				   endpoint->local ? "-local" : "");
		}
		buf_c(out, "\n");
	}
}

static void check(const struct core_v1_service *service, const struct discovery_v1_endpoint_slice *const *slices,
		  size_t len, const char *expected)
{
	struct arena cleanup_arena arena = {0};
	struct proxy_source source = {.arena = &arena, .node_name = here};
	struct buf cleanup_buf out;

	buf_init(&out, 1 << 16);
	proxy_source_add(&source, service, slices, len);
	print(&source, &out);
	assert_string_equal(out.data, expected);
}

static struct str cluster_ips[] = {STR_INIT("10.96.0.1"), STR_INIT("fd96::1")};
static struct core_v1_service_port ports[] = {
	{.name = STR_INIT("http"), .protocol = STR_INIT("TCP"), .port = 80, .node_port = 30080},
	{.name = STR_INIT("metrics"), .protocol = STR_INIT("TCP"), .port = 90, .node_port = 30090}};

static struct core_v1_service make_service(void)
{
	return (struct core_v1_service){
		.metadata = {.namespace = STR("d"), .name = STR("web")},
		.spec = {.type = STR("ClusterIP"), .ports = {ports, 2}, .cluster_ips = {cluster_ips, 1}}};
}

static struct str addresses[][1] = {
	{STR_INIT("10.244.0.9")}, {STR_INIT("10.244.0.2")}, {STR_INIT("10.244.0.5")}, {STR_INIT("nonsense")}};
static struct discovery_v1_endpoint endpoints[] = {
	{.addresses = {addresses[0], 1}, .node_name = &there},
	{.addresses = {addresses[1], 1}, .node_name = &here, .conditions = {.ready = &yes}},
	{.addresses = {addresses[2], 1}, .conditions = {.ready = &no, .serving = &yes, .terminating = &yes}},
	{.addresses = {addresses[3], 1}},
};
static struct discovery_v1_endpoint_port slice_ports[] = {{.name = &http, .port = &http_number},
							  {.name = &metrics, .port = &metrics_number}};

static struct discovery_v1_endpoint_slice make_slice(void)
{
	return (struct discovery_v1_endpoint_slice){
		.address_type = STR("IPv4"), .endpoints = {endpoints, 4}, .ports = {slice_ports, 2}};
}

static void test_ports_and_conditions(void **state UNUSED)
{
	struct core_v1_service service = make_service();
	struct discovery_v1_endpoint_slice slice = make_slice();
	const struct discovery_v1_endpoint_slice *slices[] = {&slice};

	check(&service, slices, 1,
	      "d/web:http 6/80 10.96.0.1: 10.244.0.2/8080-local 10.244.0.5/8080-unready-terminating 10.244.0.9/8080\n"
	      "d/web:metrics 6/90 10.96.0.1: 10.244.0.2/9090-local 10.244.0.5/9090-unready-terminating "
	      "10.244.0.9/9090\n");
	slice.ports.len = 1;
	service.spec.cluster_ips.len = 2;
	check(&service, slices, 1,
	      "d/web:http 6/80 10.96.0.1 fd96::1: 10.244.0.2/8080-local 10.244.0.5/8080-unready-terminating "
	      "10.244.0.9/8080\n"
	      "d/web:metrics 6/90 10.96.0.1 fd96::1:\n");
	slice.address_type = STR("FQDN");
	service.spec.ports.len = 1;
	check(&service, slices, 1, "d/web:http 6/80 10.96.0.1 fd96::1:\n");
}

/* A name of a port counts for its protocol alone; a slice port without a number is none. */
static void test_port_protocol(void **state UNUSED)
{
	struct discovery_v1_endpoint_port other[] = {{.name = &http, .port = &http_number, .protocol = &udp},
						     {.name = &metrics}};
	struct core_v1_service service = make_service();
	struct discovery_v1_endpoint_slice slice = make_slice();
	const struct discovery_v1_endpoint_slice *slices[] = {&slice};

	slice.ports.items = other;
	check(&service, slices, 1, "d/web:http 6/80 10.96.0.1:\nd/web:metrics 6/90 10.96.0.1:\n");
}

/* In two slices for a moment, an endpoint is one, and as good as its better half. */
static void test_repeated_endpoints(void **state UNUSED)
{
	struct discovery_v1_endpoint worse[] = {
		{.addresses = {addresses[1], 1}, .conditions = {.ready = &no, .serving = &no}}};
	struct core_v1_service service = make_service();
	struct discovery_v1_endpoint_slice slice = make_slice(), second = make_slice();
	const struct discovery_v1_endpoint_slice *slices[] = {&second, &slice};

	service.spec.ports.len = 1;
	slice.endpoints.len = 2;
	second.endpoints.items = worse;
	second.endpoints.len = 1;
	check(&service, slices, 2, "d/web:http 6/80 10.96.0.1: 10.244.0.2/8080-local 10.244.0.9/8080\n");
}

static void test_not_served(void **state UNUSED)
{
	struct core_v1_service service = make_service();
	struct str none[] = {STR("None")};

	service.spec.cluster_ips.items = none;
	check(&service, NULL, 0, "");
	service = make_service();
	service.spec.cluster_ips.len = 0;
	check(&service, NULL, 0, "");
	service.spec.cluster_ip = STR("10.96.0.9");
	service.spec.ports.len = 1;
	check(&service, NULL, 0, "d/web:http 6/80 10.96.0.9:\n");
	service.spec.type = STR("ExternalName");
	check(&service, NULL, 0, "");
}

static void test_outside(void **state UNUSED)
{
	static const int32_t seconds = 60;
	struct core_v1_client_ip_config client_ip = {.timeout_seconds = &seconds};
	struct core_v1_session_affinity_config affinity = {.client_ip = &client_ip};
	struct str external[] = {STR("192.0.2.7"), STR("")}, ranges[] = {STR("10.0.0.0/8")};
	struct core_v1_load_balancer_ingress ingress[] = {{.ip = STR("192.0.2.8")},
							  {.ip = STR("192.0.2.9"), .ip_mode = &proxy_mode},
							  {.ip = STR("192.0.2.10"), .ip_mode = &vip_mode},
							  {.hostname = STR("lb.example.com")}};
	struct core_v1_service service = make_service();

	service.spec.ports.len = 1;
	service.spec.external_ips = (struct str_slice){external, 2};
	service.status.load_balancer.ingress = (struct core_v1_load_balancer_ingress_slice){ingress, 4};
	check(&service, NULL, 0, "d/web:http 6/80 10.96.0.1 external=192.0.2.7:\n");
	service.spec.type = STR("NodePort");
	service.spec.session_affinity = STR("ClientIP");
	check(&service, NULL, 0, "d/web:http 6/80 10.96.0.1 external=192.0.2.7 node=30080 affinity=10800:\n");
	service.spec.type = STR("LoadBalancer");
	service.spec.session_affinity_config = &affinity;
	service.spec.external_traffic_policy = STR("Local");
	service.spec.internal_traffic_policy = &local;
	check(&service, NULL, 0,
	      "d/web:http 6/80 10.96.0.1 external=192.0.2.7 external=192.0.2.8 external=192.0.2.10 node=30080 "
	      "affinity=60 "
	      "etp=local itp=local:\n");
	service.spec.load_balancer_source_ranges = (struct str_slice){ranges, 1};
	check(&service, NULL, 0,
	      "d/web:http 6/80 10.96.0.1 external=192.0.2.7 node=30080 affinity=60 etp=local itp=local:\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_and_conditions),
		cmocka_unit_test(test_port_protocol),
		cmocka_unit_test(test_repeated_endpoints),
		cmocka_unit_test(test_not_served),
		cmocka_unit_test(test_outside),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
