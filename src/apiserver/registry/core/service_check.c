/* Checks of services; see service.h. */
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/core/service.h"

#define AFFINITY_SECONDS_MAX 86400

void check_endpoint_ip(struct field_errors *errors, const struct path *path, struct str text)
{
	struct ip_address ip;

	if (ip_parse_sloppy(text, &ip) < 0) {
		field_invalid(errors, path, VALUE(text), "must be a valid IP address");
		return;
	}
	if (ip_is_unspecified(&ip))
		field_invalid(errors, path, VALUE(text), "may not be unspecified (" STR_FMT ")", STR_ARG(text));
	if (ip_is_loopback(&ip))
		field_invalid(errors, path, VALUE(text), "may not be in the loopback range (127.0.0.0/8, ::1/128)");
	if (ip.family == IP_V4 ? ip.bytes[0] == 169 && ip.bytes[1] == 254
			       : ip.bytes[0] == 0xfe && (ip.bytes[1] & 0xc0) == 0x80)
		field_invalid(errors, path, VALUE(text),
			      "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
	if (ip.family == IP_V4 ? ip.bytes[0] == 224 && ip.bytes[1] == 0 && ip.bytes[2] == 0
			       : ip.bytes[0] == 0xff && (ip.bytes[1] & 0x0f) == 2)
		field_invalid(errors, path, VALUE(text),
			      "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
}

static void check_port(struct field_errors *errors, const struct path *path, const struct core_v1_service *service,
		       size_t at)
{
	const struct core_v1_service_port *port = &service->spec.ports.items[at];

	if (service->spec.ports.len > 1 && !port->name.len)
		field_required(errors, FIELD(path, "name"), NULL);
	else if (port->name.len)
		check_name(errors, FIELD(path, "name"), port->name, name_is_dns_label(port->name));
	for (size_t i = 0; port->name.len && i < at; i++)
		if (str_eq(service->spec.ports.items[i].name, port->name)) {
			field_duplicate(errors, FIELD(path, "name"), VALUE(port->name));
			break;
		}
	check_port_number(errors, FIELD(path, "port"), port->port);
	if (!port->protocol.len)
		field_required(errors, FIELD(path, "protocol"), NULL);
	else if (!field_in_enum(port->protocol, &schema_core_v1_service_port, "protocol"))
		field_not_in_enum(errors, FIELD(path, "protocol"), port->protocol, &schema_core_v1_service_port,
				  "protocol");
	check_port_or_name(errors, FIELD(path, "targetPort"), &port->target_port);
	if (port->app_protocol)
		check_name(errors, FIELD(path, "appProtocol"), *port->app_protocol,
			   name_is_qualified(*port->app_protocol));
}

static void check_by_type(struct field_errors *errors, const struct core_v1_service *service)
{
	const struct core_v1_service_spec *spec = &service->spec;
	struct str name = spec->external_name;

	if (!spec->ports.len && !service_is_headless(service) && !str_eq_c(spec->type, "ExternalName"))
		field_required(errors, FIELD(SPEC, "ports"), NULL);
	if (is_one_of(spec->type, "LoadBalancer", "NodePort", NULL) && service_is_headless(service))
		field_invalid(errors, INDEX(FIELD(SPEC, "clusterIPs"), 0), VALUE(spec->cluster_ips.items[0]),
			      "may not be set to 'None' for " STR_FMT " services", STR_ARG(spec->type));
	if (!str_eq_c(spec->type, "ExternalName"))
		return;
	if (spec->cluster_ips.len)
		field_forbidden(errors, FIELD(SPEC, "clusterIPs"), "may not be set for ExternalName services");
	if (spec->ip_families.len)
		field_forbidden(errors, FIELD(SPEC, "ipFamilies"), "may not be set for ExternalName services");
	if (spec->ip_family_policy)
		field_forbidden(errors, FIELD(SPEC, "ipFamilyPolicy"), "may not be set for ExternalName services");
	if (str_has_suffix(name, STR(".")))
		name = str_sub(name, 0, name.len - 1);
	if (name.len)
		check_name(errors, FIELD(SPEC, "externalName"), name, name_is_dns_subdomain(name));
	else
		field_required(errors, FIELD(SPEC, "externalName"), NULL);
}

static void check_affinity_config(struct field_errors *errors, const struct core_v1_session_affinity_config *config)
{
	const struct path *path = FIELD(SPEC, "sessionAffinityConfig");
	const char *text = "when session affinity type is ClientIP";
	int32_t seconds;

	if (!config) {
		field_required(errors, path, text);
	} else if (!config->client_ip) {
		field_required(errors, FIELD(path, "clientIP"), text);
	} else if (!config->client_ip->timeout_seconds) {
		field_required(errors, FIELD(path, "clientIP.timeoutSeconds"), text);
	} else {
		seconds = *config->client_ip->timeout_seconds;
		if (seconds <= 0 || seconds > AFFINITY_SECONDS_MAX)
			field_invalid(errors, FIELD(path, "clientIP.timeoutSeconds"), VALUE(seconds),
				      "must be greater than 0 and less than %d", AFFINITY_SECONDS_MAX);
	}
}

static void check_session(struct field_errors *errors, const struct core_v1_service_spec *spec)
{
	if (!spec->session_affinity.len)
		field_required(errors, FIELD(SPEC, "sessionAffinity"), NULL);
	else if (!field_in_enum(spec->session_affinity, &schema_core_v1_service_spec, "sessionAffinity"))
		field_not_in_enum(errors, FIELD(SPEC, "sessionAffinity"), spec->session_affinity,
				  &schema_core_v1_service_spec, "sessionAffinity");
	if (str_eq_c(spec->session_affinity, "ClientIP"))
		check_affinity_config(errors, spec->session_affinity_config);
	else if (str_eq_c(spec->session_affinity, "None") && spec->session_affinity_config)
		field_forbidden(errors, FIELD(SPEC, "sessionAffinityConfig"),
				"must not be set when session affinity is None");
}

static void check_families(struct field_errors *errors, const struct core_v1_service_spec *spec)
{
	for (size_t i = 0; i < spec->ip_families.len; i++) {
		struct str family = spec->ip_families.items[i];
		const struct path *at = INDEX(FIELD(SPEC, "ipFamilies"), i);

		if (!is_one_of(family, "IPv4", "IPv6", NULL))
			field_not_supported_c(errors, at, VALUE(family), "IPv4", "IPv6", NULL);
		for (size_t j = 0; j < i; j++)
			if (str_eq(spec->ip_families.items[j], family)) {
				field_duplicate(errors, at, VALUE(family));
				break;
			}
	}
	if (spec->ip_family_policy &&
	    !field_in_enum(*spec->ip_family_policy, &schema_core_v1_service_spec, "ipFamilyPolicy"))
		field_not_in_enum(errors, FIELD(SPEC, "ipFamilyPolicy"), *spec->ip_family_policy,
				  &schema_core_v1_service_spec, "ipFamilyPolicy");
}

/* Each address is of the family listed at its place, and the two of different families. */
static void check_ips_of_families(struct field_errors *errors, const struct core_v1_service *service)
{
	const struct str_slice *ips = &service->spec.cluster_ips, *families = &service->spec.ip_families;
	struct ip_address first, ip;

	if (ips->len == 2 && ip_parse_sloppy(ips->items[0], &first) == 0 && ip_parse_sloppy(ips->items[1], &ip) == 0 &&
	    first.family == ip.family)
		field_invalid(errors, FIELD(SPEC, "clusterIPs"), field_value_list(ips, errors->arena),
			      "may specify no more than one IP for each IP family");
	if (service_is_headless(service))
		return;
	for (size_t i = 0; i < MIN(ips->len, families->len); i++) {
		const char *family;

		if (ip_parse_sloppy(ips->items[i], &ip) < 0)
			continue;
		family = ip.family == IP_V4 ? "IPv4" : "IPv6";
		if (is_one_of(families->items[i], "IPv4", "IPv6", NULL) && !str_eq_c(families->items[i], family))
			field_invalid(errors, INDEX(FIELD(SPEC, "clusterIPs"), i), VALUE(ips->items[i]),
				      "expected an " STR_FMT " value as indicated by `ipFamilies[%zu]`",
				      STR_ARG(families->items[i]), i);
	}
}

void check_cluster_ips(struct field_errors *errors, const struct core_v1_service *service)
{
	const struct core_v1_service_spec *spec = &service->spec;
	const struct path *path = FIELD(SPEC, "clusterIPs");
	struct field_value value = field_value_list(&spec->cluster_ips, errors->arena);
	bool invalid = false;

	if (str_eq_c(spec->type, "ExternalName"))
		return;
	if (spec->cluster_ip.len && !spec->cluster_ips.len)
		field_required(errors, path, NULL);
	else if (spec->cluster_ip.len && !str_eq(spec->cluster_ips.items[0], spec->cluster_ip))
		field_invalid(errors, path, value, "first value must match `clusterIP`");
	else if (!spec->cluster_ip.len && spec->cluster_ips.len)
		field_invalid(errors, path, value, "must be empty when `clusterIP` is not specified");
	check_families(errors, spec);
	for (size_t i = 0; i < spec->cluster_ips.len; i++) {
		size_t before = errors->len;

		if (i == 0 && service_is_headless(service)) {
			if (spec->cluster_ips.len > 1)
				field_invalid(errors, path, value, "'None' must be the first and only value");
		} else {
			check_legacy_ip(errors, INDEX(path, i), spec->cluster_ips.items[i]);
		}
		invalid = invalid || errors->len > before;
	}
	if (spec->cluster_ips.len > 2)
		field_invalid(errors, path, value, "may only hold up to 2 values");
	if (!invalid)
		check_ips_of_families(errors, service);
}

static void check_external_ips(struct field_errors *errors, const struct str_slice *ips)
{
	for (size_t i = 0; i < ips->len; i++) {
		const struct path *at = INDEX(FIELD(SPEC, "externalIPs"), i);
		size_t before = errors->len;

		check_legacy_ip(errors, at, ips->items[i]);
		if (errors->len == before)
			check_endpoint_ip(errors, at, ips->items[i]);
	}
}

/* As upstream prints the key it compares by. */
static struct field_value port_value(const struct core_v1_service_port *port, struct arena *arena)
{
	struct str protocol = quote_go(port->protocol, arena);

	return field_value_json(arena_printf(arena,
					     "{\"Name\":\"\",\"Protocol\":" STR_FMT
					     ",\"AppProtocol\":null,\"Port\":%d,\"TargetPort\":0,\"NodePort\":0}",
					     STR_ARG(protocol), port->port));
}

static void check_repeated_ports(struct field_errors *errors, const struct core_v1_service_spec *spec)
{
	const struct core_v1_service_port *ports = spec->ports.items;

	for (size_t i = 0; str_eq_c(spec->type, "ClusterIP") && i < spec->ports.len; i++)
		if (ports[i].node_port)
			field_forbidden(errors, FIELD(INDEX(FIELD(SPEC, "ports"), i), "nodePort"),
					"may not be used when `type` is 'ClusterIP'");
	for (size_t i = 0; i < spec->ports.len; i++)
		for (size_t j = 0; ports[i].node_port && j < i; j++)
			if (ports[j].node_port == ports[i].node_port && str_eq(ports[j].protocol, ports[i].protocol)) {
				field_duplicate(errors, FIELD(INDEX(FIELD(SPEC, "ports"), i), "nodePort"),
						VALUE(ports[i].node_port));
				break;
			}
	for (size_t i = 0; i < spec->ports.len; i++)
		for (size_t j = 0; j < i; j++)
			if (ports[j].port == ports[i].port && str_eq(ports[j].protocol, ports[i].protocol)) {
				field_duplicate(errors, INDEX(FIELD(SPEC, "ports"), i),
						port_value(&ports[i], errors->arena));
				break;
			}
}

static void check_load_balancer(struct field_errors *errors, const struct core_v1_service_spec *spec)
{
	const struct path *ranges = FIELD(SPEC, "LoadBalancerSourceRanges");
	bool is = str_eq_c(spec->type, "LoadBalancer");

	if (spec->load_balancer_source_ranges.len && !is)
		field_forbidden(errors, ranges, "may only be used when `type` is 'LoadBalancer'");
	for (size_t i = 0; i < spec->load_balancer_source_ranges.len; i++)
		check_legacy_cidr(errors, INDEX(ranges, i), str_trim(spec->load_balancer_source_ranges.items[i]));
	if (spec->allocate_load_balancer_node_ports && !is)
		field_forbidden(errors, FIELD(SPEC, "allocateLoadBalancerNodePorts"),
				"may only be used when `type` is 'LoadBalancer'");
	if (is && !spec->allocate_load_balancer_node_ports)
		field_required(errors, FIELD(NULL, "allocateLoadBalancerNodePorts"), NULL);
	if (spec->load_balancer_class && is)
		check_name(errors, FIELD(SPEC, "loadBalancerClass"), *spec->load_balancer_class,
			   name_is_qualified(*spec->load_balancer_class));
	else if (spec->load_balancer_class)
		field_forbidden(errors, FIELD(SPEC, "loadBalancerClass"),
				"may only be used when `type` is 'LoadBalancer'");
}

static void check_policies(struct field_errors *errors, const struct core_v1_service *service)
{
	const struct core_v1_service_spec *spec = &service->spec;
	const struct schema *schema = &schema_core_v1_service_spec;
	struct str external = spec->external_traffic_policy;

	if (!service_is_externally_accessible(service)) {
		if (external.len)
			field_invalid(errors, FIELD(SPEC, "externalTrafficPolicy"), VALUE(external),
				      "may only be set for externally-accessible services");
	} else if (!external.len) {
		field_required(errors, FIELD(SPEC, "externalTrafficPolicy"), NULL);
	} else if (!field_in_enum(external, schema, "externalTrafficPolicy")) {
		field_not_in_enum(errors, FIELD(SPEC, "externalTrafficPolicy"), external, schema,
				  "externalTrafficPolicy");
	}
	if (!service_needs_health_check(service)) {
		if (spec->health_check_node_port)
			field_invalid(
				errors, FIELD(SPEC, "healthCheckNodePort"), VALUE(spec->health_check_node_port),
				"may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
	} else if (!spec->health_check_node_port) {
		field_required(errors, FIELD(SPEC, "healthCheckNodePort"), NULL);
	} else {
		check_port_number(errors, FIELD(SPEC, "healthCheckNodePort"), spec->health_check_node_port);
	}
	if (!spec->internal_traffic_policy) {
		if (is_one_of(spec->type, "NodePort", "LoadBalancer", "ClusterIP", NULL))
			field_required(errors, FIELD(SPEC, "internalTrafficPolicy"), NULL);
	} else if (!field_in_enum(*spec->internal_traffic_policy, schema, "internalTrafficPolicy")) {
		field_not_in_enum(errors, FIELD(SPEC, "internalTrafficPolicy"), *spec->internal_traffic_policy, schema,
				  "internalTrafficPolicy");
	}
	if (spec->traffic_distribution &&
	    !is_one_of(*spec->traffic_distribution, "PreferClose", "PreferSameZone", "PreferSameNode", NULL))
		field_not_supported_c(errors, FIELD(SPEC, "trafficDistribution"), VALUE(*spec->traffic_distribution),
				      "PreferClose", "PreferSameZone", "PreferSameNode", NULL);
}

void check_service(struct field_errors *errors, const struct core_v1_service *service)
{
	const struct core_v1_service_spec *spec = &service->spec;

	check_by_type(errors, service);
	for (size_t i = 0; i < spec->ports.len; i++)
		check_port(errors, INDEX(FIELD(SPEC, "ports"), i), service, i);
	check_labels(errors, FIELD(SPEC, "selector"), &spec->selector);
	check_session(errors, spec);
	check_cluster_ips(errors, service);
	check_external_ips(errors, &spec->external_ips);
	if (!spec->type.len)
		field_required(errors, FIELD(SPEC, "type"), NULL);
	else if (!field_in_enum(spec->type, &schema_core_v1_service_spec, "type"))
		field_not_in_enum(errors, FIELD(SPEC, "type"), spec->type, &schema_core_v1_service_spec, "type");
	check_repeated_ports(errors, spec);
	check_load_balancer(errors, spec);
	check_policies(errors, service);
}

/* The first address is for life; a second may come, and go with the policy SingleStack. */
static void check_ips_kept(struct field_errors *errors, const struct core_v1_service_spec *now,
			   const struct core_v1_service_spec *old)
{
	const struct path *path = FIELD(SPEC, "clusterIPs");
	struct field_value value = field_value_list(&now->cluster_ips, errors->arena);
	size_t common = MIN(now->cluster_ips.len, old->cluster_ips.len);

	for (size_t i = 0; i < common; i++)
		if (!str_eq(now->cluster_ips.items[i], old->cluster_ips.items[i]) &&
		    (i == 0 || now->cluster_ips.len == old->cluster_ips.len))
			field_invalid(errors, INDEX(path, i), value, "may not change once set");
	if (now->cluster_ips.len >= old->cluster_ips.len)
		return;
	if (!now->cluster_ips.len)
		field_invalid(errors, INDEX(path, 0), value, "primary clusterIP can not be unset");
	if (now->cluster_ips.len == 1 && !(now->ip_family_policy && str_eq_c(*now->ip_family_policy, "SingleStack")))
		field_invalid(errors, FIELD(SPEC, "ipFamilyPolicy"),
			      now->ip_family_policy ? VALUE(*now->ip_family_policy) : VALUE_NULL,
			      "must be set to 'SingleStack' when releasing the secondary clusterIP");
}

void check_service_update(struct field_errors *errors, const struct core_v1_service *service,
			  const struct core_v1_service *old)
{
	bool named = str_eq_c(service->spec.type, "ExternalName") || str_eq_c(old->spec.type, "ExternalName");
	const struct str *a = service->spec.load_balancer_class, *b = old->spec.load_balancer_class;

	if (!named && !(service_is_headless(service) && service_is_headless(old)))
		check_ips_kept(errors, &service->spec, &old->spec);
	if (!named && !service_is_headless(service) && !service_is_headless(old) && service->spec.ip_families.len &&
	    old->spec.ip_families.len && !str_eq(service->spec.ip_families.items[0], old->spec.ip_families.items[0]))
		field_invalid(errors, INDEX(FIELD(SPEC, "ipFamilies"), 0),
			      field_value_list(&service->spec.ip_families, errors->arena), "may not change once set");
	if (str_eq_c(service->spec.type, "LoadBalancer") && str_eq_c(old->spec.type, "LoadBalancer") &&
	    (!a != !b || (a && !str_eq(*a, *b))))
		field_invalid(errors, FIELD(SPEC, "loadBalancerClass"), a ? VALUE(*a) : VALUE_NULL,
			      "may not change once set");
	if (service_needs_health_check(service) && service_needs_health_check(old) &&
	    service->spec.health_check_node_port != old->spec.health_check_node_port)
		field_forbidden(errors, FIELD(SPEC, "healthCheckNodePort"), "field is immutable");
}
