/* Owners of fields: what updates and applies do to them and to the object, by tables and by seeded random histories. */
#include "unit.h"

#include "base/limits.h"
#include "codec/json.h"
#include "types/cog.h"
#include "types/field_merge.h"
#include "types/field_owners.h"
#include "types/gen/core_v1.h"

/* --- An object and its owners, and what is done to them --------------------------------------------------------- */

struct world {
	struct arena *arena;
	const struct schema *schema;
	struct value *object;
	struct field_owners owners;
	int64_t now;
};

static struct value *parse(const char *json, struct arena *arena)
{
	struct error err = {0};
	struct value *tree;

	assert_int_equal(json_parse(str_from(json), arena, NULL, &tree, &err), 0);
	return tree;
}

static struct world world_of(const struct schema *schema, struct arena *arena)
{
	return (struct world){arena, schema, value_object(arena), {.arena = arena}, 0};
}

static struct field_change change_of(const struct world *world)
{
	return (struct field_change){
		.schema = world->schema,
		.live = world->object,
		.ignored = field_set_server_owned(world->arena),
	};
}

static struct field_actor actor_of(struct world *world, const char *manager)
{
	return (struct field_actor){
		.manager = str_from(manager),
		.api_version = world->schema->api_version,
		.now = {.seconds = ++world->now, .is_set = true},
	};
}

static int try_apply(struct world *world, const char *manager, struct value *config, bool force,
		     struct field_conflicts *ret)
{
	struct field_change change = change_of(world);
	struct field_actor actor = actor_of(world, manager);
	struct error err = {0};

	assert_int_equal(field_merge_check(world->schema, config, world->arena, &err), 0);
	return field_owners_apply(&world->owners, &change, config, &actor, force, &world->object, ret);
}

static void apply(struct world *world, const char *manager, struct value *config, bool force)
{
	struct field_conflicts conflicts = {0};

	assert_int_equal(try_apply(world, manager, config, force, &conflicts), 0);
}

static void update(struct world *world, const char *manager, struct value *object)
{
	struct field_change change = change_of(world);
	struct field_actor actor = actor_of(world, manager);

	field_owners_update(&world->owners, &change, object, &actor);
	world->object = object;
}

static void assert_json(const struct value *tree, const char *expected)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_OBJECT);
	json_write(tree, &text);
	assert_string_equal(text.data, expected);
}

/* "m Apply 3 {...}" for each entry, a line each. */
static void assert_owners(const struct world *world, const char *expected)
{
	struct meta_v1_managed_fields_entry_slice entries = field_owners_write(&world->owners);
	struct str text = STR_EMPTY;

	SLICE_FOREACH (entry, entries)
		text = arena_printf(world->arena, STR_FMT STR_FMT " " STR_FMT " %d " STR_FMT "\n", STR_ARG(text),
				    STR_ARG(entry->manager), STR_ARG(entry->operation),
				    entry->time ? (int)entry->time->seconds : 0, STR_ARG(entry->fields_v1->text));
	assert_str_equal(text, expected);
}

#define MAP(data) "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"data\":" data "}"

/* --- Cases ------------------------------------------------------------------------------------------------------ */

static void test_apply_owns_what_it_names(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct world world = world_of(&schema_core_v1_config_map, &arena);

	apply(&world, "m", parse(MAP("{\"a\":\"1\",\"b\":\"1\"}"), &arena), false);
	assert_owners(&world, "m Apply 1 {\"f:data\":{\"f:a\":{},\"f:b\":{}}}\n");
	apply(&world, "n", parse(MAP("{\"b\":\"1\",\"c\":\"1\"}"), &arena), false);
	assert_owners(&world, "m Apply 1 {\"f:data\":{\"f:a\":{},\"f:b\":{}}}\n"
			      "n Apply 2 {\"f:data\":{\"f:b\":{},\"f:c\":{}}}\n");
	/* What somebody else has too stays. */
	apply(&world, "m", parse(MAP("{}"), &arena), false);
	assert_json(world.object, MAP("{\"b\":\"1\",\"c\":\"1\"}"));
	assert_owners(&world, "n Apply 2 {\"f:data\":{\"f:b\":{},\"f:c\":{}}}\nm Apply 3 {\"f:data\":{}}\n");
}

