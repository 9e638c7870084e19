/* What a service keeps when it changes, and its address families; see service.h. */
#include "apiserver/registry/core/service.h"

bool service_needs_cluster_ip(const struct core_v1_service *service)
{
	return is_one_of(service->spec.type, "ClusterIP", "NodePort", "LoadBalancer", NULL);
}

bool service_needs_node_ports(const struct core_v1_service *service)
{
	const bool *allocate = service->spec.allocate_load_balancer_node_ports;

	return str_eq_c(service->spec.type, "NodePort") ||
	       (str_eq_c(service->spec.type, "LoadBalancer") && (!allocate || *allocate));
}

bool service_needs_health_check(const struct core_v1_service *service)
{
	return str_eq_c(service->spec.type, "LoadBalancer") && str_eq_c(service->spec.external_traffic_policy, "Local");
}

bool service_is_externally_accessible(const struct core_v1_service *service)
{
	return is_one_of(service->spec.type, "LoadBalancer", "NodePort", NULL) ||
	       (str_eq_c(service->spec.type, "ClusterIP") && service->spec.external_ips.len);
}

struct str_slice one_str(struct arena *arena, struct str text)
{
	struct str *item = ARENA_NEW(arena, struct str);

	*item = text;
	return (struct str_slice){item, 1};
}

static bool same_list(const struct str_slice *a, const struct str_slice *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!str_eq(a->items[i], b->items[i]))
			return false;
	return true;
}

static bool same_text(const struct str *a, const struct str *b)
{
	return !a || !b ? a == b : str_eq(*a, *b);
}

static int32_t old_node_port(const struct core_v1_service_spec *now, const struct core_v1_service_spec *old,
			     struct str name)
{
	SLICE_FOREACH (was, old->ports) {
		if (!str_eq(was->name, name))
			continue;
		SLICE_FOREACH (port, now->ports)
			if (port->node_port && port->node_port == was->node_port)
				return 0;
		return was->node_port;
	}
	return 0;
}

/* What the server once picked and the client did not say again. */
static void keep_allocated(struct core_v1_service *service, const struct core_v1_service *old)
{
	struct core_v1_service_spec *now = &service->spec;

	if (service_needs_cluster_ip(old) && service_needs_cluster_ip(service)) {
		if (!now->cluster_ip.len)
			now->cluster_ip = old->spec.cluster_ip;
		if (!now->cluster_ips.len && str_eq(now->cluster_ip, old->spec.cluster_ip))
			now->cluster_ips = old->spec.cluster_ips;
	}
	if (service_needs_node_ports(old) && service_needs_node_ports(service))
		SLICE_FOREACH (port, now->ports)
			if (!port->node_port)
				EDIT(struct core_v1_service_port, port)->node_port =
					old_node_port(now, &old->spec, port->name);
	if (service_needs_health_check(old) && service_needs_health_check(service) && !now->health_check_node_port)
		now->health_check_node_port = old->spec.health_check_node_port;
}

/* clusterIP and clusterIPs follow each other when only one of them was changed. */
static void sync_cluster_ips(struct arena *arena, struct core_v1_service_spec *now,
			     const struct core_v1_service_spec *old)
{
	bool same_ips = same_list(&now->cluster_ips, &old->cluster_ips);

	if (str_eq(now->cluster_ip, old->cluster_ip) || !same_ips)
		return;
	if (!now->cluster_ip.len)
		now->cluster_ips = (struct str_slice){0};
	else
		now->cluster_ips = one_str(arena, now->cluster_ip);
}

static bool same_node_ports(const struct core_v1_service_spec *now, const struct core_v1_service_spec *old)
{
	SLICE_FOREACH (port, now->ports) {
		bool found = !port->node_port;

		SLICE_FOREACH (was, old->ports)
			found = found || was->node_port == port->node_port;
		if (!found)
			return false;
	}
	return true;
}

/* The new type has no use for these, and the client did not touch them. */
static void drop_by_type(struct core_v1_service *service, const struct core_v1_service *old)
{
	struct core_v1_service_spec *now = &service->spec;
	const struct core_v1_service_spec *was = &old->spec;

	if (service_needs_cluster_ip(old) && !service_needs_cluster_ip(service)) {
		if (str_eq(now->cluster_ip, was->cluster_ip) && same_list(&now->cluster_ips, &was->cluster_ips)) {
			now->cluster_ip = STR_EMPTY;
			now->cluster_ips = (struct str_slice){0};
		}
		if (same_list(&now->ip_families, &was->ip_families))
			now->ip_families = (struct str_slice){0};
		if (same_text(now->ip_family_policy, was->ip_family_policy))
			now->ip_family_policy = NULL;
	}
	if (service_needs_node_ports(old) && !service_needs_node_ports(service) && same_node_ports(now, was))
		SLICE_FOREACH (port, now->ports)
			EDIT(struct core_v1_service_port, port)->node_port = 0;
	if (service_needs_health_check(old) && !service_needs_health_check(service) &&
	    now->health_check_node_port == was->health_check_node_port)
		now->health_check_node_port = 0;
	if (str_eq_c(was->type, "LoadBalancer") && !str_eq_c(now->type, "LoadBalancer")) {
		now->allocate_load_balancer_node_ports = NULL;
		if (same_text(now->load_balancer_class, was->load_balancer_class))
			now->load_balancer_class = NULL;
	}
	if (service_is_externally_accessible(old) && !service_is_externally_accessible(service) &&
	    str_eq(now->external_traffic_policy, was->external_traffic_policy))
		now->external_traffic_policy = STR_EMPTY;
	if (!str_eq_c(now->type, "LoadBalancer"))
		service->status.load_balancer = (struct core_v1_load_balancer_status){0};
}

