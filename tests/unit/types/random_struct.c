/* Structs filled at random; see random_struct.h. */
#include "random_struct.h"

#include "base/random.h"
#include "types/quantity.h"
#include "types/timestamp.h"

#define DEPTH_MAX  12
#define FILLED_MAX 400

struct filler {
	struct arena *arena;
	struct random_source source;
	unsigned depth;
	size_t filled; /* so that recursive types come to an end */
};

static uint64_t next(struct filler *f)
{
	return random_source_next(&f->source);
}

static size_t below(struct filler *f, size_t n)
{
	return (size_t)random_source_below(&f->source, n);
}

static struct str random_text(struct filler *f)
{
	static const char *const pieces[] = {"a",
					     "Bc",
					     " ",
					     "<&>",
					     "\"",
					     "\\",
					     "\n",
					     "\x01",
					     "\xc3\xa9",
					     "\xe2\x80\xa8",
					     "\xf0\x9f\x98\x80",
					     "/",
					     "0",
					     "x-y.z",
					     "\x7f",
					     "null",
					     "true",
					     "1:20",
					     "- "};
	struct str text = STR_EMPTY;

	for (size_t n = below(f, 6); n > 0; n--)
		text = arena_concat(f->arena, text, str_from(pieces[below(f, ARRAY_LEN(pieces))]));
	return text;
}

static struct bytes some_bytes(struct filler *f)
{
	size_t len = 1 + below(f, 9);
	uint8_t *data = arena_alloc(f->arena, len);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)next(f);
	return (struct bytes){data, len};
}

static struct quantity random_quantity(struct filler *f)
{
	static const char *const texts[] = {"0",      "1",	"100m",
					    "1500m",  "1Gi",	"1.5Gi",
					    "12e6",   "-5",	"1n",
					    "0.5",    "7Ei",	"123456789012345678901234567890",
					    "1e1000", "1024Ki", "9223372036854775808"};
	struct error err = {0};
	struct quantity q = {0};

	if (quantity_parse(str_from(texts[below(f, ARRAY_LEN(texts))]), f->arena, &q, &err) < 0)
		abort();
	return q;
}

static struct str random_json(struct filler *f)
{
	static const char *const texts[] = {"{}",
					    "[]",
					    "{\"a\":[1,2.5,null,\"\\u003cx\"]}",
					    "\"s\"",
					    "5",
					    "true",
					    "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Cog\"}"};

	return arena_str_c(f->arena, texts[below(f, ARRAY_LEN(texts))]);
}

static double random_double(struct filler *f)
{
	static const double numbers[] = {0, 1, -1.5, 0.1, 1e21, 1e-7, 123456.789, 5e-324, 1.7976931348623157e308, 1e20};

	return numbers[below(f, ARRAY_LEN(numbers))];
}

