/*
 * JSON: what is read as a tree is written and read again as the same tree; what Go would refuse is refused with a
 * reason; what is read as a struct is written, read and written again as the same text.
 */
#include "fuzz.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/json_doc.h"
#include "types/codec.h"
#include "types/copy.h"
#include "types/gen/all.h"

#define MEMORY (16 * MIB)

static void check_tree(struct str text)
{
	struct arena cleanup_arena arena;
	struct buf cleanup_buf out, again;
	struct error err = {0};
	struct value *value, *back;
	struct str why;

	arena_init(&arena, MEMORY);
	buf_init(&out, MEMORY);
	buf_init(&again, MEMORY);
	why = json_explain(text, &arena);
	if (json_parse(text, &arena, NULL, &value, &err) < 0) {
		FUZZ_CHECK(err.message[0]);
		return;
	}
	FUZZ_CHECK(!why.len);
	json_write(value, &out);
	FUZZ_CHECK(!out.overflow && str_is_utf8(buf_view(&out)));
	FUZZ_CHECK(json_parse(buf_view(&out), &arena, NULL, &back, &err) == 0);
	/* Not value_eq(): a large double is written without a fraction and comes back as an integer near it, as in Go.
	 */
	json_write(back, &again);
	FUZZ_CHECK(str_eq(buf_view(&out), buf_view(&again)));
	FUZZ_CHECK(value_eq(value, value_copy(&arena, value)));
}

static void check_struct(const struct schema *schema, struct str text)
{
	struct arena cleanup_arena arena;
	struct decode_report report = {.arena = &arena};
	struct buf cleanup_buf out, again, message;
	struct error err = {0};
	void *data, *back;

	arena_init(&arena, MEMORY);
	buf_init(&out, MEMORY);
	buf_init(&again, MEMORY);
	buf_init(&message, MEMORY);
	if (decode_json(schema, text, &arena, &report, &data, &err) < 0) {
		FUZZ_CHECK(err.message[0]);
		return;
	}
	encode_json(schema, data, ENCODE_KIND, &out);
	FUZZ_CHECK(!out.overflow);
	FUZZ_CHECK(decode_json(schema, buf_view(&out), &arena, NULL, &back, &err) == 0);
	FUZZ_CHECK(equal_struct(schema, data, back));
	encode_json(schema, back, ENCODE_KIND, &again);
	FUZZ_CHECK(str_eq(buf_view(&out), buf_view(&again)));
	encode_proto(schema, data, &message);
	FUZZ_CHECK(!message.overflow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};

	if (size > 64 * KIB)
		return 0;
	check_tree(text);
	check_struct(&schema_core_v1_pod, text);
	check_struct(&schema_apiextensions_v1_custom_resource_definition, text);
	return 0;
}
