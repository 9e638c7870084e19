/*
 * A segment file as a damaged or hostile disk may give it.
 *
 * Checksums would stop nearly every input at the door, so the target makes the sums right: it takes the input as the
 * bytes behind a header, and before each record is read mends that record's chain and crc; the same for the footer.
 * Whatever the reader hands out must lie within the file, and is read to the last byte.
 */
#include "fuzz.h"

#include "store/crc32c.h"
#include "store/segment.h"

/* Where the sums are; see segment.c. */
enum { RECORD_CRC = 0, RECORD_CHAIN = 4, RECORD_BYTES = 8, FOOTER = 64, FOOTER_CRC = 60, FOOTER_INDEX_CRC = 44 };

static uint32_t get32(const char *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

static void put32(char *p, uint32_t n)
{
	memcpy(p, &n, sizeof(n));
}

static unsigned touch(struct str s, const char *bytes, size_t size)
{
	unsigned sum = 0;

	FUZZ_CHECK(s.data >= bytes && s.data + s.len <= bytes + size);
	for (size_t i = 0; i < s.len; i++)
		sum += (unsigned char)s.data[i];
	return sum;
}

static void check_entry(const struct segment_entry *entry, const char *bytes, size_t size)
{
	unsigned sum = touch(entry->parts.key, bytes, size) + touch(entry->parts.topic, bytes, size) +
		       touch(entry->parts.header, bytes, size) + touch(entry->parts.value, bytes, size);

	FUZZ_CHECK(entry->offset < entry->end && entry->end <= size && sum < UINT32_MAX);
	FUZZ_CHECK(entry->type >= SEGMENT_PUT && entry->type < SEGMENT_TYPE_MAX);
}

static void mend_record(char *record, size_t room, const struct segment_reader *reader)
{
	uint32_t size;

	if (room < SEGMENT_RECORD_SIZE)
		return;
	size = get32(record + RECORD_BYTES);
	put32(record + RECORD_CHAIN, reader->chain);
	if (size >= SEGMENT_RECORD_SIZE && size <= room)
		put32(record + RECORD_CRC, crc32c(reader->header->seed, record + 4, size - 4));
}

static void read_records(char *bytes, size_t size, const struct segment_header *header)
{
	struct segment_reader reader;
	struct segment_entry entry;

	segment_reader_init(&reader, bytes, size, header);
	for (;;) {
		struct segment_entry again;

		mend_record(bytes + reader.offset, size - reader.offset, &reader);
		if (!segment_read(&reader, &entry)) {
			(void)segment_is_damaged(&reader);
			return;
		}
		check_entry(&entry, bytes, size);
		segment_reread(bytes, entry.offset, &again);
		FUZZ_CHECK(again.end == entry.end && str_eq(again.parts.value, entry.parts.value));
	}
}

static void read_index(char *bytes, size_t size, const struct segment_header *header)
{
	char *footer = bytes + size - FOOTER;
	struct segment_index index;
	struct segment_entry entry;
	uint64_t own[3];
	uint32_t start;

	if (size < SEGMENT_HEADER_SIZE + FOOTER)
		return;
	/* Magic stays the input's; number and salt are made right. */
	memcpy(own, footer, sizeof(own));
	own[1] = header->number;
	own[2] = header->salt;
	memcpy(footer, own, sizeof(own));
	start = get32(footer + 32);
	if (start <= size - FOOTER)
		put32(footer + FOOTER_INDEX_CRC, crc32c(header->seed, bytes + start, size - FOOTER - start));
	put32(footer + FOOTER_CRC, crc32c(0, footer, FOOTER_CRC));
	if (!segment_open_index(bytes, size, header, &index))
		return;
	for (size_t i = 0; i < index.len; i++) {
		if (segment_index_get(&index, i, &entry))
			check_entry(&entry, bytes, size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_header header = {.number = 1, .salt = 2}, decoded;
	char *bytes;

	(void)segment_decode_header((const char *)data, size, &decoded);
	if (size > 64 * 1024)
		return 0;
	bytes = xmalloc(SEGMENT_HEADER_SIZE + size);
	segment_encode_header(&header, bytes);
	memcpy(bytes + SEGMENT_HEADER_SIZE, data, size);
	size += SEGMENT_HEADER_SIZE;
	read_index(bytes, size, &header);
	read_records(bytes, size, &header);
	free(bytes);
	return 0;
}
