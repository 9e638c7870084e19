/*
 * Structs to JSON by schema; see codec.h.
 *
 * Members are written with a comma after each and the last comma becomes the closing brace.  Nothing is measured
 * beforehand: the buffer grows, or its ceiling stops everything.
 */
#include "base/limits.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "types/codec.h"
#include "types/duration.h"
#include "types/gen/meta_v1.h"
#include "types/go_type.h"
#include "types/quantity.h"
#include "types/timestamp.h"

struct encoder {
	struct buf *out;
	const struct schema_field *skipped; /* one field of the metadata, or NULL */
	bool nested_kind, untagged;
};

static void write_struct(struct encoder *e, const struct schema *schema, const void *data, unsigned flags);

static void close_with(struct buf *out, char close)
{
	if (out->len && out->data[out->len - 1] == ',' && !out->overflow)
		out->data[out->len - 1] = close;
	else
		buf_char(out, close);
}

static void write_quoted(const char *text, size_t len, struct buf *out)
{
	char *p = buf_reserve(out, len + 2);

	if (!p)
		return;
	p[0] = '"';
	memcpy(p + 1, text, len);
	p[1 + len] = '"';
	buf_advance(out, len + 2);
}

static void write_bytes(const struct bytes *bytes, struct buf *out)
{
	if (!bytes->data) {
		buf_append(out, "null", 4);
		return;
	}
	buf_char(out, '"');
	base64_encode(*bytes, out);
	buf_char(out, '"');
}

static void write_time(const struct timestamp *t, bool micro, struct buf *out)
{
	char text[TIMESTAMP_TEXT_SIZE];

	if (!t->is_set)
		buf_append(out, "null", 4);
	else
		write_quoted(text, micro ? timestamp_format_micro(*t, text) : timestamp_format(*t, text), out);
}

static void write_int_or_string(const struct int_or_string *value, struct buf *out)
{
	if (value->is_string)
		json_write_str(value->string, out);
	else
		buf_int64(out, value->number);
}

static void write_raw(const struct raw_json *raw, struct buf *out)
{
	/* Protobuf's form of an object inside a protobuf message has no JSON. */
	if (!raw->text.len || raw->text.data[raw->text.len - 1] == '\0' || raw->text.data[0] == 'k')
		buf_append(out, "null", 4);
	else
		buf_str(out, raw->text);
}

static void write_duration(int64_t nanos, struct buf *out)
{
	char text[DURATION_TEXT_SIZE];

	write_quoted(text, duration_format(nanos, text), out);
}

static void write_item(struct encoder *e, const struct schema_field *field, const void *item)
{
	struct buf *out = e->out;

	switch ((enum field_type)field->type) {
	case FIELD_STRING:
		json_write_str(*(const struct str *)item, out);
		break;
	case FIELD_BOOL:
		buf_str(out, *(const bool *)item ? STR("true") : STR("false"));
		break;
	case FIELD_INT32:
		buf_int64(out, *(const int32_t *)item);
		break;
	case FIELD_INT64:
		buf_int64(out, *(const int64_t *)item);
		break;
	case FIELD_DOUBLE:
		json_write_double(*(const double *)item, out);
		break;
	case FIELD_BYTES:
		write_bytes(item, out);
		break;
	case FIELD_QUANTITY:
		buf_char(out, '"');
		quantity_write(item, out);
		buf_char(out, '"');
		break;
	case FIELD_INT_OR_STRING:
		write_int_or_string(item, out);
		break;
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		write_time(item, field->type == FIELD_MICRO_TIME, out);
		break;
	case FIELD_DURATION:
		write_duration(*(const int64_t *)item, out);
		break;
	case FIELD_RAW:
		write_raw(item, out);
		break;
	default:
		write_struct(e, field->message, item,
			     e->nested_kind && !str_eq(field->name, STR("items")) ? ENCODE_KIND : 0);
		break;
	}
}

static void write_list(struct encoder *e, const struct schema_field *field, const struct any_slice *list)
{
	size_t size = field_type_size(field->type, field->message);
	const char *item = list->items;

	if (!item) {
		buf_append(e->out, "null", 4);
		return;
	}
	buf_char(e->out, '[');
	for (size_t i = 0; i < list->len; i++, item += size) {
		write_item(e, field, item);
		buf_char(e->out, ',');
	}
	close_with(e->out, ']');
}

