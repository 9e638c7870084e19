/*
 * Protobuf to structs by schema; see codec.h.
 *
 * Strings are copied into one block of the message's own length: each has at least a tag and a length byte in the
 * message, so there is room for its NUL.  The first element of a repeated field counts all of them, so a list is
 * allocated once at its final size.
 */
#include "base/limits.h"
#include "codec/json_doc.h"
#include "codec/proto.h"
#include "types/codec.h"
#include "types/map_entries.h"
#include "types/quantity.h"
#include "types/timestamp.h"

struct decoder {
	struct arena *arena;
	struct error *err;
	char *text, *text_end; /* room for strings */
	unsigned depth;
};

#define SEEN_WORDS 4

static const _Alignas(16) char no_items[16];
static const struct bytes nothing = {(const uint8_t *)no_items, 0};

static int read_message(struct decoder *d, const struct schema *schema, struct bytes bytes, char *dest);

static struct str keep(struct decoder *d, struct bytes bytes)
{
	char *copy = d->text;

	if ((size_t)(d->text_end - d->text) < bytes.len + 1)
		return arena_str(d->arena, (struct str){(const char *)bytes.data, bytes.len});
	memcpy(copy, bytes.data, bytes.len);
	copy[bytes.len] = '\0';
	d->text += bytes.len + 1;
	return (struct str){copy, bytes.len};
}

/* Checks a tag and splits it. */
static int read_tag(struct decoder *d, struct str message, struct proto_reader *r, uint32_t *ret_number,
		    unsigned *ret_wire)
{
	uint64_t tag;
	int rc = proto_read_varint(r, &tag, d->err);

	if (rc < 0)
		return rc;
	*ret_number = (uint32_t)(tag >> 3);
	*ret_wire = tag & 7;
	if (*ret_wire == PROTO_END)
		return error_set(d->err, ERR_BAD_REQUEST, "proto: " STR_FMT ": wiretype end group for non-group",
				 STR_ARG(message));
	if ((int32_t)*ret_number <= 0)
		return error_set(d->err, ERR_BAD_REQUEST, "proto: " STR_FMT ": illegal tag %d (wire type %llu)",
				 STR_ARG(message), (int32_t)*ret_number, (unsigned long long)tag);
	return 0;
}

/*
 * The fields of a small message that has no schema: @bytes and @numbers of the fields 1 to 3, the last occurrence of
 * each; bytes without data: absent.
 */
struct small_message {
	struct bytes bytes[4];
	uint64_t numbers[4];
};

