/* Warnings that several kinds share; see warnings.h.  Those of pods are in core/pod_warnings.c. */
#include "apiserver/registry/warnings.h"
#include "types/quantity.h"

void warn(struct strategy_context *context, const struct path *path, const char *format, ...)
{
	struct str at = path_format(path, context->arena), text;
	va_list args;

	va_start(args, format);
	text = arena_vprintf(context->arena, format, args);
	va_end(args);
	vec_push(context->arena, &context->warnings,
		 arena_printf(context->arena, STR_FMT ": " STR_FMT, STR_ARG(at), STR_ARG(text)));
}

const char *deprecated_node_label(struct str key)
{
	static const char *const labels[][2] = {
		{"beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"},
		{"beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"},
		{"failure-domain.beta.kubernetes.io/region",
		 "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"},
		{"failure-domain.beta.kubernetes.io/zone",
		 "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"},
		{"beta.kubernetes.io/instance-type",
		 "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"},
		{"app.kubernetes.io/created-by", "deprecated since v1.9"},
		{"scheduler.alpha.kubernetes.io/preferAvoidPods",
		 "deprecated since v1.22; use Taints and Tolerations instead"},
		{"node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"},
	};

	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (str_eq_c(key, labels[i][0]))
			return labels[i][1];
	return NULL;
}

void warn_node_terms(struct strategy_context *context, const struct path *path,
		     const struct core_v1_node_selector_term_slice *terms)
{
	for (size_t i = 0; i < terms->len; i++) {
		const struct core_v1_node_selector_requirement_slice *all = &terms->items[i].match_expressions;

		for (size_t j = 0; j < all->len; j++) {
			const char *message = deprecated_node_label(all->items[j].key);

			if (message)
				warn(context, FIELD(INDEX(FIELD(INDEX(path, i), "matchExpressions"), j), "key"),
				     STR_FMT " is %s", STR_ARG(all->items[j].key), message);
		}
	}
}

void warn_annotations(struct strategy_context *context, const struct path *path, const struct str_map *annotations,
		      const struct deprecated_annotation *deprecated, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (str_map_get(annotations, str_from(deprecated[i].key)))
			warn(context, KEY(FIELD(path, "metadata.annotations"), str_from(deprecated[i].key)), "%s",
			     deprecated[i].message);
}

void warn_of_fraction(struct strategy_context *context, const struct path *path, const struct quantity_map *map,
		      const char *key)
{
	const struct quantity *quantity = quantity_map_get(map, str_from(key));

	if (quantity && quantity_milli_value(quantity) % 1000 != 0)
		warn(context, KEY(path, str_from(key)),
		     "fractional byte value \"" STR_FMT "\" is invalid, must be an integer",
		     STR_ARG(quantity_format(quantity, context->arena)));
}

void warn_claim_spec(struct strategy_context *context, const struct path *path,
		     const struct core_v1_persistent_volume_claim_spec *spec)
{
	warn_of_fraction(context, FIELD(path, "resources.requests"), &spec->resources.requests, "storage");
	warn_of_fraction(context, FIELD(path, "resources.limits"), &spec->resources.limits, "storage");
}

void warn_of_name(struct strategy_context *context, struct str name)
{
	struct name_problems problems = name_is_dns_label(name);
	struct str text = STR_EMPTY;

	for (size_t i = 0; i < problems.len; i++)
		text = arena_printf(context->arena, STR_FMT "%s%s", STR_ARG(text), i ? " " : "", problems.items[i]);
	if (!name_ok(problems))
		warn(context, FIELD(NULL, "metadata.name"),
		     "this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is "
		     "recommended: [" STR_FMT "]",
		     STR_ARG(text));
}

void warn_workload(struct strategy_context *context, const struct core_v1_pod_template_spec *template,
		   const struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *old)
{
	if (!old)
		warn_of_name(context, meta->name);
	warn_changed_template(context, FIELD(NULL, "spec.template"), template, meta, old);
}
