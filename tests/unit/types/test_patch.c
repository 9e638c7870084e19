/* Patches: tables of document, patch and what comes out, or the sentence that refuses it. */
#include "unit.h"

#include "base/limits.h"
#include "codec/json.h"
#include "types/gen/all.h"
#include "types/patch.h"

struct patch_case {
	const char *document, *patch;
	const char *result; /* JSON, or NULL: */
	const char *error;
};

static struct value *parse(const char *json, struct arena *arena)
{
	struct error err = {0};
	struct value *value = NULL;

	assert_int_equal(json_parse(str_from(json), arena, NULL, &value, &err), 0);
	return value;
}

static void check_case(const struct patch_case *c, int result, struct value *actual, const struct error *err,
		       struct arena *arena)
{
	cleanup_buf struct buf text;
	cleanup_buf struct buf wanted;

	buf_init(&text, LIMIT_OBJECT);
	buf_init(&wanted, LIMIT_OBJECT);
	if (!c->result) {
		assert_true(result < 0);
		assert_string_equal(err->message, c->error);
		return;
	}
	if (result < 0)
		fail_msg("%s: %s", c->patch, err->message);
	value_sort(actual);
	json_write(actual, &text);
	json_write(parse(c->result, arena), &wanted);
	assert_string_equal(text.data, wanted.data);
}

#define REFUSED "the server rejected our request due to an error in our request"

