/*
 * Patches of all three kinds: an input is a document, a newline and a patch, both JSON.  Whatever comes out can be
 * written and read again.
 */
#include "fuzz.h"

#include "base/limits.h"
#include "codec/json.h"
#include "types/gen/all.h"
#include "types/patch.h"

static void check_result(const struct value *result, struct arena *arena)
{
	struct error err = {0};
	struct buf text;
	struct value *again;

	buf_init(&text, LIMIT_REQUEST_MEMORY);
	json_write(result, &text);
	if (!text.overflow) {
		FUZZ_CHECK(json_parse(buf_view(&text), arena, NULL, &again, &err) == 0);
		FUZZ_CHECK(value_eq(result, again));
	}
	buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str document_text, patch_text;
	struct arena arena = {.budget = LIMIT_REQUEST_MEMORY};
	struct error err = {0};
	struct value *document, *patch, *result;

	if (str_cut((struct str){(const char *)data, size}, '\n', &document_text, &patch_text) &&
	    json_parse(document_text, &arena, NULL, &document, &err) == 0 &&
	    json_parse(patch_text, &arena, NULL, &patch, &err) == 0) {
		if (patch_json(document, patch, &arena, &result, &err) == 0)
			check_result(result, &arena);
		error_clear(&err);
		if (patch_merge(document, patch, &arena, &result, &err) == 0)
			check_result(result, &arena);
		error_clear(&err);
		if (patch_strategic(&schema_core_v1_pod, document, patch, &arena, &result, &err) == 0)
			check_result(result, &arena);
	}
	arena_release(&arena);
	return 0;
}
