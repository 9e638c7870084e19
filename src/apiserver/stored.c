/* The stored form of objects; see stored.h. */
#include "apiserver/stored.h"

#include "types/codec.h"

#define HEADER_VERSION 1
#define HEADER_SIZE    (2 + 4 + 4 + 2 + 2)

const struct schema *stored_schema(const struct resource *resource)
{
	const struct schema *schema = schema_by_kind(resource->storage_version, resource->kind);

	/* Where the storage version has no type here, objects are stored as they are served. */
	return schema ? schema : resource->schema;
}

struct str stored_key(const struct resource *resource, struct str name_space, struct str name, struct arena *arena)
{
	if (name_space.len && resource->namespaced)
		return arena_printf(arena, "/registry/" STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(resource->storage_key),
				    STR_ARG(name_space), STR_ARG(name));
	return arena_printf(arena, "/registry/" STR_FMT "/" STR_FMT, STR_ARG(resource->storage_key), STR_ARG(name));
}

static void put_u16(struct buf *out, size_t n)
{
	buf_char(out, (char)(n & 0xff));
	buf_char(out, (char)(n >> 8 & 0xff));
}

static void put_u32(struct buf *out, size_t n)
{
	put_u16(out, n & 0xffff);
	put_u16(out, n >> 16);
}

static uint32_t get_u16(const char *p)
{
	return (uint32_t)(uint8_t)p[0] | (uint32_t)(uint8_t)p[1] << 8;
}

static uint32_t get_u32(const char *p)
{
	return get_u16(p) | get_u16(p + 2) << 16;
}

static void put_pair(struct buf *out, struct str key, struct str value)
{
	put_u16(out, key.len);
	put_u16(out, value.len);
	buf_str(out, key);
	buf_str(out, value);
}

/* Where the member after @at ends if it is a string called one of those before resourceVersion; else 0. */
static size_t skip_early_member(struct str json, size_t at)
{
	static const struct str early[] = {STR_INIT("\"name\":"), STR_INIT("\"generateName\":"),
					   STR_INIT("\"namespace\":"), STR_INIT("\"selfLink\":"), STR_INIT("\"uid\":")};

	for (size_t i = 0; i < ARRAY_LEN(early); i++) {
		size_t p = at + early[i].len;

		if (p >= json.len || json.data[p] != '"' || !str_has_prefix(str_from_at(json, at), early[i]))
			continue;
		for (p++; p < json.len && json.data[p] != '"'; p++)
			if (json.data[p] == '\\')
				p++;
		return p + 1;
	}
	return 0;
}

/* Finds the place for resourceVersion: after the members of metadata that Go's struct has before it. */
static void find_places(struct str json, uint32_t *ret_body, uint32_t *ret_splice)
{
	static const struct str start = STR_INIT("\"metadata\":{");
	size_t body = 0, splice;

	/* kind and apiVersion are plain words: the first "metadata" is the member. */
	while (body < json.len && !str_has_prefix(str_from_at(json, body), start))
		body++;
	splice = body + start.len;
	for (size_t at = splice;;) {
		size_t end = skip_early_member(json, at);

		if (!end)
			break;
		splice = end;
		if (end >= json.len || json.data[end] != ',')
			break;
		at = end + 1;
	}
	*ret_body = (uint32_t)body;
	*ret_splice = (uint32_t)splice;
}

void stored_encode(const struct schema *schema, const struct strategy *strategy, const void *data, struct arena *arena,
		   struct buf *out, struct buf *header)
{
	const struct meta_v1_object_meta *meta = object_meta_of(schema, data);
	uint32_t body, splice;

	encode_json(schema, data, ENCODE_KIND | ENCODE_NESTED_KIND | ENCODE_NO_RESOURCE_VERSION, out);
	find_places(buf_view(out), &body, &splice);
	buf_char(header, HEADER_VERSION);
	buf_char(header, meta->deletion_timestamp ? STORED_TERMINATING : 0);
	put_u32(header, body);
	put_u32(header, splice);
	put_u16(header, meta->labels.len);
	put_u16(header, strategy->selectable_fields_len);
	SLICE_FOREACH (label, meta->labels)
		put_pair(header, label->key, label->value);
	for (size_t i = 0; i < strategy->selectable_fields_len; i++)
		put_pair(header, strategy->selectable_fields[i],
			 strategy->select_field(data, strategy->selectable_fields[i], arena));
}

