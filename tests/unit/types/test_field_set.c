/* Sets of fields: text, operations, and what a change of an object touches. */
#include "unit.h"

#include "base/limits.h"
#include "types/codec.h"
#include "types/field_set.h"
#include "types/gen/core_v1.h"

static struct field_set *parse(const char *text, struct arena *arena)
{
	struct error err = {0};
	struct field_set *set;

	assert_int_equal(field_set_parse(str_from(text), arena, &set, &err), 0);
	return set;
}

static void assert_text(const struct field_set *set, const char *expected)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_OBJECT);
	field_set_write(set, &text);
	assert_string_equal(text.data, expected);
}

static void test_round_trip(void **state UNUSED)
{
	static const char *const texts[] = {
		"{}",
		"{\"f:data\":{\".\":{},\"f:a\":{}}}",
		"{\"f:spec\":{\"f:ports\":{\".\":{},\"k:{\\\"port\\\":80}\":{\".\":{},\"f:port\":{}}}}}",
		"{\"f:metadata\":{\"f:finalizers\":{\".\":{},\"v:\\\"x\\\"\":{}}}}",
	};
	struct arena cleanup_arena arena = {0};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_text(parse(texts[i], &arena), texts[i]);
}

static void test_operations(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct field_set *a = parse("{\"f:a\":{},\"f:b\":{\".\":{},\"f:x\":{}}}", &arena);
	struct field_set *b = parse("{\"f:b\":{\"f:x\":{},\"f:y\":{}},\"f:c\":{}}", &arena);

	assert_text(field_set_union(a, b, &arena), "{\"f:a\":{},\"f:b\":{\".\":{},\"f:x\":{},\"f:y\":{}},\"f:c\":{}}");
	assert_text(field_set_difference(a, b, &arena), "{\"f:a\":{},\"f:b\":{}}");
	assert_true(field_set_empty(field_set_difference(a, a, &arena)));
	assert_true(field_set_eq(field_set_union(a, a, &arena), a));
}

static struct value *tree(const char *json, struct arena *arena)
{
	struct error err = {0};
	void *pod;

	assert_int_equal(decode_json(&schema_core_v1_pod, str_from(json), arena, NULL, &pod, &err), 0);
	return encode_value(&schema_core_v1_pod, pod, 0, arena);
}

static void test_compare(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct field_set *changed, *removed;
	struct value *old =
		tree("{\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":\"1\",\"b\":\"2\"}},\"spec\":{\"containers\":["
		     "{\"name\":\"c\",\"image\":\"x\",\"args\":[\"1\"]}]}}",
		     &arena);
	struct value *new_ = tree("{\"metadata\":{\"name\":\"q\",\"labels\":{\"a\":\"9\"}},\"spec\":{\"containers\":["
				  "{\"name\":\"c\",\"image\":\"x\",\"args\":[\"1\",\"2\"]},{\"name\":\"d\"}],"
				  "\"tolerations\":[{\"key\":\"k\"}]}}",
				  &arena);

	field_set_compare(&schema_core_v1_pod, old, new_, field_set_server_owned(&arena), &arena, &changed, &removed);
	/* An atomic list is one field; a new item brings itself and what is in it. */
	assert_text(changed, "{\"f:metadata\":{\"f:labels\":{\"f:a\":{}}},\"f:spec\":{\"f:containers\":{"
			     "\"k:{\\\"name\\\":\\\"c\\\"}\":{\"f:args\":{}},"
			     "\"k:{\\\"name\\\":\\\"d\\\"}\":{\".\":{},\"f:name\":{},\"f:resources\":{}}},"
			     "\"f:tolerations\":{}}}");
	assert_text(removed, "{\"f:metadata\":{\"f:labels\":{\"f:b\":{}}}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests_name("field_set", tests, NULL, NULL);
}