static void test_json_patch(void **state UNUSED)
{
	static const struct patch_case cases[] = {
		{"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":{\"c\":2}}]", "{\"a\":1,\"b\":{\"c\":2}}",
		 NULL},
		{"{\"a\":[1,2]}",
		 "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":9},{\"op\":\"add\",\"path\":\"/a/-\",\"value\":3}]",
		 "{\"a\":[1,9,2,3]}", NULL},
		{"{\"a/b\":1,\"c~d\":2}",
		 "[{\"op\":\"remove\",\"path\":\"/a~1b\"},{\"op\":\"replace\",\"path\":\"/c~0d\",\"value\":5}]",
		 "{\"c~d\":5}", NULL},
		{"{\"a\":{\"b\":1}}",
		 "[{\"op\":\"move\",\"from\":\"/a/b\",\"path\":\"/c\"},{\"op\":\"copy\",\"from\":\"/c\",\"path\":\"/a/"
		 "d\"}]",
		 "{\"a\":{\"d\":1},\"c\":1}", NULL},
		{"{\"a\":1}",
		 "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0},{\"op\":\"test\",\"path\":\"/"
		 "none\",\"value\":null}]",
		 "{\"a\":1}", NULL},
		{"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{}}]", "{}", NULL},
		{"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/-1\"}]", "{\"a\":[1]}", NULL},
		{"{}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}", NULL},
		{"{}", "[{\"op\":\"frob\",\"path\":\"/a\"}]", NULL, REFUSED},
		{"{}", "[{\"op\":\"add\",\"value\":1}]", NULL, REFUSED},
		{"{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]", NULL, REFUSED},
		{"{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", NULL, REFUSED},
		{"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL, REFUSED},
		{"{\"a\":[]}", "[{\"op\":\"add\",\"path\":\"/a/5\",\"value\":2}]", NULL, REFUSED},
		{"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":2}]", NULL, REFUSED},
		{"{}", "[{\"op\":\"move\",\"from\":\"/x\",\"path\":\"/y\"}]", NULL, REFUSED},
		{"{}", "{}", NULL,
		 "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena arena = {0};
		struct error err = {0};
		struct value *actual = NULL;
		int result = patch_json(parse(cases[i].document, &arena), parse(cases[i].patch, &arena), &arena,
					&actual, &err);

		check_case(&cases[i], result, actual, &err, &arena);
		arena_release(&arena);
	}
}

/* A document that copies itself into itself is stopped. */
static void test_json_patch_bomb(void **state UNUSED)
{
	struct arena arena = {0};
	struct error err = {0};
	struct value *patch = value_array(&arena), *actual = NULL;

	for (int i = 0; i < 60; i++)
		value_append(&arena, patch, parse("{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/-\"}", &arena));
	assert_true(patch_json(parse("{\"a\":[1]}", &arena), patch, &arena, &actual, &err) < 0);
	assert_int_equal(err.code, ERR_INVALID);
	arena_release(&arena);
}

static void test_merge_patch(void **state UNUSED)
{
	static const struct patch_case cases[] = {
		{"{\"a\":1,\"b\":{\"c\":1,\"d\":2}}", "{\"a\":null,\"b\":{\"c\":3}}", "{\"b\":{\"c\":3,\"d\":2}}",
		 NULL},
		{"{}", "{\"a\":{\"b\":null,\"c\":1}}", "{\"a\":{\"c\":1}}", NULL},
		{"{\"a\":[1]}", "{\"a\":[2,null]}", "{\"a\":[2,null]}", NULL},
		{"{\"a\":1}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}", NULL},
		{"{}", "null", NULL, "Invalid JSON Patch"},
		{"{}", "[]", NULL,
		 "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena arena = {0};
		struct error err = {0};
		struct value *actual = NULL;
		int result = patch_merge(parse(cases[i].document, &arena), parse(cases[i].patch, &arena), &arena,
					 &actual, &err);

		check_case(&cases[i], result, actual, &err, &arena);
		arena_release(&arena);
	}
}

#define CONTAINERS "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\",\"image\":\"y\"}]}}"

static void test_strategic_patch(void **state UNUSED)
{
	static const struct patch_case cases[] = {
		{CONTAINERS, "{\"spec\":{\"containers\":[{\"name\":\"b\",\"image\":\"z\"}]}}",
		 "{\"spec\":{\"containers\":[{\"image\":\"x\",\"name\":\"a\"},{\"image\":\"z\",\"name\":\"b\"}]}}",
		 NULL},
		{CONTAINERS, "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"n\"}]}}",
		 "{\"spec\":{\"containers\":[{\"image\":\"n\",\"name\":\"c\"},{\"image\":\"x\",\"name\":\"a\"},{"
		 "\"image\":\"y\",\"name\":\"b\"}]}}",
		 NULL},
		{CONTAINERS, "{\"spec\":{\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}}",
		 "{\"spec\":{\"containers\":[{\"image\":\"y\",\"name\":\"b\"}]}}", NULL},
		{CONTAINERS, "{\"spec\":{\"containers\":[{\"$patch\":\"replace\"},{\"name\":\"n\"}]}}",
		 "{\"spec\":{\"containers\":[{\"name\":\"n\"}]}}", NULL},
		{CONTAINERS, "{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}}",
		 "{\"spec\":{\"containers\":[{\"image\":\"y\",\"name\":\"b\"},{\"image\":\"x\",\"name\":\"a\"}]}}",
		 NULL},
		{CONTAINERS,
		 "{\"spec\":{\"$setElementOrder/"
		 "containers\":[{\"name\":\"c\"},{\"name\":\"b\"}],\"containers\":[{\"name\":\"c\"}]}}",
		 "{\"spec\":{\"containers\":[{\"name\":\"c\"},{\"image\":\"x\",\"name\":\"a\"},{\"image\":\"y\","
		 "\"name\":\"b\"}]}}",
		 NULL},
		{"{\"metadata\":{\"finalizers\":[\"a\",\"b\",\"c\"]}}", "{\"metadata\":{\"finalizers\":[\"d\",\"a\"]}}",
		 "{\"metadata\":{\"finalizers\":[\"d\",\"a\",\"b\",\"c\"]}}", NULL},
		{"{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}",
		 "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}}",
		 "{\"metadata\":{\"finalizers\":[\"b\"]}}", NULL},
		{"{\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}}",
		 "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\",\"hostPath\"],\"hostPath\":{"
		 "\"path\":\"/\"}}]}}",
		 "{\"spec\":{\"volumes\":[{\"hostPath\":{\"path\":\"/\"},\"name\":\"v\"}]}}", NULL},
		{"{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}",
		 "{\"metadata\":{\"labels\":{\"a\":null,\"c\":\"3\"}}}",
		 "{\"metadata\":{\"labels\":{\"b\":\"2\",\"c\":\"3\"}}}", NULL},
		{"{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
		 "{\"metadata\":{\"labels\":{\"$patch\":\"replace\",\"b\":\"2\"}}}",
		 "{\"metadata\":{\"labels\":{\"b\":\"2\"}}}", NULL},
		{"{\"metadata\":{\"labels\":{\"a\":\"1\"}}}", "{\"metadata\":{\"labels\":{\"$patch\":\"delete\"}}}",
		 "{\"metadata\":{\"labels\":{}}}", NULL},
		{"{\"spec\":{\"tolerations\":[{\"key\":\"a\"}]}}", "{\"spec\":{\"tolerations\":[{\"key\":\"b\"}]}}",
		 "{\"spec\":{\"tolerations\":[{\"key\":\"b\"}]}}", NULL},
		{"{}", "{\"a\":{\"b\":null,\"c\":{\"$patch\":\"delete\"},\"d\":1}}", "{\"a\":{\"d\":1}}", NULL},
		{"{\"spec\":{\"x\":1}}", "null", "{\"spec\":{\"x\":1}}", NULL},
		{"{}", "[]", NULL, "json: cannot unmarshal array into Go value of type map[string]interface {}"},
		{CONTAINERS, "{\"spec\":{\"containers\":[{\"image\":\"z\"}]}}", NULL,
		 "Internal error occurred: map: map[image:z] does not contain declared merge key: name"},
		{CONTAINERS, "{\"spec\":{\"$patch\":\"frob\"}}", NULL,
		 "Internal error occurred: unknown patch type: frob in map: map[$patch:frob]"},
		{CONTAINERS, "{\"spec\":{\"$retainKeys\":1}}", NULL, "invalid patch format of retainKeys"},
		{CONTAINERS, "{\"spec\":{\"$setElementOrderX\":[]}}", NULL,
		 "invalid patch format of setElementOrder list"},
		{CONTAINERS, "{\"spec\":{\"$deleteFromPrimitiveListX\":[]}}", NULL,
		 "invalid patch format of primitive list"},
		{CONTAINERS, "{\"spec\":{\"containers\":[[]]}}", NULL, "lists of lists are not supported"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena arena = {0};
		struct error err = {0};
		struct value *actual = NULL;
		int result = patch_strategic(&schema_core_v1_pod, parse(cases[i].document, &arena),
					     parse(cases[i].patch, &arena), &arena, &actual, &err);

		check_case(&cases[i], result, actual, &err, &arena);
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_patch),
		cmocka_unit_test(test_json_patch_bomb),
		cmocka_unit_test(test_merge_patch),
		cmocka_unit_test(test_strategic_patch),
	};

	return cmocka_run_group_tests_name("patch", tests, NULL, NULL);
}
