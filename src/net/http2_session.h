/*
 * What HTTP/2 of the server and of the client share: a session of nghttp2 over a connection.
 *
 * nghttp2 pulls: frames are made when the connection can take more.  Its callbacks run while bytes are fed; they only
 * submit, and frames are made when the feeding is over.
 */
#ifndef WHERRY_NET_HTTP2_SESSION_H
#define WHERRY_NET_HTTP2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "net/conn.h"

#define HTTP2_QUEUE_MOST (256 * 1024) /* frames are made while less waits in the connection */

struct http2_session {
	nghttp2_session *nghttp2;
	bool receiving;
};

/* Sets of callbacks and options, once in a process; aborts when there is no memory. */
void http2_make_settings(nghttp2_session_callbacks **ret_callbacks, nghttp2_option **ret_options);
/* Says first what we take: settings, and a window for all streams together. */
void http2_session_begin(struct http2_session *session, const nghttp2_settings_entry *settings, size_t len,
			 int32_t window);
/* 0, or nghttp2's error: the session is of no more use. */
int http2_session_feed(struct http2_session *session, const uint8_t *bytes, size_t size) MUST_CHECK;
/* Makes frames and sends them; 0 or nghttp2's error.  Does nothing while bytes are fed. */
int http2_session_produce(struct http2_session *session, struct conn *conn) MUST_CHECK;
/* Both sides have said all they will, and nothing is being fed. */
bool http2_session_is_over(const struct http2_session *session);
/* A field to submit: nghttp2 copies both. */
nghttp2_nv http2_field(struct str name, struct str value);

#endif
