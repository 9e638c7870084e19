/* Ingresses. */
#include "apiserver/registry/common.h"
#include "types/gen/networking_v1.h"

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
	COLUMNS(columns),
	.cells = cells,
};