static void write_map(struct encoder *e, const struct schema_field *field, const struct any_slice *map)
{
	size_t size = field_entry_size(field);
	const char *entry = map->items;

	if (!entry) {
		buf_append(e->out, "null", 4);
		return;
	}
	buf_char(e->out, '{');
	for (size_t i = 0; i < map->len; i++, entry += size) {
		const void *value = entry + FIELD_ENTRY_VALUE_OFFSET;

		json_write_str(*(const struct str *)(const void *)entry, e->out);
		buf_char(e->out, ':');
		if (field->shape == SHAPE_MAP)
			write_item(e, field, value);
		else
			write_list(e, field, value);
		buf_char(e->out, ',');
	}
	close_with(e->out, '}');
}

/* Is a ONE member left out by omitempty or omitzero?  Struct-like types know only the latter. */
static bool left_out(const struct schema_field *field, const void *member)
{
	switch ((enum field_type)field->type) {
	case FIELD_STRING:
		return ((const struct str *)member)->len == 0;
	case FIELD_BOOL:
		return !*(const bool *)member;
	case FIELD_INT32:
		return *(const int32_t *)member == 0;
	case FIELD_INT64:
	case FIELD_DURATION:
		return *(const int64_t *)member == 0 && field->type == FIELD_INT64;
	case FIELD_DOUBLE:
		return *(const double *)member == 0;
	case FIELD_BYTES:
		return ((const struct bytes *)member)->len == 0;
	case FIELD_RAW:
		return !(field->flags & (FIELD_IS_FIELDS_V1 | FIELD_IS_RAW_OBJECT)) &&
		       ((const struct raw_json *)member)->text.len == 0;
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		return field->flags & FIELD_OMITZERO && !((const struct timestamp *)member)->is_set;
	default:
		return false;
	}
}

/* The name and its colon; names are plain, so they need no escapes. */
static void write_name(struct str name, struct buf *out)
{
	char *p = buf_reserve(out, name.len + 3);

	if (!p)
		return;
	p[0] = '"';
	memcpy(p + 1, name.data, name.len);
	p[name.len + 1] = '"';
	p[name.len + 2] = ':';
	buf_advance(out, name.len + 3);
}

static void write_member(struct encoder *e, const struct schema_field *field, const void *member)
{
	const struct any_slice *slice = member;
	bool may_leave_out = field->flags & (FIELD_OMITEMPTY | FIELD_OMITZERO);

	switch ((enum field_shape)field->shape) {
	case SHAPE_OPTIONAL:
		if (may_leave_out && !*(const void *const *)member)
			return;
		write_name(field->name, e->out);
		if (*(const void *const *)member)
			write_item(e, field, *(const void *const *)member);
		else
			buf_append(e->out, "null", 4);
		break;
	case SHAPE_LIST:
		if (may_leave_out && !slice->len)
			return;
		write_name(field->name, e->out);
		write_list(e, field, slice);
		break;
	case SHAPE_MAP:
	case SHAPE_MAP_OF_LISTS:
		if (may_leave_out && !slice->len)
			return;
		write_name(field->name, e->out);
		write_map(e, field, slice);
		break;
	default:
		if (may_leave_out && left_out(field, member))
			return;
		write_name(field->name, e->out);
		write_item(e, field, member);
		break;
	}
	buf_char(e->out, ',');
}

/* The types of apiextensions that are one thing or another in JSON. */
static void write_custom(struct encoder *e, const struct schema *schema, const char *data)
{
	const struct schema_field *first = &schema->fields[0], *second;
	const void *first_member = data + first->offset, *second_member, *nested;
	const struct bytes *raw = first_member;

	if (schema->flags & SCHEMA_JSON_ANY) { /* it has one field */
		if (raw->len)
			buf_append(e->out, raw->data, raw->len);
		else
			buf_append(e->out, "null", 4);
		return;
	}
	second = &schema->fields[1];
	second_member = data + second->offset;
	nested = *(const void *const *)(schema->flags & SCHEMA_JSON_OR_BOOL ? second_member : first_member);
	if (schema->flags & SCHEMA_JSON_OR_BOOL) {
		if (nested)
			write_item(e, second, nested);
		else
			buf_str(e->out, *(const bool *)first_member ? STR("true") : STR("false"));
		return;
	}
	if (schema->flags & SCHEMA_JSON_OR_STRING_ARRAY ? ((const struct any_slice *)second_member)->len > 0 : !nested)
		write_list(e, second, second_member);
	else if (nested)
		write_item(e, first, nested);
	else
		buf_append(e->out, "null", 4);
}

