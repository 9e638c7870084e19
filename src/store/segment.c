/* The segment format; see segment.h. */
#include "store/segment.h"

#include "base/limits.h"
#include "store/crc32c.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the segment format is read and written in place, in little-endian order"
#endif

#define HEADER_MAGIC UINT64_C(0x317465732d736877)
#define FOOTER_MAGIC UINT64_C(0x31786469a7736877)
#define DAMAGE_REACH ((size_t)256 * KIB)

struct raw_header {
	uint64_t magic;
	uint64_t number, salt, revision;
	uint64_t previous_number;
	uint32_t previous_end, previous_chain;
	uint32_t replaced_end, replaced_chain;
	uint32_t compacted; /* 0 or 1 */
	uint32_t crc;	    /* of all before it */
};
STATIC_ASSERT(sizeof(struct raw_header) == SEGMENT_HEADER_SIZE, "the header's layout is fixed");

struct raw_record {
	uint32_t crc, chain, size, synced;
	uint64_t revision, create_revision, previous;
	int64_t time, expires_at;
	uint32_t header_len, value_len;
	uint16_t key_len, topic_len;
	uint8_t type;
	uint8_t reserved[3];
};
STATIC_ASSERT(sizeof(struct raw_record) == SEGMENT_RECORD_SIZE, "a record's layout is fixed");

struct raw_entry {
	uint32_t offset, key_at;
	uint64_t revision, create_revision, previous;
	int64_t time, expires_at;
	uint32_t header_len, value_len;
	uint16_t key_len, topic_len;
	uint8_t type;
	uint8_t reserved[3];
};
STATIC_ASSERT(sizeof(struct raw_entry) == 64, "an index entry's layout is fixed");

struct raw_footer {
	uint64_t magic;
	uint64_t number, salt;
	uint32_t data_end, chain;
	uint32_t index_offset, entries;
	uint32_t keys_size, index_crc;
	uint64_t floor;
	uint32_t reserved;
	uint32_t crc; /* of all before it */
};
STATIC_ASSERT(sizeof(struct raw_footer) == 64, "the footer's layout is fixed");

