/* Network policies: the types follow from what is there. */
#include "apiserver/registry/common.h"
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
	COLUMNS(columns),
	.cells = cells,
};