static void test_update_takes_over(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct world world = world_of(&schema_core_v1_config_map, &arena);

	apply(&world, "m", parse(MAP("{\"a\":\"1\",\"b\":\"1\"}"), &arena), false);
	update(&world, "u", parse(MAP("{\"a\":\"2\",\"c\":\"1\"}"), &arena));
	/* What changed is the updater's alone, what is gone is nobody's, and who owns nothing is dropped. */
	assert_owners(&world, "u Update 2 {\"f:data\":{\"f:a\":{},\"f:c\":{}}}\n");
	update(&world, "u", parse(MAP("{\"a\":\"2\"}"), &arena));
	/* Removing gives no field, so the time stays. */
	assert_owners(&world, "u Update 2 {\"f:data\":{\"f:a\":{}}}\n");
	update(&world, "u", parse(MAP("{\"a\":\"2\"}"), &arena));
	assert_owners(&world, "u Update 2 {\"f:data\":{\"f:a\":{}}}\n");
}

static void test_conflicts(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct world world = world_of(&schema_core_v1_config_map, &arena);
	struct field_conflicts conflicts = {0};
	struct field_paths paths = {0};

	apply(&world, "z", parse(MAP("{\"a\":\"1\"}"), &arena), false);
	update(&world, "u", parse(MAP("{\"a\":\"1\",\"b\":\"1\"}"), &arena));
	assert_int_equal(try_apply(&world, "n", parse(MAP("{\"a\":\"2\",\"b\":\"2\"}"), &arena), false, &conflicts),
			 -ERR_CONFLICT);
	assert_int_equal(conflicts.list.len, 2);
	assert_str_equal(conflicts.list.items[0].owner.manager, "u");
	assert_str_equal(conflicts.list.items[1].owner.manager, "z");
	field_set_paths(conflicts.list.items[1].set, &arena, &paths);
	assert_int_equal(paths.list.len, 1);
	assert_str_equal(paths.list.items[0], ".data.a");
	/* Nothing happened. */
	assert_json(world.object, MAP("{\"a\":\"1\",\"b\":\"1\"}"));
	assert_owners(&world, "z Apply 1 {\"f:data\":{\"f:a\":{}}}\nu Update 2 {\"f:data\":{\"f:b\":{}}}\n");
	apply(&world, "n", parse(MAP("{\"a\":\"2\",\"b\":\"2\"}"), &arena), true);
	assert_owners(&world, "n Apply 4 {\"f:data\":{\"f:a\":{},\"f:b\":{}}}\n");
	/* The same value is no conflict. */
	apply(&world, "z", parse(MAP("{\"a\":\"2\"}"), &arena), false);
	assert_owners(&world, "z Apply 0 {\"f:data\":{\"f:a\":{}}}\nn Apply 4 {\"f:data\":{\"f:a\":{},\"f:b\":{}}}\n");
}

static bool no_such_version(void *data UNUSED, const struct value *object UNUSED, struct str api_version UNUSED,
			    const struct schema **ret_schema UNUSED, const struct value **ret UNUSED)
{
	return false;
}

/* The other version calls `data` what ours calls `binaryData`. */
static bool swapped(void *data, const struct value *object, struct str api_version UNUSED,
		    const struct schema **ret_schema, const struct value **ret)
{
	struct arena *arena = data;
	struct value *other = value_object(arena);

	if (value_get(object, STR("data")))
		value_set(arena, other, STR("binaryData"), value_get(object, STR("data")));
	*ret_schema = &schema_core_v1_config_map;
	*ret = other;
	return true;
}

static void test_versions(void **state UNUSED)
{
	static const char entry[] = "{\"f:binaryData\":{\"f:a\":{},\"f:b\":{}}}";
	struct arena cleanup_arena arena = {0};
	struct raw_json fields = {str_from(entry)};
	struct meta_v1_managed_fields_entry old = {.manager = STR("old"),
						   .operation = STR("Update"),
						   .api_version = STR("v0"),
						   .fields_type = STR("FieldsV1"),
						   .fields_v1 = &fields};
	struct meta_v1_managed_fields_entry_slice entries = {&old, 1};
	struct world world = world_of(&schema_core_v1_config_map, &arena);
	struct field_actor actor = actor_of(&world, "m");
	struct field_conflicts conflicts = {0};
	struct field_change change;
	struct error err = {0};
	struct value *config = parse(MAP("{\"a\":\"2\"}"), &arena);

	world.object = parse(MAP("{\"a\":\"1\",\"b\":\"1\"}"), &arena);
	change = change_of(&world);
	change.versions = (struct field_versions){swapped, &arena};
	assert_int_equal(field_owners_read(&entries, &arena, &world.owners, &err), 0);
	assert_int_equal(field_owners_apply(&world.owners, &change, config, &actor, false, &world.object, &conflicts),
			 -ERR_CONFLICT);
	assert_int_equal(field_owners_apply(&world.owners, &change, config, &actor, true, &world.object, &conflicts),
			 0);
	assert_owners(&world, "m Apply 1 {\"f:data\":{\"f:a\":{}}}\nold Update 0 {\"f:binaryData\":{\"f:b\":{}}}\n");
	/* Whose version is gone is gone too. */
	change.versions.convert = no_such_version;
	change.live = world.object;
	assert_int_equal(field_owners_apply(&world.owners, &change, config, &actor, false, &world.object, &conflicts),
			 0);
	assert_owners(&world, "m Apply 1 {\"f:data\":{\"f:a\":{}}}\n");
}

