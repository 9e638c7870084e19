/*
 * The objects every cluster has: made at the start where they are missing, through the same pipeline as everybody's.
 */
#include "apiserver/local.h"
#include "apiserver/policy/reconcile.h"
#include "apiserver/rbac.h"
#include "apiserver/server.h"
#include "types/gen/core_v1.h"
#include "types/gen/discovery_v1.h"
#include "types/gen/networking_v1.h"
#include "types/gen/scheduling_v1.h"
#include "types/object.h"

static const struct str masters[] = {STR_INIT("system:masters")};
static const struct user_info self = {.name = STR_INIT("system:apiserver"), .groups = {masters, 1}};

/* Creates unless it is there. */
static int ensure(struct apiserver *server, struct str group, struct str version, struct str plural, const void *body,
		  struct error *err)
{
	const struct resource *resource = resource_find(group, version, plural);
	const struct meta_v1_object_meta *meta = object_meta_of(resource->schema, body);
	struct local_call call = {
		.user = &self,
		.verb = STR("create"),
		.resource = resource,
		.name_space = meta->namespace,
		.body = body,
	};
	struct local_answer answer = {0};

	if (apiserver_call(server, &call, &answer, err) < 0) {
		if (err->code != ERR_ALREADY_EXISTS)
			return error_wrap(err, STR_FMT " " STR_FMT, STR_ARG(plural), STR_ARG(meta->name));
		error_clear(err);
	}
	object_unref(answer.object);
	return 0;
}

