/* SPDY/3.1, the server's side; see spdy.h. */
#include "net/spdy.h"

#include "base/limits.h"
#include "net/spdy_headers.h"

#define VERSION	    3
#define HEAD_SIZE   8
#define CONTROL_BIT 0x80000000U
#define STREAM_MASK 0x7fffffffU

enum frame_type {
	FRAME_SYN_STREAM = 1,
	FRAME_SYN_REPLY = 2,
	FRAME_RST_STREAM = 3,
	FRAME_SETTINGS = 4,
	FRAME_PING = 6,
	FRAME_GOAWAY = 7,
	FRAME_HEADERS = 8,
	FRAME_WINDOW_UPDATE = 9,
};

enum { FLAG_FIN = 1, FLAG_UNIDIRECTIONAL = 2 };
enum { GOAWAY_PROTOCOL_ERROR = 1 };

struct stream {
	uint32_t id;
	bool theirs_ended, ours_ended;
	void *hung;
};

struct spdy {
	const struct spdy_ops *ops;
	void *data;
	struct spdy_headers *headers;
	struct stream streams[LIMIT_SPDY_STREAMS]; /* by id */
	size_t len;
	uint32_t last; /* the newest stream's id */
	bool over;     /* failed, or the client has left */

	/* The frame that is being read: its head, then, of a control frame, the whole payload. */
	unsigned char head[HEAD_SIZE];
	size_t head_len;
	struct buf control;
	size_t left; /* bytes of the payload still to come */
	struct buf out;
};

struct spdy *spdy_new(const struct spdy_ops *ops, void *data)
{
	struct spdy *spdy = XNEW(struct spdy);

	spdy->ops = ops;
	spdy->data = data;
	spdy->headers = spdy_headers_new();
	buf_init(&spdy->control, LIMIT_SPDY_CONTROL);
	buf_init(&spdy->out, HEAD_SIZE + LIMIT_SPDY_CONTROL);
	return spdy;
}

struct spdy *spdy_free(struct spdy *spdy)
{
	if (!spdy)
		return NULL;
	spdy_headers_free(spdy->headers);
	buf_release(&spdy->control);
	buf_release(&spdy->out);
	free(spdy);
	return NULL;
}

/* --- Streams ----------------------------------------------------------------------------------------------------- */

