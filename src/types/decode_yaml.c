/* YAML to structs: a tree first, then the one JSON engine, as upstream does; see codec.h. */
#include "codec/yaml.h"
#include "types/codec.h"

/* All repeated keys are one problem, worded like the error of the YAML library. */
static void report_duplicates(struct decode_report *report, const struct yaml_duplicates *duplicates)
{
	struct str text = STR("yaml: unmarshal errors:");

	if (!duplicates->lines.len)
		return;
	for (size_t i = 0; i < duplicates->lines.len; i++)
		text = arena_printf(report->arena, STR_FMT "\n  " STR_FMT, STR_ARG(text),
				    STR_ARG(duplicates->lines.items[i]));
	vec_push(report->arena, &report->problems, text);
}

int decode_yaml(const struct schema *schema, struct str yaml, struct arena *arena, struct decode_report *report,
		void **ret, struct error *err)
{
	struct arena cleanup_arena scratch = {.budget = arena->budget};
	struct yaml_duplicates duplicates = {0};
	struct value *tree;
	int rc = yaml_parse(yaml, &scratch, report ? &duplicates : NULL, &tree, err);

	if (rc < 0)
		return rc;
	if (report)
		report_duplicates(report, &duplicates);
	return decode_value(schema, tree, arena, report, ret, err);
}
