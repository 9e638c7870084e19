/* YAML: what is read is written as YAML and read again as the same tree; the same through JSON. */
#include "fuzz.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/yaml.h"

#define MEMORY (16 * MIB)

/* YAML has no form for controls and the like in every style; what JSON carries through, YAML need only for these. */
static bool printable(const struct value *value);

static bool plain_text(struct str s)
{
	if (!str_is_utf8(s))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.data[i] < ' ' || (unsigned char)s.data[i] >= 0x7f)
			return false;
	return true;
}

static bool printable(const struct value *value)
{
	if (value->kind == VALUE_STRING)
		return plain_text(value->string);
	for (size_t i = 0; value->kind == VALUE_ARRAY && i < value->array.len; i++)
		if (!printable(value->array.items[i]))
			return false;
	for (size_t i = 0; value->kind == VALUE_OBJECT && i < value->object.len; i++)
		if (!plain_text(value->object.members[i].key) || value->object.members[i].key.len > 100 ||
		    !printable(value->object.members[i].value))
			return false;
	return true;
}

static void check_document(struct value *value, struct arena *arena)
{
	struct buf cleanup_buf json, again, yaml;
	struct error err = {0};
	struct value *back;

	buf_init(&json, MEMORY);
	buf_init(&yaml, MEMORY);
	buf_init(&again, MEMORY);
	json_write(value, &json);
	if (json.overflow)
		return;
	FUZZ_CHECK(json_parse(buf_view(&json), arena, NULL, &back, &err) == 0 || err.code == ERR_TOO_LARGE);
	if (!printable(value))
		return;
	error_clear(&err);
	yaml_write(value, &yaml);
	if (yaml.overflow)
		return;
	if (yaml_parse(buf_view(&yaml), arena, NULL, &back, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_TOO_LARGE);
		return;
	}
	value_sort(value);
	buf_clear(&json);
	json_write(value, &json);
	json_write(back, &again);
	FUZZ_CHECK(str_eq(buf_view(&json), buf_view(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena cleanup_arena arena;
	struct yaml_duplicates duplicates = {0};
	struct yaml_reader reader;
	struct error err = {0};
	struct value *value;
	int rc;

	if (size > 16 * KIB)
		return 0;
	arena_init(&arena, MEMORY);
	yaml_reader_init(&reader, (struct str){(const char *)data, size});
	while ((rc = yaml_reader_next(&reader, &arena, &duplicates, &value, &err)) > 0)
		check_document(value, &arena);
	yaml_reader_release(&reader);
	FUZZ_CHECK(rc == 0 || err.message[0]);
	return 0;
}
