/*
 * HTTP/2 of the server over nghttp2; see server_internal.h.
 *
 * nghttp2 pulls: an exchange's body waits in its list of pieces, and when the connection can take more, frames are made
 * of them and copied once, into the connection's queue.  Handlers are called from within nghttp2's receive; they only
 * submit, and frames are made at the end of the turn.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "net/http2_session.h"
#include "net/server_internal.h"

#define READ_SIZE	   (16 * 1024)
#define READS_PER_TURN	   8
#define FRAME_DATA	   (16 * 1024 - 9) /* with its header it fills a TLS record */
#define STREAM_WINDOW	   (256 * 1024)
#define CONNECTION_WINDOW  (1024 * 1024)
#define HEADERS_PER_ANSWER 64

struct http2 {
	struct http2_session session;
};

static struct exchange *exchange_at(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

/* --- receiving --- */

/* A peer that does not go on with its request, or grants no window for the answer, is not waited for for ever. */
static int64_t exchange_deadline(const struct exchange *exchange, const struct http_server *server)
{
	if (exchange->state == EXCHANGE_RECEIVING)
		return exchange->started + server_body_timeout(server);
	return exchange->pending ? exchange->moved + server_peer_timeout(server) : INT64_MAX;
}

static void update_deadline(struct server_conn *conn)
{
	const struct http_server *server = conn->home->server;
	int64_t deadline = INT64_MAX;

	if (list_empty(&conn->exchanges))
		deadline = clock_monotonic_ns() + server_idle_timeout(server);
	LIST_FOREACH (struct exchange, exchange, &conn->exchanges, link)
		deadline = MIN(deadline, exchange_deadline(exchange, server));
	server_conn_set_deadline(conn, deadline);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct exchange *exchange;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	exchange = exchange_new(data);
	exchange->stream_id = frame->hd.stream_id;
	exchange->request.version = HTTP_VERSION_2;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, exchange);
	return 0;
}

static void set_pseudo(struct exchange *exchange, struct str name, struct str value)
{
	if (str_eq_c(name, ":method")) {
		exchange->request.method = value;
	} else if (str_eq_c(name, ":authority")) {
		exchange->request.authority = value;
	} else if (str_eq_c(name, ":path") && !exchange_set_target(exchange, value)) {
		exchange->refuse = 400;
		exchange->refuse_why = "malformed request target";
	}
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_data, size_t name_len,
		     const uint8_t *value_data, size_t value_len, uint8_t flags UNUSED, void *data UNUSED)
{
	struct exchange *exchange = exchange_at(session, frame->hd.stream_id);
	struct str name = {(const char *)name_data, name_len}, value = {(const char *)value_data, value_len};

	if (!exchange || exchange->state != EXCHANGE_RECEIVING || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	/* Counted before they are copied; the rest of too long a header is read and forgotten. */
	if (exchange->refuse == 431)
		return 0;
	if (exchange->header_size + name_len + value_len > LIMIT_REQUEST_HEADERS) {
		exchange->refuse = 431;
		exchange->refuse_why = "the request's header fields are too large";
		return 0;
	}
	value = arena_str(&exchange->request.arena, value);
	if (name.len && name.data[0] == ':') {
		exchange->header_size += name_len + value_len;
		set_pseudo(exchange, name, value);
		return 0;
	}
	name = arena_str(&exchange->request.arena, name);
	(void)exchange_add_header(exchange, name, value);
	if (str_eq_c(name, "host") && str_empty(exchange->request.authority))
		exchange->request.authority = value;
	else if (str_eq_c(name, "expect"))
		exchange->expects_continue = str_eq_nocase(value, STR("100-continue"));
	return 0;
}

static void dispatch(struct exchange *exchange)
{
	if (str_empty(exchange->request.path))
		exchange->request.path = STR("/");
	exchange_dispatch(exchange);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data UNUSED)
{
	struct exchange *exchange;

	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	exchange = exchange_at(session, frame->hd.stream_id);
	if (!exchange || exchange->state != EXCHANGE_RECEIVING)
		return 0;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM || exchange->refuse) {
		dispatch(exchange);
	} else if (frame->hd.type == NGHTTP2_HEADERS && exchange->expects_continue) {
		/* nghttp2 copies; its interface has no const. */
		nghttp2_nv nv = {UNCONST(uint8_t *, ":status"), UNCONST(uint8_t *, "100"), 7, 3, 0};

		nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NULL, &nv, 1, NULL);
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags UNUSED, int32_t stream_id, const uint8_t *bytes, size_t len,
		   void *data UNUSED)
{
	struct exchange *exchange = exchange_at(session, stream_id);

	if (exchange && exchange->state == EXCHANGE_RECEIVING && !exchange_add_body(exchange, bytes, len))
		dispatch(exchange);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code UNUSED, void *data)
{
	struct exchange *exchange = exchange_at(session, stream_id);
	struct server_conn *conn = data;

	if (!exchange || !exchange->conn)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream_id, NULL);
	if (exchange->state == EXCHANGE_ANSWERING && exchange->ended)
		exchange_done(exchange);
	else
		exchange_detach(exchange);
	if (list_empty(&conn->exchanges))
		update_deadline(conn);
	return 0;
}

