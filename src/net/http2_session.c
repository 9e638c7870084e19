/* Sessions of nghttp2 over connections; see http2_session.h. */
#include "net/http2_session.h"

void http2_make_settings(nghttp2_session_callbacks **ret_callbacks, nghttp2_option **ret_options)
{
	if (nghttp2_session_callbacks_new(ret_callbacks) || nghttp2_option_new(ret_options))
		abort(); /* no memory for a small allocation */
}

void http2_session_begin(struct http2_session *session, const nghttp2_settings_entry *settings, size_t len,
			 int32_t window)
{
	nghttp2_submit_settings(session->nghttp2, NGHTTP2_FLAG_NONE, settings, len);
	nghttp2_session_set_local_window_size(session->nghttp2, NGHTTP2_FLAG_NONE, 0, window);
}

int http2_session_feed(struct http2_session *session, const uint8_t *bytes, size_t size)
{
	ssize_t n;

	session->receiving = true;
	n = nghttp2_session_mem_recv(session->nghttp2, bytes, size);
	session->receiving = false;
	return (int)MIN(n, (ssize_t)0);
}

int http2_session_produce(struct http2_session *session, struct conn *conn)
{
	const uint8_t *frame = NULL;

	if (session->receiving)
		return 0;
	while (conn_pending(conn) < HTTP2_QUEUE_MOST) {
		size_t before = conn_pending(conn);
		ssize_t n = nghttp2_session_mem_send(session->nghttp2, &frame);

		if (n < 0)
			return (int)n;
		if (n > 0)
			conn_queue(conn, (struct str){(const char *)frame, (size_t)n});
		else if (conn_pending(conn) == before) /* nor has a callback queued a frame's data by itself */
			break;
	}
	conn_flush(conn);
	return 0;
}

bool http2_session_is_over(const struct http2_session *session)
{
	return !session->receiving && !nghttp2_session_want_read(session->nghttp2) &&
	       !nghttp2_session_want_write(session->nghttp2);
}

nghttp2_nv http2_field(struct str name, struct str value)
{
	/* nghttp2 copies both; its interface has no const. */
	return (nghttp2_nv){UNCONST(uint8_t *, name.data), UNCONST(uint8_t *, value.data ? value.data : ""), name.len,
			    value.len, NGHTTP2_NV_FLAG_NONE};
}
