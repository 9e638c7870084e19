/*
 * Applied configurations: an input is a live object, a newline, a configuration, a newline and what its manager owned
 * before (fieldsV1).  What is merged has what the configuration says; applied once more it stays as it is.
 */
#include "fuzz.h"

#include "base/limits.h"
#include "codec/json.h"
#include "types/field_merge.h"
#include "types/field_owners.h"
#include "types/gen/all.h"

static void check_once_more(struct field_owners *owners, struct field_change *change, struct value *config,
			    const struct field_actor *actor, struct value *object)
{
	struct field_conflicts conflicts = {0};
	struct value *again;

	change->live = object;
	FUZZ_CHECK(field_owners_apply(owners, change, config, actor, true, &again, &conflicts) == 0);
	FUZZ_CHECK(value_eq(object, again));
}

static void apply(struct value *live, struct value *config, struct str owned, struct arena *arena)
{
	const struct schema *schema = &schema_core_v1_pod;
	struct raw_json fields = {owned};
	struct meta_v1_managed_fields_entry entry = {
		.manager = STR("m"),
		.operation = STR("Apply"),
		.api_version = schema->api_version,
		.fields_type = STR("FieldsV1"),
		.fields_v1 = &fields,
	};
	struct meta_v1_managed_fields_entry_slice entries = {&entry, 1};
	struct field_change change = {.schema = schema, .live = live, .ignored = field_set_server_owned(arena)};
	struct field_actor actor = {.manager = STR("m"), .api_version = schema->api_version};
	struct field_conflicts conflicts = {0};
	struct field_paths paths = {0};
	struct field_owners owners;
	struct error err = {0};
	struct value *object;

	if (field_merge_check(schema, config, arena, &err) < 0)
		return;
	error_clear(&err);
	/* A live object was decoded, so it is of the schema too; it may repeat items. */
	if (field_merge_check(schema, live, arena, &err) < 0 || field_owners_read(&entries, arena, &owners, &err) < 0)
		return;
	field_set_paths(owners.list.items[0].set, arena, &paths);
	FUZZ_CHECK(field_owners_apply(&owners, &change, config, &actor, true, &object, &conflicts) == 0);
	check_once_more(&owners, &change, config, &actor, object);
	(void)field_owners_write(&owners);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str live_text, config_text, rest;
	struct arena arena = {.budget = LIMIT_REQUEST_MEMORY};
	struct error err = {0};
	struct value *live, *config;

	if (str_cut((struct str){(const char *)data, size}, '\n', &live_text, &rest) &&
	    json_parse(live_text, &arena, NULL, &live, &err) == 0 && live->kind == VALUE_OBJECT &&
	    str_cut(rest, '\n', &config_text, &rest) && json_parse(config_text, &arena, NULL, &config, &err) == 0 &&
	    config->kind == VALUE_OBJECT)
		apply(live, config, rest, &arena);
	arena_release(&arena);
	return 0;
}
