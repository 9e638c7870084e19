/* Endpoints and EndpointSlices: who is behind a service, as its pods are. */
#include "unit.h"

#include "controllers/endpoints.h"
#include "plans.h"
#include "types/gen/discovery_v1.h"
#include "types/selector.h"

#define CHANGED 1767225720 /* 2026-01-01T00:02:00Z */

struct fixture {
	struct planned planned;
	struct object *service;
	VEC_OF(struct object *) pods, nodes, slices;
};

/* @spec: members of the service's spec beside its selector. */
static void setup(struct fixture *f, const char *spec)
{
	*f = (struct fixture){0};
	f->service = planned_objectf(&f->planned, "", "services",
				     "{metadata: {name: web, namespace: ns, uid: svc, labels: {team: a}},"
				     " spec: {selector: {app: web}, %s}}",
				     spec);
}

#define PLAIN                                                                                                          \
	"clusterIP: 10.96.0.1, ipFamilies: [IPv4], ports: [{name: http, port: 80, targetPort: 8080, protocol: TCP}]"
#define DUAL                                                                                                           \
	"clusterIP: 10.96.0.1, ipFamilies: [IPv4, IPv6], ports: [{name: http, port: 80, targetPort: 8080, protocol: "  \
	"TCP}]"

/* A pod on a node of a zone of its own; @zone NULL: its node is not there. */
static void add_pod(struct fixture *f, const char *name, const char *ips, bool ready, const char *meta,
		    const char *zone)
{
	struct object *pod = planned_objectf(
		&f->planned, "", "pods",
		"{metadata: {name: %s, namespace: ns, uid: u-%s%s}, spec: {nodeName: "
		"on-%s, containers: [{name: c, ports:"
		" [{name: web, containerPort: 9000, protocol: TCP}]}]}, status: {phase: Running, podIPs: "
		"[%s], conditions: [{type: Ready,"
		" status: '%s'}]}}",
		name, name, meta, name, ips, ready ? "True" : "False");
	struct object *node =
		zone ? planned_objectf(&f->planned, "", "nodes",
				       "{metadata: {name: on-%s, labels: {topology.kubernetes.io/zone: '%s'}}}", name,
				       zone)
		     : NULL;

	vec_push(&f->planned.arena, &f->pods, pod);
	vec_push(&f->planned.arena, &f->nodes, node);
}

/* So many pods that are ready, and those that are not after them. */
static void add_pods(struct fixture *f, size_t ready, size_t others)
{
	for (size_t i = 0; i < ready + others; i++)
		add_pod(f, str_c(arena_printf(&f->planned.arena, "p%04zu", i)),
			str_c(arena_printf(&f->planned.arena, "{ip: 10.1.%zu.%zu}", i / 250, i % 250 + 1)), i < ready,
			"", "z");
}

static void add_slice(struct fixture *f, const char *name, const char *owner, const char *rest)
{
	vec_push(&f->planned.arena, &f->slices,
		 planned_objectf(
			 &f->planned, "discovery.k8s.io", "endpointslices",
			 "{metadata: {name: %s, namespace: ns, uid: %s, labels: {team: a, kubernetes.io/service-name: "
			 "web,"
			 " endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}, ownerReferences:"
			 " [{apiVersion: v1, kind: Service, name: web, uid: %s, controller: true}]}, %s}",
			 name, name, owner, rest));
}

static void run_slices(struct fixture *f)
{
	struct endpointslice_inputs inputs = {.slices = client_resource("discovery.k8s.io", "v1", "endpointslices"),
					      .service = f->service,
					      .pods = {f->pods.items, f->pods.len},
					      .present = {f->slices.items, f->slices.len},
					      .nodes = f->nodes.items,
					      .changed = CHANGED};

	endpointslice_plan(NULL, &inputs, 0, planned_begin(&f->planned));
}

static const char *run_endpoints(struct fixture *f, struct object *present)
{
	struct endpoints_inputs inputs = {.endpoints = client_resource("", "v1", "endpoints"),
					  .service = f->service,
					  .present = present,
					  .pods = {f->pods.items, f->pods.len},
					  .changed = CHANGED};

	endpoints_plan(NULL, &inputs, 0, planned_begin(&f->planned));
	return planned_text(&f->planned);
}