static int ensure_namespaces(struct apiserver *server, struct error *err)
{
	static const struct str names[] = {STR_INIT("kube-system"), STR_INIT("kube-public"),
					   STR_INIT("kube-node-lease"), STR_INIT("default")};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct core_v1_namespace object = {.metadata = {.name = names[i]}};

		if (ensure(server, STR_EMPTY, STR("v1"), STR("namespaces"), &object, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

static int ensure_priority_classes(struct apiserver *server, struct error *err)
{
	static const struct str policy = STR_INIT("PreemptLowerPriority");
	const struct scheduling_v1_priority_class classes[] = {
		{
			.metadata = {.name = STR("system-node-critical")},
			.value = 2000001000,
			.description =
				STR("Used for system critical pods that must not be moved from their current node."),
			.preemption_policy = &policy,
		},
		{
			.metadata = {.name = STR("system-cluster-critical")},
			.value = 2000000000,
			.description =
				STR("Used for system critical pods that must run in the cluster, but can be moved to "
				    "another node if necessary."),
			.preemption_policy = &policy,
		},
	};

	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (ensure(server, STR("scheduling.k8s.io"), STR("v1"), STR("priorityclasses"), &classes[i], err) < 0)
			return -(int)err->code;
	return 0;
}

static int ensure_service_cidr(struct apiserver *server, struct error *err)
{
	char text[IP_PREFIX_TEXT_SIZE];
	struct str cidr;
	struct networking_v1_service_cidr object = {.metadata = {.name = STR("kubernetes")}};

	ip_prefix_format(&server->config.service_range, text);
	cidr = str_from(text);
	object.spec.cidrs = (struct str_slice){&cidr, 1};
	return ensure(server, STR("networking.k8s.io"), STR("v1"), STR("servicecidrs"), &object, err);
}

static int ensure_service(struct apiserver *server, struct error *err)
{
	static const struct str_pair labels[] = {{STR_INIT("component"), STR_INIT("apiserver")},
						 {STR_INIT("provider"), STR_INIT("kubernetes")}};
	static const struct str single = STR_INIT("SingleStack");
	struct core_v1_service_port port = {
		.name = STR("https"),
		.protocol = STR("TCP"),
		.port = 443,
		.target_port = {.number = server->config.secure_port},
	};
	struct core_v1_service object = {
		.metadata = {.name = STR("kubernetes"), .namespace = STR("default"), .labels = {labels, 2}},
		.spec = {.type = STR("ClusterIP"),
			 .session_affinity = STR("None"),
			 .ip_family_policy = &single,
			 .ports = {&port, 1}},
	};
	struct ip_address first;
	char text[IP_TEXT_SIZE];
	struct str address;

	if (!ip_add(&server->config.service_range.address, 1, &first))
		return error_set(err, ERR_BAD_REQUEST, "the service range has no room");
	ip_format(&first, text);
	address = str_from(text);
	object.spec.cluster_ip = address;
	object.spec.cluster_ips = (struct str_slice){&address, 1};
	return ensure(server, STR_EMPTY, STR("v1"), STR("services"), &object, err);
}

static int ensure_endpoints(struct apiserver *server, struct error *err)
{
	static const struct str_pair mirror[] = {
		{STR_INIT("endpointslice.kubernetes.io/skip-mirror"), STR_INIT("true")}};
	static const struct str_pair of_service[] = {{STR_INIT("kubernetes.io/service-name"), STR_INIT("kubernetes")}};
	static const struct str https = STR_INIT("https"), tcp = STR_INIT("TCP");
	static const bool ready = true;
	const int32_t number = server->config.secure_port;
	struct core_v1_endpoint_address address = {.ip = server->config.advertise_address};
	struct core_v1_endpoint_port port = {.name = https, .port = number, .protocol = tcp};
	struct core_v1_endpoint_subset subset = {.addresses = {&address, 1}, .ports = {&port, 1}};
	struct core_v1_endpoints endpoints = {
		.metadata = {.name = STR("kubernetes"), .namespace = STR("default"), .labels = {mirror, 1}},
		.subsets = {&subset, 1},
	};
	struct discovery_v1_endpoint endpoint = {
		.addresses = {&server->config.advertise_address, 1},
		.conditions = {.ready = &ready},
	};
	struct discovery_v1_endpoint_port slice_port = {.name = &https, .protocol = &tcp, .port = &number};
	struct discovery_v1_endpoint_slice slice = {
		.metadata = {.name = STR("kubernetes"), .namespace = STR("default"), .labels = {of_service, 1}},
		.address_type = STR("IPv4"),
		.endpoints = {&endpoint, 1},
		.ports = {&slice_port, 1},
	};

	/* Pods cannot reach a loopback address, and upstream's validation refuses it. */
	if (str_has_prefix(server->config.advertise_address, STR("127.")))
		return 0;
	if (ensure(server, STR_EMPTY, STR("v1"), STR("endpoints"), &endpoints, err) < 0)
		return -(int)err->code;
	return ensure(server, STR("discovery.k8s.io"), STR("v1"), STR("endpointslices"), &slice, err);
}

/*
 * What clients look for to find the cluster's DNS.  Nodes answer at the address themselves, so proxies are told to
 * leave it alone and it has no endpoints.
 */
static int ensure_dns_service(struct apiserver *server, struct error *err)
{
	static const struct str_pair labels[] = {
		{STR_INIT("k8s-app"), STR_INIT("kube-dns")},
		{STR_INIT("kubernetes.io/name"), STR_INIT("CoreDNS")},
		{STR_INIT("service.kubernetes.io/service-proxy-name"), STR_INIT("none")}};
	const struct core_v1_service_port ports[] = {
		{.name = STR("dns"), .protocol = STR("UDP"), .port = 53, .target_port = {.number = 53}},
		{.name = STR("dns-tcp"), .protocol = STR("TCP"), .port = 53, .target_port = {.number = 53}},
	};
	struct core_v1_service object = {
		.metadata = {.name = STR("kube-dns"), .namespace = STR("kube-system"), .labels = {labels, 3}},
		.spec = {.type = STR("ClusterIP"), .session_affinity = STR("None"), .ports = {ports, 2}},
	};
	char text[IP_TEXT_SIZE];
	struct str address;

	if (!ip_prefix_contains(&server->config.service_range, &server->config.cluster_dns))
		return 0;
	ip_format(&server->config.cluster_dns, text);
	address = str_from(text);
	object.spec.cluster_ip = address;
	object.spec.cluster_ips = (struct str_slice){&address, 1};
	return ensure(server, STR_EMPTY, STR("v1"), STR("services"), &object, err);
}

/* From here on the policy, which is in the store by now, says who may do what. */
static int start_rbac(struct apiserver *server, struct error *err)
{
	if (rbac_new(server->store, &server->rbac, err) < 0)
		return -(int)err->code;
	apiserver_add_authorizer(server, authorizer_new_rbac(server->rbac));
	return 0;
}

int apiserver_bootstrap(struct apiserver *server, struct error *err)
{
	int (*const parts[])(struct apiserver * server, struct error * err) = {
		ensure_namespaces, ensure_priority_classes, ensure_service_cidr, ensure_service,
		ensure_endpoints,  ensure_dns_service,	    policy_reconcile,	 start_rbac,
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i](server, err) < 0)
			return error_wrap(err, "first objects");
	atomic_store(&server->ready, true);
	return 0;
}
