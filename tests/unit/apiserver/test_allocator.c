/* Addresses and ports of services: none is given twice, asked-for ones are judged, a finished request gives back. */
#include "unit.h"

#include "apiserver/allocator.h"
#include "apiserver/server.h"
#include "apiserver/stored.h"
#include "types/object.h"

struct fixture {
	struct store *store;
	struct allocator *allocator;
};

static void start(struct fixture *f, const char *range)
{
	struct allocator_config config = {.node_port_min = 30000, .node_port_max = 30003};
	struct store_options options = {.objects = &apiserver_store_objects};

	assert_int_equal(ip_prefix_parse(str_from(range), &config.range), 0);
	f->store = store_open_memory(&options);
	f->allocator = allocator_new(&config, f->store);
}

static void stop(struct fixture *f)
{
	allocator_free(f->allocator);
	store_close(f->store);
}

static struct core_v1_service make_service(const char *name, const char *type)
{
	static const struct core_v1_service_port port = {.port = 80, .protocol = STR_INIT("TCP")};

	return (struct core_v1_service){
		.metadata = {.name = str_from(name), .namespace = STR("ns")},
		.spec = {.type = str_from(type), .ports = {&port, 1}},
	};
}

static void allocate(struct fixture *f, struct arena *arena, struct core_v1_service *service, const char *problem)
{
	struct field_errors errors = {.arena = arena};
	struct core_v1_service_port *port = ARENA_DUP(arena, struct core_v1_service_port, service->spec.ports.items);

	service->spec.ports.items = port;
	allocator_allocate(f->allocator, arena, service, &errors);
	assert_string_equal(str_c(field_errors_join(&errors, arena)), problem);
}

static void put(struct fixture *f, const struct core_v1_service *service)
{
	const struct resource *resource = resource_find(STR(""), STR("v1"), STR("services"));
	struct arena arena = {0};
	struct buf value, header;
	struct store_write write = {.op = STORE_CREATE};
	struct error err = {0};

	buf_init(&value, 1 << 20);
	buf_init(&header, 1 << 20);
	stored_encode(resource->schema, strategy_find(resource), service, &arena, &value, &header);
	write.key = stored_key(resource, service->metadata.namespace, service->metadata.name, &arena);
	write.value = buf_view(&value);
	write.header = buf_view(&header);
	assert_int_equal(store_commit(f->store, &write, &err), 0);
	buf_release(&value);
	buf_release(&header);
	arena_release(&arena);
}

static void test_until_full(void **state UNUSED)
{
	struct fixture f;
	struct arena arenas[6] = {{0}};
	struct core_v1_service services[6];

	start(&f, "10.0.0.0/29"); /* six usable addresses */
	for (size_t i = 0; i < 6; i++) {
		services[i] = make_service("s", "ClusterIP");
		allocate(&f, &arenas[i], &services[i], "");
		for (size_t j = 0; j < i; j++)
			assert_false(str_eq(services[i].spec.cluster_ip, services[j].spec.cluster_ip));
	}
	services[0] = make_service("s", "ClusterIP");
	allocate(&f, &arenas[0], &services[0],
		 "spec.clusterIPs: Internal error: failed to allocate a serviceIP: range is full");
	/* One request ends without a write: its address is free again. */
	arena_release(&arenas[3]);
	services[0] = make_service("s", "ClusterIP");
	allocate(&f, &arenas[0], &services[0], "");
	for (size_t i = 0; i < 6; i++)
		arena_release(&arenas[i]);
	stop(&f);
}

static void test_asked_for(void **state UNUSED)
{
	struct fixture f;
	struct arena arena = {0};
	struct core_v1_service first = make_service("a", "NodePort"), second = make_service("b", "NodePort");
	struct core_v1_service_port taken = {.port = 80, .protocol = STR("TCP"), .node_port = 30001};

	start(&f, "10.0.0.0/24");
	first.spec.cluster_ip = STR("10.0.0.7");
	first.spec.cluster_ips = (struct str_slice){&first.spec.cluster_ip, 1};
	first.spec.ports.items = &taken;
	allocate(&f, &arena, &first, "");
	put(&f, &first);
	arena_release(&arena);

	second.spec.cluster_ips = first.spec.cluster_ips;
	allocate(&f, &arena, &second,
		 "spec.clusterIPs: Invalid value: [\"10.0.0.7\"]: failed to allocate IP 10.0.0.7: provided IP is "
		 "already "
		 "allocated");
	second = make_service("b", "NodePort");
	second.spec.ports.items = &taken;
	allocate(&f, &arena, &second,
		 "spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated");
	taken.node_port = 80;
	second = make_service("b", "NodePort");
	second.spec.ports.items = &taken;
	allocate(&f, &arena, &second,
		 "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of "
		 "valid "
		 "ports is 30000-30003");
	/* What it has itself is not in its way. */
	taken.node_port = 30001;
	first.spec.ports.items = &taken;
	allocate(&f, &arena, &first, "");
	arena_release(&arena);
	stop(&f);
}

static void test_headless_and_ports(void **state UNUSED)
{
	struct fixture f;
	struct arena arena = {0};
	struct core_v1_service service = make_service("a", "ClusterIP");
	struct str none = STR("None");

	start(&f, "fd00::/112");
	assert_str_equal(allocator_families(f.allocator).items[0], "IPv6");
	service.spec.cluster_ip = none;
	service.spec.cluster_ips = (struct str_slice){&none, 1};
	allocate(&f, &arena, &service, "");
	assert_str_equal(service.spec.cluster_ip, "None");
	assert_int_equal(service.spec.ports.items[0].node_port, 0);
	service = make_service("b", "LoadBalancer");
	service.spec.external_traffic_policy = STR("Local");
	allocate(&f, &arena, &service, "");
	assert_true(str_has_prefix(service.spec.cluster_ip, STR("fd00::")));
	assert_in_range(service.spec.ports.items[0].node_port, 30000, 30003);
	assert_in_range(service.spec.health_check_node_port, 30000, 30003);
	assert_int_not_equal(service.spec.ports.items[0].node_port, service.spec.health_check_node_port);
	arena_release(&arena);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_until_full),
		cmocka_unit_test(test_asked_for),
		cmocka_unit_test(test_headless_and_ports),
	};

	return cmocka_run_group_tests_name("allocator", tests, NULL, NULL);
}