static void test_entries_that_are_none(void **state UNUSED)
{
	static const struct {
		const char *operation, *version, *type, *fields;
	} cases[] = {
		{"", "v1", "FieldsV1", "{}"}, {"Patch", "v1", "FieldsV1", "{}"}, {"Apply", "", "FieldsV1", "{}"},
		{"Apply", "v1", "", "{}"},    {"Apply", "v1", "FieldsV1", "{"},	 {"Apply", "v1", "FieldsV1", "[]"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct raw_json fields = {str_from(cases[i].fields)};
		struct meta_v1_managed_fields_entry entry = {.operation = str_from(cases[i].operation),
							     .api_version = str_from(cases[i].version),
							     .fields_type = str_from(cases[i].type),
							     .fields_v1 = &fields};
		struct meta_v1_managed_fields_entry_slice entries = {&entry, 1};
		struct field_owners owners;
		struct error err = {0};

		assert_int_equal(field_owners_read(&entries, &arena, &owners, &err), -ERR_BAD_REQUEST);
	}
}

static void test_too_many_updaters(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct world world = world_of(&schema_core_v1_config_map, &arena);

	apply(&world, "m", parse(MAP("{\"mine\":\"1\"}"), &arena), false);
	for (int i = 0; i < LIMIT_FIELD_UPDATERS + 2; i++) {
		struct value *next = value_copy(&arena, world.object);
		struct str name = arena_printf(&arena, "u%02d", i);

		value_set(&arena, value_get(next, STR("data")), name, value_string(&arena, STR("1")));
		update(&world, str_c(name), next);
	}
	assert_int_equal(field_owners_write(&world.owners).len, LIMIT_FIELD_UPDATERS + 1);
	assert_str_equal(world.owners.list.items[1].manager, "ancient-changes");
	assert_true(field_set_eq(world.owners.list.items[1].set,
				 field_set_of(world.schema,
					      parse("{\"data\":{\"u00\":\"1\",\"u01\":\"1\",\"u02\":\"1\"}}", &arena),
					      &arena)));
	/* The time of the youngest among them. */
	assert_int_equal(world.owners.list.items[1].time->seconds, 4);
}

/* --- Random histories ------------------------------------------------------------------------------------------- */

struct random {
	uint64_t state;
};

static unsigned below(struct random *random, unsigned limit)
{
	random->state = random->state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(random->state >> 33) % limit;
}

/* A configuration of a Cog with names from @names alone; values of few kinds, so that managers often agree. */
static struct value *random_config(struct random *random, const char *names, struct arena *arena)
{
	struct value *config = parse("{\"apiVersion\":\"example.com/v1\",\"kind\":\"Cog\"}", arena);
	struct value *spec = value_object(arena), *labels = value_object(arena), *parts = value_array(arena);
	struct value *tree = value_object(arena);

	for (const char *name = names; *name; name++) {
		struct str key = arena_printf(arena, "%c", *name);
		struct value *item = value_object(arena);

		if (below(random, 2))
			value_set(arena, labels, key, value_string(arena, arena_printf(arena, "%u", below(random, 2))));
		value_set(arena, item, STR("id"), value_int(arena, *name));
		if (below(random, 2))
			value_set(arena, item, STR("note"),
				  value_string(arena, arena_printf(arena, "%u", below(random, 2))));
		if (below(random, 2))
			value_insert(arena, parts, below(random, (unsigned)parts->array.len + 1), item);
		if (below(random, 2)) {
			struct value *inner = value_object(arena);

			value_set(arena, inner, key, below(random, 2) ? value_int(arena, 1) : value_array(arena));
			value_set(arena, tree, key, inner);
		}
	}
	/* An empty map would be an opinion on the map itself, an empty list none at all. */
	if (below(random, 3) && labels->object.len)
		value_set(arena, spec, STR("labels"), labels);
	if (below(random, 3) && parts->array.len)
		value_set(arena, spec, STR("parts"), parts);
	if (below(random, 3) && tree->object.len)
		value_set(arena, spec, STR("free"), tree);
	if (spec->object.len)
		value_set(arena, config, STR("spec"), spec);
	return config;
}

static const struct field_owner *owner_of(const struct world *world, const char *manager)
{
	for (size_t i = 0; i < world->owners.list.len; i++)
		if (str_eq_c(world->owners.list.items[i].manager, manager))
			return &world->owners.list.items[i];
	return NULL;
}

/* Whoever applies owns fields that are there, and the object says what was applied last. */
static void check_world(const struct world *world, struct value *config)
{
	const struct field_set *all = field_set_of(world->schema, world->object, world->arena);

	assert_true(value_eq(field_merge(world->schema, world->object, config, world->arena), world->object));
	for (size_t i = 0; i < world->owners.list.len; i++) {
		const struct field_set *set = world->owners.list.items[i].set;

		assert_false(field_set_empty(set));
		assert_true(field_set_empty(field_set_difference(set, all, world->arena)));
	}
}

static void test_random_histories(void **state UNUSED)
{
	static const char *const managers[] = {"a", "b", "c"};

	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct arena cleanup_arena arena = {0};
		struct world world = world_of(&cog_schema, &arena);
		struct random random = {seed};

		for (int i = 0; i < 12; i++) {
			const char *manager = managers[below(&random, ARRAY_LEN(managers))];
			struct value *config = random_config(&random, "xyz", &arena), *once;
			struct field_owners owners;

			apply(&world, manager, config, true);
			check_world(&world, config);
			once = world.object;
			owners = world.owners;
			/* Again is the same, for the object and for everybody. */
			apply(&world, manager, config, false);
			assert_true(value_eq(world.object, once));
			assert_int_equal(world.owners.list.len, owners.list.len);
			for (size_t j = 0; j < owners.list.len; j++)
				assert_true(field_set_eq(world.owners.list.items[j].set, owners.list.items[j].set));
		}
	}
}

