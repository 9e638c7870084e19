/* Network policies: the types follow from what is there. */
#include "apiserver/registry/rule.h"
#include "types/gen/networking_v1.h"

static void default_object(struct strategy_context *context, void *object)
{
	struct networking_v1_network_policy *policy = object;
	struct str *types;

	if (policy->spec.policy_types.len)
		return;
	types = ARENA_NEW_N(context->arena, struct str, 2);
	types[0] = STR("Ingress");
	types[1] = STR("Egress");
	policy->spec.policy_types = (struct str_slice){types, policy->spec.egress.len ? 2 : 1};
}

static void check_port(struct field_errors *errors, const struct path *path,
		       const struct networking_v1_network_policy_port *rule)
{
	const struct path *end = FIELD(path, "endPort");

	if (rule->protocol && !is_one_of(*rule->protocol, "TCP", "UDP", "SCTP", NULL))
		field_not_supported_c(errors, FIELD(path, "protocol"), VALUE(*rule->protocol), "TCP", "UDP", "SCTP",
				      NULL);
	if (!rule->port) {
		if (rule->end_port)
			field_invalid(errors, end, VALUE(*rule->end_port),
				      "may not be specified when `port` is not specified");
	} else if (rule->port->is_string) {
		if (rule->end_port)
			field_invalid(errors, end, VALUE(*rule->end_port),
				      "may not be specified when `port` is non-numeric");
		check_name(errors, FIELD(path, "port"), rule->port->string, name_is_port(rule->port->string));
	} else {
		check_port_number(errors, FIELD(path, "port"), rule->port->number);
		if (rule->end_port && *rule->end_port < rule->port->number)
			field_invalid(errors, end, VALUE(rule->port->number),
				      "must be greater than or equal to `port`");
		if (rule->end_port)
			check_port_number(errors, end, *rule->end_port);
	}
}

static void check_ports(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct networking_v1_network_policy_port_slice *ports = value;

	for (size_t i = 0; i < ports->len; i++)
		check_port(errors, INDEX(path, i), &ports->items[i]);
}

static void check_ip_block(struct field_errors *errors, const struct path *path,
			   const struct networking_v1_ip_block *block)
{
	struct ip_prefix whole, part;

	if (!block->cidr.len) {
		field_required(errors, FIELD(path, "cidr"), NULL);
		return;
	}
	check_legacy_cidr(errors, FIELD(path, "cidr"), block->cidr);
	if (ip_prefix_parse(block->cidr, &whole) < 0)
		return;
	for (size_t i = 0; i < block->except.len; i++) {
		const struct path *at = INDEX(FIELD(path, "except"), i);

		check_legacy_cidr(errors, at, block->except.items[i]);
		if (ip_prefix_parse(block->except.items[i], &part) == 0 &&
		    (!ip_prefix_contains(&whole, &part.address) || whole.length >= part.length))
			field_invalid(errors, at, VALUE(block->except.items[i]), "must be a strict subset of `cidr`");
	}
}

static void check_peers(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct networking_v1_network_policy_peer_slice *peers = value;

	for (size_t i = 0; i < peers->len; i++) {
		const struct networking_v1_network_policy_peer *peer = &peers->items[i];
		const struct path *at = INDEX(path, i);

		check_label_selector(errors, FIELD(at, "podSelector"), peer->pod_selector);
		check_label_selector(errors, FIELD(at, "namespaceSelector"), peer->namespace_selector);
		if (peer->ip_block)
			check_ip_block(errors, FIELD(at, "ipBlock"), peer->ip_block);
		if (!peer->pod_selector && !peer->namespace_selector && !peer->ip_block)
			field_required(errors, at, "must specify a peer");
		else if (peer->ip_block && (peer->pod_selector || peer->namespace_selector))
			field_forbidden(errors, at, "may not specify both ipBlock and another peer");
	}
}

static void check_types(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct str_slice *types = value;

	if (types->len > 2) {
		field_invalid(errors, path, field_value_list(types, errors->arena),
			      "may not specify more than two policyTypes");
		return;
	}
	for (size_t i = 0; i < types->len; i++)
		if (!is_one_of(types->items[i], "Ingress", "Egress", NULL))
			field_not_supported_c(errors, INDEX(path, i), VALUE(types->items[i]), "Ingress", "Egress",
					      NULL);
}

static const struct rule ingress_rules[] = {RULE_CHECK("ports", check_ports), RULE_CHECK("from", check_peers)};
static const struct rule egress_rules[] = {RULE_CHECK("ports", check_ports), RULE_CHECK("to", check_peers)};
static const struct rule rules[] = {
	RULE_SELECTOR("spec.podSelector"),
	RULE_OF("spec.ingress", ingress_rules),
	RULE_OF("spec.egress", egress_rules),
	RULE_CHECK("spec.policyTypes", check_types),
};

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	CHECK_RULES(errors, NULL, &schema_networking_v1_network_policy, object, rules);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static void cells(struct table_row *row, const void *object)
{
	const struct networking_v1_network_policy *policy = object;

	table_cell_str(row, policy->metadata.name);
	cell_selector(row, &policy->spec.pod_selector, "<none>");
	table_cell_age(row, policy->metadata.creation_timestamp);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Pod-Selector", "string", 0),
	COLUMN_AGE,
};

const struct strategy strategy_networking_networkpolicies = {
	.group = STR_INIT("networking.k8s.io"),
	.plural = STR_INIT("networkpolicies"),
	.generation = GENERATION_SPEC,
	.default_object = default_object,
	.validate_create = validate_create,
	.validate_update = validate_update,
	COLUMNS(columns),
	.cells = cells,
};