static void assert_says(const char *text, const char *what, const char *part)
{
	if (!strstr(text, part))
		fail_msg("%s: no %s in %s", what, part, text);
}

/* --- Slices */

static void test_conditions(void **state UNUSED)
{
	static const struct {
		const char *what, *spec;
		bool ready;
		const char *meta;
		const char *says;
	} cases[] = {
		{"ready", PLAIN, true, "", "\"conditions\":{\"ready\":true,\"serving\":true,\"terminating\":false}"},
		{"not ready", PLAIN, false, "",
		 "\"conditions\":{\"ready\":false,\"serving\":false,\"terminating\":false}"},
		{"going, and serving still", PLAIN, true, ", deletionTimestamp: '2026-01-01T00:00:00Z'",
		 "\"conditions\":{\"ready\":false,\"serving\":true,\"terminating\":true}"},
		{"wanted anyway", PLAIN ", publishNotReadyAddresses: true", false, "",
		 "\"conditions\":{\"ready\":true,\"serving\":false,\"terminating\":false}"},
		{"zone", PLAIN, true, "", "\"nodeName\":\"on-p\",\"zone\":\"z\""},
		{"labels", PLAIN, true, "",
		 "\"labels\":{\"endpointslice.kubernetes.io/managed-by\":\"endpointslice-controller.k8s.io\","
		 "\"kubernetes.io/service-name\":\"web\",\"team\":\"a\"}"},
		{"headless", "clusterIP: None, ipFamilies: [IPv4]", true, "",
		 "\"service.kubernetes.io/headless\":\"\""},
		{"the time of the change", PLAIN, true, "",
		 "\"annotations\":{\"endpoints.kubernetes.io/last-change-trigger-time\":\"2026-01-01T00:02:00Z\"}"},
		{"no hints by themselves", PLAIN, true, "", "\"zone\":\"z\"}"},
		{"of the zone", PLAIN ", trafficDistribution: PreferClose", true, "",
		 "\"hints\":{\"forZones\":[{\"name\":\"z\"}]}"},
		{"of the zone, by its new name", PLAIN ", trafficDistribution: PreferSameZone", true, "",
		 "\"hints\":{\"forZones\":[{\"name\":\"z\"}]}"},
		{"of the node", PLAIN ", trafficDistribution: PreferSameNode", true, "",
		 "\"hints\":{\"forZones\":[{\"name\":\"z\"}],\"forNodes\":[{\"name\":\"on-p\"}]}"},
		{"none for one that is not ready", PLAIN ", trafficDistribution: PreferSameNode", false, "",
		 "\"zone\":\"z\"}"},
		{"a named port",
		 "clusterIP: 10.96.0.1, ipFamilies: [IPv4], ports: [{name: http, port: 80, targetPort: web, protocol: "
		 "TCP}]",
		 true, "", "\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":9000}]"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, cases[i].spec);
		add_pod(&f, "p", "{ip: 10.1.0.1}", cases[i].ready, cases[i].meta, "z");
		run_slices(&f);
		assert_says(planned_text(&f.planned), cases[i].what, cases[i].says);
		planned_release(&f.planned);
	}
}

static void test_a_missing_node_is_waited_for(void **state UNUSED)
{
	struct fixture f;

	setup(&f, PLAIN);
	add_pod(&f, "p", "{ip: 10.1.0.1}", true, "", NULL);
	run_slices(&f);
	assert_null(strstr(planned_text(&f.planned), "10.1.0.1"));
	planned_release(&f.planned);
	setup(&f, PLAIN ", publishNotReadyAddresses: true");
	add_pod(&f, "p", "{ip: 10.1.0.1}", true, "", NULL);
	run_slices(&f);
	assert_non_null(strstr(planned_text(&f.planned), "10.1.0.1"));
	planned_release(&f.planned);
}

