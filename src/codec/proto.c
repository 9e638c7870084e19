/* The protobuf wire format; see proto.h. */
#include "codec/proto.h"

static int cut_short(struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST, "unexpected EOF");
}

int proto_read_varint_slow(struct proto_reader *r, uint64_t *ret, struct error *err)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (r->at == r->end)
			return cut_short(err);
		n |= (uint64_t)(*r->at & 0x7f) << shift;
		if (*r->at++ < 0x80) {
			*ret = n;
			return 0;
		}
	}
	return error_set(err, ERR_BAD_REQUEST, "proto: integer overflow");
}

int proto_read_fixed64(struct proto_reader *r, uint64_t *ret, struct error *err)
{
	uint64_t n = 0;

	if (r->end - r->at < 8)
		return cut_short(err);
	for (int i = 7; i >= 0; i--)
		n = n << 8 | r->at[i];
	r->at += 8;
	*ret = n;
	return 0;
}

int proto_read_bytes(struct proto_reader *r, struct bytes *ret, struct error *err)
{
	uint64_t len;
	int rc = proto_read_varint(r, &len, err);

	if (rc < 0)
		return rc;
	if (len > INT64_MAX)
		return error_set(err, ERR_BAD_REQUEST, "proto: negative length found during unmarshaling");
	if (len > (uint64_t)(r->end - r->at))
		return cut_short(err);
	*ret = (struct bytes){r->at, (size_t)len};
	r->at += len;
	return 0;
}

/* Groups nest; their depth is counted, not followed by recursion. */
int proto_skip(struct proto_reader *r, unsigned wire, struct error *err)
{
	struct bytes bytes;
	uint64_t number;
	size_t groups = 0;

	for (;;) {
		int rc = 0;

		switch (wire) {
		case PROTO_VARINT:
			rc = proto_read_varint(r, &number, err);
			break;
		case PROTO_FIXED64:
			rc = proto_read_fixed64(r, &number, err);
			break;
		case PROTO_BYTES:
			rc = proto_read_bytes(r, &bytes, err);
			break;
		case PROTO_GROUP:
			groups++;
			break;
		case PROTO_END:
			if (!groups)
				return error_set(err, ERR_BAD_REQUEST, "proto: unexpected end of group");
			groups--;
			break;
		case PROTO_FIXED32:
			if (r->end - r->at < 4)
				return cut_short(err);
			r->at += 4;
			break;
		default:
			return error_set(err, ERR_BAD_REQUEST, "proto: illegal wireType %u", wire);
		}
		if (rc < 0 || !groups)
			return rc;
		rc = proto_read_varint(r, &number, err);
		if (rc < 0)
			return rc;
		wire = number & 7;
	}
}

#define FIRST_SIZE 1024

void proto_writer_init(struct proto_writer *w, size_t limit)
{
	*w = (struct proto_writer){.limit = limit};
}

void proto_writer_release(struct proto_writer *w)
{
	free(w->data);
	proto_writer_init(w, w->limit);
}

/* What is written stays at the end of the larger room. */
static bool make_room(struct proto_writer *w, size_t size)
{
	size_t written = proto_mark(w), need, cap;
	char *data;

	if (size <= w->at)
		return true;
	if (w->overflow || !size_add(written, size, &need) || need > w->limit) {
		w->overflow = true;
		return false;
	}
	cap = MAX(need, w->cap ? w->cap * 2 : (size_t)FIRST_SIZE);
	data = xmalloc(cap);
	if (written)
		memcpy(data + cap - written, w->data + w->at, written);
	free(w->data);
	w->data = data;
	w->cap = cap;
	w->at = cap - written;
	return true;
}

void proto_put(struct proto_writer *w, const void *data, size_t len)
{
	if (!len || !make_room(w, len))
		return;
	w->at -= len;
	memcpy(w->data + w->at, data, len);
}

void proto_put_varint(struct proto_writer *w, uint64_t n)
{
	uint8_t text[10];
	size_t len = 0;

	if (n < 0x80 && w->at > 0) {
		w->data[--w->at] = (char)n;
		return;
	}
	for (; n >= 0x80; n >>= 7)
		text[len++] = (uint8_t)(n | 0x80);
	text[len++] = (uint8_t)n;
	proto_put(w, text, len);
}

void proto_put_number(struct proto_writer *w, unsigned number, int64_t n)
{
	proto_put_varint(w, (uint64_t)n);
	proto_put_tag(w, number, PROTO_VARINT);
}

void proto_put_double(struct proto_writer *w, unsigned number, double n)
{
	uint64_t bits;
	uint8_t text[8];

	memcpy(&bits, &n, sizeof(bits));
	for (int i = 0; i < 8; i++)
		text[i] = (uint8_t)(bits >> (8 * i));
	proto_put(w, text, sizeof(text));
	proto_put_tag(w, number, PROTO_FIXED64);
}

void proto_put_str(struct proto_writer *w, unsigned number, struct str s)
{
	proto_put(w, s.data, s.len);
	proto_put_varint(w, s.len);
	proto_put_tag(w, number, PROTO_BYTES);
}

void proto_put_length(struct proto_writer *w, unsigned number, size_t mark)
{
	proto_put_varint(w, proto_mark(w) - mark);
	proto_put_tag(w, number, PROTO_BYTES);
}

void proto_writer_flush(const struct proto_writer *w, struct buf *out)
{
	if (w->overflow)
		out->overflow = true;
	else if (w->cap)
		buf_append(out, w->data + w->at, proto_mark(w));
}
