/* YAML to structs: a tree first, then the one JSON engine, as upstream does; see codec.h. */
#include "codec/yaml.h"
#include "types/codec.h"

int decode_yaml(const struct schema *schema, struct str yaml, struct arena *arena, struct decode_report *report,
		void **ret, struct error *err)
{
	struct arena cleanup_arena scratch = {.budget = arena->budget};
	struct yaml_duplicates duplicates = {0};
	struct value *tree;
	int rc = yaml_parse(yaml, &scratch, report ? &duplicates : NULL, &tree, err);

	if (rc < 0)
		return rc;
	/* All repeated keys are one problem. */
	if (duplicates.lines.len)
		vec_push(report->arena, &report->problems, yaml_duplicates_text(&duplicates, report->arena));
	return decode_value(schema, tree, arena, report, ret, err);
}