void service_carry_over(struct arena *arena, struct core_v1_service *service, const struct core_v1_service *old)
{
	struct core_v1_service_spec *now = &service->spec;

	keep_allocated(service, old);
	sync_cluster_ips(arena, now, &old->spec);
	if (service_needs_cluster_ip(service) && !now->ip_family_policy)
		now->ip_family_policy = old->spec.ip_family_policy;
	if (now->ip_family_policy && str_eq_c(*now->ip_family_policy, "SingleStack")) {
		if (now->cluster_ips.len > 1 && same_list(&now->cluster_ips, &old->spec.cluster_ips))
			now->cluster_ips.len = 1;
		if (now->ip_families.len > 1 && same_list(&now->ip_families, &old->spec.ip_families))
			now->ip_families.len = 1;
	}
	drop_by_type(service, old);
}

static const struct str *text_of(struct arena *arena, const char *text)
{
	return one_str(arena, str_from(text)).items;
}

static bool has_family(const struct str_slice *families, struct str family)
{
	SLICE_FOREACH (item, *families)
		if (str_eq(*item, family))
			return true;
	return false;
}

static void add_family(struct arena *arena, struct core_v1_service_spec *spec, struct str family)
{
	struct str *items = ARENA_NEW_N(arena, struct str, spec->ip_families.len + 1);

	for (size_t i = 0; i < spec->ip_families.len; i++)
		items[i] = spec->ip_families.items[i];
	items[spec->ip_families.len] = family;
	spec->ip_families = (struct str_slice){items, spec->ip_families.len + 1};
}

static struct str other_family(struct str family)
{
	return str_eq_c(family, "IPv4") ? STR("IPv6") : STR("IPv4");
}

/* Families of the addresses that were asked for, beyond those listed. */
static void add_families_of_ips(struct field_errors *errors, struct core_v1_service_spec *spec,
				const struct str_slice *cluster)
{
	for (size_t i = spec->ip_families.len; i < spec->cluster_ips.len; i++) {
		struct ip_address ip;
		struct str family;

		if (ip_parse_sloppy(spec->cluster_ips.items[i], &ip) < 0)
			return;
		family = ip.family == IP_V4 ? STR("IPv4") : STR("IPv6");
		if (!has_family(cluster, family))
			field_invalid(errors, INDEX(FIELD(SPEC, "clusterIPs"), i),
				      field_value_list(&spec->cluster_ips, errors->arena),
				      STR_FMT " is not configured on this cluster", STR_ARG(family));
		add_family(errors->arena, spec, family);
	}
}

void service_set_families(struct field_errors *errors, struct core_v1_service *service,
			  const struct core_v1_service *old UNUSED, const struct str_slice *cluster)
{
	struct core_v1_service_spec *spec = &service->spec;
	bool selectorless = service_is_headless(service) && !spec->selector.len, single;

	if (!service_needs_cluster_ip(service))
		return;
	check_cluster_ips(errors, service);
	if (errors->len)
		return;
	if (!spec->ip_family_policy)
		spec->ip_family_policy = text_of(errors->arena, selectorless ? "RequireDualStack" : "SingleStack");
	single = str_eq_c(*spec->ip_family_policy, "SingleStack");
	if (single && (spec->cluster_ips.len == 2 || spec->ip_families.len == 2))
		field_invalid(errors, FIELD(SPEC, "ipFamilyPolicy"), VALUE(*spec->ip_family_policy),
			      spec->cluster_ips.len == 2
				      ? "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are "
					"specified"
				      : "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are "
					"specified");
	add_families_of_ips(errors, spec, cluster);
	if (selectorless) {
		if (!spec->ip_families.len)
			add_family(errors->arena, spec, cluster->items[0]);
		if (!single && spec->ip_families.len == 1)
			add_family(errors->arena, spec, other_family(spec->ip_families.items[0]));
		return;
	}
	if (str_eq_c(*spec->ip_family_policy, "RequireDualStack") && cluster->len < 2)
		field_invalid(errors, FIELD(SPEC, "ipFamilyPolicy"), VALUE(*spec->ip_family_policy),
			      "this cluster is not configured for dual-stack services");
	for (size_t i = 0; i < spec->ip_families.len; i++)
		if (!has_family(cluster, spec->ip_families.items[i]))
			field_invalid(errors, INDEX(FIELD(SPEC, "ipFamilies"), i), VALUE(spec->ip_families.items[i]),
				      "not configured on this cluster");
	if (errors->len)
		return;
	if (!spec->ip_families.len)
		add_family(errors->arena, spec, cluster->items[0]);
	if (!single && spec->ip_families.len == 1 && cluster->len == 2)
		add_family(errors->arena, spec, other_family(spec->ip_families.items[0]));
}