static size_t align_up(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* --- Header --- */

static void fill_seed(struct segment_header *header, uint32_t crc)
{
	uint64_t own[2] = {header->number, header->salt};

	header->seed = crc32c(0, own, sizeof(own));
	header->chain = crc;
}

void segment_encode_header(struct segment_header *header, char *out)
{
	struct raw_header raw = {.magic = HEADER_MAGIC,
				 .number = header->number,
				 .salt = header->salt,
				 .revision = header->revision,
				 .previous_number = header->previous_number,
				 .previous_end = header->previous_end,
				 .previous_chain = header->previous_chain,
				 .replaced_end = header->replaced_end,
				 .replaced_chain = header->replaced_chain,
				 .compacted = header->compacted};

	raw.crc = crc32c(0, &raw, offsetof(struct raw_header, crc));
	fill_seed(header, raw.crc);
	memcpy(out, &raw, sizeof(raw));
}

bool segment_decode_header(const char *bytes, size_t size, struct segment_header *ret)
{
	struct raw_header raw;

	if (size < sizeof(raw))
		return false;
	memcpy(&raw, bytes, sizeof(raw));
	if (raw.magic != HEADER_MAGIC || raw.crc != crc32c(0, &raw, offsetof(struct raw_header, crc)) ||
	    raw.compacted > 1 || raw.previous_number >= raw.number)
		return false;
	*ret = (struct segment_header){.number = raw.number,
				       .salt = raw.salt,
				       .revision = raw.revision,
				       .previous_number = raw.previous_number,
				       .previous_end = raw.previous_end,
				       .previous_chain = raw.previous_chain,
				       .compacted = raw.compacted,
				       .replaced_end = raw.replaced_end,
				       .replaced_chain = raw.replaced_chain};
	fill_seed(ret, raw.crc);
	return true;
}

/* --- Records --- */

static size_t bytes_of(size_t key_len, size_t topic_len, size_t header_len, size_t value_len)
{
	return key_len + topic_len + header_len + value_len + 4;
}

size_t segment_record_size(const struct store_record_parts *parts)
{
	return align_up(SEGMENT_RECORD_SIZE +
			bytes_of(parts->key.len, parts->topic.len, parts->header.len, parts->value.len));
}

static char *put(char *p, struct str s)
{
	if (s.len)
		memcpy(p, s.data, s.len);
	p[s.len] = '\0';
	return p + s.len + 1;
}

void segment_encode(const struct segment_header *header, enum segment_type type, const struct log_entry *entry,
		    uint32_t synced, uint32_t *chain, char *out, size_t size)
{
	const struct store_record_parts *parts = &entry->parts;
	struct raw_record raw = {.chain = *chain,
				 .size = (uint32_t)size,
				 .synced = synced,
				 .revision = parts->revision,
				 .create_revision = parts->create_revision,
				 .previous = entry->previous,
				 .time = entry->time,
				 .expires_at = entry->expires_at,
				 .header_len = (uint32_t)parts->header.len,
				 .value_len = (uint32_t)parts->value.len,
				 .key_len = (uint16_t)parts->key.len,
				 .topic_len = (uint16_t)parts->topic.len,
				 .type = (uint8_t)type};
	char *p = out + sizeof(raw);

	memcpy(out, &raw, sizeof(raw));
	p = put(p, parts->key);
	p = put(p, parts->topic);
	p = put(p, parts->header);
	p = put(p, parts->value);
	memset(p, 0, (size_t)(out + size - p));
	raw.crc = crc32c(header->seed, out + sizeof(raw.crc), size - sizeof(raw.crc));
	memcpy(out, &raw.crc, sizeof(raw.crc));
	*chain = raw.crc;
}

void segment_locate(const char *record, size_t key_len, const char **ret_key, const char **ret_rest)
{
	*ret_key = record + SEGMENT_RECORD_SIZE;
	*ret_rest = *ret_key + key_len + 1;
}

void segment_reader_init(struct segment_reader *reader, const char *bytes, size_t size,
			 const struct segment_header *header)
{
	*reader = (struct segment_reader){.bytes = bytes,
					  .size = MIN(size, (size_t)UINT32_MAX),
					  .header = header,
					  .offset = SEGMENT_HEADER_SIZE,
					  .chain = header->chain,
					  .revision = header->revision};
}

/* Do the lengths make sense?  They come from the file. */
static bool lengths_fit(uint8_t type, size_t key_len, size_t topic_len, size_t header_len, size_t value_len)
{
	if (type < SEGMENT_PUT || type >= SEGMENT_TYPE_MAX)
		return false;
	if (type == SEGMENT_CLOSE)
		return !key_len && !topic_len && !header_len && !value_len;
	if (type == SEGMENT_DELETE && (topic_len || header_len || value_len))
		return false;
	return key_len && key_len <= LIMIT_STORE_KEY && topic_len <= LIMIT_STORE_KEY &&
	       header_len <= LIMIT_STORE_HEADER && value_len <= LIMIT_OBJECT;
}

static void fill_parts(struct store_record_parts *parts, const char *key, const char *rest, const struct raw_entry *raw)
{
	parts->key = (struct str){key, raw->key_len};
	parts->topic = (struct str){rest, raw->topic_len};
	parts->header = (struct str){rest + raw->topic_len + 1, raw->header_len};
	parts->value = (struct str){rest + raw->topic_len + 1 + raw->header_len + 1, raw->value_len};
	parts->revision = raw->revision;
	parts->create_revision = raw->create_revision;
	parts->deleted = raw->type == SEGMENT_DELETE;
}

static void fill_entry(struct segment_entry *entry, const char *key, const char *rest, const struct raw_entry *raw)
{
	*entry = (struct segment_entry){.type = raw->type,
					.offset = raw->offset,
					.key = key,
					.rest = rest,
					.previous = raw->previous,
					.time = raw->time,
					.expires_at = raw->expires_at};
	fill_parts(&entry->parts, key, rest, raw);
}

static struct raw_entry raw_entry_of(const struct raw_record *raw, uint32_t offset)
{
	return (struct raw_entry){.offset = offset,
				  .revision = raw->revision,
				  .create_revision = raw->create_revision,
				  .previous = raw->previous,
				  .time = raw->time,
				  .expires_at = raw->expires_at,
				  .header_len = raw->header_len,
				  .value_len = raw->value_len,
				  .key_len = raw->key_len,
				  .topic_len = raw->topic_len,
				  .type = raw->type};
}

/* Is there a record at @offset with the right sum?  Its place in the chain is not looked at. */
static bool read_raw(const struct segment_reader *reader, uint32_t offset, struct raw_record *ret)
{
	const char *at = reader->bytes + offset;
	struct raw_record raw;

	if (reader->size < offset || reader->size - offset < sizeof(raw))
		return false;
	memcpy(&raw, at, sizeof(raw));
	if (raw.size < sizeof(raw) || raw.size % 8 || raw.size > reader->size - offset || raw.synced > offset)
		return false;
	if (!lengths_fit(raw.type, raw.key_len, raw.topic_len, raw.header_len, raw.value_len) ||
	    raw.size != align_up(sizeof(raw) + bytes_of(raw.key_len, raw.topic_len, raw.header_len, raw.value_len)))
		return false;
	if (raw.crc != crc32c(reader->header->seed, at + sizeof(raw.crc), raw.size - sizeof(raw.crc)))
		return false;
	*ret = raw;
	return true;
}

/*
 * A record knows how far the file was synced when it was written, and lies behind that.  One that a lost life has left
 * behind cannot know more to be synced than what the next life found and went on from.
 */
bool segment_is_damaged(const struct segment_reader *reader)
{
	uint64_t word;
	size_t zeroes = 0;

	/* Records follow each other without a hole, so after so many zeroes there is nothing more. */
	for (uint32_t at = reader->offset; at + sizeof(word) <= reader->size && zeroes < DAMAGE_REACH; at += 8) {
		struct raw_record raw;

		memcpy(&word, reader->bytes + at, sizeof(word));
		zeroes = word ? 0 : zeroes + sizeof(word);
		if (word && read_raw(reader, at, &raw) && raw.synced > reader->offset)
			return true;
	}
	return false;
}

bool segment_read(struct segment_reader *reader, struct segment_entry *ret)
{
	const char *at = reader->bytes + reader->offset, *key, *rest;
	struct raw_record raw;
	struct raw_entry entry;

	if (!read_raw(reader, reader->offset, &raw) || raw.chain != reader->chain)
		return false;
	if (raw.type == SEGMENT_CLOSE ? raw.revision < reader->revision : raw.revision <= reader->revision)
		return false;
	segment_locate(at, raw.key_len, &key, &rest);
	entry = raw_entry_of(&raw, reader->offset);
	fill_entry(ret, key, rest, &entry);
	ret->synced = raw.synced;
	reader->offset += raw.size;
	reader->chain = raw.crc;
	reader->revision = raw.revision;
	ret->end = reader->offset;
	return true;
}

void segment_reread(const char *bytes, uint32_t offset, struct segment_entry *ret)
{
	const char *key, *rest;
	struct raw_record raw;
	struct raw_entry entry;

	memcpy(&raw, bytes + offset, sizeof(raw));
	segment_locate(bytes + offset, raw.key_len, &key, &rest);
	entry = raw_entry_of(&raw, offset);
	fill_entry(ret, key, rest, &entry);
	ret->synced = raw.synced;
	ret->end = offset + raw.size;
}

/* --- Index --- */

size_t segment_index_size(size_t entries, size_t keys_len)
{
	return align_up(entries * sizeof(struct raw_entry) + keys_len + entries) + sizeof(struct raw_footer);
}

int segment_encode_index(const char *bytes, uint32_t data_end, const struct segment_header *header, uint64_t floor,
			 struct buf *out, struct error *err)
{
	struct raw_footer footer = {.magic = FOOTER_MAGIC,
				    .number = header->number,
				    .salt = header->salt,
				    .data_end = data_end,
				    .index_offset = data_end,
				    .floor = floor};
	struct segment_reader reader;
	struct segment_entry entry;
	struct raw_record raw;

	segment_reader_init(&reader, bytes, data_end, header);
	while (segment_read(&reader, &entry)) {
		struct raw_entry indexed;

		memcpy(&raw, bytes + entry.offset, sizeof(raw));
		indexed = raw_entry_of(&raw, entry.offset);
		indexed.key_at = footer.keys_size;
		buf_append(out, &indexed, sizeof(indexed));
		footer.keys_size += (uint32_t)raw.key_len + 1;
		footer.entries++;
	}
	if (reader.offset != data_end)
		return error_set(err, ERR_INTERNAL, "a segment is damaged at byte %u", reader.offset);
	segment_reader_init(&reader, bytes, data_end, header);
	while (segment_read(&reader, &entry))
		buf_append(out, entry.key, entry.parts.key.len + 1);
	while (out->len % 8 && !out->overflow)
		buf_char(out, '\0');
	footer.chain = reader.chain;
	footer.index_crc = crc32c(header->seed, out->data, out->len);
	footer.crc = crc32c(0, &footer, offsetof(struct raw_footer, crc));
	buf_append(out, &footer, sizeof(footer));
	if (out->overflow)
		return error_set(err, ERR_TOO_LARGE, "a segment's index is too large");
	return 0;
}

bool segment_open_index(const char *bytes, size_t size, const struct segment_header *header, struct segment_index *ret)
{
	struct raw_footer footer;
	uint64_t entries_size, index_size;

	if (size > UINT32_MAX || size < SEGMENT_HEADER_SIZE + sizeof(footer) || size % 8)
		return false;
	memcpy(&footer, bytes + size - sizeof(footer), sizeof(footer));
	if (footer.magic != FOOTER_MAGIC || footer.number != header->number || footer.salt != header->salt ||
	    footer.crc != crc32c(0, &footer, offsetof(struct raw_footer, crc)))
		return false;
	entries_size = (uint64_t)footer.entries * sizeof(struct raw_entry);
	index_size = size - sizeof(footer) - footer.index_offset;
	if (footer.index_offset > size - sizeof(footer) || footer.data_end != footer.index_offset ||
	    footer.data_end < SEGMENT_HEADER_SIZE || entries_size > index_size ||
	    footer.keys_size > index_size - entries_size)
		return false;
	if (footer.index_crc != crc32c(header->seed, bytes + footer.index_offset, index_size))
		return false;
	*ret = (struct segment_index){.bytes = bytes,
				      .entries = bytes + footer.index_offset,
				      .keys = bytes + footer.index_offset + entries_size,
				      .len = footer.entries,
				      .keys_size = footer.keys_size,
				      .data_end = footer.data_end,
				      .chain = footer.chain,
				      .floor = footer.floor};
	return true;
}

bool segment_index_get(const struct segment_index *index, size_t i, struct segment_entry *ret)
{
	struct raw_entry raw;
	uint64_t end;

	memcpy(&raw, index->entries + i * sizeof(raw), sizeof(raw));
	end = raw.offset + (uint64_t)align_up(SEGMENT_RECORD_SIZE +
					      bytes_of(raw.key_len, raw.topic_len, raw.header_len, raw.value_len));
	if (!lengths_fit(raw.type, raw.key_len, raw.topic_len, raw.header_len, raw.value_len) ||
	    raw.offset < SEGMENT_HEADER_SIZE || end > index->data_end ||
	    (uint64_t)raw.key_at + raw.key_len + 1 > index->keys_size)
		return false;
	fill_entry(ret, index->keys + raw.key_at, index->bytes + raw.offset + SEGMENT_RECORD_SIZE + raw.key_len + 1,
		   &raw);
	ret->end = (uint32_t)end;
	return true;
}