static int read_small(struct decoder *d, const char *name, struct bytes bytes, struct small_message *ret)
{
	struct proto_reader r = proto_reader(bytes);

	*ret = (struct small_message){0};
	while (!proto_done(&r)) {
		uint32_t number;
		unsigned wire;
		int rc = read_tag(d, str_from(name), &r, &number, &wire);

		if (rc < 0)
			return rc;
		if (number <= 3 && wire == PROTO_VARINT)
			rc = proto_read_varint(&r, &ret->numbers[number], d->err);
		else if (number <= 3 && wire == PROTO_BYTES)
			rc = proto_read_bytes(&r, &ret->bytes[number], d->err);
		else
			rc = proto_skip(&r, wire, d->err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_quantity(struct decoder *d, struct bytes bytes, struct quantity *dest)
{
	struct small_message m;
	int rc = read_small(d, "Quantity", bytes, &m);

	return rc < 0 ? rc : quantity_parse(keep(d, m.bytes[1].data ? m.bytes[1] : nothing), d->arena, dest, d->err);
}

static int read_int_or_string(struct decoder *d, struct bytes bytes, struct int_or_string *dest)
{
	struct small_message m;
	int rc = read_small(d, "IntOrString", bytes, &m);

	if (rc < 0)
		return rc;
	*dest = (struct int_or_string){.is_string = m.numbers[1] != 0, .number = (int32_t)m.numbers[2]};
	if (m.bytes[3].data)
		dest->string = keep(d, m.bytes[3]);
	/* What JSON cannot tell apart is made the same. */
	if (dest->is_string)
		dest->number = 0;
	else
		dest->string = STR_EMPTY;
	return 0;
}

static int read_time(struct decoder *d, struct bytes bytes, bool micro, struct timestamp *dest)
{
	struct small_message m;
	int rc = read_small(d, "Time", bytes, &m);
	int64_t seconds = (int64_t)m.numbers[1];
	int32_t nanos = (int32_t)m.numbers[2];

	if (rc < 0)
		return rc;
	*dest = (struct timestamp){0};
	if (!bytes.len)
		return 0;
	if (seconds < -INT64_C(62167219200) || seconds > INT64_C(253402300799)) /* years 0 to 9999, as text has them */
		return error_set(d->err, ERR_BAD_REQUEST, "proto: time out of range");
	if (nanos < 0 || nanos > 999999999)
		nanos = 0;
	*dest = timestamp_make(seconds, micro ? nanos / 1000 * 1000 : 0);
	return 0;
}

/* JSON inside a message is checked, so that what goes out as JSON is JSON. */
static int read_json(struct decoder *d, struct bytes bytes, struct str *ret)
{
	static const char envelope[] = {'k', '8', 's', '\0'};
	struct str text = {(const char *)bytes.data, bytes.len};
	struct arena cleanup_arena scratch = {0};
	struct buf cleanup_buf compact = {0};
	yyjson_val *root;
	int rc;

	if (bytes.len >= sizeof(envelope) && memcmp(bytes.data, envelope, sizeof(envelope)) == 0) {
		*ret = keep(d, bytes);
		return 0;
	}
	if (!bytes.len || str_eq(text, STR("{}"))) {
		*ret = bytes.len ? STR("{}") : STR_EMPTY;
		return 0;
	}
	buf_init(&compact, LIMIT_REQUEST_MEMORY);
	rc = json_doc_read(text, &scratch, &scratch, &root, d->err);
	if (rc == 0)
		rc = json_doc_write(root, &compact, d->err);
	if (rc == 0)
		*ret = keep(d, (struct bytes){(const uint8_t *)compact.data, compact.len});
	return rc;
}

static int read_raw(struct decoder *d, struct bytes bytes, struct raw_json *dest)
{
	struct small_message m;
	int rc = read_small(d, "RawExtension", bytes, &m);

	*dest = (struct raw_json){0};
	return rc < 0 || !m.bytes[1].data ? rc : read_json(d, m.bytes[1], &dest->text);
}

static int read_duration(struct decoder *d, struct bytes bytes, int64_t *dest)
{
	struct small_message m;
	int rc = read_small(d, "Duration", bytes, &m);

	if (rc == 0)
		*dest = (int64_t)m.numbers[1];
	return rc;
}

/* A length-delimited value. */
static int read_delimited(struct decoder *d, const struct schema_field *field, struct bytes bytes, void *dest)
{
	switch ((enum field_type)field->type) {
	case FIELD_STRING:
		*(struct str *)dest = keep(d, bytes);
		return 0;
	case FIELD_BYTES: {
		struct str copy = keep(d, bytes);

		*(struct bytes *)dest = (struct bytes){(const uint8_t *)copy.data, copy.len};
		return 0;
	}
	case FIELD_QUANTITY:
		return read_quantity(d, bytes, dest);
	case FIELD_INT_OR_STRING:
		return read_int_or_string(d, bytes, dest);
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		return read_time(d, bytes, field->type == FIELD_MICRO_TIME, dest);
	case FIELD_DURATION:
		return read_duration(d, bytes, dest);
	case FIELD_RAW:
		return read_raw(d, bytes, dest);
	default:
		return read_message(d, field->message, bytes, dest);
	}
}

static enum proto_wire wire_of(const struct schema_field *field)
{
	switch ((enum field_type)field->type) {
	case FIELD_BOOL:
	case FIELD_INT32:
	case FIELD_INT64:
		return PROTO_VARINT;
	case FIELD_DOUBLE:
		return PROTO_FIXED64;
	default:
		return PROTO_BYTES;
	}
}

static int read_number(struct decoder *d, const struct schema_field *field, struct proto_reader *r, void *dest)
{
	uint64_t n;
	int rc = field->type == FIELD_DOUBLE ? proto_read_fixed64(r, &n, d->err) : proto_read_varint(r, &n, d->err);

	if (rc < 0)
		return rc;
	if (field->type == FIELD_DOUBLE) {
		double number;

		memcpy(&number, &n, sizeof(number));
		/* JSON has no word for the others; they could not be written again. */
		if (!__builtin_isfinite(number))
			return error_set(d->err, ERR_BAD_REQUEST, "proto: number is not finite");
		*(double *)dest = number;
	} else if (field->type == FIELD_BOOL) {
		*(bool *)dest = n != 0;
	} else if (field->type == FIELD_INT32) {
		*(int32_t *)dest = (int32_t)n;
	} else {
		*(int64_t *)dest = (int64_t)n;
	}
	return 0;
}

static int read_item(struct decoder *d, const struct schema_field *field, struct proto_reader *r, void *dest)
{
	struct bytes bytes;
	int rc;

	if (wire_of(field) != PROTO_BYTES)
		return read_number(d, field, r, dest);
	rc = proto_read_bytes(r, &bytes, d->err);
	return rc < 0 ? rc : read_delimited(d, field, bytes, dest);
}

/* How many numbers a packed record holds. */
static size_t count_packed(const struct schema_field *field, struct bytes bytes)
{
	size_t count = 0;

	if (field->type == FIELD_DOUBLE)
		return bytes.len / sizeof(double);
	for (size_t i = 0; i < bytes.len; i++)
		count += bytes.data[i] < 0x80;
	return count;
}

/* A varint, and the bytes after one, without a word about what is wrong: that is told when they are really read. */
static bool pass_varint(struct proto_reader *r, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		*ret |= (uint64_t)(*r->at & 0x7f) << shift;
		if (*r->at++ < 0x80)
			return true;
	}
	return false;
}

static bool pass_bytes(struct proto_reader *r, struct bytes *ret)
{
	uint64_t len;

	if (!pass_varint(r, &len) || len > (uint64_t)(r->end - r->at))
		return false;
	*ret = (struct bytes){r->at, (size_t)len};
	r->at += len;
	return true;
}

static bool pass_value(struct proto_reader *r, unsigned wire)
{
	struct bytes bytes;
	uint64_t number;
	size_t groups = 0;

	for (;;) {
		ptrdiff_t fixed = wire == PROTO_FIXED64 ? 8 : 4;

		if (wire == PROTO_GROUP) {
			groups++;
		} else if (wire == PROTO_END) {
			if (!groups--)
				return false;
		} else if (wire == PROTO_BYTES) {
			if (!pass_bytes(r, &bytes))
				return false;
		} else if (wire == PROTO_VARINT) {
			if (!pass_varint(r, &number))
				return false;
		} else {
			if ((wire != PROTO_FIXED64 && wire != PROTO_FIXED32) || r->end - r->at < fixed)
				return false;
			r->at += fixed;
		}
		if (!groups)
			return true;
		if (!pass_varint(r, &number))
			return false;
		wire = number & 7;
	}
}

/*
 * How many values of a repeated field there are from here on in the message.  The list's memory is sized by this, so it
 * must see every value that reading will see: it passes over exactly what read_tag(), proto_skip() and the readers do,
 * and ends early only where they fail.
 */
static size_t count_values(struct proto_reader r, const struct schema_field *field, uint32_t number)
{
	bool packable = field->shape == SHAPE_LIST && wire_of(field) != PROTO_BYTES;
	struct bytes bytes;
	size_t count = 0;
	uint64_t tag;

	while (!proto_done(&r) && pass_varint(&r, &tag)) {
		if ((uint32_t)(tag >> 3) == number && packable && (tag & 7) == PROTO_BYTES) {
			if (!pass_bytes(&r, &bytes))
				break;
			count += count_packed(field, bytes);
		} else {
			count += (uint32_t)(tag >> 3) == number;
			if (!pass_value(&r, tag & 7))
				break;
		}
	}
	return count;
}

/* Makes room for @more items after those the list has. */
static int make_room(struct decoder *d, struct any_slice *slice, size_t more, size_t size)
{
	size_t bytes;
	char *items;

	if (!size_mul(slice->len + more, size, &bytes) ||
	    (d->arena->budget && (bytes > d->arena->budget || d->arena->size > d->arena->budget - bytes)))
		return error_set(d->err, ERR_TOO_LARGE, "the object needs more than %zu bytes of memory",
				 d->arena->budget);
	items = arena_zalloc(d->arena, bytes);
	if (slice->len)
		memcpy(items, slice->items, slice->len * size);
	slice->items = items;
	return 0;
}

/* The place for the next item; the list's memory is ours until the object is published. */
static void *next_item(struct any_slice *slice, size_t size)
{
	return UNCONST(char *, slice->items) + slice->len++ * size;
}

static int read_packed(struct decoder *d, const struct schema_field *field, struct proto_reader *r,
		       struct any_slice *slice)
{
	size_t size = field_type_size(field->type, field->message), count;
	struct proto_reader packed;
	struct bytes bytes;
	int rc = proto_read_bytes(r, &bytes, d->err);

	if (rc < 0)
		return rc;
	packed = proto_reader(bytes);
	for (count = count_packed(field, bytes); rc == 0 && count > 0; count--)
		rc = read_number(d, field, &packed, next_item(slice, size));
	if (rc == 0 && !proto_done(&packed))
		rc = error_set(d->err, ERR_BAD_REQUEST, "unexpected EOF");
	return rc;
}

static size_t count_wrapped(struct proto_reader r)
{
	static const struct schema_field strings = {.type = FIELD_STRING, .shape = SHAPE_LIST};

	return count_values(r, &strings, 1);
}

static int read_wrapped(struct decoder *d, struct bytes bytes, struct any_slice *dest)
{
	struct proto_reader r = proto_reader(bytes);
	bool counted = false;

	if (!dest->items)
		dest->items = no_items;
	while (!proto_done(&r)) {
		struct proto_reader here = r;
		struct bytes item;
		uint32_t number;
		unsigned wire;
		int rc = read_tag(d, STR("ExtraValue"), &r, &number, &wire);

		if (rc == 0 && (number != 1 || wire != PROTO_BYTES))
			rc = proto_skip(&r, wire, d->err);
		else if (rc == 0) {
			rc = proto_read_bytes(&r, &item, d->err);
			if (rc == 0 && !counted)
				rc = make_room(d, dest, count_wrapped(here), sizeof(struct str));
			counted = true;
			if (rc == 0)
				*(struct str *)next_item(dest, sizeof(struct str)) = keep(d, item);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_entry(struct decoder *d, const struct schema_field *field, struct bytes bytes, char *entry)
{
	struct proto_reader r = proto_reader(bytes);
	char *value = entry + FIELD_ENTRY_VALUE_OFFSET;

	*(struct str *)(void *)entry = STR_EMPTY;
	while (!proto_done(&r)) {
		struct bytes key;
		uint32_t number;
		unsigned wire;
		int rc = read_tag(d, field->name, &r, &number, &wire);

		if (rc == 0 && number == 1 && wire == PROTO_BYTES) {
			rc = proto_read_bytes(&r, &key, d->err);
			if (rc == 0)
				*(struct str *)(void *)entry = keep(d, key);
		} else if (rc == 0 && number == 2 && field->shape == SHAPE_MAP_OF_LISTS && wire == PROTO_BYTES) {
			rc = proto_read_bytes(&r, &key, d->err);
			if (rc == 0)
				rc = read_wrapped(d, key, (void *)value);
		} else if (rc == 0 && number == 2 && wire == wire_of(field)) {
			rc = read_item(d, field, &r, value);
		} else if (rc == 0) {
			rc = proto_skip(&r, wire, d->err);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A map value that no record gave must still be one that can be written. */
static void complete_entry(const struct schema_field *field, char *entry)
{
	struct bytes *bytes = (void *)(entry + FIELD_ENTRY_VALUE_OFFSET);

	if (field->shape == SHAPE_MAP && field->type == FIELD_BYTES && !bytes->data)
		*bytes = nothing;
}

static int read_repeated(struct decoder *d, const struct schema_field *field, struct proto_reader before,
			 struct proto_reader *r, unsigned wire, bool first, struct any_slice *slice)
{
	bool map = field->shape != SHAPE_LIST;
	size_t size = map ? field_entry_size(field) : field_type_size(field->type, field->message);
	struct bytes bytes;
	char *entry;
	int rc = 0;

	if (first)
		rc = make_room(d, slice, count_values(before, field, field->number), size);
	if (rc < 0)
		return rc;
	if (!map && wire == PROTO_BYTES && wire_of(field) != PROTO_BYTES)
		return read_packed(d, field, r, slice);
	if (!map)
		return read_item(d, field, r, next_item(slice, size));
	rc = proto_read_bytes(r, &bytes, d->err);
	if (rc < 0)
		return rc;
	entry = next_item(slice, size);
	rc = read_entry(d, field, bytes, entry);
	complete_entry(field, entry);
	return rc;
}

static int read_optional(struct decoder *d, const struct schema_field *field, struct proto_reader *r,
			 const void **member)
{
	size_t size = field_type_size(field->type, field->message);
	void *item = *member ? arena_memdup(d->arena, *member, size) : arena_zalloc(d->arena, size);

	*member = item;
	return read_item(d, field, r, item);
}

static bool takes_wire(const struct schema_field *field, unsigned wire)
{
	if (field->shape == SHAPE_MAP || field->shape == SHAPE_MAP_OF_LISTS)
		return wire == PROTO_BYTES;
	return wire == wire_of(field) || (field->shape == SHAPE_LIST && wire == PROTO_BYTES);
}

/* @before: at the field's tag. */
static int read_field(struct decoder *d, const struct schema_field *field, struct proto_reader before,
		      struct proto_reader *r, unsigned wire, bool first, void *member)
{
	struct bytes bytes;
	int rc;

	if (!takes_wire(field, wire)) {
		char letter = field->name.len ? field->name.data[0] : '?';

		return error_set(d->err, ERR_BAD_REQUEST, "proto: wrong wireType = %u for field %c" STR_FMT, wire,
				 letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter,
				 STR_ARG(str_from_at(field->name, 1)));
	}
	if (field->shape == SHAPE_OPTIONAL)
		return read_optional(d, field, r, member);
	if (field->shape == SHAPE_ONE)
		return read_item(d, field, r, member);
	if (field->flags & FIELD_WRAPPED && field->shape == SHAPE_LIST) {
		rc = proto_read_bytes(r, &bytes, d->err);
		return rc < 0 ? rc : read_wrapped(d, bytes, member);
	}
	return read_repeated(d, field, before, r, wire, first, member);
}

static const struct schema_field *find_number(const struct schema *schema, uint32_t number, size_t *next)
{
	const struct schema_field *field;

	for (size_t i = *next; i < schema->numbers_len && i < *next + 4; i++) {
		field = &schema->fields[schema->by_number[i]];
		if (field->number == number) {
			*next = i; /* it may be repeated */
			return field;
		}
	}
	return schema_find_number(schema, number);
}

static void sort_maps(const struct schema *schema, char *dest, const uint64_t *maps)
{
	for (size_t i = 0; i < schema->numbers_len; i++) {
		size_t index = schema->by_number[i];
		const struct schema_field *field = &schema->fields[index];
		struct any_slice *slice = (void *)(dest + field->offset);

		if ((field->shape == SHAPE_MAP || field->shape == SHAPE_MAP_OF_LISTS) &&
		    maps[index / 64 % SEEN_WORDS] & UINT64_C(1) << index % 64)
			slice->len = map_entries_sort(UNCONST(void *, slice->items), slice->len,
						      field_entry_size(field), NULL, NULL);
	}
}

static int read_fields(struct decoder *d, const struct schema *schema, struct bytes bytes, char *dest)
{
	struct proto_reader r = proto_reader(bytes);
	uint64_t seen[SEEN_WORDS] = {0};
	size_t next = 0;
	bool maps = false;

	while (!proto_done(&r)) {
		struct proto_reader before = r;
		const struct schema_field *field;
		uint32_t number;
		unsigned wire;
		size_t index;
		int rc = read_tag(d, schema->kind, &r, &number, &wire);

		if (rc < 0)
			return rc;
		field = find_number(schema, number, &next);
		if (!field) {
			rc = proto_skip(&r, wire, d->err);
		} else {
			uint64_t bit;
			bool first;

			index = (size_t)(field - schema->fields);
			bit = UINT64_C(1) << index % 64;
			first = !(seen[index / 64 % SEEN_WORDS] & bit);
			seen[index / 64 % SEEN_WORDS] |= bit;
			maps = maps || field->shape >= SHAPE_MAP;
			rc = read_field(d, field, before, &r, wire, first, dest + field->offset);
		}
		if (rc < 0)
			return rc;
	}
	if (maps)
		sort_maps(schema, dest, seen);
	return 0;
}

static int read_message(struct decoder *d, const struct schema *schema, struct bytes bytes, char *dest)
{
	int rc;

	if (++d->depth > LIMIT_JSON_DEPTH)
		return error_set(d->err, ERR_BAD_REQUEST, "exceeded max depth");
	if (arena_over_budget(d->arena))
		return error_set(d->err, ERR_TOO_LARGE, "the object needs more than %zu bytes of memory",
				 d->arena->budget);
	rc = read_fields(d, schema, bytes, dest);
	if (rc == 0 && schema->flags & SCHEMA_JSON_ANY) {
		struct bytes *raw = (void *)(dest + schema->fields[0].offset);
		struct str text;

		rc = raw->data ? read_json(d, *raw, &text) : 0;
		if (rc == 0 && raw->data)
			*raw = (struct bytes){(const uint8_t *)str_c(text), text.len};
	}
	d->depth--;
	return rc;
}

int decode_proto(const struct schema *schema, struct bytes message, struct arena *arena, void **ret, struct error *err)
{
	struct decoder d = {.arena = arena, .err = err};
	void *data = arena_zalloc(arena, schema->size);
	int rc;

	d.text = arena_alloc(arena, message.len);
	d.text_end = d.text + message.len;
	rc = read_message(&d, schema, message, data);
	if (rc == 0)
		*ret = data;
	return rc;
}

int decode_envelope(struct bytes bytes, struct arena *arena, struct proto_envelope *ret, struct error *err)
{
	static const uint8_t prefix[] = {0x6b, 0x38, 0x73, 0x00};
	struct decoder d = {.arena = arena, .err = err};
	struct small_message unknown, meta = {0};
	struct proto_reader r;
	struct bytes content_type = {0};
	int rc;

	if (!bytes.len)
		return error_set(err, ERR_BAD_REQUEST, "empty data");
	if (bytes.len < sizeof(prefix) || memcmp(bytes.data, prefix, sizeof(prefix)) != 0)
		return error_set(
			err, ERR_BAD_REQUEST,
			"provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
	bytes = (struct bytes){bytes.data + sizeof(prefix), bytes.len - sizeof(prefix)};
	if (!bytes.len)
		return error_set(err, ERR_BAD_REQUEST, "empty body");
	rc = read_small(&d, "Unknown", bytes, &unknown);
	if (rc == 0 && unknown.bytes[1].data)
		rc = read_small(&d, "TypeMeta", unknown.bytes[1], &meta);
	/* The fourth field is one more than a small message has. */
	for (r = proto_reader(bytes); rc == 0 && !proto_done(&r);) {
		uint32_t number;
		unsigned wire;

		rc = read_tag(&d, STR("Unknown"), &r, &number, &wire);
		if (rc == 0)
			rc = number == 4 && wire == PROTO_BYTES ? proto_read_bytes(&r, &content_type, err)
								: proto_skip(&r, wire, err);
	}
	if (rc < 0)
		return rc;
	*ret = (struct proto_envelope){
		.api_version = arena_str(arena, (struct str){(const char *)meta.bytes[1].data, meta.bytes[1].len}),
		.kind = arena_str(arena, (struct str){(const char *)meta.bytes[2].data, meta.bytes[2].len}),
		.content_encoding =
			arena_str(arena, (struct str){(const char *)unknown.bytes[3].data, unknown.bytes[3].len}),
		.content_type = arena_str(arena, (struct str){(const char *)content_type.data, content_type.len}),
		.raw = unknown.bytes[2].data ? unknown.bytes[2] : nothing,
	};
	return 0;
}
