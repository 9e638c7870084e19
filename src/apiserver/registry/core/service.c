/* Services: their columns and rules; addresses and ports are picked by the server's allocator. */
#include "apiserver/registry/core/service.h"

#include "apiserver/allocator.h"

#define AFFINITY_SECONDS 10800

static const struct str *new_str(struct arena *arena, const char *text)
{
	return one_str(arena, str_from(text)).items;
}

/* ClientIP needs all of its configuration, None has none. */
static void default_affinity(struct arena *arena, struct core_v1_service_spec *spec)
{
	const struct core_v1_session_affinity_config *given = spec->session_affinity_config;
	struct core_v1_session_affinity_config *config;
	struct core_v1_client_ip_config *client;
	int32_t *seconds;

	if (!spec->session_affinity.len || str_eq_c(spec->session_affinity, "None"))
		spec->session_affinity_config = NULL;
	if (!str_eq_c(spec->session_affinity, "ClientIP") ||
	    (given && given->client_ip && given->client_ip->timeout_seconds))
		return;
	config = ARENA_NEW(arena, struct core_v1_session_affinity_config);
	client = ARENA_NEW(arena, struct core_v1_client_ip_config);
	seconds = ARENA_NEW(arena, int32_t);
	*seconds = AFFINITY_SECONDS;
	client->timeout_seconds = seconds;
	config->client_ip = client;
	spec->session_affinity_config = config;
}

static void default_ports(const struct core_v1_service_port_slice *ports)
{
	SLICE_FOREACH (port, *ports) {
		const struct int_or_string *target = &port->target_port;

		if (target->is_string ? !target->string.len : !target->number)
			EDIT(struct core_v1_service_port, port)->target_port =
				(struct int_or_string){.number = port->port};
	}
}

static void default_object(struct strategy_context *context, void *object)
{
	struct core_v1_service *service = object;
	struct core_v1_service_spec *spec = &service->spec;
	bool *yes;

	default_affinity(context->arena, spec);
	if (!spec->type.len)
		spec->type = STR("ClusterIP");
	default_ports(&spec->ports);
	if (!spec->external_traffic_policy.len && service_is_externally_accessible(service))
		spec->external_traffic_policy = STR("Cluster");
	if (!spec->internal_traffic_policy && service_needs_cluster_ip(service))
		spec->internal_traffic_policy = new_str(context->arena, "Cluster");
	if (str_eq_c(spec->type, "LoadBalancer") && !spec->allocate_load_balancer_node_ports) {
		yes = ARENA_NEW(context->arena, bool);
		*yes = true;
		spec->allocate_load_balancer_node_ports = yes;
	}
	if (str_eq_c(spec->type, "LoadBalancer"))
		SLICE_FOREACH (ingress, service->status.load_balancer.ingress)
			if (ingress->ip.len && !ingress->ip_mode)
				EDIT(struct core_v1_load_balancer_ingress, ingress)->ip_mode =
					new_str(context->arena, "VIP");
	if (spec->cluster_ip.len && !spec->cluster_ips.len && !context->subresource.len)
		spec->cluster_ips = one_str(context->arena, spec->cluster_ip);
}

static void prepare_update(struct strategy_context *context, void *object, const void *old)
{
	service_carry_over(context->arena, object, old);
}

/* A server without an allocator (a test's) picks nothing. */
static void allocate(struct strategy_context *context, void *object, const void *old, struct field_errors *errors)
{
	struct str_slice families;

	if (!context->allocator)
		return;
	families = allocator_families(context->allocator);
	service_set_families(errors, object, old, &families);
	if (!errors->len)
		allocator_allocate(context->allocator, context->arena, object, errors);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_service(errors, object);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	check_service_update(errors, object, old);
	check_service(errors, object);
}