/* An answer that did not wait for all of the request ends the stream both ways (RFC 9113, 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data UNUSED)
{
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
	    nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

/* What nghttp2 does not go on with: the peer is told why, if it still listens. */
static void give_up(struct server_conn *conn, int why)
{
	bool flood = why == NGHTTP2_ERR_FLOODED || why == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;

	nghttp2_session_terminate_session(conn->http2->session.nghttp2,
					  flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
	conn->framing->produce(conn);
	server_conn_close_drained(conn);
}

static void http2_readable(struct server_conn *conn)
{
	int failed;
	uint8_t buffer[READ_SIZE];
	ssize_t n = -ERR_AGAIN;

	for (int i = 0; i < READS_PER_TURN; i++) {
		/* A peer that sends and does not read gets no more answers to wait for. */
		if (conn_pending(conn->conn) > LIMIT_CONNECTION_BUFFER) {
			conn_pause(conn->conn);
			break;
		}
		n = conn_read(conn->conn, buffer, sizeof(buffer));
		if (n <= 0)
			break;
		failed = http2_session_feed(&conn->http2->session, buffer, (size_t)n);
		if (failed) {
			give_up(conn, failed);
			return;
		}
	}
	if (n == 0 || n == -ERR_CLOSED) {
		server_conn_close(conn);
		return;
	}
	update_deadline(conn);
	server_conn_produce_later(conn);
}

/* --- sending --- */

static ssize_t read_body(nghttp2_session *session UNUSED, int32_t stream_id UNUSED, uint8_t *out UNUSED, size_t length,
			 uint32_t *flags, nghttp2_data_source *source, void *data UNUSED)
{
	struct exchange *exchange = source->ptr;
	size_t size = MIN(length, exchange->pending);

	if (!size && !exchange->ended) {
		exchange->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (exchange->ended && size == exchange->pending)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)size;
}

static ssize_t frame_size(nghttp2_session *session UNUSED, uint8_t type UNUSED, int32_t stream_id UNUSED,
			  int32_t session_window, int32_t stream_window, uint32_t frame_max, void *data UNUSED)
{
	int32_t size = MIN(session_window, stream_window);

	size = MIN(size, (int32_t)FRAME_DATA);
	return MIN(size, (int32_t)MIN(frame_max, (uint32_t)INT32_MAX));
}

static int send_data(nghttp2_session *session UNUSED, nghttp2_frame *frame UNUSED, const uint8_t *header, size_t length,
		     nghttp2_data_source *source, void *data)
{
	struct exchange *exchange = source->ptr;
	struct server_conn *conn = data;

	/* One call of nghttp2's makes frames as long as the windows allow. */
	if (conn_pending(conn->conn) >= HTTP2_QUEUE_MOST)
		return NGHTTP2_ERR_WOULDBLOCK;
	conn_queue(conn->conn, (struct str){(const char *)header, 9});
	exchange->pending -= length;
	exchange->moved = clock_monotonic_ns();
	while (length) {
		struct piece *piece = exchange->first;
		size_t part = MIN(length, piece->payload.bytes.len - piece->sent);

		conn_queue(conn->conn, str_sub(piece->payload.bytes, piece->sent, part));
		piece->sent += part;
		length -= part;
		if (piece->sent < piece->payload.bytes.len)
			break;
		exchange->first = piece->next;
		if (!exchange->first)
			exchange->last = NULL;
		payload_release(&piece->payload);
		free(piece);
	}
	if (!exchange->pending)
		exchange_notify_drained(exchange);
	return 0;
}

static void http2_produce(struct server_conn *conn)
{
	struct http2_session *session = &conn->http2->session;

	if (http2_session_produce(session, conn->conn) < 0)
		server_conn_close(conn);
	else if (http2_session_is_over(session))
		server_conn_close_drained(conn);
}

static void http2_drained(struct server_conn *conn)
{
	conn_resume(conn->conn);
	http2_produce(conn);
}

static void add_piece(struct exchange *exchange, struct payload payload)
{
	size_t own = payload.release ? 0 : payload.bytes.len;
	struct piece *piece = xmalloc(sizeof(*piece) + own);
	int64_t deadline;

	*piece = (struct piece){.payload = payload};
	if (own) {
		memcpy(piece->own, payload.bytes.data, own);
		piece->payload.bytes.data = piece->own;
	}
	if (exchange->last)
		exchange->last->next = piece;
	else
		exchange->first = piece;
	exchange->last = piece;
	if (!exchange->pending) {
		exchange->moved = clock_monotonic_ns();
		deadline = exchange->moved + server_peer_timeout(exchange->home->server);
		server_conn_set_deadline(exchange->conn, MIN(exchange->conn->deadline, deadline));
	}
	exchange->pending += payload.bytes.len;
}

static void wake(struct exchange *exchange)
{
	if (exchange->deferred) {
		exchange->deferred = false;
		nghttp2_session_resume_data(exchange->conn->http2->session.nghttp2, exchange->stream_id);
	}
	server_conn_produce_later(exchange->conn);
}

static void keep_nothing(void *data UNUSED)
{
}

static void http2_start(struct exchange *exchange, const struct http_response *response, bool whole)
{
	nghttp2_session *session = exchange->conn->http2->session.nghttp2;
	bool bodiless = response->status == 204 || response->status == 304;
	size_t body_len = response->body.bytes.len, len = 0;
	nghttp2_nv nv[HEADERS_PER_ANSWER + 3];
	nghttp2_data_provider provider = {.source.ptr = exchange, .read_callback = read_body};
	struct payload body = response->body;
	char status[16], number[24];
	bool silent;

	snprintf(status, sizeof(status), "%d", response->status);
	snprintf(number, sizeof(number), "%zu", body_len);
	nv[len++] = http2_field(STR(":status"), str_from(status));
	for (size_t i = 0; i < MIN(response->headers.len, (size_t)HEADERS_PER_ANSWER); i++)
		nv[len++] = http2_field(response->headers.items[i].name, response->headers.items[i].value);
	nv[len++] = http2_field(STR("date"), str_from(home_date(exchange->home)));
	if (whole && !bodiless)
		nv[len++] = http2_field(STR("content-length"), str_from(number));
	exchange->head |= bodiless;
	silent = exchange->head || (whole && !body_len);
	if (whole) {
		exchange->ended = true;
		atomic_fetch_add_explicit(&exchange->home->sent, body_len, memory_order_relaxed);
		if (!silent) {
			/* Without a release it lives as long as the exchange, which waits for it. */
			if (!body.release)
				body.release = keep_nothing;
			add_piece(exchange, body);
		}
	}
	if (nghttp2_submit_response(session, exchange->stream_id, nv, len, silent && whole ? NULL : &provider) != 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, exchange->stream_id, NGHTTP2_INTERNAL_ERROR);
	/* Only now: the header may live in what the body's owner frees. */
	if (whole && silent)
		payload_release(&body);
	server_conn_produce_later(exchange->conn);
}

static void http2_write(struct exchange *exchange, struct payload payload)
{
	atomic_fetch_add_explicit(&exchange->home->sent, payload.bytes.len, memory_order_relaxed);
	add_piece(exchange, payload);
	wake(exchange);
}

static void http2_end(struct exchange *exchange)
{
	wake(exchange);
}

static void http2_reset(struct exchange *exchange)
{
	struct server_conn *conn = exchange->conn;

	nghttp2_session_set_stream_user_data(conn->http2->session.nghttp2, exchange->stream_id, NULL);
	nghttp2_submit_rst_stream(conn->http2->session.nghttp2, NGHTTP2_FLAG_NONE, exchange->stream_id,
				  NGHTTP2_INTERNAL_ERROR);
	exchange_done(exchange);
	server_conn_produce_later(conn);
}

static size_t http2_pending(const struct exchange *exchange)
{
	return exchange->pending;
}

static void http2_shut(struct server_conn *conn)
{
	nghttp2_submit_goaway(conn->http2->session.nghttp2, NGHTTP2_FLAG_NONE,
			      nghttp2_session_get_last_proc_stream_id(conn->http2->session.nghttp2), NGHTTP2_NO_ERROR,
			      NULL, 0);
	if (list_empty(&conn->exchanges)) {
		http2_produce(conn);
		server_conn_close_drained(conn);
	} else {
		server_conn_produce_later(conn);
	}
}

static void http2_release(struct server_conn *conn)
{
	if (conn->http2)
		nghttp2_session_del(conn->http2->session.nghttp2);
	free(conn->http2);
	conn->http2 = NULL;
}

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_callbacks(void)
{
	http2_make_settings(&callbacks, &options);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
	nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frame_size);
	/* Closed streams need not be remembered for priorities. */
	nghttp2_option_set_no_closed_streams(options, 1);
	/* What a peer can make us do by frames that cost it nothing; beyond that the connection ends. */
	nghttp2_option_set_stream_reset_rate_limit(options, LIMIT_HTTP2_RESETS, LIMIT_HTTP2_RESETS_SECOND);
	nghttp2_option_set_max_outbound_ack(options, LIMIT_HTTP2_ACKS);
	nghttp2_option_set_max_continuations(options, LIMIT_HTTP2_CONTINUATIONS);
}

