/* Nodes: a kubelet may write the status when it registers; addresses of pods never change. */
#include "apiserver/registry/core/pod_check.h"
#include "codec/json.h"

#define AVOID_PODS  "scheduler.alpha.kubernetes.io/preferAvoidPods"
#define ROLE_PREFIX "node-role.kubernetes.io/"
#define ROLE_LABEL  "kubernetes.io/role"

/* Upstream keeps the list alone: podCIDR is its first entry. */
static void default_object(struct strategy_context *context, void *object)
{
	struct core_v1_node *node = object;
	struct str *first;

	if (!node->spec.pod_cidrs.len && node->spec.pod_cidr.len) {
		first = ARENA_NEW(context->arena, struct str);
		*first = node->spec.pod_cidr;
		node->spec.pod_cidrs = (struct str_slice){first, 1};
	}
	node->spec.pod_cidr = node->spec.pod_cidrs.len ? node->spec.pod_cidrs.items[0] : STR_EMPTY;
	if (!node->status.allocatable.items && node->status.capacity.items)
		node->status.allocatable = node->status.capacity;
}

static void prepare_create(struct strategy_context *context UNUSED, void *object)
{
	struct core_v1_node *node = object;

	node->spec.config_source = NULL;
	node->status.config = NULL;
}

static void prepare_update(struct strategy_context *context UNUSED, void *object, const void *old)
{
	if (!((const struct core_v1_node *)old)->spec.config_source)
		((struct core_v1_node *)object)->spec.config_source = NULL;
}

static struct field_value taint_value(const struct core_v1_taint *taint, struct arena *arena)
{
	struct str key = quote_go(taint->key, arena), value = quote_go(taint->value, arena);
	struct str effect = quote_go(taint->effect, arena);
	struct field_value time = field_value_time(taint->time_added, arena);

	return field_value_json(arena_printf(
		arena, "{\"Key\":" STR_FMT ",\"Value\":" STR_FMT ",\"Effect\":" STR_FMT ",\"TimeAdded\":" STR_FMT "}",
		STR_ARG(key), STR_ARG(value), STR_ARG(effect), STR_ARG(time.text)));
}

static void check_taints(struct field_errors *errors, const struct path *path, const struct core_v1_taint_slice *taints)
{
	for (size_t i = 0; i < taints->len; i++) {
		const struct core_v1_taint *taint = &taints->items[i];
		struct name_problems problems = name_is_label_value(taint->value);
		struct field_value value;

		check_name(errors, FIELD(INDEX(path, i), "key"), taint->key, name_is_qualified(taint->key));
		if (problems.len)
			field_invalid(errors, FIELD(INDEX(path, i), "value"), VALUE(taint->value), "%s",
				      str_c(name_problems_join(problems, ";", errors->arena)));
		check_taint_effect(errors, FIELD(INDEX(path, i), "effect"), taint->effect, false);
		for (size_t j = 0; j < i; j++) {
			if (!str_eq(taints->items[j].key, taint->key) ||
			    !str_eq(taints->items[j].effect, taint->effect))
				continue;
			value = taint_value(taint, errors->arena);
			field_add(errors, FIELD_ERROR_DUPLICATE, INDEX(path, i),
				  arena_printf(errors->arena,
					       "Duplicate value: " STR_FMT
					       ": taints must be unique by key and effect pair",
					       STR_ARG(value.text)));
			break;
		}
	}
}

static void check_avoid_pods(struct field_errors *errors, const struct core_v1_node *node)
{
	const struct str *text = str_map_get(&node->metadata.annotations, STR(AVOID_PODS));
	struct error err = {0};
	struct value *value;

	if (text && text->len && json_parse(*text, errors->arena, NULL, &value, &err) < 0)
		field_invalid(errors, FIELD(NULL, "metadata.annotations.AvoidPods"), VALUE(AVOID_PODS), "%s",
			      err.message);
}

static void check_quantities(struct field_errors *errors, const char *name, const struct quantity_map *map)
{
	SLICE_FOREACH (pair, *map) {
		const struct path *at = KEY(FIELD(NULL, name), pair->key);

		check_resource_name(errors, at, pair->key);
		check_resource_quantity(errors, at, pair->key, &pair->value);
	}
}

static void check_node(struct field_errors *errors, const struct core_v1_node *node)
{
	check_avoid_pods(errors, node);
	check_taints(errors, FIELD(NULL, "metadata.taints"), &node->spec.taints);
	check_quantities(errors, "status.capacity", &node->status.capacity);
	check_quantities(errors, "status.allocatable", &node->status.allocatable);
}

