/* Ingresses. */
#include "apiserver/registry/rule.h"
#include "types/gen/networking_v1.h"

#define CLASS_ANNOTATION "kubernetes.io/ingress.class"

static void check_absolute(struct field_errors *errors, const struct path *path, struct str text)
{
	if (!str_has_prefix(text, STR("/")))
		field_invalid(errors, path, VALUE(text), "must be an absolute path");
}

/* A path that is compared step by step: each step is what it says. */
static void check_plain_path(struct field_errors *errors, const struct path *path, struct str text)
{
	static const char *const sequences[] = {"//", "/./", "/../", "%2f", "%2F"}, *const ends[] = {"/..", "/."};

	check_absolute(errors, path, text);
	for (size_t i = 0; i < ARRAY_LEN(sequences); i++)
		if (str_contains(text, str_from(sequences[i])))
			field_invalid(errors, path, VALUE(text), "must not contain '%s'", sequences[i]);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (str_has_suffix(text, str_from(ends[i])))
			field_invalid(errors, path, VALUE(text), "cannot end with '%s'", ends[i]);
}

static const struct rule resource_rules[] = {
	RULE_NAME("apiGroup", name_is_dns_subdomain),
	RULE_REQUIRED_NAME("kind", name_is_path_segment),
	RULE_REQUIRED_NAME("name", name_is_path_segment),
};

static void check_service(struct field_errors *errors, const struct path *path,
			  const struct networking_v1_ingress_service_backend *service)
{
	const struct path *at = FIELD(path, "service");

	if (!service->name.len)
		field_required(errors, FIELD(at, "name"), NULL);
	else
		check_name(errors, FIELD(at, "name"), service->name, name_is_dns_label(service->name));
	if (service->port.name.len && service->port.number)
		field_invalid(errors, path, VALUE(STR_EMPTY), "cannot set both port name & port number");
	else if (service->port.name.len)
		check_name(errors, FIELD(at, "port.name"), service->port.name, name_is_port(service->port.name));
	else if (service->port.number)
		check_port_number(errors, FIELD(at, "port.number"), service->port.number);
	else
		field_required(errors, path, "port name or number is required");
}

static void check_backend(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct networking_v1_ingress_backend *backend = value;

	if (backend->resource && backend->service)
		field_invalid(errors, path, VALUE(STR_EMPTY), "cannot set both resource and service backends");
	else if (backend->resource)
		CHECK_RULES(errors, FIELD(path, "resource"), &schema_core_v1_typed_local_object_reference,
			    backend->resource, resource_rules);
	else if (backend->service)
		check_service(errors, path, backend->service);
	else
		field_invalid(errors, path, VALUE(STR_EMPTY), "resource or service backend is required");
}

static void check_http_path(struct field_errors *errors, const struct path *path,
			    const struct networking_v1_http_ingress_path *http)
{
	if (!http->path_type) {
		field_required(errors, FIELD(path, "pathType"), "pathType must be specified");
		return;
	}
	if (is_one_of(*http->path_type, "Exact", "Prefix", NULL))
		check_plain_path(errors, FIELD(path, "path"), http->path);
	else if (!str_eq_c(*http->path_type, "ImplementationSpecific"))
		field_not_supported_c(errors, FIELD(path, "pathType"), VALUE(*http->path_type), "Exact",
				      "ImplementationSpecific", "Prefix", NULL);
	else if (http->path.len)
		check_absolute(errors, FIELD(path, "path"), http->path);
	check_backend(errors, FIELD(path, "backend"), &http->backend);
}

static bool is_wildcard(struct str host)
{
	return str_index(host, '*') >= 0;
}

static void check_host(struct field_errors *errors, const struct path *path, struct str host)
{
	check_name(errors, path, host,
		   is_wildcard(host) ? name_is_wildcard_subdomain(host) : name_is_dns_subdomain(host));
}

static void check_http(struct field_errors *errors, const struct path *path,
		       const struct networking_v1_http_ingress_rule_value *http)
{
	if (!http->paths.len)
		field_required(errors, FIELD(path, "paths"), NULL);
	for (size_t i = 0; i < http->paths.len; i++)
		check_http_path(errors, INDEX(FIELD(path, "paths"), i), &http->paths.items[i]);
}

static void check_ingress_rules(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct networking_v1_ingress_rule_slice *rules = value;
	struct ip_address address;

	for (size_t i = 0; i < rules->len; i++) {
		const struct networking_v1_ingress_rule *rule = &rules->items[i];

		if (rule->host.len && ip_parse_sloppy(rule->host, &address) == 0)
			field_invalid(errors, FIELD(INDEX(path, i), "host"), VALUE(rule->host),
				      "must be a DNS name, not an IP address");
		if (rule->host.len)
			check_host(errors, FIELD(INDEX(path, i), "host"), rule->host);
		if (rule->ingress_rule_value.http)
			check_http(errors, FIELD(INDEX(path, i), "http"), rule->ingress_rule_value.http);
	}
}

