/* The segment format: checksums, the chain, what is taken for the end, and the index. */
#include "unit.h"

#include "base/limits.h"
#include "store/crc32c.h"
#include "store/segment.h"

enum { SIZE = 4096 };

static const struct segment_header blank = {.number = 7, .salt = 99, .revision = 10};

static void test_crc32c(void **state UNUSED)
{
	/* RFC 3720, appendix B.4. */
	static const struct {
		unsigned char first, step;
		uint32_t crc;
	} cases[] = {{0, 0, 0x8a9136aa}, {0xff, 0, 0x62a8ab43}, {0, 1, 0x46dd794e}, {31, 255, 0x113fdb5c}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char bytes[32];

		for (int n = 0; n < 32; n++)
			bytes[n] = (unsigned char)(cases[i].first + n * cases[i].step);
		assert_int_equal(crc32c(0, bytes, 32), cases[i].crc);
		assert_int_equal(crc32c_table(0, bytes, 32), cases[i].crc);
		assert_int_equal(crc32c(crc32c(0, bytes, 13), bytes + 13, 19), cases[i].crc);
	}
}

struct builder {
	char bytes[SIZE];
	struct segment_header header;
	uint32_t end, chain;
};

static void begin(struct builder *b, const struct segment_header *header)
{
	memset(b->bytes, 0, SIZE);
	b->header = *header;
	segment_encode_header(&b->header, b->bytes);
	b->end = SEGMENT_HEADER_SIZE;
	b->chain = b->header.chain;
}

static void add(struct builder *b, uint64_t revision, const char *key, const char *value)
{
	struct log_entry entry = {.parts = {.key = str_from(key), .value = str_from(value), .revision = revision},
				  .time = 5};
	size_t size = segment_record_size(&entry.parts);

	entry.parts.deleted = !*value;
	segment_encode(&b->header, *value ? SEGMENT_PUT : SEGMENT_DELETE, &entry, b->end, &b->chain, b->bytes + b->end,
		       size);
	b->end += (uint32_t)size;
}

/* The keys found, as one string. */
static const char *found(const struct builder *b)
{
	static char text[256];
	struct segment_header header;
	struct segment_reader reader;
	struct segment_entry entry;
	size_t len = 0;

	text[0] = '\0';
	assert_true(segment_decode_header(b->bytes, SIZE, &header));
	segment_reader_init(&reader, b->bytes, SIZE, &header);
	while (segment_read(&reader, &entry))
		len += (size_t)snprintf(text + len, sizeof(text) - len, STR_FMT "=" STR_FMT " ",
					STR_ARG(entry.parts.key), STR_ARG(entry.parts.value));
	return text;
}

static void test_records(void **state UNUSED)
{
	static struct builder b, other;
	struct segment_header header;

	begin(&b, &blank);
	assert_string_equal(found(&b), "");
	add(&b, 11, "a", "1");
	add(&b, 12, "b", "2");
	add(&b, 13, "a", "");
	assert_string_equal(found(&b), "a=1 b=2 a= ");
	/* Every byte of the log counts. */
	for (uint32_t i = 0; i < b.end; i++) {
		b.bytes[i] ^= 0x10;
		if (i < SEGMENT_HEADER_SIZE)
			assert_false(segment_decode_header(b.bytes, SIZE, &header));
		else
			assert_string_not_equal(found(&b), "a=1 b=2 a= ");
		b.bytes[i] ^= 0x10;
	}
	/* The same records in another file are not this file's. */
	begin(&other, &(struct segment_header){.number = 7, .salt = 98, .revision = 10});
	memcpy(other.bytes + SEGMENT_HEADER_SIZE, b.bytes + SEGMENT_HEADER_SIZE, b.end - SEGMENT_HEADER_SIZE);
	assert_string_equal(found(&other), "");
}

/* Records of a lost life, whole and in place, behind a new record of the same size and revision. */
static void test_chain(void **state UNUSED)
{
	static struct builder b;
	uint32_t end;

	begin(&b, &blank);
	add(&b, 11, "a", "old");
	add(&b, 12, "b", "old");
	assert_string_equal(found(&b), "a=old b=old ");
	b.end = SEGMENT_HEADER_SIZE;
	b.chain = b.header.chain;
	add(&b, 11, "a", "new");
	assert_string_equal(found(&b), "a=new ");
	end = b.end;
	add(&b, 12, "b", "new");
	assert_string_equal(found(&b), "a=new b=new ");
	/* Revisions only rise. */
	b.end = end;
	begin(&b, &blank);
	add(&b, 12, "a", "1");
	add(&b, 12, "b", "2");
	assert_string_equal(found(&b), "a=1 ");
}

static void test_index(void **state UNUSED)
{
	static struct builder b;
	struct segment_index index;
	struct segment_entry entry;
	struct buf cleanup_buf out;
	struct error err = {0};
	size_t size;

	begin(&b, &blank);
	add(&b, 11, "a", "1");
	add(&b, 12, "bb", "22");
	add(&b, 13, "a", "");
	buf_init(&out, SIZE);
	assert_int_equal(segment_encode_index(b.bytes, b.end, &b.header, 0, &out, &err), 0);
	memcpy(b.bytes + b.end, out.data, out.len);
	size = b.end + out.len;
	assert_true(segment_open_index(b.bytes, size, &b.header, &index));
	assert_int_equal(index.len, 3);
	assert_int_equal(index.data_end, b.end);
	assert_int_equal(index.chain, b.chain);
	assert_true(segment_index_get(&index, 1, &entry));
	assert_str_equal(entry.parts.key, "bb");
	assert_str_equal(entry.parts.value, "22");
	assert_int_equal(entry.parts.revision, 12);
	assert_true(segment_index_get(&index, 2, &entry));
	assert_int_equal(entry.type, SEGMENT_DELETE);
	/* Without its index a sealed segment still reads record by record. */
	assert_string_equal(found(&b), "a=1 bb=22 a= ");
	assert_false(segment_open_index(b.bytes, size - 8, &b.header, &index));
	for (size_t i = b.end; i < size; i++) {
		b.bytes[i] ^= 1;
		assert_false(segment_open_index(b.bytes, size, &b.header, &index));
		b.bytes[i] ^= 1;
	}
	/* A log that is shorter than it should be has no index. */
	buf_clear(&out);
	assert_int_equal(segment_encode_index(b.bytes, b.end + 8, &b.header, 0, &out, &err), -ERR_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_index),
	};

	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