bool http2_init(struct server_conn *conn)
{
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_HTTP2_STREAMS},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_REQUEST_HEADERS},
	};

	pthread_once(&once, make_callbacks);
	conn->http2 = XNEW(struct http2);
	if (nghttp2_session_server_new2(&conn->http2->session.nghttp2, callbacks, conn, options) != 0)
		return false;
	http2_session_begin(&conn->http2->session, settings, ARRAY_LEN(settings), CONNECTION_WINDOW);
	update_deadline(conn);
	server_conn_produce_later(conn);
	return true;
}

/* Exchanges that the peer keeps waiting are given up, one by one; a connection without any is told to go. */
void http2_deadline(struct server_conn *conn)
{
	int64_t now = clock_monotonic_ns();

	if (list_empty(&conn->exchanges)) {
		http2_shut(conn);
		return;
	}
	LIST_FOREACH (struct exchange, exchange, &conn->exchanges, link)
		if (exchange_deadline(exchange, conn->home->server) <= now)
			nghttp2_submit_rst_stream(conn->http2->session.nghttp2, NGHTTP2_FLAG_NONE, exchange->stream_id,
						  NGHTTP2_CANCEL);
	server_conn_produce_later(conn);
	/* Those that are reset go at the end of the turn: a deadline of theirs, long past, would not let it come. */
	server_conn_set_deadline(conn, now + NS_PER_SEC);
}

const struct framing http2_framing = {
	.readable = http2_readable,
	.drained = http2_drained,
	.produce = http2_produce,
	.start = http2_start,
	.write = http2_write,
	.end = http2_end,
	.reset = http2_reset,
	.pending = http2_pending,
	.shut = http2_shut,
	.release = http2_release,
};