static void test_families(void **state UNUSED)
{
	struct fixture f;
	const char *text;

	/* One pod has both, one has the first alone: each family has its slice. */
	setup(&f, DUAL);
	add_pod(&f, "both", "{ip: 10.1.0.1}, {ip: 'fd00::1'}", true, "", "z");
	add_pod(&f, "one", "{ip: 10.1.0.2}", true, "", "z");
	run_slices(&f);
	assert_string_equal(planned_outline(&f.planned, NULL),
			    "create endpointslices ns/web-\ncreate endpointslices ns/web-\n");
	planned_release(&f.planned);

	/* Nobody: each says so. */
	setup(&f, DUAL);
	run_slices(&f);
	text = planned_text(&f.planned);
	assert_says(text, "first", "\"addressType\":\"IPv4\"");
	assert_says(text, "second", "\"addressType\":\"IPv6\"");
	planned_release(&f.planned);

	/* A family that the service no longer has goes. */
	setup(&f, PLAIN);
	add_slice(&f, "four", "svc", "addressType: IPv4, ports: [], endpoints: []");
	add_slice(&f, "six", "svc", "addressType: IPv6, ports: [], endpoints: []");
	run_slices(&f);
	assert_string_equal(planned_outline(&f.planned, NULL), "delete endpointslices ns/six\n");
	planned_release(&f.planned);
}

static void test_slices_are_of_a_hundred(void **state UNUSED)
{
	static const struct {
		size_t pods, slices;
	} cases[] = {{0, 1}, {1, 1}, {100, 1}, {101, 2}, {250, 3}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		size_t endpoints = 0;

		setup(&f, PLAIN);
		add_pods(&f, cases[i].pods, 0);
		run_slices(&f);
		assert_int_equal(f.planned.plan.changes.len, cases[i].slices);
		SLICE_FOREACH (change, f.planned.plan.changes) {
			const struct discovery_v1_endpoint_slice *slice = change->request.body;

			assert_true(slice->endpoints.len <= 100);
			endpoints += slice->endpoints.len;
		}
		assert_int_equal(endpoints, cases[i].pods);
		planned_release(&f.planned);
	}
}

#define PORTS "addressType: IPv4, ports: [{name: http, protocol: TCP, port: 8080}], endpoints: "
#define ENDPOINT(name, ip)                                                                                             \
	"{addresses: [" ip "], conditions: {ready: true, serving: true, terminating: false}, nodeName: on-" name       \
	", zone: z, targetRef: {kind: Pod, namespace: ns, name: " name ", uid: u-" name "}}"

