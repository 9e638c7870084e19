/*
 * JSON to structs by schema; see codec.h.
 *
 * One walk over yyjson's nodes, straight into the struct: strings stay where the parser put them, lists and maps are
 * allocated once at their final size.  A frame per level on the stack remembers where we are, for messages only.
 */
#include "types/codec.h"

#include "base/limits.h"
#include "codec/base64.h"
#include "codec/json_doc.h"
#include "types/duration.h"
#include "types/go_type.h"
#include "types/map_entries.h"
#include "types/quantity.h"
#include "types/timestamp.h"

#define PROBLEMS_MAX 100 /* upstream reports no more */

/* A field, an item or a map's key on the way from the top to here. */
struct frame {
	const struct frame *parent;
	const struct schema *owner; /* the struct whose field this is; NULL: an item or a key */
	struct str name;	    /* of a field or key; data == NULL: the item @index */
	size_t index;
};

struct decoder {
	struct arena *arena;
	struct arena *scratch;
	struct decode_report *report;
	struct error *err;
	unsigned depth;
};

/* What a non-NULL list without items points at. */
static const _Alignas(16) char no_items[16];

/* --- messages ---------------------------------------------------------------------------------------------------- */

/* "metadata.labels.x" or "spec.containers[0].name" */
static struct str strict_path(const struct frame *frame, struct arena *arena)
{
	struct str parent;

	if (!frame)
		return STR_EMPTY;
	parent = strict_path(frame->parent, arena);
	if (!frame->name.data)
		return arena_printf(arena, STR_FMT "[%zu]", STR_ARG(parent), frame->index);
	return arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(parent), parent.len ? "." : "", STR_ARG(frame->name));
}

static void report(struct decoder *d, const char *what, const struct frame *frame)
{
	struct decode_report *report = d->report;
	struct str problem;

	if (!report || report->problems.len >= PROBLEMS_MAX)
		return;
	problem =
		arena_printf(report->arena, "%s field \"" STR_FMT "\"", what, STR_ARG(strict_path(frame, d->scratch)));
	for (size_t i = 0; i < report->problems.len; i++)
		if (str_eq(report->problems.items[i], problem))
			return;
	vec_push(report->arena, &report->problems, problem);
}

/* Go's names of the fields on the way, without indexes and keys. */
static struct str go_path(const struct frame *frame, struct arena *arena)
{
	struct str parent;

	if (!frame)
		return STR_EMPTY;
	parent = go_path(frame->parent, arena);
	if (!frame->owner)
		return parent;
	return arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(parent), parent.len ? "." : "", STR_ARG(frame->name));
}

/* @what: "string", or "number 5.5" where the number matters. */
static int type_error(struct decoder *d, const struct frame *frame, struct str what, struct str type)
{
	const struct frame *field = frame;

	while (field && !field->owner)
		field = field->parent;
	if (!field)
		return error_set(d->err, ERR_BAD_REQUEST,
				 "json: cannot unmarshal " STR_FMT " into Go value of type " STR_FMT, STR_ARG(what),
				 STR_ARG(type));
	return error_set(
		d->err, ERR_BAD_REQUEST,
		"json: cannot unmarshal " STR_FMT " into Go struct field " STR_FMT "." STR_FMT " of type " STR_FMT,
		STR_ARG(what), STR_ARG(field->owner->kind), STR_ARG(go_path(frame, d->scratch)), STR_ARG(type));
}

static int wrong_kind(struct decoder *d, const struct frame *frame, yyjson_val *node, struct str type)
{
	return type_error(d, frame, str_from(json_doc_kind(node)), type);
}

