/*
 * The segment format: bytes only, no files.
 *
 *	header | record | record | ... | zeroes                      the active segment, or one not sealed yet
 *	header | record | record | ... | index | keys | footer       a sealed one: the footer ends the file
 *
 * All numbers are little-endian; records are padded to 8 bytes.  A record is
 *
 *	crc, chain, size, synced | revision, create revision, previous revision, time, expiry |
 *	header's and value's length | key's and topic's length | type | key NUL topic NUL header NUL value NUL, padding
 *
 * What is valid.  A header, an index and a footer are valid when their CRC-32C is right.  A record is valid if and only
 * if it is the first after a valid header or follows a valid record, its `chain` is the crc of what it follows, its
 * lengths fit, and its `crc` is that of all its bytes after the crc, begun with the crc of the file's number and salt.
 *  - The salt is drawn at random for each file: records of a file that had these blocks before are not valid.
 *  - The chain ties each record to the one before it: after a crash, records written by the lost life of the same file
 *    beyond a hole, or left behind a shorter record that overwrote the first of them, are not valid.
 * So the log ends where the first record is not valid, and what lies behind may be anything.
 *
 * `synced` is how far the file was known to be on the disk when the record was written.
 *
 * Types: PUT and DELETE take one revision each, in order.  CLOSE says that the store was closed in good order and that
 * everything before it is on the disk; its revision is the newest then.
 *
 * The header tells where the log stood when the segment was begun: the newest revision, and end and chain of the
 * segment before.  That one was synced first, so if it does not reach so far now, it is damaged.
 *
 * A compacted segment stands for a run of neighbours: those with numbers after `previous_number`, up to its own, which
 * is the last one's.  It holds those of their records that were still wanted, in the order of revisions and as they
 * were, and is sealed before it has its name.  Its header begins as the first one's and tells the last one's end and
 * chain as well, which the segment after it knows.  Its footer tells the `floor`: revisions below it can be read no
 * more, also if they would be within the window.
 */
#ifndef WHERRY_STORE_SEGMENT_H
#define WHERRY_STORE_SEGMENT_H

#include "base/buf.h"
#include "store/backend.h"

#define SEGMENT_HEADER_SIZE 64
#define SEGMENT_RECORD_SIZE 72 /* without its bytes */
#define SEGMENT_CLOSE_SIZE  80 /* a CLOSE record */
/* The largest record there can be, and with that the least room a segment needs behind its header. */
#define SEGMENT_RECORD_MAX (SEGMENT_RECORD_SIZE + 2 * LIMIT_STORE_KEY + LIMIT_STORE_HEADER + LIMIT_OBJECT + 16)

enum segment_type { SEGMENT_PUT = 1, SEGMENT_DELETE, SEGMENT_CLOSE, SEGMENT_TYPE_MAX };

struct segment_header {
	uint64_t number;
	uint64_t salt;
	uint64_t revision;	  /* the newest before this segment */
	uint64_t previous_number; /* 0: this is the first */
	uint32_t previous_end;
	uint32_t previous_chain;
	bool compacted;
	uint32_t replaced_end; /* of the last one it stands for; compacted ones */
	uint32_t replaced_chain;
	uint32_t seed;	/* of the records' crc */
	uint32_t chain; /* of the first record */
};

/* One record, as read from the log or from an index. */
struct segment_entry {
	enum segment_type type;
	uint32_t offset, end; /* in the file */
	uint32_t synced;
	struct store_record_parts parts; /* topic, header and value only by their length when from an index */
	const char *key, *rest;		 /* as in struct store_record; in the file */
	uint64_t previous;
	int64_t time, expires_at;
};

/* Fills in seed and chain, and writes SEGMENT_HEADER_SIZE bytes. */
void segment_encode_header(struct segment_header *header, char *out);
bool segment_decode_header(const char *bytes, size_t size, struct segment_header *ret);

/* The size a record will have. */
size_t segment_record_size(const struct store_record_parts *parts);
/* Writes a record of @size bytes; *chain is that of the record before, and then its own. */
void segment_encode(const struct segment_header *header, enum segment_type type, const struct log_entry *entry,
		    uint32_t synced, uint32_t *chain, char *out, size_t size);
/* Where key and rest of an encoded record are. */
void segment_locate(const char *record, size_t key_len, const char **ret_key, const char **ret_rest);

/* Goes through the records of a segment that is not sealed. */
struct segment_reader {
	const char *bytes;
	size_t size;
	const struct segment_header *header;
	uint32_t offset, chain;
	uint64_t revision;
};
void segment_reader_init(struct segment_reader *reader, const char *bytes, size_t size,
			 const struct segment_header *header);
/* The next valid record, or false: reader->offset and chain are then the log's end. */
bool segment_read(struct segment_reader *reader, struct segment_entry *ret);

/*
 * The log has ended at reader->offset: is that damage rather than the trace of a crash?  True when a valid record
 * behind it knew more than that to be on the disk.
 */
bool segment_is_damaged(const struct segment_reader *reader);

/* The record at @offset, which segment_read() has found before: its lengths are trusted to fit, nothing is summed. */
void segment_reread(const char *bytes, uint32_t offset, struct segment_entry *ret);

/* An index, in place. */
struct segment_index {
	const char *bytes; /* of the segment */
	const char *entries, *keys;
	size_t len;
	uint32_t keys_size;
	uint32_t data_end;
	uint32_t chain; /* of the last record */
	uint64_t floor; /* of a compacted one; 0 */
};
/* The size of what segment_encode_index() appends for @entries records whose keys have @keys_len bytes together. */
size_t segment_index_size(size_t entries, size_t keys_len);
/* Appends index and footer for the records in @bytes, which end at @data_end, to @out.  @floor: see above; or 0. */
int segment_encode_index(const char *bytes, uint32_t data_end, const struct segment_header *header, uint64_t floor,
			 struct buf *out, struct error *err) MUST_CHECK;
/* False when the file does not end in a valid index of its own. */
bool segment_open_index(const char *bytes, size_t size, const struct segment_header *header, struct segment_index *ret);
/* Entry @i; false when it points outside the segment (a damaged file with a good checksum). */
bool segment_index_get(const struct segment_index *index, size_t i, struct segment_entry *ret);

#endif
