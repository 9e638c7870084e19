/* The schema of Cog; see cog.h. */
#include "types/cog.h"

static const struct field_rules no_rules;
static const struct field_rules by_id = {.list_type = LIST_TYPE_MAP, .list_map_keys = {STR_INIT("id")}};

static const struct schema_field part_fields[] = {
	{STR_INIT("id"), NULL, &no_rules, 0, 0, 0, FIELD_INT64, SHAPE_ONE},
	{STR_INIT("note"), NULL, &no_rules, 0, 0, 0, FIELD_STRING, SHAPE_ONE},
};
static const uint16_t part_by_name[] = {0, 1};
static const struct schema part = {
	.name = STR_INIT("Cog.spec.parts"), .fields = part_fields, .by_name = part_by_name, .len = 2};

static const struct schema anything = {.name = STR_INIT("Cog.spec.free"), .flags = SCHEMA_PRESERVE_UNKNOWN};

static const struct schema_field spec_fields[] = {
	{STR_INIT("teeth"), NULL, &no_rules, 0, 0, 0, FIELD_INT64, SHAPE_OPTIONAL},
	{STR_INIT("parts"), &part, &by_id, 0, 0, 0, FIELD_MESSAGE, SHAPE_LIST},
	{STR_INIT("free"), &anything, &no_rules, 0, 0, 0, FIELD_MESSAGE, SHAPE_OPTIONAL},
	{STR_INIT("labels"), NULL, &no_rules, 0, 0, 0, FIELD_STRING, SHAPE_MAP},
};
static const uint16_t spec_by_name[] = {2, 3, 1, 0};
static const struct schema spec = {
	.name = STR_INIT("Cog.spec"), .fields = spec_fields, .by_name = spec_by_name, .len = 4};

static const struct schema_field cog_fields[] = {
	{STR_INIT("spec"), &spec, &no_rules, 0, 0, 0, FIELD_MESSAGE, SHAPE_ONE}};
static const uint16_t cog_by_name[] = {0};

const struct schema cog_schema = {.name = STR_INIT("Cog"),
				  .kind = STR_INIT("Cog"),
				  .version = STR_INIT("v1"),
				  .api_version = STR_INIT("example.com/v1"),
				  .fields = cog_fields,
				  .by_name = cog_by_name,
				  .len = 1,
				  .flags = SCHEMA_TOP_LEVEL};