/* Containers cost memory and stack: both have an end. */
static int enter(struct decoder *d, size_t len, size_t item_size)
{
	size_t bytes;

	if (++d->depth > LIMIT_JSON_DEPTH)
		return error_set(d->err, ERR_BAD_REQUEST, "exceeded max depth");
	if (!size_mul(len, item_size, &bytes) ||
	    (d->arena->budget && (bytes > d->arena->budget || d->arena->size > d->arena->budget - bytes)))
		return error_set(d->err, ERR_TOO_LARGE, "the object needs more than %zu bytes of memory",
				 d->arena->budget);
	return 0;
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

/* Reads @node, which is not null, into @dest. */
typedef int read_scalar(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
			const struct frame *frame);

static int read_string(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
		       const struct frame *frame)
{
	if (!yyjson_is_str(node))
		return wrong_kind(d, frame, node, go_type_item(field, d->scratch));
	*(struct str *)dest = json_doc_str(node);
	return 0;
}

static int read_bool(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
		     const struct frame *frame)
{
	if (!yyjson_is_bool(node))
		return wrong_kind(d, frame, node, go_type_item(field, d->scratch));
	*(bool *)dest = unsafe_yyjson_get_bool(node);
	return 0;
}

static int read_integer(struct decoder *d, const struct schema_field *field, yyjson_val *node, int64_t low,
			int64_t high, int64_t *ret, const struct frame *frame)
{
	struct str type = STR("int64");

	if (yyjson_is_raw(node) && str_parse_int64(json_doc_str(node), ret) == 0 && *ret >= low && *ret <= high)
		return 0;
	type = go_type_item(field, d->scratch);
	if (!yyjson_is_raw(node))
		return wrong_kind(d, frame, node, type);
	return type_error(d, frame, arena_concat(d->scratch, STR("number "), json_doc_str(node)), type);
}

static int read_int32(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
		      const struct frame *frame)
{
	int64_t n;
	int rc = read_integer(d, field, node, INT32_MIN, INT32_MAX, &n, frame);

	if (rc == 0)
		*(int32_t *)dest = (int32_t)n;
	return rc;
}

static int read_int64(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
		      const struct frame *frame)
{
	return read_integer(d, field, node, INT64_MIN, INT64_MAX, dest, frame);
}

static int read_double(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
		       const struct frame *frame)
{
	int64_t integer;
	double number;

	if (!yyjson_is_raw(node))
		return wrong_kind(d, frame, node, go_type_item(field, d->scratch));
	if (json_number(json_doc_str(node), &integer, &number))
		number = (double)integer;
	*(double *)dest = number;
	return 0;
}

static int read_bytes(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
		      const struct frame *frame)
{
	if (!yyjson_is_str(node))
		return wrong_kind(d, frame, node, go_type_item(field, d->scratch));
	return base64_decode(json_doc_str(node), d->arena, dest, d->err);
}

static int read_quantity(struct decoder *d, const struct schema_field *field UNUSED, yyjson_val *node, void *dest,
			 const struct frame *frame UNUSED)
{
	struct str text = STR_EMPTY;

	/* Whatever else it is, upstream takes its text for a quantity's and says that it does not match. */
	if (yyjson_is_str(node) || yyjson_is_raw(node))
		text = str_trim(json_doc_str(node));
	return quantity_parse(text, d->arena, dest, d->err);
}

static int read_int_or_string(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
			      const struct frame *frame)
{
	struct int_or_string *value = dest;
	int rc;

	*value = (struct int_or_string){0};
	if (!yyjson_is_str(node))
		rc = read_int32(d, field, node, &value->number, frame);
	else
		rc = read_string(d, field, node, &value->string, frame);
	value->is_string = yyjson_is_str(node);
	return rc;
}

static int read_time(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
		     const struct frame *frame)
{
	if (!yyjson_is_str(node))
		return wrong_kind(d, frame, node, STR("string"));
	return field->type == FIELD_TIME ? timestamp_parse(json_doc_str(node), dest, d->err)
					 : timestamp_parse_micro(json_doc_str(node), dest, d->err);
}

static int read_duration(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
			 const struct frame *frame)
{
	if (!yyjson_is_str(node))
		return wrong_kind(d, frame, node, go_type_item(field, d->scratch));
	return duration_parse(json_doc_str(node), dest, d->err);
}

static int read_raw(struct decoder *d, const struct schema_field *field UNUSED, yyjson_val *node, void *dest,
		    const struct frame *frame UNUSED)
{
	struct buf cleanup_buf text = {0};
	int rc;

	if (yyjson_is_obj(node) && !yyjson_obj_size(node)) { /* managed fields are full of these */
		((struct raw_json *)dest)->text = STR("{}");
		return 0;
	}
	buf_init(&text, LIMIT_REQUEST_MEMORY);
	rc = json_doc_write(node, &text, d->err);
	if (rc == 0 && text.overflow)
		rc = error_set(d->err, ERR_TOO_LARGE, "the object needs more than %d bytes of memory",
			       LIMIT_REQUEST_MEMORY);
	if (rc == 0)
		((struct raw_json *)dest)->text = arena_str(d->arena, buf_view(&text));
	return rc;
}

static read_scalar *const scalar_readers[FIELD_TYPE_MAX] = {
	[FIELD_STRING] = read_string,	  [FIELD_BOOL] = read_bool,
	[FIELD_INT32] = read_int32,	  [FIELD_INT64] = read_int64,
	[FIELD_DOUBLE] = read_double,	  [FIELD_BYTES] = read_bytes,
	[FIELD_QUANTITY] = read_quantity, [FIELD_INT_OR_STRING] = read_int_or_string,
	[FIELD_TIME] = read_time,	  [FIELD_MICRO_TIME] = read_time,
	[FIELD_DURATION] = read_duration, [FIELD_RAW] = read_raw,
};

/* --- structs, lists and maps ------------------------------------------------------------------------------------- */

static int read_struct(struct decoder *d, const struct schema *schema, yyjson_val *node, void *dest,
		       const struct frame *frame);

/* null leaves @dest, which is zeroed or holds an earlier value, as it is. */
static int read_item(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *dest,
		     const struct frame *frame)
{
	if (yyjson_is_null(node))
		return 0;
	if (field->type == FIELD_MESSAGE)
		return read_struct(d, field->message, node, dest, frame);
	return scalar_readers[field->type](d, field, node, dest, frame);
}

static int read_list(struct decoder *d, const struct schema_field *field, yyjson_val *node, struct any_slice *dest,
		     const struct frame *frame)
{
	size_t size = field_type_size(field->type, field->message), i, max;
	struct frame item_frame = {.parent = frame};
	yyjson_val *item;
	char *items;
	int rc;

	if (!yyjson_is_arr(node))
		return wrong_kind(d, frame, node, go_type_field(field, d->scratch));
	max = yyjson_arr_size(node);
	*dest = (struct any_slice){no_items, 0};
	if (!max)
		return 0;
	rc = enter(d, max, size);
	if (rc < 0)
		return rc;
	items = arena_calloc(d->arena, max, size);
	*dest = (struct any_slice){items, max};
	yyjson_arr_foreach(node, i, max, item)
	{
		item_frame.index = i;
		rc = read_item(d, field, item, items + i * size, &item_frame);
		if (rc < 0)
			return rc;
	}
	d->depth--;
	return 0;
}

/* Tells of entries that were dropped; the first @known stem from an earlier occurrence of the field. */
struct map_reader {
	struct decoder *d;
	const struct frame *frame;
	size_t known;
};

static void report_entry(void *data, size_t index, struct str key)
{
	struct map_reader *map = data;
	struct frame entry = {.parent = map->frame, .name = key};

	if (index >= map->known)
		report(map->d, "duplicate", &entry);
}

/* A field that occurs again adds its entries to those it had, as Go's maps do. */
static int read_map(struct decoder *d, const struct schema_field *field, yyjson_val *node, struct any_slice *dest,
		    const struct frame *frame)
{
	size_t size = field_entry_size(field), known = dest->len, i, max;
	yyjson_val *key, *item;
	char *entries, *entry;
	int rc = 0;

	if (!yyjson_is_obj(node))
		return wrong_kind(d, frame, node, go_type_field(field, d->scratch));
	max = yyjson_obj_size(node);
	if (!max && !known)
		*dest = (struct any_slice){no_items, 0};
	if (!max)
		return 0;
	rc = enter(d, max + known, size);
	if (rc < 0)
		return rc;
	entries = arena_calloc(d->arena, max + known, size);
	if (known)
		memcpy(entries, dest->items, known * size);
	entry = entries + known * size;
	yyjson_obj_foreach(node, i, max, key, item)
	{
		struct frame entry_frame = {.parent = frame, .name = json_doc_str(key)};

		*(struct str *)(void *)entry = entry_frame.name;
		if (field->shape == SHAPE_MAP)
			rc = read_item(d, field, item, entry + FIELD_ENTRY_VALUE_OFFSET, &entry_frame);
		else if (!yyjson_is_null(item))
			rc = read_list(d, field, item, (void *)(entry + FIELD_ENTRY_VALUE_OFFSET), &entry_frame);
		if (rc < 0)
			return rc;
		entry += size;
	}
	max = map_entries_sort(entries, max + known, size, report_entry, &(struct map_reader){d, frame, known});
	*dest = (struct any_slice){entries, max};
	d->depth--;
	return 0;
}

static int read_optional(struct decoder *d, const struct schema_field *field, yyjson_val *node, const void **dest,
			 const struct frame *frame)
{
	size_t size = field_type_size(field->type, field->message);
	void *item = *dest ? arena_memdup(d->arena, *dest, size) : arena_zalloc(d->arena, size);

	*dest = item;
	return read_item(d, field, node, item, frame);
}

/* What is neither of the things such a type can be counts for nothing, as upstream has it. */
static bool says_nothing(const struct schema_field *field, yyjson_val *node)
{
	return field->type == FIELD_MESSAGE &&
	       field->message->flags & (SCHEMA_JSON_OR_ARRAY | SCHEMA_JSON_OR_STRING_ARRAY) && !yyjson_is_ctn(node);
}

static int read_field(struct decoder *d, const struct schema_field *field, yyjson_val *node, void *member,
		      const struct frame *frame)
{
	bool null = yyjson_is_null(node);

	switch ((enum field_shape)field->shape) {
	case SHAPE_OPTIONAL:
		if (!null && !says_nothing(field, node))
			return read_optional(d, field, node, member, frame);
		*(const void **)member = NULL;
		return 0;
	case SHAPE_LIST:
		*(struct any_slice *)member = (struct any_slice){0};
		return null ? 0 : read_list(d, field, node, member, frame);
	case SHAPE_MAP:
	case SHAPE_MAP_OF_LISTS:
		if (!null)
			return read_map(d, field, node, member, frame);
		*(struct any_slice *)member = (struct any_slice){0};
		return 0;
	default:
		return read_item(d, field, node, member, frame);
	}
}

static bool name_is(const struct schema_field *field, struct str name)
{
	return field->name.len == name.len && memcmp(field->name.data, name.data, name.len) == 0 &&
	       !(field->flags & FIELD_NO_JSON);
}

/*
 * The field called @name.  Documents come in the order of the struct (from our own store, from Go programs) or of the
 * alphabet (from kubectl): the next few in either are tried before searching.
 */
static const struct schema_field *find_field(const struct schema *schema, struct str name, size_t *next, size_t *sorted)
{
	const struct schema_field *field;
	size_t low = 0, high = schema->len;

	for (size_t i = *next; i < schema->len && i < *next + 4; i++) {
		if (name_is(&schema->fields[i], name)) {
			*next = i + 1;
			return &schema->fields[i];
		}
	}
	for (size_t i = *sorted; i < schema->len && i < *sorted + 3; i++) {
		field = &schema->fields[schema->by_name[i]];
		if (name_is(field, name)) {
			*sorted = i + 1;
			return field;
		}
	}
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order;

		field = &schema->fields[schema->by_name[middle]];
		order = str_cmp(name, field->name);
		if (order == 0) {
			*sorted = middle + 1;
			*next = (size_t)(field - schema->fields) + 1;
			return field->flags & FIELD_NO_JSON ? NULL : field;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* kind and apiVersion of a top-level type are not in its struct. */
static bool is_type_meta(const struct schema *schema, struct str name)
{
	return schema->flags & SCHEMA_TOP_LEVEL && (str_eq(name, STR("kind")) || str_eq(name, STR("apiVersion")));
}

#define SEEN_WORDS 4 /* more fields than 64 times that no schema has; a repetition beyond would go unreported */

static int read_members(struct decoder *d, const struct schema *schema, yyjson_val *node, char *dest,
			const struct frame *parent)
{
	struct frame frame = {.parent = parent, .owner = schema};
	uint64_t seen[SEEN_WORDS + 1] = {0};
	size_t next = 0, sorted = 0, i, max;
	yyjson_val *key, *item;

	yyjson_obj_foreach(node, i, max, key, item)
	{
		const struct schema_field *field;
		size_t index, word;
		uint64_t bit;
		int rc;

		frame.name = json_doc_str(key);
		field = find_field(schema, frame.name, &next, &sorted);
		index = field ? (size_t)(field - schema->fields) : 0;
		if (!field && is_type_meta(schema, frame.name)) {
			word = SEEN_WORDS;
			bit = frame.name.data[0] == 'k' ? 1 : 2;
		} else if (!field) {
			report(d, "unknown", &frame);
			continue;
		} else {
			word = index / 64 % SEEN_WORDS;
			bit = UINT64_C(1) << index % 64;
		}
		if (seen[word] & bit)
			report(d, "duplicate", &frame);
		seen[word] |= bit;
		if (!field)
			continue;
		rc = read_field(d, field, item, dest + field->offset, &frame);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The types of apiextensions that are one thing or another in JSON. */
static int read_custom(struct decoder *d, const struct schema *schema, yyjson_val *node, char *dest,
		       const struct frame *frame)
{
	const struct schema_field *first = &schema->fields[0], *second = &schema->fields[1];

	if (schema->flags & SCHEMA_JSON_ANY) {
		struct raw_json raw = {0};
		int rc = read_raw(d, first, node, &raw, frame);

		if (rc == 0)
			*(struct bytes *)(void *)(dest + first->offset) =
				(struct bytes){(const uint8_t *)raw.text.data, raw.text.len};
		return rc;
	}
	if (schema->flags & SCHEMA_JSON_OR_BOOL) {
		*(bool *)(dest + first->offset) = yyjson_is_obj(node) || yyjson_is_true(node);
		if (yyjson_is_bool(node))
			return 0;
		if (!yyjson_is_obj(node))
			return error_set(d->err, ERR_BAD_REQUEST, "boolean or JSON schema expected");
		return read_optional(d, second, node, (const void **)(void *)(dest + second->offset), frame);
	}
	if (yyjson_is_arr(node))
		return read_list(d, second, node, (void *)(dest + second->offset), frame);
	if (yyjson_is_obj(node))
		return read_optional(d, first, node, (const void **)(void *)(dest + first->offset), frame);
	return 0;
}

#define CUSTOM_JSON (SCHEMA_JSON_ANY | SCHEMA_JSON_OR_ARRAY | SCHEMA_JSON_OR_BOOL | SCHEMA_JSON_OR_STRING_ARRAY)

static int read_struct(struct decoder *d, const struct schema *schema, yyjson_val *node, void *dest,
		       const struct frame *frame)
{
	int rc;

	if (!yyjson_is_obj(node) && !(schema->flags & CUSTOM_JSON))
		return wrong_kind(d, frame, node, go_type_struct(schema, d->scratch));
	rc = enter(d, 0, 0);
	if (rc < 0)
		return rc;
	rc = schema->flags & CUSTOM_JSON ? read_custom(d, schema, node, dest, frame)
					 : read_members(d, schema, node, dest, frame);
	d->depth--;
	return rc;
}

/* --- documents ---------------------------------------------------------------------------------------------------- */

static int read_word(struct decoder *d, yyjson_val *node, const char *name, struct str *ret)
{
	if (yyjson_is_null(node))
		return 0;
	if (!yyjson_is_str(node))
		return error_set(d->err, ERR_BAD_REQUEST,
				 "json: cannot unmarshal %s into Go struct field .%s of type string",
				 json_doc_kind(node), name);
	*ret = arena_str(d->report->arena, json_doc_str(node));
	return 0;
}

/* Finds kind and apiVersion, asks the caller whether to go on. */
static int identify(struct decoder *d, const struct schema *schema, yyjson_val *root)
{
	size_t i, max;
	yyjson_val *key, *item;
	int rc = 0;

	d->report->api_version = d->report->kind = STR_EMPTY;
	d->report->identified = !(schema->flags & SCHEMA_TOP_LEVEL);
	if (d->report->identified) /* a part: what it calls kind is its own business */
		return 0;
	if (!yyjson_is_obj(root) && !yyjson_is_null(root))
		return error_set(d->err, ERR_BAD_REQUEST,
				 "json: cannot unmarshal %s into Go value of type struct { APIVersion string "
				 "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }",
				 json_doc_kind(root));
	yyjson_obj_foreach(root, i, max, key, item)
	{
		struct str name = json_doc_str(key);

		if (str_eq(name, STR("kind")))
			rc = read_word(d, item, "kind", &d->report->kind);
		else if (str_eq(name, STR("apiVersion")))
			rc = read_word(d, item, "apiVersion", &d->report->api_version);
		if (rc < 0)
			return rc;
	}
	d->report->identified = true;
	return d->report->check ? d->report->check(d->report, d->err) : 0;
}

int decode_json(const struct schema *schema, struct str json, struct arena *arena, struct decode_report *report_,
		void **ret, struct error *err)
{
	struct arena cleanup_arena scratch = {0};
	struct decoder d = {.arena = arena, .scratch = &scratch, .report = report_, .err = err};
	yyjson_val *root;
	void *data;
	int rc = json_doc_read(json, arena, &scratch, &root, err);

	if (rc == 0 && report_)
		rc = identify(&d, schema, root);
	if (rc < 0)
		return rc;
	data = arena_zalloc(arena, schema->size);
	if (!yyjson_is_null(root))
		rc = read_struct(&d, schema, root, data, NULL);
	if (rc == 0)
		*ret = data;
	return rc;
}

/*
 * By way of text: one engine reads every document, and what a patch makes goes through the same checks as what a client
 * sends.
 */
int decode_value(const struct schema *schema, const struct value *value, struct arena *arena,
		 struct decode_report *report_, void **ret, struct error *err)
{
	struct buf cleanup_buf text = {0};

	buf_init(&text, LIMIT_REQUEST_MEMORY);
	json_write(value, &text);
	if (text.overflow)
		return error_set(err, ERR_TOO_LARGE, "the object needs more than %d bytes of memory",
				 LIMIT_REQUEST_MEMORY);
	return decode_json(schema, buf_view(&text), arena, report_, ret, err);
}
