/* Every published test vector, byte for byte: JSON, protobuf and YAML, each to the others. */
#include "unit.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "types/codec.h"
#include "vectors.h"

#define GA_VECTORS 91

static struct arena vector_arena;
static struct vector_list vectors;

/* As the files are: indented by two blanks. */
static void assert_json(const struct vector *vector, const void *data)
{
	struct arena cleanup_arena arena = {0};
	struct buf cleanup_buf out, indented;
	struct error err = {0};
	struct value *value;

	buf_init(&out, LIMIT_OBJECT);
	buf_init(&indented, LIMIT_OBJECT);
	encode_json(vector->schema, data, ENCODE_KIND, &out);
	assert_int_equal(json_parse(buf_view(&out), &arena, NULL, &value, &err), 0);
	json_write_indented(value, STR("  "), &indented);
	if (!str_eq(buf_view(&indented), str_trim(vector->json)))
		fail_msg("%s: %s", vector->name.data, indented.data);
	buf_clear(&out);
	json_write(encode_value(vector->schema, data, ENCODE_KIND, &arena), &out);
	buf_clear(&indented);
	json_write(value, &indented);
	assert_string_equal(out.data, indented.data);
}

static void assert_proto(const struct vector *vector, const void *data)
{
	struct buf cleanup_buf out;

	buf_init(&out, LIMIT_OBJECT);
	encode_envelope(vector->schema, data, &out);
	if (!str_eq(buf_view(&out), vector->proto)) {
		size_t at = 0;

		while (at < out.len && at < vector->proto.len && out.data[at] == vector->proto.data[at])
			at++;
		fail_msg("%s: protobuf differs at byte %zu of %zu", vector->name.data, at, vector->proto.len);
	}
}

static void test_from_json(void **state UNUSED)
{
	for (size_t i = 0; i < vectors.list.len; i++) {
		const struct vector *vector = &vectors.list.items[i];
		struct arena cleanup_arena arena = {0};
		struct decode_report report = {.arena = &arena};
		struct error err = {0};
		void *data;

		assert_non_null(vector->schema);
		if (decode_json(vector->schema, vector->json, &arena, &report, &data, &err) < 0)
			fail_msg("%s: %s", vector->name.data, err.message);
		assert_int_equal(report.problems.len, 0);
		assert_json(vector, data);
		assert_proto(vector, data);
	}
}

static void test_from_proto(void **state UNUSED)
{
	for (size_t i = 0; i < vectors.list.len; i++) {
		const struct vector *vector = &vectors.list.items[i];
		struct arena cleanup_arena arena = {0};
		struct proto_envelope envelope;
		struct error err = {0};
		void *data;

		if (decode_envelope((struct bytes){(const uint8_t *)vector->proto.data, vector->proto.len}, &arena,
				    &envelope, &err) < 0 ||
		    decode_proto(vector->schema, envelope.raw, &arena, &data, &err) < 0)
			fail_msg("%s: %s", vector->name.data, err.message);
		if (vector->schema->flags & SCHEMA_TOP_LEVEL)
			assert_str_equal(envelope.kind, vector->schema->kind.data);
		assert_json(vector, data);
		assert_proto(vector, data);
	}
}

static void test_yaml(void **state UNUSED)
{
	for (size_t i = 0; i < vectors.list.len; i++) {
		const struct vector *vector = &vectors.list.items[i];
		struct arena cleanup_arena arena = {0};
		struct decode_report report = {.arena = &arena};
		struct buf cleanup_buf out;
		struct error err = {0};
		void *data;

		if (decode_yaml(vector->schema, vector->yaml, &arena, &report, &data, &err) < 0)
			fail_msg("%s: %s", vector->name.data, err.message);
		assert_int_equal(report.problems.len, 0);
		assert_json(vector, data);
		buf_init(&out, LIMIT_OBJECT);
		yaml_write(encode_value(vector->schema, data, ENCODE_KIND, &arena), &out);
		if (!str_eq(buf_view(&out), vector->yaml))
			fail_msg("%s: %s", vector->name.data, out.data);
	}
}

static int load(void **state UNUSED)
{
	vectors = vectors_load(&vector_arena);
	return vectors.list.len && vectors.list.len != GA_VECTORS ? -1 : 0;
}

static int unload(void **state UNUSED)
{
	arena_release(&vector_arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_json),
		cmocka_unit_test(test_from_proto),
		cmocka_unit_test(test_yaml),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
