/*
 * Structs to protobuf by schema; see codec.h.  Written from the end to the start (codec/proto.h), so fields, items and
 * entries are walked backwards.
 *
 * What is written: every value that is no pointer, zero or not; pointers, bytes and wrapped lists when they are set;
 * one record for each item and entry.
 */
#include "codec/proto.h"
#include "types/codec.h"
#include "types/quantity.h"

static void put_message(struct proto_writer *w, const struct schema *schema, const void *data);

static void put_quantity(struct proto_writer *w, const struct quantity *q)
{
	struct buf cleanup_buf text;

	buf_init(&text, 1024);
	if (!q->text.len)
		quantity_write(q, &text);
	proto_put_str(w, 1, q->text.len ? q->text : buf_view(&text));
}

/* Contents of the message a value of the field is, without length and tag. */
static void put_contents(struct proto_writer *w, const struct schema_field *field, const void *item)
{
	const struct int_or_string *either = item;
	const struct timestamp *time = item;

	switch ((enum field_type)field->type) {
	case FIELD_QUANTITY:
		put_quantity(w, item);
		break;
	case FIELD_INT_OR_STRING:
		proto_put_str(w, 3, either->is_string ? either->string : STR_EMPTY);
		proto_put_number(w, 2, either->is_string ? 0 : either->number);
		proto_put_number(w, 1, either->is_string);
		break;
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		if (time->is_set) {
			proto_put_number(w, 2, field->type == FIELD_TIME ? 0 : time->nanos / 1000 * 1000);
			proto_put_number(w, 1, time->seconds);
		}
		break;
	case FIELD_DURATION:
		proto_put_number(w, 1, *(const int64_t *)item);
		break;
	case FIELD_RAW:
		if (((const struct raw_json *)item)->text.len)
			proto_put_str(w, 1, ((const struct raw_json *)item)->text);
		break;
	default:
		put_message(w, field->message, item);
		break;
	}
}

static void put_item(struct proto_writer *w, const struct schema_field *field, unsigned number, const void *item)
{
	const struct bytes *bytes = item;
	size_t mark;

	switch ((enum field_type)field->type) {
	case FIELD_STRING:
		proto_put_str(w, number, *(const struct str *)item);
		break;
	case FIELD_BOOL:
		proto_put_number(w, number, *(const bool *)item);
		break;
	case FIELD_INT32:
		proto_put_number(w, number, *(const int32_t *)item);
		break;
	case FIELD_INT64:
		proto_put_number(w, number, *(const int64_t *)item);
		break;
	case FIELD_DOUBLE:
		proto_put_double(w, number, *(const double *)item);
		break;
	case FIELD_BYTES:
		proto_put_str(w, number, (struct str){(const char *)bytes->data, bytes->len});
		break;
	default:
		mark = proto_mark(w);
		put_contents(w, field, item);
		proto_put_length(w, number, mark);
		break;
	}
}

static void put_list(struct proto_writer *w, const struct schema_field *field, unsigned number,
		     const struct any_slice *list)
{
	size_t size = field_type_size(field->type, field->message);
	const char *items = list->items;

	for (size_t i = list->len; i-- > 0;)
		put_item(w, field, number, items + i * size);
}

static void put_map(struct proto_writer *w, const struct schema_field *field, const struct any_slice *map)
{
	size_t size = field_entry_size(field);
	const char *entries = map->items;

	for (size_t i = map->len; i-- > 0;) {
		const void *entry = entries + i * size, *value = entries + i * size + FIELD_ENTRY_VALUE_OFFSET;
		size_t mark = proto_mark(w);

		if (field->shape == SHAPE_MAP) {
			put_item(w, field, 2, value);
		} else {
			put_list(w, field, 1, value);
			proto_put_length(w, 2, mark);
		}
		proto_put_str(w, 1, *(const struct str *)entry);
		proto_put_length(w, field->number, mark);
	}
}

static void put_field(struct proto_writer *w, const struct schema_field *field, const void *member)
{
	const struct any_slice *list = member;
	const void *item;
	size_t mark;

	switch ((enum field_shape)field->shape) {
	case SHAPE_ONE:
		if (field->type != FIELD_BYTES || ((const struct bytes *)member)->data)
			put_item(w, field, field->number, member);
		break;
	case SHAPE_OPTIONAL:
		item = *(const void *const *)member;
		if (item)
			put_item(w, field, field->number, item);
		break;
	case SHAPE_LIST:
		mark = proto_mark(w);
		if (!(field->flags & FIELD_WRAPPED)) {
			put_list(w, field, field->number, list);
		} else if (list->items) {
			put_list(w, field, 1, list);
			proto_put_length(w, field->number, mark);
		}
		break;
	default:
		put_map(w, field, member);
		break;
	}
}

static void put_message(struct proto_writer *w, const struct schema *schema, const void *data)
{
	for (size_t i = schema->numbers_len; i-- > 0;) {
		const struct schema_field *field = &schema->fields[schema->by_number[i]];

		put_field(w, field, (const char *)data + field->offset);
	}
}

void encode_proto(const struct schema *schema, const void *data, struct buf *out)
{
	struct proto_writer w;

	proto_writer_init(&w, out->limit - out->len);
	put_message(&w, schema, data);
	proto_writer_flush(&w, out);
	proto_writer_release(&w);
}

void encode_envelope(const struct schema *schema, const void *data, struct buf *out)
{
	static const char prefix[] = {0x6b, 0x38, 0x73, 0x00};
	bool typed = schema->flags & SCHEMA_TOP_LEVEL;
	struct proto_writer w;
	size_t mark;

	proto_writer_init(&w, out->limit - out->len);
	proto_put_str(&w, 4, STR_EMPTY);
	proto_put_str(&w, 3, STR_EMPTY);
	mark = proto_mark(&w);
	put_message(&w, schema, data);
	proto_put_length(&w, 2, mark);
	mark = proto_mark(&w);
	proto_put_str(&w, 2, typed ? schema->kind : STR_EMPTY);
	proto_put_str(&w, 1, typed ? schema->api_version : STR_EMPTY);
	proto_put_length(&w, 1, mark);
	proto_put(&w, prefix, sizeof(prefix));
	proto_writer_flush(&w, out);
	proto_writer_release(&w);
}
