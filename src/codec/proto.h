/*
 * The protobuf wire format: tags, varints, length-delimited records.  Knows no schemas.
 *
 * A reader is a pair of pointers into bytes somebody else owns; every read is checked against the end.  Its errors have
 * gogo-protobuf's words ("unexpected EOF", "proto: integer overflow").
 *
 * A writer writes from the end to the start: what a message contains is written before its length and its tag, so
 * nothing is measured beforehand.  Fields therefore go in descending order.
 *
 *	proto_put_str(&w, 2, name);
 *	size_t mark = proto_mark(&w);
 *	... the fields of the message inside, highest first ...
 *	proto_put_length(&w, 1, mark);
 */
#ifndef WHERRY_CODEC_PROTO_H
#define WHERRY_CODEC_PROTO_H

#include "base/buf.h"
#include "base/error.h"

enum proto_wire {
	PROTO_VARINT = 0,
	PROTO_FIXED64 = 1,
	PROTO_BYTES = 2,
	PROTO_GROUP = 3,
	PROTO_END = 4,
	PROTO_FIXED32 = 5
};

struct proto_reader {
	const uint8_t *at, *end;
};

static inline struct proto_reader proto_reader(struct bytes bytes)
{
	return (struct proto_reader){bytes.data, bytes.data ? bytes.data + bytes.len : NULL};
}
static inline bool proto_done(const struct proto_reader *r)
{
	return r->at == r->end;
}
int proto_read_varint_slow(struct proto_reader *r, uint64_t *ret, struct error *err) MUST_CHECK;
static inline int proto_read_varint(struct proto_reader *r, uint64_t *ret, struct error *err)
{
	if (r->at < r->end && *r->at < 0x80) {
		*ret = *r->at++;
		return 0;
	}
	return proto_read_varint_slow(r, ret, err);
}
int proto_read_fixed64(struct proto_reader *r, uint64_t *ret, struct error *err) MUST_CHECK;
/* The bytes are not copied; never NULL. */
int proto_read_bytes(struct proto_reader *r, struct bytes *ret, struct error *err) MUST_CHECK;
/* Passes over the value of a field of wire type @wire. */
int proto_skip(struct proto_reader *r, unsigned wire, struct error *err) MUST_CHECK;

struct proto_writer {
	char *data;
	size_t cap, at; /* written: data[at] to data[cap] */
	size_t limit;
	bool overflow; /* passed the limit: nothing more is written */
};

void proto_writer_init(struct proto_writer *w, size_t limit);
void proto_writer_release(struct proto_writer *w);
/* How much is written so far. */
static inline size_t proto_mark(const struct proto_writer *w)
{
	return w->cap - w->at;
}
void proto_put(struct proto_writer *w, const void *data, size_t len);
void proto_put_varint(struct proto_writer *w, uint64_t n);
static inline void proto_put_tag(struct proto_writer *w, unsigned number, enum proto_wire wire)
{
	proto_put_varint(w, (uint64_t)number << 3 | wire);
}
/* Whole fields. */
void proto_put_number(struct proto_writer *w, unsigned number, int64_t n);
void proto_put_double(struct proto_writer *w, unsigned number, double n);
void proto_put_str(struct proto_writer *w, unsigned number, struct str s);
/* Length and tag before all that was written since @mark. */
void proto_put_length(struct proto_writer *w, unsigned number, size_t mark);
/* Appends what was written. */
void proto_writer_flush(const struct proto_writer *w, struct buf *out);

#endif