struct str stored_topic(const struct resource *resource, const void *data, struct arena *arena)
{
	const struct strategy *strategy;

	if (!str_eq(resource->plural, STR("pods")) || resource->group.len)
		return STR_EMPTY;
	strategy = strategy_find(resource);
	if (!strategy->select_field)
		return STR_EMPTY;
	return arena_concat(arena, STR("spec.nodeName="), strategy->select_field(data, STR("spec.nodeName"), arena));
}

bool stored_header_parse(struct str header, struct stored_header *ret)
{
	if (header.len < HEADER_SIZE || header.data[0] != HEADER_VERSION)
		return false;
	*ret = (struct stored_header){
		.flags = (unsigned char)header.data[1],
		.body = get_u32(header.data + 2),
		.splice = get_u32(header.data + 6),
		.labels_len = (uint16_t)get_u16(header.data + 10),
		.fields_len = (uint16_t)get_u16(header.data + 12),
		.pairs = header.data + HEADER_SIZE,
		.end = header.data + header.len,
	};
	return true;
}

/* Looks through the pairs from @from to before @to, counted over labels and fields together. */
static bool find_pair(const struct stored_header *header, size_t from, size_t to, struct str key, struct str *ret)
{
	const char *p = header->pairs;

	for (size_t i = 0; i < to; i++) {
		uint32_t key_len, value_len;

		if (header->end - p < 4)
			return false;
		key_len = get_u16(p);
		value_len = get_u16(p + 2);
		p += 4;
		if ((size_t)(header->end - p) < (size_t)key_len + value_len)
			return false;
		if (i >= from && str_eq((struct str){p, key_len}, key)) {
			*ret = (struct str){p + key_len, value_len};
			return true;
		}
		p += key_len + value_len;
	}
	return false;
}

bool stored_header_label(const struct stored_header *header, struct str key, struct str *ret)
{
	return find_pair(header, 0, header->labels_len, key, ret);
}

bool stored_header_field(const struct stored_header *header, struct str key, struct str *ret)
{
	return find_pair(header, header->labels_len, (size_t)header->labels_len + header->fields_len, key, ret);
}

void stored_append_bytes(struct str value, struct str header, uint64_t revision, bool bare, struct buf *out)
{
	struct stored_header parsed;
	char before;

	if (!stored_header_parse(header, &parsed) || parsed.splice > value.len || parsed.body > parsed.splice ||
	    parsed.splice == 0) {
		buf_str(out, value);
		return;
	}
	if (bare) {
		buf_char(out, '{');
		buf_append(out, value.data + parsed.body, parsed.splice - parsed.body);
	} else {
		buf_append(out, value.data, parsed.splice);
	}
	before = value.data[parsed.splice - 1];
	if (revision) {
		buf_c(out, before == '{' ? "\"resourceVersion\":\"" : ",\"resourceVersion\":\"");
		buf_int64(out, (int64_t)revision);
		buf_char(out, '"');
		if (before == '{' && value.data[parsed.splice] != '}')
			buf_char(out, ',');
	}
	buf_append(out, value.data + parsed.splice, value.len - parsed.splice);
}

void stored_append(const struct store_record *record, bool bare, struct buf *out)
{
	stored_append_bytes(store_record_value(record), store_record_header(record), store_record_revision(record),
			    bare, out);
}

int stored_object(const struct store_record *record, const struct schema *schema, struct object **ret,
		  struct error *err)
{
	struct object *object = store_record_object(record);
	struct arena arena = {0};
	void *data;

	if (object) {
		*ret = object;
		return 0;
	}
	if (decode_json(schema, store_record_value(record), &arena, NULL, &data, err) < 0) {
		arena_release(&arena);
		err->code = ERR_INTERNAL;
		return error_wrap(err, "stored object " STR_FMT, STR_ARG(store_record_key(record)));
	}
	object = object_adopt(schema, data, &arena);
	object_set_revision(object, store_record_revision(record));
	*ret = object;
	return 0;
}

int stored_metadata(const struct store_record *record, struct object **ret, struct error *err)
{
	return stored_object(record, &schema_meta_v1_partial_object_metadata, ret, err);
}