static void write_members(struct encoder *e, const struct schema *schema, const void *data)
{
	const char *base = data;

	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];

		if (field->flags & FIELD_NO_JSON || field == e->skipped)
			continue;
		write_member(e, field, base + field->offset);
	}
}

/* A member of Go's own struct: never left out; the metadata's are the object's own. */
static void write_untagged_member(struct encoder *e, const struct schema_field *field, const void *member)
{
	const void *value = field->shape == SHAPE_OPTIONAL ? *(const void *const *)member : member;
	char room[GO_NAME_SIZE];

	if (field->message == &schema_meta_v1_object_meta) {
		e->untagged = false;
		write_members(e, field->message, value);
		e->untagged = true;
		return;
	}
	write_name(go_member_name(field->name, room), e->out);
	if (field->shape == SHAPE_LIST)
		write_list(e, field, member);
	else if (field->shape == SHAPE_MAP || field->shape == SHAPE_MAP_OF_LISTS)
		write_map(e, field, member);
	else if (value)
		write_item(e, field, value);
	else
		buf_append(e->out, "null", 4);
	buf_char(e->out, ',');
}

static void write_untagged(struct encoder *e, const struct schema *schema, const char *data)
{
	buf_char(e->out, '{');
	for (size_t i = 0; i < schema->len; i++)
		write_untagged_member(e, &schema->fields[i], data + schema->fields[i].offset);
	close_with(e->out, '}');
}

#define CUSTOM_JSON (SCHEMA_JSON_ANY | SCHEMA_JSON_OR_ARRAY | SCHEMA_JSON_OR_BOOL | SCHEMA_JSON_OR_STRING_ARRAY)

static void write_struct(struct encoder *e, const struct schema *schema, const void *data, unsigned flags)
{
	bool untagged = e->untagged;

	if (schema->flags & CUSTOM_JSON) {
		write_custom(e, schema, data);
		return;
	}
	if (untagged && !str_has_prefix(schema->name, STR("meta/"))) {
		write_untagged(e, schema, data);
		return;
	}
	e->untagged = false;
	buf_char(e->out, '{');
	if (flags & ENCODE_KIND && schema->flags & SCHEMA_TOP_LEVEL) {
		write_name(STR("kind"), e->out);
		write_quoted(schema->kind.data, schema->kind.len, e->out);
		buf_char(e->out, ',');
		write_name(STR("apiVersion"), e->out);
		write_quoted(schema->api_version.data, schema->api_version.len, e->out);
		buf_char(e->out, ',');
	}
	write_members(e, schema, data);
	close_with(e->out, '}');
	e->untagged = untagged;
}

/*
 * Without a resource version: the field is skipped in the metadata of the object itself, which a list's or a template's
 * metadata inside it never is, because stored objects hold no others with a resource version.
 */
void encode_json(const struct schema *schema, const void *data, unsigned flags, struct buf *out)
{
	struct encoder e = {.out = out, .nested_kind = flags & ENCODE_NESTED_KIND, .untagged = flags & ENCODE_UNTAGGED};

	if (flags & ENCODE_NO_RESOURCE_VERSION)
		e.skipped = schema_find(&schema_meta_v1_object_meta, STR("resourceVersion"));
	write_struct(&e, schema, data, flags);
}

struct value *encode_value(const struct schema *schema, const void *data, unsigned flags, struct arena *arena)
{
	struct buf cleanup_buf text;
	struct error err = {0};
	struct value *value;

	buf_init(&text, LIMIT_RESPONSE_BODY);
	encode_json(schema, data, flags, &text);
	/* What we wrote parses, unless the arena's budget stops it: then nothing is the honest answer. */
	if (json_parse(buf_view(&text), arena, NULL, &value, &err) < 0)
		return value_null(arena);
	return value;
}