static int64_t random_int(struct filler *f)
{
	static const int64_t numbers[] = {0, 1, -1, 127, 128, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

	return below(f, 2) ? numbers[below(f, ARRAY_LEN(numbers))] : (int64_t)next(f);
}

static void fill_struct(struct filler *f, const struct schema *schema, char *dest);

static void fill_item(struct filler *f, const struct schema_field *field, void *dest)
{
	struct int_or_string *either = dest;

	switch ((enum field_type)field->type) {
	case FIELD_STRING:
		*(struct str *)dest = random_text(f);
		break;
	case FIELD_BOOL:
		*(bool *)dest = below(f, 2);
		break;
	case FIELD_INT32:
		*(int32_t *)dest = (int32_t)random_int(f);
		break;
	case FIELD_INT64:
	case FIELD_DURATION:
		*(int64_t *)dest = random_int(f);
		break;
	case FIELD_DOUBLE:
		*(double *)dest = random_double(f);
		break;
	case FIELD_BYTES:
		*(struct bytes *)dest = some_bytes(f);
		break;
	case FIELD_QUANTITY:
		*(struct quantity *)dest = random_quantity(f);
		break;
	case FIELD_INT_OR_STRING:
		either->is_string = below(f, 2);
		if (either->is_string)
			either->string = random_text(f);
		else
			either->number = (int32_t)random_int(f);
		break;
	case FIELD_TIME:
		*(struct timestamp *)dest = timestamp_make((int64_t)below(f, 253402300800), 0);
		break;
	case FIELD_MICRO_TIME:
		*(struct timestamp *)dest =
			timestamp_make((int64_t)below(f, 253402300800) - 1000000000, (int32_t)below(f, 1000000) * 1000);
		break;
	case FIELD_RAW:
		((struct raw_json *)dest)->text = random_json(f);
		break;
	default:
		fill_struct(f, field->message, dest);
		break;
	}
}

static void fill_list(struct filler *f, const struct schema_field *field, struct any_slice *dest, size_t least)
{
	size_t size = field_type_size(field->type, field->message), len = least + below(f, 3);
	char *items = arena_calloc(f->arena, len, size);

	for (size_t i = 0; i < len; i++)
		fill_item(f, field, items + i * size);
	if (len)
		*dest = (struct any_slice){items, len};
}

static void fill_map(struct filler *f, const struct schema_field *field, struct any_slice *dest)
{
	size_t size = field_entry_size(field), len = below(f, 3);
	char *entries = arena_calloc(f->arena, len, size);

	for (size_t i = 0; i < len; i++) {
		char *entry = entries + i * size;

		*(struct str *)(void *)entry = arena_printf(f->arena, "k%zu/%zu", i, below(f, 100));
		if (field->shape == SHAPE_MAP)
			fill_item(f, field, entry + FIELD_ENTRY_VALUE_OFFSET);
		else
			fill_list(f, field, (void *)(entry + FIELD_ENTRY_VALUE_OFFSET), 1);
	}
	if (len)
		*dest = (struct any_slice){entries, len};
}

static void fill_pointer(struct filler *f, const struct schema_field *field, void *member)
{
	void *item = arena_zalloc(f->arena, field_type_size(field->type, field->message));

	fill_item(f, field, item);
	*(const void **)member = item;
}

static void fill_field(struct filler *f, const struct schema_field *field, void *member)
{
	/* Below some depth, and for one in four anyway, what may be absent is. */
	if (field->shape != SHAPE_ONE &&
	    (f->depth > DEPTH_MAX / 2 || (f->depth > 2 && f->filled > FILLED_MAX) || below(f, 4) == 0))
		return;
	f->filled++;
	switch ((enum field_shape)field->shape) {
	case SHAPE_OPTIONAL:
		fill_pointer(f, field, member);
		break;
	case SHAPE_LIST:
		fill_list(f, field, member, 0);
		break;
	case SHAPE_MAP:
	case SHAPE_MAP_OF_LISTS:
		fill_map(f, field, member);
		break;
	default:
		fill_item(f, field, member);
		break;
	}
}

/* The types that are one thing or another: each says one of them. */
static void fill_custom(struct filler *f, const struct schema *schema, char *dest)
{
	const struct schema_field *first = &schema->fields[0], *second = &schema->fields[1];
	bool nested = f->depth < DEPTH_MAX / 2 && f->filled < FILLED_MAX && below(f, 2);

	if (schema->flags & SCHEMA_JSON_ANY) {
		struct str text = random_json(f);

		*(struct bytes *)(void *)(dest + first->offset) = (struct bytes){(const uint8_t *)text.data, text.len};
	} else if (schema->flags & SCHEMA_JSON_OR_BOOL) {
		*(bool *)(dest + first->offset) = nested || below(f, 2);
		if (nested)
			fill_pointer(f, second, dest + second->offset);
	} else if (nested) {
		fill_pointer(f, first, dest + first->offset);
	} else {
		fill_list(f, second, (void *)(dest + second->offset), 1);
	}
}

#define CUSTOM_JSON (SCHEMA_JSON_ANY | SCHEMA_JSON_OR_ARRAY | SCHEMA_JSON_OR_BOOL | SCHEMA_JSON_OR_STRING_ARRAY)

static void fill_struct(struct filler *f, const struct schema *schema, char *dest)
{
	if (f->depth >= DEPTH_MAX)
		return;
	f->depth++;
	if (schema->flags & CUSTOM_JSON)
		fill_custom(f, schema, dest);
	for (size_t i = 0; i < schema->len && !(schema->flags & CUSTOM_JSON); i++)
		if (!(schema->fields[i].flags & FIELD_NO_JSON))
			fill_field(f, &schema->fields[i], dest + schema->fields[i].offset);
	f->depth--;
}

void *random_struct(const struct schema *schema, uint64_t seed, struct arena *arena)
{
	struct filler f = {.arena = arena, .source = {seed}};
	void *data = arena_zalloc(arena, schema->size);

	fill_struct(&f, schema, data);
	return data;
}