/* Managers with names of their own never meet. */
static void test_disjoint_managers(void **state UNUSED)
{
	static const char *const managers[] = {"a", "b"}, *const names[] = {"pqr", "xyz"};

	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct arena cleanup_arena arena = {0};
		struct world world = world_of(&cog_schema, &arena);
		struct value *applied[2] = {NULL, NULL};
		struct random random = {seed};

		for (int i = 0; i < 8; i++) {
			unsigned who = below(&random, 2);
			struct value *config = random_config(&random, names[who], &arena);

			apply(&world, managers[who], config, false);
			applied[who] = config;
			for (int j = 0; j < 2; j++)
				if (applied[j])
					check_world(&world, applied[j]);
		}
	}
}

/* Who has nothing to say any more leaves nothing behind. */
static void test_leaving(void **state UNUSED)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct arena cleanup_arena arena = {0};
		struct world world = world_of(&cog_schema, &arena);
		struct random random = {seed};
		struct value *nothing = parse("{\"apiVersion\":\"example.com/v1\",\"kind\":\"Cog\"}", &arena);

		apply(&world, "a", random_config(&random, "xyz", &arena), true);
		apply(&world, "b", random_config(&random, "xyz", &arena), true);
		apply(&world, "a", nothing, false);
		assert_null(owner_of(&world, "a"));
		apply(&world, "b", nothing, false);
		assert_int_equal(world.owners.list.len, 0);
		assert_true(field_set_empty(field_set_without(field_set_of(world.schema, world.object, &arena),
							      field_set_server_owned(&arena), &arena)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apply_owns_what_it_names),
		cmocka_unit_test(test_update_takes_over),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_entries_that_are_none),
		cmocka_unit_test(test_too_many_updaters),
		cmocka_unit_test(test_random_histories),
		cmocka_unit_test(test_disjoint_managers),
		cmocka_unit_test(test_leaving),
	};

	return cmocka_run_group_tests_name("field_owners", tests, NULL, NULL);
}
