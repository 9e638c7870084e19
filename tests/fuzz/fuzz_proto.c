/* Protobuf: what is read is written, as protobuf and as JSON, and both read again as the same struct. */
#include "fuzz.h"

#include "base/limits.h"
#include "types/codec.h"
#include "types/copy.h"
#include "types/gen/all.h"

#define MEMORY (16 * MIB)

/* Strings that are no UTF-8 are kept by protobuf and repaired by JSON, so JSON is compared with itself. */
static void check_json(const struct schema *schema, const void *data, struct arena *arena)
{
	struct buf cleanup_buf out, again;
	struct error err = {0};
	void *back;

	buf_init(&out, MEMORY);
	buf_init(&again, MEMORY);
	encode_json(schema, data, ENCODE_KIND, &out);
	if (out.overflow)
		return;
	if (decode_json(schema, buf_view(&out), arena, NULL, &back, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_TOO_LARGE || strstr(err.message, "exceeded max depth"));
		return;
	}
	encode_json(schema, back, ENCODE_KIND, &again);
	FUZZ_CHECK(out.len >= again.len); /* repaired map keys may fall together */
}

static void check_message(const struct schema *schema, struct bytes message)
{
	struct arena cleanup_arena arena;
	struct buf cleanup_buf out, again;
	struct error err = {0};
	void *data, *back;

	arena_init(&arena, MEMORY);
	buf_init(&out, MEMORY);
	buf_init(&again, MEMORY);
	if (decode_proto(schema, message, &arena, &data, &err) < 0) {
		FUZZ_CHECK(err.message[0]);
		return;
	}
	encode_proto(schema, data, &out);
	if (out.overflow)
		return;
	if (decode_proto(schema, (struct bytes){(const uint8_t *)out.data, out.len}, &arena, &back, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_TOO_LARGE);
		return;
	}
	FUZZ_CHECK(equal_struct(schema, data, back));
	encode_proto(schema, back, &again);
	FUZZ_CHECK(str_eq(buf_view(&out), buf_view(&again)));
	check_json(schema, data, &arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena cleanup_arena arena = {0};
	struct proto_envelope envelope;
	struct error err = {0};
	struct bytes bytes = {data, size};

	if (size > 64 * KIB)
		return 0;
	if (decode_envelope(bytes, &arena, &envelope, &err) == 0)
		bytes = envelope.raw;
	check_message(&schema_core_v1_pod, bytes);
	check_message(&schema_core_v1_config_map, bytes);
	check_message(&schema_apiextensions_v1_custom_resource_definition, bytes);
	return 0;
}