static void check_cidrs(struct field_errors *errors, const struct str_slice *cidrs)
{
	const struct path *path = FIELD(SPEC, "podCIDRs");
	struct ip_prefix a, b;

	for (size_t i = 0; i < cidrs->len; i++)
		check_legacy_cidr(errors, INDEX(path, i), cidrs->items[i]);
	if (cidrs->len < 2)
		return;
	if (cidrs->len > 2 || (ip_prefix_parse(cidrs->items[0], &a) == 0 && ip_prefix_parse(cidrs->items[1], &b) == 0 &&
			       a.address.family == b.address.family))
		field_invalid(errors, path, field_value_list(cidrs, errors->arena),
			      "may specify no more than one CIDR for each IP family");
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct core_v1_node *node = object;

	check_node(errors, node);
	check_cidrs(errors, &node->spec.pod_cidrs);
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

static void check_addresses(struct field_errors *errors, const struct core_v1_node_address_slice *addresses)
{
	for (size_t i = 0; i < addresses->len; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(addresses->items[i].type, addresses->items[j].type) &&
			    str_eq(addresses->items[i].address, addresses->items[j].address)) {
				struct str type = quote_go(addresses->items[i].type, errors->arena);
				struct str text = quote_go(addresses->items[i].address, errors->arena);

				field_duplicate(errors, INDEX(FIELD(NULL, "status.addresses"), i),
						field_value_json(arena_printf(
							errors->arena, "{\"Type\":" STR_FMT ",\"Address\":" STR_FMT "}",
							STR_ARG(type), STR_ARG(text))));
				break;
			}
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct core_v1_node *node = object, *before = old;

	check_avoid_pods(errors, node);
	check_quantities(errors, "status.capacity", &node->status.capacity);
	check_quantities(errors, "status.allocatable", &node->status.allocatable);
	check_addresses(errors, &node->status.addresses);
	if (before->spec.pod_cidrs.len && !same_list(&before->spec.pod_cidrs, &node->spec.pod_cidrs))
		field_forbidden(errors, FIELD(SPEC, "podCIDRs"),
				"node updates may not change podCIDR except from \"\" to valid");
	if (before->spec.provider_id.len && !str_eq(before->spec.provider_id, node->spec.provider_id))
		field_forbidden(errors, FIELD(SPEC, "providerID"),
				"node updates may not change providerID except from \"\" to valid");
	check_taints(errors, FIELD(NULL, "metadata.taints"), &node->spec.taints);
	if (!str_eq(node->spec.external_id, before->spec.external_id))
		field_forbidden(errors, FIELD(SPEC, "externalID"), "may not be updated");
}

static struct str select_field(const void *object, struct str path UNUSED, struct arena *arena UNUSED)
{
	return ((const struct core_v1_node *)object)->spec.unschedulable ? STR("true") : STR("false");
}

static const struct str fields[] = {STR_INIT("spec.unschedulable")};

static struct str address_of(const struct core_v1_node *node, const char *type)
{
	SLICE_FOREACH (address, node->status.addresses)
		if (str_eq_c(address->type, type))
			return address->address;
	return STR("<none>");
}

/* "Ready", "NotReady" or "Unknown", and whether pods may still be put there. */
static void cell_status(struct table_row *row, const struct core_v1_node *node)
{
	const char *ready = "Unknown";

	SLICE_FOREACH (condition, node->status.conditions)
		if (str_eq_c(condition->type, "Ready"))
			ready = str_eq_c(condition->status, "True") ? "Ready" : "NotReady";
	cell_printf(row, "%s%s", ready, node->spec.unschedulable ? ",SchedulingDisabled" : "");
}

static void cell_roles(struct table_row *row, const struct core_v1_node *node)
{
	VEC_OF(struct str) roles = {0};
	struct str_slice list;

	/* Labels are sorted, so the roles of one prefix are too; the other label's goes to its place. */
	SLICE_FOREACH (label, node->metadata.labels) {
		struct str role = str_has_prefix(label->key, STR(ROLE_PREFIX))
					  ? str_from_at(label->key, strlen(ROLE_PREFIX))
				  : str_eq_c(label->key, ROLE_LABEL) ? label->value
								     : STR_EMPTY;
		size_t at = 0;

		while (at < roles.len && str_cmp(roles.items[at], role) < 0)
			at++;
		if (!role.len || (at < roles.len && str_eq(roles.items[at], role)))
			continue;
		vec_push(row->arena, &roles, role);
		for (size_t i = roles.len - 1; i > at; i--)
			roles.items[i] = roles.items[i - 1];
		roles.items[at] = role;
	}
	list = (struct str_slice){roles.items, roles.len};
	cell_list(row, &list, ",", "<none>");
}

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_node *node = object;
	const struct core_v1_node_system_info *info = &node->status.node_info;

	table_cell_str(row, node->metadata.name);
	cell_status(row, node);
	cell_roles(row, node);
	table_cell_age(row, node->metadata.creation_timestamp);
	table_cell_str(row, info->kubelet_version);
	table_cell_str(row, address_of(node, "InternalIP"));
	table_cell_str(row, address_of(node, "ExternalIP"));
	table_cell_str(row, str_or(info->os_image, "<unknown>"));
	if (info->architecture.len)
		cell_printf(row, STR_FMT " (" STR_FMT ")", STR_ARG(str_or(info->kernel_version, "<unknown>")),
			    STR_ARG(info->architecture));
	else
		table_cell_str(row, str_or(info->kernel_version, "<unknown>"));
	table_cell_str(row, str_or(info->container_runtime_version, "<unknown>"));
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Status", "string", 0),
	COLUMN("Roles", "string", 0),
	COLUMN_AGE,
	COLUMN("Version", "string", 0),
	COLUMN("Internal-IP", "string", 1),
	COLUMN("External-IP", "string", 1),
	COLUMN("OS-Image", "string", 1),
	COLUMN("Kernel-Version", "string", 1),
	COLUMN("Container-Runtime", "string", 1),
};

const struct strategy strategy_core_nodes = {
	.group = STR_INIT(""),
	.plural = STR_INIT("nodes"),
	.keep_status_on_create = true,
	.default_object = default_object,
	.prepare_create = prepare_create,
	.prepare_update = prepare_update,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_update,
	FIELDS(fields),
	.select_field = select_field,
	COLUMNS(columns),
	.cells = cells,
};