static void test_present_slices(void **state UNUSED)
{
	static const struct {
		const char *what;
		struct {
			const char *name, *owner, *rest;
		} slices[2];
		const char *pods[3];
		const char *wanted;
	} cases[] = {
		{"settled", {{"s", "svc", PORTS "[" ENDPOINT("a", "10.1.0.1") "]"}}, {"a"}, ""},
		{"one more goes where there is room",
		 {{"s", "svc", PORTS "[" ENDPOINT("a", "10.1.0.1") "]"}},
		 {"a", "b"},
		 "patch endpointslices ns/s\n"},
		{"what changes anyway is filled",
		 {{"s", "svc", PORTS "[" ENDPOINT("a", "10.1.0.1") ", " ENDPOINT("x", "10.1.0.9") "]"},
		  {"t", "svc", PORTS "[" ENDPOINT("b", "10.1.0.2") "]"}},
		 {"a", "b", "c"},
		 "patch endpointslices ns/s\n"},
		{"an emptied one goes",
		 {{"s", "svc", PORTS "[" ENDPOINT("a", "10.1.0.1") "]"},
		  {"t", "svc", PORTS "[" ENDPOINT("x", "10.1.0.9") "]"}},
		 {"a"},
		 "delete endpointslices ns/t\n"},
		{"the last one becomes the placeholder",
		 {{"s", "svc", PORTS "[" ENDPOINT("x", "10.1.0.9") "]"}},
		 {NULL},
		 "patch endpointslices ns/s\n"},
		{"a placeholder stays", {{"s", "svc", "addressType: IPv4, ports: [], endpoints: []"}}, {NULL}, ""},
		{"and is taken for the first endpoint",
		 {{"s", "svc", "addressType: IPv4, ports: [], endpoints: []"}},
		 {"a"},
		 "patch endpointslices ns/s\n"},
		{"a former service's goes",
		 {{"s", "before", PORTS "[" ENDPOINT("a", "10.1.0.1") "]"}},
		 {"a"},
		 "create endpointslices ns/web-\ndelete endpointslices ns/s\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static const char *const ips[] = {"{ip: 10.1.0.1}", "{ip: 10.1.0.2}", "{ip: 10.1.0.3}"};
		struct fixture f;

		setup(&f, PLAIN);
		for (size_t j = 0; j < ARRAY_LEN(cases[i].pods) && cases[i].pods[j]; j++)
			add_pod(&f, cases[i].pods[j], ips[j], true, "", "z");
		for (size_t j = 0; j < ARRAY_LEN(cases[i].slices) && cases[i].slices[j].name; j++)
			add_slice(&f, cases[i].slices[j].name, cases[i].slices[j].owner, cases[i].slices[j].rest);
		run_slices(&f);
		if (strcmp(planned_outline(&f.planned, NULL), cases[i].wanted) != 0)
			fail_msg("%s: %s", cases[i].what, planned_text(&f.planned));
		planned_release(&f.planned);
	}
}

/* --- Endpoints */

static void test_endpoints(void **state UNUSED)
{
	static const struct {
		const char *what, *spec;
		bool ready;
		const char *meta, *says;
	} cases[] = {
		{"ready", PLAIN, true, "", "\"subsets\":[{\"addresses\":[{\"ip\":\"10.1.0.1\",\"nodeName\":\"on-p\""},
		{"not ready", PLAIN, false, "", "\"subsets\":[{\"notReadyAddresses\":[{\"ip\":\"10.1.0.1\""},
		{"wanted anyway", PLAIN ", publishNotReadyAddresses: true", false, "",
		 "\"subsets\":[{\"addresses\":[{"},
		{"ports", PLAIN, true, "", "\"ports\":[{\"name\":\"http\",\"port\":8080,\"protocol\":\"TCP\"}]"},
		{"labels", PLAIN, true, "",
		 "\"labels\":{\"endpoints.kubernetes.io/managed-by\":\"endpoint-controller\",\"team\":\"a\"}"},
		{"headless", "clusterIP: None, ipFamilies: [IPv4]", true, "",
		 "\"service.kubernetes.io/headless\":\"\""},
		{"the time of the change", PLAIN, true, "",
		 "\"endpoints.kubernetes.io/last-change-trigger-time\":\"2026-01-01T00:02:00Z\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, cases[i].spec);
		add_pod(&f, "p", "{ip: 10.1.0.1}", cases[i].ready, cases[i].meta, "z");
		assert_says(run_endpoints(&f, NULL), cases[i].what, cases[i].says);
		planned_release(&f.planned);
	}
}

static void test_who_is_not_listed(void **state UNUSED)
{
	static const struct {
		const char *what, *spec, *ips, *meta;
	} cases[] = {
		{"one that goes", PLAIN, "{ip: 10.1.0.1}", ", deletionTimestamp: '2026-01-01T00:00:00Z'"},
		{"one of another family", PLAIN, "{ip: 'fd00::1'}", ""},
		{"one without the port",
		 "clusterIP: 10.96.0.1, ipFamilies: [IPv4], ports: [{port: 80, targetPort: none, protocol: TCP}]",
		 "{ip: 10.1.0.1}", ""},
		{"a service without ports", "clusterIP: 10.96.0.1, ipFamilies: [IPv4]", "{ip: 10.1.0.1}", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, cases[i].spec);
		add_pod(&f, "p", cases[i].ips, true, cases[i].meta, "z");
		if (strstr(run_endpoints(&f, NULL), "subsets\":["))
			fail_msg("%s: %s", cases[i].what, planned_text(&f.planned));
		planned_release(&f.planned);
	}
}

static void test_a_thousand_addresses(void **state UNUSED)
{
	static const struct {
		size_t ready, others, wanted_ready, wanted_others;
	} cases[] = {{1000, 0, 1000, 0}, {990, 20, 990, 10}, {1005, 5, 1000, 0}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		const struct core_v1_endpoints *made;
		bool over = cases[i].ready + cases[i].others > 1000;

		setup(&f, PLAIN);
		add_pods(&f, cases[i].ready, cases[i].others);
		run_endpoints(&f, NULL);
		made = f.planned.plan.changes.items[0].request.body;
		assert_int_equal(made->subsets.len, 1);
		assert_int_equal(made->subsets.items[0].addresses.len, cases[i].wanted_ready);
		assert_int_equal(made->subsets.items[0].not_ready_addresses.len, cases[i].wanted_others);
		assert_int_equal(
			str_map_get(&made->metadata.annotations, STR("endpoints.kubernetes.io/over-capacity")) != NULL,
			over);
		planned_release(&f.planned);
	}
}

static void test_present_endpoints(void **state UNUSED)
{
	static const char present[] = "{metadata: {name: web, namespace: ns, labels: {team: a, "
				      "endpoints.kubernetes.io/managed-by: endpoint-controller},"
				      " annotations: {endpoints.kubernetes.io/over-capacity: truncated,"
				      " endpoints.kubernetes.io/last-change-trigger-time: '2026-01-01T00:00:00Z'}}}";
	struct fixture f;
	struct object *settled;

	/* Over its limit no more: the annotation goes, and the time is the change's. */
	setup(&f, PLAIN);
	assert_string_equal(
		run_endpoints(&f, planned_object(&f.planned, "", "endpoints", present)),
		"patch endpoints ns/web {\"metadata\":{\"annotations\":{\"endpoints.kubernetes.io/last-change-trigger-"
		"time\":\"2026-01-01T00:02:00Z\",\"endpoints.kubernetes.io/over-capacity\":null}}}\n");
	/* Nothing else: the time alone is no change. */
	settled = planned_object(
		&f.planned, "", "endpoints",
		"{metadata: {name: web, namespace: ns, labels: {team: a, endpoints.kubernetes.io/managed-by:"
		" endpoint-controller}}}");
	assert_string_equal(run_endpoints(&f, settled), "");
	/* The service is gone: ours goes, another's stays. */
	f.service = NULL;
	assert_string_equal(run_endpoints(&f, settled), "delete endpoints ns/web\n");
	assert_string_equal(run_endpoints(&f, planned_object(&f.planned, "", "endpoints",
							     "{metadata: {name: web, namespace: ns}}")),
			    "");
	planned_release(&f.planned);
}

/* --- Mirrored slices */

#define BY_HAND                                                                                                        \
	"{metadata: {name: web, namespace: ns, uid: ep, labels: {team: a}}, subsets: [{addresses: [{ip: 10.1.0.1,"     \
	" hostname: h}, {ip: 'fd00::1'}], notReadyAddresses: [{ip: 10.1.0.2}], ports: [{name: http, port: 8080,"       \
	" protocol: TCP}]}]}"
#define EMPTY(family) "addressType: " family ", ports: [], endpoints: []"

static const char *run_mirroring(struct fixture *f, const struct object *endpoints)
{
	struct mirroring_inputs inputs = {.slices = client_resource("discovery.k8s.io", "v1", "endpointslices"),
					  .endpoints = UNCONST(struct object *, endpoints), /* only read */
					  .present = {f->slices.items, f->slices.len}};

	mirroring_plan(NULL, &inputs, 0, planned_begin(&f->planned));
	return planned_text(&f->planned);
}

static void test_mirrored(void **state UNUSED)
{
	static const struct {
		const char *what, *endpoints, *slices[2], *wanted;
	} cases[] = {
		{"a slice for each family",
		 BY_HAND,
		 {NULL},
		 "create endpointslices ns/web-\ncreate endpointslices ns/web-\n"},
		{"no longer mirrored", NULL, {EMPTY("IPv4")}, "delete endpointslices ns/m0\n"},
		{"what is made takes the place of what goes",
		 BY_HAND,
		 {EMPTY("IPv4"), EMPTY("IPv6")},
		 "patch endpointslices ns/m0\npatch endpointslices ns/m1\n"},
		{"one that nobody wants",
		 "{metadata: {name: web, namespace: ns, uid: ep}}",
		 {EMPTY("IPv4")},
		 "delete endpointslices ns/m0\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		setup(&f, PLAIN);
		for (size_t j = 0; j < ARRAY_LEN(cases[i].slices) && cases[i].slices[j]; j++)
			add_slice(&f, (char[]){'m', (char)('0' + j), '\0'}, "ep", cases[i].slices[j]);
		run_mirroring(&f, cases[i].endpoints ? planned_object(&f.planned, "", "endpoints", cases[i].endpoints)
						     : NULL);
		if (strcmp(planned_outline(&f.planned, NULL), cases[i].wanted) != 0)
			fail_msg("%s: %s", cases[i].what, planned_text(&f.planned));
		planned_release(&f.planned);
	}
}

static void test_what_mirrored_slices_say(void **state UNUSED)
{
	static const char *const parts[] = {
		"\"endpointslice.kubernetes.io/managed-by\":\"endpointslicemirroring-controller.k8s.io\"",
		"\"kubernetes.io/service-name\":\"web\",\"team\":\"a\"",
		"{\"addresses\":[\"10.1.0.1\"],\"conditions\":{\"ready\":true},\"hostname\":\"h\"}",
		"{\"addresses\":[\"10.1.0.2\"],\"conditions\":{\"ready\":false}}",
		"\"kind\":\"Endpoints\",\"name\":\"web\",\"uid\":\"ep\"",
	};
	struct fixture f;
	const char *text;

	setup(&f, PLAIN);
	text = run_mirroring(&f, planned_object(&f.planned, "", "endpoints", BY_HAND));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		assert_says(text, "mirrored", parts[i]);
	planned_release(&f.planned);
}

static void test_mirrored_have_a_limit(void **state UNUSED)
{
	struct fixture f;
	struct core_v1_endpoint_address addresses[1003] = {0};
	struct core_v1_endpoint_subset subset = {.addresses = {addresses, ARRAY_LEN(addresses)}};
	struct core_v1_endpoints endpoints = {.metadata = {.name = STR("web"), .namespace = STR("ns")},
					      .subsets = {&subset, 1}};
	const struct discovery_v1_endpoint_slice *made;
	struct object *object;

	setup(&f, PLAIN);
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
		addresses[i].ip = arena_printf(&f.planned.arena, "10.1.%zu.%zu", i / 250, i % 250 + 1);
	object = object_publish(&schema_core_v1_endpoints, &endpoints);
	assert_says(run_mirroring(&f, object), "event",
		    "event Warning TooManyAddressesToMirror A max of 1000 addresses can be mirrored to EndpointSlices "
		    "per Endpoints subset. 3 addresses were skipped");
	made = f.planned.plan.changes.items[0].request.body;
	assert_int_equal(made->endpoints.len, 1000);
	object_unref(object);
	planned_release(&f.planned);
}

/* --- When they changed */

static void test_times_of_changes(void **state UNUSED)
{
	struct planned p = {0};
	struct service_pods shared = {0};
	const struct core_v1_service *service = OBJECT_AS(
		core_v1_service,
		planned_object(&p, "", "services", "{metadata: {name: s, creationTimestamp: '1970-01-01T00:01:40Z'}}"));
	struct object *pods[] = {
		planned_object(&p, "", "pods",
			       "{metadata: {name: a}, status: {conditions: [{type: Ready, status: 'True',"
			       " lastTransitionTime: '1970-01-01T00:03:20Z'}]}}"),
		planned_object(&p, "", "pods",
			       "{metadata: {name: b}, status: {conditions: [{type: Ready, status: 'True',"
			       " lastTransitionTime: '1970-01-01T00:05:00Z'}]}}"),
	};
	struct object *later =
		planned_object(&p, "", "pods",
			       "{metadata: {name: a}, status: {conditions: [{type: Ready, status: 'False',"
			       " lastTransitionTime: '1970-01-01T00:06:40Z'}]}}");

	assert_int_equal(service_pods_changed(&shared, STR("s"), service, (struct object_slice){pods, 0}), 100);
	assert_int_equal(service_pods_changed(&shared, STR("s"), service, (struct object_slice){pods, 2}), 200);
	assert_int_equal(service_pods_changed(&shared, STR("s"), service, (struct object_slice){pods, 2}), 0);
	pods[0] = later;
	assert_int_equal(service_pods_changed(&shared, STR("s"), service, (struct object_slice){pods, 2}), 400);
	service_pods_forget(&shared, STR("s"));
	assert_int_equal(service_pods_changed(&shared, STR("s"), service, (struct object_slice){pods, 2}), 100);
	service_pods_forget(&shared, STR("s"));
	map_release(&shared.times);
	planned_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_a_missing_node_is_waited_for),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_slices_are_of_a_hundred),
		cmocka_unit_test(test_present_slices),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_who_is_not_listed),
		cmocka_unit_test(test_a_thousand_addresses),
		cmocka_unit_test(test_present_endpoints),
		cmocka_unit_test(test_times_of_changes),
		cmocka_unit_test(test_mirrored),
		cmocka_unit_test(test_what_mirrored_slices_say),
		cmocka_unit_test(test_mirrored_have_a_limit),
	};

	return cmocka_run_group_tests_name("endpoints", tests, NULL, NULL);
}