static void check_tls(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct networking_v1_ingress_tls_slice *list = value;

	for (size_t i = 0; i < list->len; i++) {
		const struct networking_v1_ingress_tls *tls = &list->items[i];

		for (size_t j = 0; j < tls->hosts.len; j++)
			check_host(errors, INDEX(FIELD(INDEX(path, i), "hosts"), j), tls->hosts.items[j]);
		if (tls->secret_name.len)
			check_name(errors, FIELD(INDEX(path, i), "secretName"), tls->secret_name,
				   name_is_dns_subdomain(tls->secret_name));
	}
}

static const struct rule spec_rules[] = {
	RULE_CHECK("defaultBackend", check_backend),
	RULE_CHECK("rules", check_ingress_rules),
	RULE_CHECK("tls", check_tls),
	RULE_NAME("ingressClassName", name_is_dns_subdomain),
};

static void check_spec(struct field_errors *errors, const struct networking_v1_ingress_spec *spec)
{
	if (!spec->rules.len && !spec->default_backend)
		field_invalid(errors, SPEC, spec->rules.items ? field_value_json(STR("[]")) : VALUE_NULL,
			      "either `defaultBackend` or `rules` must be specified");
	CHECK_RULES(errors, SPEC, &schema_networking_v1_ingress_spec, spec, spec_rules);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct networking_v1_ingress *ingress = object;
	const struct str *annotation = str_map_get(&ingress->metadata.annotations, STR(CLASS_ANNOTATION));
	const struct str *class = ingress->spec.ingress_class_name;

	check_spec(errors, &ingress->spec);
	if (annotation && class && !str_eq(*annotation, *class))
		field_invalid(errors, FIELD(FIELD(NULL, "annotations"), CLASS_ANNOTATION), VALUE(*annotation),
			      "must match `ingressClassName` when both are specified");
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	check_spec(errors, &((const struct networking_v1_ingress *)object)->spec);
}

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	const struct networking_v1_ingress_load_balancer_ingress_slice *list =
		&((const struct networking_v1_ingress *)object)->status.load_balancer.ingress;
	struct ip_address address;

	for (size_t i = 0; i < list->len; i++) {
		const struct path *at = INDEX(FIELD(NULL, "status.loadBalancer.ingress"), i);
		struct str ip = list->items[i].ip, host = list->items[i].hostname;

		if (ip.len)
			check_legacy_ip(errors, FIELD(at, "ip"), ip);
		if (!host.len)
			continue;
		check_name(errors, FIELD(at, "hostname"), host, name_is_dns_subdomain(host));
		if (ip_parse_sloppy(host, &address) == 0)
			field_invalid(errors, FIELD(at, "hostname"), VALUE(host),
				      "must be a DNS name, not an IP address");
	}
}

/* Addresses, else names, of load balancers, sorted, each once. */
static void cell_load_balancer(struct table_row *row,
			       const struct networking_v1_ingress_load_balancer_ingress_slice *list)
{
	VEC_OF(struct str) found = {0};
	struct str_slice all;

	SLICE_FOREACH (ingress, *list) {
		struct str text = ingress->ip.len ? ingress->ip : ingress->hostname;
		size_t at = 0;

		while (at < found.len && str_cmp(found.items[at], text) < 0)
			at++;
		if (!text.len || (at < found.len && str_eq(found.items[at], text)))
			continue;
		vec_push(row->arena, &found, text);
		for (size_t i = found.len - 1; i > at; i--)
			found.items[i] = found.items[i - 1];
		found.items[at] = text;
	}
	all = (struct str_slice){found.items, found.len};
	cell_list(row, &all, ",", "");
}

static void cell_hosts(struct table_row *row, const struct networking_v1_ingress_rule_slice *rules)
{
	struct str text = STR_EMPTY;
	size_t taken = 0;
	bool more = false;

	SLICE_FOREACH (rule, *rules) {
		more = more || taken == 3;
		if (!rule->host.len || taken == 3)
			continue;
		text = arena_printf(row->arena, STR_FMT "%s" STR_FMT, STR_ARG(text), taken++ ? "," : "",
				    STR_ARG(rule->host));
	}
	if (more)
		text = arena_printf(row->arena, STR_FMT " + %zu more...", STR_ARG(text), rules->len - 3);
	table_cell_str(row, str_or(text, "*"));
}

static void cells(struct table_row *row, const void *object)
{
	const struct networking_v1_ingress *ingress = object;

	table_cell_str(row, ingress->metadata.name);
	table_cell_str(row, ingress->spec.ingress_class_name ? *ingress->spec.ingress_class_name : STR("<none>"));
	cell_hosts(row, &ingress->spec.rules);
	cell_load_balancer(row, &ingress->status.load_balancer.ingress);
	table_cell_str(row, ingress->spec.tls.len ? STR("80, 443") : STR("80"));
	table_cell_age(row, ingress->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Class", "string", 0),
	COLUMN("Hosts", "string", 0),
	COLUMN("Address", "string", 0),
	COLUMN("Ports", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_networking_ingresses = {
	.group = STR_INIT("networking.k8s.io"),
	.plural = STR_INIT("ingresses"),
	.generation = GENERATION_SPEC,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_status,
	COLUMNS(columns),
	.cells = cells,
};