static void check_ingress(struct field_errors *errors, const struct path *path,
			  const struct core_v1_load_balancer_ingress *ingress)
{
	if (ingress->ip.len)
		check_legacy_ip(errors, FIELD(path, "ip"), ingress->ip);
	if (!ingress->ip_mode && ingress->ip.len)
		field_required(errors, FIELD(path, "ipMode"), "must be specified when `ip` is set");
	else if (ingress->ip_mode && !ingress->ip.len)
		field_forbidden(errors, FIELD(path, "ipMode"), "may not be specified when `ip` is not set");
	else if (ingress->ip_mode && !is_one_of(*ingress->ip_mode, "VIP", "Proxy", NULL))
		field_not_supported_c(errors, FIELD(path, "ipMode"), VALUE(*ingress->ip_mode), "Proxy", "VIP", NULL);
	if (ingress->hostname.len)
		check_name(errors, FIELD(path, "hostname"), ingress->hostname,
			   name_is_dns_subdomain(ingress->hostname));
}

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	const struct core_v1_service *service = object;
	const struct path *path = FIELD(NULL, "status.loadBalancer.ingress");

	if (!str_eq_c(service->spec.type, "LoadBalancer")) {
		if (service->status.load_balancer.ingress.len)
			field_forbidden(errors, path, "may only be used when `spec.type` is 'LoadBalancer'");
		return;
	}
	for (size_t i = 0; i < service->status.load_balancer.ingress.len; i++)
		check_ingress(errors, INDEX(path, i), &service->status.load_balancer.ingress.items[i]);
}

static void warnings(struct strategy_context *context, const void *object, const void *old UNUSED)
{
	const struct core_v1_service *service = object;

	if (service->spec.external_ips.len)
		vec_push(context->arena, &context->warnings,
			 STR("spec.externalIPs is deprecated and may no longer be implemented in some clusters"));
}

static struct str select_field(const void *object, struct str path, struct arena *arena UNUSED)
{
	const struct core_v1_service *service = object;

	return str_eq_c(path, "spec.type") ? service->spec.type : service->spec.cluster_ip;
}

static const struct str fields[] = {STR_INIT("spec.clusterIP"), STR_INIT("spec.type")};

static struct str joined(struct arena *arena, struct str text, struct str more)
{
	return more.len ? arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), text.len ? "," : "", STR_ARG(more))
			: text;
}

static void cell_external_ip(struct table_row *row, const struct core_v1_service *service)
{
	struct str text = STR_EMPTY;

	if (str_eq_c(service->spec.type, "ExternalName")) {
		table_cell_str(row, service->spec.external_name);
		return;
	}
	if (str_eq_c(service->spec.type, "LoadBalancer"))
		SLICE_FOREACH (ingress, service->status.load_balancer.ingress)
			text = joined(row->arena, text, ingress->ip.len ? ingress->ip : ingress->hostname);
	SLICE_FOREACH (ip, service->spec.external_ips)
		text = joined(row->arena, text, *ip);
	if (str_eq_c(service->spec.type, "LoadBalancer"))
		table_cell_str(row, str_or(text, "<pending>"));
	else
		table_cell_str(row, service_needs_cluster_ip(service) ? str_or(text, "<none>") : STR("<unknown>"));
}

static void cell_ports(struct table_row *row, const struct core_v1_service_port_slice *ports)
{
	struct str text = STR_EMPTY;

	SLICE_FOREACH (port, *ports) {
		struct str one = port->node_port > 0
					 ? arena_printf(row->arena, "%d:%d/" STR_FMT, port->port, port->node_port,
							STR_ARG(port->protocol))
					 : arena_printf(row->arena, "%d/" STR_FMT, port->port, STR_ARG(port->protocol));

		text = joined(row->arena, text, one);
	}
	table_cell_str(row, str_or(text, "<none>"));
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_service *service = object;

	table_cell_str(row, service->metadata.name);
	table_cell_str(row, service->spec.type);
	table_cell_str(row, service->spec.cluster_ips.len ? service->spec.cluster_ips.items[0] : STR("<none>"));
	cell_external_ip(row, service);
	cell_ports(row, &service->spec.ports);
	table_cell_age(row, service->metadata.creation_timestamp);
	table_cell_labels(row, &service->spec.selector);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Type", "string", 0),
	COLUMN("Cluster-IP", "string", 0),
	COLUMN("External-IP", "string", 0),
	COLUMN("Port(s)", "string", 0),
	COLUMN_AGE,
	COLUMN("Selector", "string", 1),
};

const struct strategy strategy_core_services = {
	.group = STR_INIT(""),
	.plural = STR_INIT("services"),
	.allow_create_on_update = true,
	.delete_returns_object = true,
	.validate_name = name_is_dns_label,
	.default_object = default_object,
	.prepare_update = prepare_update,
	.allocate = allocate,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_status,
	.warnings = warnings,
	FIELDS(fields),
	.select_field = select_field,
	COLUMNS(columns),
	.cells = cells,
};
