/* Every type, filled at random, through every encoding and back: JSON, protobuf, trees, YAML. */
#include "unit.h"

#include "base/limits.h"
#include "codec/yaml.h"
#include "random_struct.h"
#include "types/codec.h"
#include "types/copy.h"
#include "types/gen/all.h"

#define SEEDS 6

static void encode(const struct schema *schema, const void *data, struct buf *out)
{
	buf_init(out, 64 * MIB);
	encode_json(schema, data, ENCODE_KIND, out);
	assert_false(out->overflow);
}

static void assert_same(const struct schema *schema, const void *data, const void *back, const char *how)
{
	struct buf cleanup_buf left, right;

	encode(schema, data, &left);
	encode(schema, back, &right);
	if (!str_eq(buf_view(&left), buf_view(&right)))
		fail_msg("%s by way of %s:\n%s\n%s", schema->name.data, how, left.data, right.data);
	if (!equal_struct(schema, data, back))
		fail_msg("%s by way of %s: written alike but not equal", schema->name.data, how);
}

static void through_json(const struct schema *schema, const void *data)
{
	struct arena cleanup_arena arena = {0};
	struct decode_report report = {.arena = &arena};
	struct buf cleanup_buf text;
	struct error err = {0};
	void *back;

	encode(schema, data, &text);
	if (decode_json(schema, buf_view(&text), &arena, &report, &back, &err) < 0)
		fail_msg("%s: %s: %s", schema->name.data, err.message, text.data);
	assert_int_equal(report.problems.len, 0);
	assert_same(schema, data, back, "JSON");
}

static void through_tree(const struct schema *schema, const void *data)
{
	struct arena cleanup_arena arena = {0};
	struct value *tree = encode_value(schema, data, ENCODE_KIND, &arena);
	struct error err = {0};
	void *back;

	if (decode_value(schema, tree, &arena, NULL, &back, &err) < 0)
		fail_msg("%s: %s", schema->name.data, err.message);
	assert_same(schema, data, back, "a tree");
}

static void through_yaml(const struct schema *schema, const void *data)
{
	struct arena cleanup_arena arena = {0};
	struct value *tree = encode_value(schema, data, ENCODE_KIND, &arena), *back;
	struct buf cleanup_buf text;
	struct error err = {0};

	buf_init(&text, 64 * MIB);
	yaml_write(tree, &text);
	if (yaml_parse(buf_view(&text), &arena, NULL, &back, &err) < 0)
		fail_msg("%s: %s: %s", schema->name.data, err.message, text.data);
	if (!value_eq(tree, back))
		fail_msg("%s by way of YAML:\n%s", schema->name.data, text.data);
}

static void through_proto(const struct schema *schema, const void *data)
{
	struct arena cleanup_arena arena = {0};
	struct buf cleanup_buf message, again;
	struct error err = {0};
	void *back;

	buf_init(&message, 64 * MIB);
	buf_init(&again, 64 * MIB);
	encode_proto(schema, data, &message);
	assert_false(message.overflow);
	if (decode_proto(schema, (struct bytes){(const uint8_t *)message.data, message.len}, &arena, &back, &err) < 0)
		fail_msg("%s: %s", schema->name.data, err.message);
	assert_same(schema, data, back, "protobuf");
	encode_proto(schema, back, &again);
	assert_true(str_eq(buf_view(&message), buf_view(&again)));
}

/* Does protobuf say all of the type?  Tables and a few others are JSON alone. */
static bool has_proto(const struct schema *schema, unsigned depth)
{
	size_t embedded = 0;

	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];

		if (field->flags & FIELD_EMBEDDED)
			embedded++;
		else if (!field->number)
			return false;
		if (field->message && depth < 8 && !has_proto(field->message, depth + 1))
			return false;
	}
	for (size_t i = 0; embedded && i < schema->numbers_len; i++)
		if (schema->by_number[i] >= schema->len)
			return true;
	return !embedded;
}

static void test_every_type(void **state UNUSED)
{
	size_t without_proto = 0;

	for (size_t i = 0; i < all_schemas_len; i++) {
		const struct schema *schema = all_schemas[i];
		bool proto = has_proto(schema, 0);

		without_proto += !proto;
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct arena cleanup_arena arena = {0};
			void *data = random_struct(schema, seed * 1000 + i, &arena);

			through_json(schema, data);
			through_tree(schema, data);
			through_yaml(schema, data);
			if (proto)
				through_proto(schema, data);
		}
	}
	assert_true(without_proto < 30);
}

/* Nothing set at all is the hardest case for "always written" and "left out". */
static void test_zero(void **state UNUSED)
{
	for (size_t i = 0; i < all_schemas_len; i++) {
		const struct schema *schema = all_schemas[i];
		struct arena cleanup_arena arena = {0};
		void *data = arena_zalloc(&arena, schema->size);

		if (schema->flags & (SCHEMA_JSON_OR_ARRAY | SCHEMA_JSON_OR_STRING_ARRAY | SCHEMA_JSON_ANY))
			continue;
		through_json(schema, data);
		if (has_proto(schema, 0))
			through_proto(schema, data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