/* Ids only grow, so new streams come last. */
static struct stream *find(struct spdy *spdy, uint32_t id)
{
	size_t low = 0, high = spdy->len;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (spdy->streams[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < spdy->len && spdy->streams[low].id == id ? &spdy->streams[low] : NULL;
}

static void forget(struct spdy *spdy, struct stream *stream)
{
	size_t at = (size_t)(stream - spdy->streams);

	memmove(stream, stream + 1, (spdy->len - at - 1) * sizeof(*stream));
	spdy->len--;
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

static void put_number(struct buf *out, uint32_t number)
{
	const unsigned char bytes[] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16),
				       (unsigned char)(number >> 8), (unsigned char)number};

	buf_append(out, bytes, sizeof(bytes));
}

static uint32_t get_number(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void begin_frame(struct spdy *spdy, uint32_t first, unsigned flags, size_t size)
{
	buf_clear(&spdy->out);
	put_number(&spdy->out, first);
	put_number(&spdy->out, (uint32_t)flags << 24 | (uint32_t)size);
}

static void send_frame(struct spdy *spdy)
{
	spdy->ops->send(spdy->data, buf_view(&spdy->out));
}

/* A control frame of one or two numbers. */
static void send_control(struct spdy *spdy, enum frame_type type, uint32_t first, const uint32_t *second)
{
	begin_frame(spdy, CONTROL_BIT | VERSION << 16 | type, 0, second ? 8 : 4);
	put_number(&spdy->out, first);
	if (second)
		put_number(&spdy->out, *second);
	send_frame(spdy);
}

static void send_reset(struct spdy *spdy, uint32_t id, enum spdy_status status)
{
	const uint32_t number = status;

	send_control(spdy, FRAME_RST_STREAM, id, &number);
}

void spdy_reply(struct spdy *spdy, uint32_t id)
{
	struct buf cleanup_buf block;

	buf_init(&block, LIMIT_SPDY_CONTROL);
	if (!find(spdy, id))
		return;
	spdy_headers_write_none(spdy->headers, &block);
	begin_frame(spdy, CONTROL_BIT | VERSION << 16 | FRAME_SYN_REPLY, 0, 4 + block.len);
	put_number(&spdy->out, id);
	buf_str(&spdy->out, buf_view(&block));
	send_frame(spdy);
}

void spdy_hang(struct spdy *spdy, uint32_t id, void *hung)
{
	struct stream *stream = find(spdy, id);

	if (stream)
		stream->hung = hung;
}

void spdy_write(struct spdy *spdy, uint32_t id, struct str bytes)
{
	const struct stream *stream = find(spdy, id);

	while (stream && !stream->ours_ended && bytes.len) {
		struct str piece = str_sub(bytes, 0, MIN(bytes.len, LIMIT_SPDY_CONTROL));

		begin_frame(spdy, id, 0, piece.len);
		buf_str(&spdy->out, piece);
		send_frame(spdy);
		bytes = str_from_at(bytes, piece.len);
	}
}

void spdy_finish(struct spdy *spdy, uint32_t id)
{
	struct stream *stream = find(spdy, id);

	if (!stream || stream->ours_ended)
		return;
	begin_frame(spdy, id, FLAG_FIN, 0);
	send_frame(spdy);
	stream->ours_ended = true;
	if (stream->theirs_ended)
		forget(spdy, stream);
}

void spdy_reset(struct spdy *spdy, uint32_t id, enum spdy_status status)
{
	struct stream *stream = find(spdy, id);

	if (!stream)
		return;
	send_reset(spdy, id, status);
	forget(spdy, stream);
}

/* --- Reading ----------------------------------------------------------------------------------------------------- */

static int fail(struct spdy *spdy, struct error *err, const char *why)
{
	static const uint32_t status = GOAWAY_PROTOCOL_ERROR;

	spdy->over = true;
	send_control(spdy, FRAME_GOAWAY, spdy->last, &status);
	return error_set(err, ERR_BAD_REQUEST, "SPDY: %s", why);
}

static void end_theirs(struct spdy *spdy, uint32_t id)
{
	struct stream *stream = find(spdy, id);
	void *hung;

	if (!stream || stream->theirs_ended)
		return;
	stream->theirs_ended = true;
	hung = stream->hung;
	if (stream->ours_ended)
		forget(spdy, stream);
	spdy->ops->finished(spdy->data, id, hung);
}

/* Every block is read, also those nobody wants: the next one builds on it. */
static int read_headers(struct spdy *spdy, size_t at, struct arena *arena, struct http_headers *ret, struct error *err)
{
	struct error inner = {0};

	if (spdy_headers_read(spdy->headers, str_from_at(buf_view(&spdy->control), at), arena, ret, &inner) < 0)
		return fail(spdy, err, inner.message);
	return 0;
}

static int on_syn_stream(struct spdy *spdy, unsigned flags, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct http_headers headers;
	uint32_t id;

	if (spdy->control.len < 10)
		return fail(spdy, err, "SYN_STREAM is cut off");
	id = get_number((const unsigned char *)spdy->control.data) & STREAM_MASK;
	if (id % 2 == 0 || id <= spdy->last)
		return fail(spdy, err, "a stream's number does not grow");
	spdy->last = id;
	if (read_headers(spdy, 10, &arena, &headers, err) < 0)
		return -(int)err->code;
	if (spdy->len == LIMIT_SPDY_STREAMS) {
		send_reset(spdy, id, SPDY_REFUSED_STREAM);
		return 0;
	}
	spdy->streams[spdy->len++] = (struct stream){.id = id, .ours_ended = flags & FLAG_UNIDIRECTIONAL};
	spdy->ops->opened(spdy->data, id, headers);
	if (flags & FLAG_FIN)
		end_theirs(spdy, id);
	return 0;
}

/* Nobody here waits for either. */
static int on_other_headers(struct spdy *spdy, unsigned flags, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct http_headers headers;

	if (spdy->control.len < 4)
		return fail(spdy, err, "HEADERS is cut off");
	if (read_headers(spdy, 4, &arena, &headers, err) < 0)
		return -(int)err->code;
	if (flags & FLAG_FIN)
		end_theirs(spdy, get_number((const unsigned char *)spdy->control.data) & STREAM_MASK);
	return 0;
}

static int on_reset(struct spdy *spdy, struct error *err)
{
	struct stream *stream;
	uint32_t id;
	void *hung;

	if (spdy->control.len != 8)
		return fail(spdy, err, "RST_STREAM has another size");
	id = get_number((const unsigned char *)spdy->control.data) & STREAM_MASK;
	stream = find(spdy, id);
	if (!stream)
		return 0;
	hung = stream->hung;
	forget(spdy, stream);
	spdy->ops->reset(spdy->data, id, hung);
	return 0;
}

static int on_settings(struct spdy *spdy, struct error *err)
{
	if (spdy->control.len < 4 ||
	    (spdy->control.len - 4) / 8 != get_number((const unsigned char *)spdy->control.data) ||
	    (spdy->control.len - 4) % 8)
		return fail(spdy, err, "SETTINGS has another size");
	return 0;
}

static int on_ping(struct spdy *spdy, struct error *err)
{
	uint32_t id;

	if (spdy->control.len != 4)
		return fail(spdy, err, "PING has another size");
	id = get_number((const unsigned char *)spdy->control.data);
	if (id % 2)
		send_control(spdy, FRAME_PING, id, NULL); /* theirs; none of ours is under way */
	return 0;
}

static int on_goaway(struct spdy *spdy, struct error *err)
{
	if (spdy->control.len != 8)
		return fail(spdy, err, "GOAWAY has another size");
	spdy->over = true;
	spdy->ops->left(spdy->data);
	return 0;
}

static int on_control(struct spdy *spdy, struct error *err)
{
	unsigned flags = spdy->head[4];

	switch (get_number(spdy->head) & 0xffff) {
	case FRAME_SYN_STREAM:
		return on_syn_stream(spdy, flags, err);
	case FRAME_SYN_REPLY:
	case FRAME_HEADERS:
		return on_other_headers(spdy, flags, err);
	case FRAME_RST_STREAM:
		return on_reset(spdy, err);
	case FRAME_SETTINGS:
		return on_settings(spdy, err);
	case FRAME_PING:
		return on_ping(spdy, err);
	case FRAME_GOAWAY:
		return on_goaway(spdy, err);
	case FRAME_WINDOW_UPDATE:
		return spdy->control.len == 8 ? 0 : fail(spdy, err, "WINDOW_UPDATE has another size");
	default:
		return 0; /* the protocol wants frames that are not known left alone */
	}
}

/* A piece of a data frame.  What comes for a stream that is gone was sent before the client knew. */
static void on_data(struct spdy *spdy, struct str bytes)
{
	uint32_t id = get_number(spdy->head) & STREAM_MASK;
	const struct stream *stream = find(spdy, id);

	if (!stream)
		return;
	if (stream->theirs_ended) {
		void *hung = stream->hung;

		spdy_reset(spdy, id, SPDY_STREAM_ALREADY_CLOSED);
		spdy->ops->reset(spdy->data, id, hung);
	} else if (bytes.len) {
		spdy->ops->bytes(spdy->data, id, stream->hung, bytes);
	}
}

static bool is_control(const struct spdy *spdy)
{
	return get_number(spdy->head) & CONTROL_BIT;
}

/* The head is whole. */
static int begin_payload(struct spdy *spdy, struct error *err)
{
	uint32_t first = get_number(spdy->head);

	spdy->left = get_number(spdy->head + 4) & 0xffffff;
	buf_clear(&spdy->control);
	if (!is_control(spdy))
		return first ? 0 : fail(spdy, err, "data for stream 0");
	if ((first >> 16 & 0x7fff) != VERSION)
		return fail(spdy, err, "another version");
	if (spdy->left > LIMIT_SPDY_CONTROL)
		return fail(spdy, err, "a control frame is too large");
	return 0;
}

static int end_payload(struct spdy *spdy, struct error *err)
{
	spdy->head_len = 0;
	if (is_control(spdy))
		return on_control(spdy, err);
	if (spdy->head[4] & FLAG_FIN)
		end_theirs(spdy, get_number(spdy->head));
	return 0;
}

static struct str take(struct str *rest, size_t size)
{
	struct str piece = str_sub(*rest, 0, MIN(rest->len, size));

	*rest = str_from_at(*rest, piece.len);
	return piece;
}

int spdy_feed(struct spdy *spdy, struct str bytes, struct error *err)
{
	struct str piece;

	while (bytes.len && !spdy->over) {
		if (spdy->head_len < HEAD_SIZE) {
			piece = take(&bytes, HEAD_SIZE - spdy->head_len);
			memcpy(spdy->head + spdy->head_len, piece.data, piece.len);
			spdy->head_len += piece.len;
			if (spdy->head_len < HEAD_SIZE)
				return 0;
			if (begin_payload(spdy, err) < 0)
				return -(int)err->code;
		}
		piece = take(&bytes, spdy->left);
		spdy->left -= piece.len;
		if (is_control(spdy))
			buf_str(&spdy->control, piece);
		else
			on_data(spdy, piece);
		if (!spdy->left && end_payload(spdy, err) < 0)
			return -(int)err->code;
	}
	return 0;
}
