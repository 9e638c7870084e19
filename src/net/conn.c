/*
 * Connections; see conn.h.
 *
 * A connection goes CONNECTING -> HANDSHAKE -> OPEN -> BROKEN, skipping what does not apply; enter_state() is the only
 * place where it changes.  What must not happen inside a call of the owner's (broken, drained, readable on demand) is
 * noted in `later` and done by the deferred call.
 *
 * The owner may free the connection in any callback: callbacks are made between enter() and leave(), and while one is
 * on the stack conn_free() closes everything but leaves the struct to leave().
 *
 * TLS goes through a BIO of our own, because OpenSSL's writes with write(), which would raise SIGPIPE.
 */
#include "net/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/tls_internal.h"
#include "sys/loop.h"

#define CHUNK_SIZE     (16 * 1024) /* a TLS record's most */
#define CHUNK_MIN      1024
#define REF_MIN	       4096 /* smaller payloads are copied: cheaper than a chunk of their own */
#define FLUSH_PER_TURN (512 * 1024)
#define IOV_PER_WRITE  32

/* Bytes to send: its own, or lent ones. */
struct chunk {
	struct chunk *next;
	struct payload payload; /* release NULL: bytes are in `own` */
	size_t sent;
	size_t cap;
	char own[];
};

enum state { STATE_CONNECTING, STATE_HANDSHAKE, STATE_OPEN, STATE_BROKEN, STATE_MAX };

enum later { LATER_FLUSH = 1, LATER_READ = 2, LATER_DRAINED = 4, LATER_BROKEN = 8, LATER_ESTABLISHED = 16 };

struct conn {
	struct loop *loop;
	struct loop_watch *watch;
	struct loop_defer defer;
	const struct conn_ops *ops;
	void *owner;
	SSL *ssl;
	struct tls_peer *peer;
	struct chunk *first, *last;
	size_t pending;
	char *unread; /* given back by conn_unread() */
	size_t unread_len, unread_at;
	struct error *why;	 /* of BROKEN */
	struct closing *closing; /* after conn_free_drained() */
	int fd;
	enum state state;
	unsigned later;
	unsigned short entered;
	bool server, paused, blocked, dead, shutdown_wanted, shutdown_done, ssl_failed, peer_read, ssl_wants_write,
		ssl_wants_read;
};

/* What ends a connection nobody owns any more: its deadline, or the loop's own end. */
struct closing {
	struct loop_timer timer;
	struct loop_exit exit;
	struct conn *conn;
};

static void fail(struct conn *conn, enum error_code code, const char *what, const char *detail);

/* --- TLS over the socket --- */

static int bio_write(BIO *bio, const char *data, size_t size, size_t *ret_written)
{
	ssize_t n = send((int)(intptr_t)BIO_get_data(bio), data, size, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			BIO_set_retry_write(bio);
		return 0;
	}
	*ret_written = (size_t)n;
	return 1;
}

static int bio_read(BIO *bio, char *data, size_t size, size_t *ret_read)
{
	ssize_t n = recv((int)(intptr_t)BIO_get_data(bio), data, size, 0);

	BIO_clear_retry_flags(bio);
	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			BIO_set_retry_read(bio);
		if (n == 0)
			BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
		return 0;
	}
	*ret_read = (size_t)n;
	return 1;
}

static long bio_ctrl(BIO *bio, int command, long number UNUSED, void *p UNUSED)
{
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static void make_bio_method(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wherry socket");
	BIO_meth_set_write_ex(bio_method, bio_write);
	BIO_meth_set_read_ex(bio_method, bio_read);
	BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

static bool start_tls(struct conn *conn, const struct conn_config *config)
{
	struct ip_address address;
	BIO *bio;

	pthread_once(&bio_once, make_bio_method);
	ERR_clear_error();
	conn->ssl = tls_context_new_ssl(config->tls);
	bio = BIO_new(bio_method);
	if (!conn->ssl || !bio) {
		BIO_free(bio);
		return false;
	}
	BIO_set_data(bio, (void *)(intptr_t)config->fd);
	BIO_set_init(bio, 1);
	SSL_set_bio(conn->ssl, bio, bio);
	SSL_set_read_ahead(conn->ssl, 1);
	if (config->server) {
		SSL_set_accept_state(conn->ssl);
		return true;
	}
	SSL_set_connect_state(conn->ssl);
	if (config->server_name && ip_parse(str_from(config->server_name), &address) == 0) {
		if (X509_VERIFY_PARAM_set1_ip(SSL_get0_param(conn->ssl), address.bytes,
					      ip_family_bits(address.family) / 8) != 1)
			return false;
	} else if (config->server_name) {
		/* OpenSSL copies the name; its macro has no const. */
		if (SSL_set1_host(conn->ssl, config->server_name) != 1 ||
		    SSL_set_tlsext_host_name(conn->ssl, UNCONST(char *, config->server_name)) != 1)
			return false;
	}
	if (config->alpn) {
		bool both = strcmp(config->alpn, "http/1.1") != 0;
		const unsigned char *protocols = (const unsigned char *)(both ? "\x02h2\x08http/1.1" : "\x08http/1.1");

		return SSL_set_alpn_protos(conn->ssl, protocols, both ? 12 : 9) == 0;
	}
	return true;
}

/* --- callbacks and what is done later --- */

static void destroy(struct conn *conn)
{
	free(conn->why);
	free(conn);
}

static void enter(struct conn *conn)
{
	conn->entered++;
}

/* False: the connection is gone. */
static bool leave(struct conn *conn)
{
	if (--conn->entered == 0 && conn->dead) {
		destroy(conn);
		return false;
	}
	return !conn->dead;
}

static void do_later(struct conn *conn, unsigned what)
{
	conn->later |= what;
	loop_defer(&conn->defer);
}

static void update_watch(struct conn *conn)
{
	unsigned events = 0;

	if (!conn->watch)
		return;
	switch (conn->state) {
	case STATE_CONNECTING:
		events = LOOP_WRITE;
		break;
	case STATE_HANDSHAKE:
		events = conn->ssl_wants_write ? LOOP_WRITE : LOOP_READ;
		break;
	case STATE_OPEN:
		events = (conn->paused ? 0 : LOOP_READ) | (conn->blocked || conn->ssl_wants_write ? LOOP_WRITE : 0);
		break;
	default:
		break;
	}
	loop_watch_set(conn->watch, events);
}

static void enter_state(struct conn *conn, enum state state)
{
	/* Forward only. */
	assert(state > conn->state);
	conn->state = state;
	if (state == STATE_OPEN) {
		conn->ssl_wants_write = false;
		/* With the handshake's last bytes TLS may have read what comes after them. */
		do_later(conn, LATER_ESTABLISHED | LATER_FLUSH | LATER_READ);
	}
	update_watch(conn);
}

static void fail(struct conn *conn, enum error_code code, const char *what, const char *detail)
{
	if (conn->state == STATE_BROKEN)
		return;
	conn->why = XNEW(struct error);
	error_set(conn->why, code, "%s%s%s", what, detail ? ": " : "", detail ? detail : "");
	enter_state(conn, STATE_BROKEN);
	do_later(conn, LATER_BROKEN);
}

/* What an OpenSSL call met: 0 to go on later, -1 when the connection is broken (noted). */
static int meet_ssl_error(struct conn *conn, int result, const char *what)
{
	char text[160];
	long verify;

	switch (SSL_get_error(conn->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_WANT_WRITE:
		conn->ssl_wants_write = true;
		return 0;
	case SSL_ERROR_SYSCALL:
		conn->ssl_failed = true;
		ERR_clear_error();
		fail(conn, ERR_CLOSED, what, errno ? strerrordesc_np(errno) : "closed by the peer");
		return -1;
	default:
		conn->ssl_failed = true;
		verify = SSL_get_verify_result(conn->ssl);
		tls_error_text(text, sizeof(text));
		if (conn->state == STATE_HANDSHAKE && !conn->server && verify != X509_V_OK)
			snprintf(text, sizeof(text), "certificate: %s", X509_verify_cert_error_string(verify));
		fail(conn, ERR_CLOSED, what, text);
		return -1;
	}
}

static void handshake(struct conn *conn)
{
	int r;

	ERR_clear_error();
	errno = 0;
	conn->ssl_wants_write = false;
	r = SSL_do_handshake(conn->ssl);
	if (r == 1)
		enter_state(conn, STATE_OPEN);
	else
		meet_ssl_error(conn, r, "TLS handshake");
	update_watch(conn);
}

static void connected(struct conn *conn)
{
	int problem = 0;
	socklen_t len = sizeof(problem);

	getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &problem, &len);
	if (problem) {
		fail(conn, ERR_CLOSED, "connect", strerrordesc_np(problem));
		return;
	}
	enter_state(conn, conn->ssl ? STATE_HANDSHAKE : STATE_OPEN);
	if (conn->state == STATE_HANDSHAKE)
		handshake(conn);
}

/* --- sending --- */

static void free_chunk(struct chunk *chunk)
{
	payload_release(&chunk->payload);
	free(chunk);
}

static void consume(struct conn *conn, size_t size)
{
	conn->pending -= size;
	while (size) {
		struct chunk *chunk = conn->first;
		size_t left = chunk->payload.bytes.len - chunk->sent, part = MIN(left, size);

		chunk->sent += part;
		size -= part;
		if (part < left)
			break;
		conn->first = chunk->next;
		if (!conn->first)
			conn->last = NULL;
		free_chunk(chunk);
	}
}

static ssize_t send_plain(struct conn *conn)
{
	struct iovec parts[IOV_PER_WRITE];
	struct msghdr message = {.msg_iov = parts};
	ssize_t n;

	for (struct chunk *c = conn->first; c && message.msg_iovlen < IOV_PER_WRITE; c = c->next) {
		/* iovec serves reading too and knows no const. */
		parts[message.msg_iovlen].iov_base = UNCONST(char *, c->payload.bytes.data) + c->sent;
		parts[message.msg_iovlen++].iov_len = c->payload.bytes.len - c->sent;
	}
	n = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
	if (n < 0 && errno == ENOTSOCK)
		n = writev(conn->fd, parts, (int)message.msg_iovlen);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		fail(conn, ERR_CLOSED, "write", strerrordesc_np(errno));
		return -1;
	}
	return MAX(n, (ssize_t)0);
}

static ssize_t send_tls(struct conn *conn)
{
	struct chunk *chunk = conn->first;
	const char *data = chunk->payload.bytes.data + chunk->sent;
	size_t size = chunk->payload.bytes.len - chunk->sent, written = 0;
	char gathered[CHUNK_SIZE];
	int r;

	/*
	 * Small pieces share a record.  After a short write OpenSSL wants the same bytes again, perhaps with more after
	 * them, which a queue that grows only at its end gives.
	 */
	if (size < CHUNK_SIZE && chunk->next) {
		size = 0;
		for (struct chunk *c = chunk; c && size < sizeof(gathered); c = c->next) {
			size_t part = MIN(c->payload.bytes.len - c->sent, sizeof(gathered) - size);

			memcpy(gathered + size, c->payload.bytes.data + c->sent, part);
			size += part;
		}
		data = gathered;
	}
	ERR_clear_error();
	errno = 0;
	r = SSL_write_ex(conn->ssl, data, size, &written);
	if (r != 1)
		return meet_ssl_error(conn, r, "write");
	return (ssize_t)written;
}

static void finish_writing(struct conn *conn)
{
	if (conn->shutdown_done || conn->state != STATE_OPEN)
		return;
	conn->shutdown_done = true;
	if (conn->ssl && !conn->ssl_failed) {
		ERR_clear_error();
		SSL_shutdown(conn->ssl);
		ERR_clear_error();
	}
	shutdown(conn->fd, SHUT_WR);
}

static void flush(struct conn *conn)
{
	size_t budget = FLUSH_PER_TURN;
	bool had = conn->pending > 0;

	conn->later &= ~(unsigned)LATER_FLUSH;
	if (conn->state != STATE_OPEN)
		return;
	conn->blocked = conn->ssl_wants_write = false;
	while (conn->pending && budget) {
		ssize_t n = conn->ssl ? send_tls(conn) : send_plain(conn);

		if (n < 0)
			return;
		if (n == 0) {
			conn->blocked = true;
			break;
		}
		consume(conn, (size_t)n);
		budget -= MIN(budget, (size_t)n);
	}
	if (conn->pending && !conn->blocked)
		do_later(conn, LATER_FLUSH);
	if (had && !conn->pending)
		do_later(conn, LATER_DRAINED);
	if (!conn->pending && conn->shutdown_wanted)
		finish_writing(conn);
	update_watch(conn);
}

/* --- events --- */

/* Bytes on this side of the socket that have not been read: the kernel does not tell of them. */
static bool holds_bytes(const struct conn *conn)
{
	/* What is left in the session when it has asked for more is a record's beginning. */
	return conn->unread || (conn->ssl && !conn->ssl_wants_read && SSL_has_pending(conn->ssl));
}

static void call_readable(struct conn *conn)
{
	if (conn->paused || !conn->ops || !conn->ops->readable)
		return;
	conn->ops->readable(conn, conn->owner);
	if (!conn->dead && holds_bytes(conn))
		do_later(conn, LATER_READ);
}

static void run_later(struct loop_defer *defer)
{
	struct conn *conn = CONTAINER_OF(defer, struct conn, defer);
	unsigned later;

	if (conn->later & LATER_FLUSH)
		flush(conn);
	/* What flush() has just found out is told now, not a turn later. */
	loop_defer_cancel(&conn->defer);
	if (conn->later & LATER_FLUSH)
		loop_defer(&conn->defer);
	later = conn->later;
	conn->later &= LATER_FLUSH;
	enter(conn);
	if (later & LATER_ESTABLISHED && conn->state == STATE_OPEN && conn->ops && conn->ops->established)
		conn->ops->established(conn, conn->owner);
	if (!conn->dead && later & LATER_READ && conn->state == STATE_OPEN)
		call_readable(conn);
	if (!conn->dead && later & LATER_DRAINED && !conn->pending && conn->state == STATE_OPEN && conn->ops &&
	    conn->ops->drained)
		conn->ops->drained(conn, conn->owner);
	if (!conn->dead && later & LATER_BROKEN && conn->ops && conn->ops->broken)
		conn->ops->broken(conn, conn->owner, conn->why);
	leave(conn);
}

static void on_events(void *data, unsigned events)
{
	struct conn *conn = data;

	enter(conn);
	switch (conn->state) {
	case STATE_CONNECTING:
		connected(conn);
		break;
	case STATE_HANDSHAKE:
		handshake(conn);
		break;
	case STATE_OPEN:
		if (events & LOOP_WRITE)
			flush(conn);
		if (events & LOOP_READ && conn->state == STATE_OPEN && !(conn->later & LATER_ESTABLISHED))
			call_readable(conn);
		break;
	default:
		break;
	}
	leave(conn);
}

/* --- the interface --- */

static void set_socket_options(int fd)
{
	int on = 1, idle = 60, interval = 15, count = 4, timeout = HTTP_PEER_TIMEOUT_MS;

	/* Sockets that are not TCP refuse these, which is well. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

int conn_new(const struct conn_config *config, struct conn **ret, struct error *err)
{
	struct conn *conn = XNEW(struct conn);
	int failure = 0;

	conn->loop = config->loop;
	conn->fd = config->fd;
	conn->server = config->server;
	conn->ops = config->ops;
	conn->owner = config->owner;
	loop_defer_init(&conn->defer, config->loop, run_later);
	set_socket_options(conn->fd);
	if (config->tls && !start_tls(conn, config)) {
		char text[128];

		tls_error_text(text, sizeof(text));
		conn_free(conn);
		return error_set(err, ERR_INTERNAL, "TLS: %s", text);
	}
	/* An fd that is connected already says so at once. */
	conn->state = config->server ? (conn->ssl ? STATE_HANDSHAKE : STATE_CONNECTING) : STATE_CONNECTING;
	conn->watch = loop_watch_new(conn->loop, conn->fd, 0, on_events, conn, &failure);
	if (!conn->watch) {
		conn_free(conn);
		return error_set_errno(err, failure, "watch a connection");
	}
	if (config->server && !conn->ssl)
		enter_state(conn, STATE_OPEN);
	update_watch(conn);
	*ret = conn;
	return 0;
}

struct conn *conn_free(struct conn *conn)
{
	if (!conn || conn->dead)
		return NULL;
	conn->dead = true;
	loop_defer_cancel(&conn->defer);
	conn->watch = loop_watch_free(conn->watch);
	if (conn->ssl && conn->state == STATE_OPEN && !conn->ssl_failed && !conn->shutdown_done) {
		ERR_clear_error();
		SSL_shutdown(conn->ssl);
		ERR_clear_error();
	}
	conn->peer = tls_peer_unref(conn->peer);
	SSL_free(conn->ssl);
	conn->ssl = NULL;
	conn->fd = close_fd(conn->fd);
	while (conn->first) {
		struct chunk *chunk = conn->first;

		conn->first = chunk->next;
		free_chunk(chunk);
	}
	free(conn->unread);
	conn->unread = NULL;
	if (conn->closing) {
		loop_timer_stop(&conn->closing->timer);
		loop_exit_remove(&conn->closing->exit);
		free(conn->closing);
		conn->closing = NULL;
	}
	if (!conn->entered)
		destroy(conn);
	return NULL;
}

void conn_set_owner(struct conn *conn, const struct conn_ops *ops, void *owner)
{
	conn->ops = ops;
	conn->owner = owner;
	/* What the one before has left. */
	do_later(conn, LATER_READ);
}

/* A connection nobody owns any more: it reads what comes and forgets it until the peer ends or all is sent. */
static void closing_readable(struct conn *conn, void *owner UNUSED)
{
	char scratch[4096];
	ssize_t n = 1;

	for (int i = 0; i < 16 && n > 0; i++)
		n = conn_read(conn, scratch, sizeof(scratch));
	if (n == 0 && !conn->pending)
		conn_free(conn);
	else if (n == 0)
		conn_pause(conn);
}

static void closing_drained(struct conn *conn, void *owner UNUSED)
{
	/* The peer gets a moment to read before a reset could overtake the bytes: it ends, or the deadline comes. */
	finish_writing(conn);
	if (conn->paused)
		conn_free(conn);
}

static void closing_broken(struct conn *conn, void *owner UNUSED, const struct error *why UNUSED)
{
	conn_free(conn);
}

static void closing_timeout(struct loop_timer *timer)
{
	conn_free(CONTAINER_OF(timer, struct closing, timer)->conn);
}

static void closing_loop_ends(struct loop_exit *exit)
{
	conn_free(CONTAINER_OF(exit, struct closing, exit)->conn);
}

void conn_free_drained(struct conn *conn, int64_t timeout)
{
	static const struct conn_ops ops = {
		.readable = closing_readable,
		.drained = closing_drained,
		.broken = closing_broken,
	};
	struct closing *closing;

	if (conn->state == STATE_BROKEN || conn->state < STATE_OPEN) {
		conn_free(conn);
		return;
	}
	closing = XNEW(struct closing);
	closing->conn = conn;
	conn_set_owner(conn, &ops, NULL);
	loop_timer_init(&closing->timer, conn->loop, closing_timeout);
	loop_timer_start(&closing->timer, timeout, 0);
	closing->exit.run = closing_loop_ends;
	loop_exit_add(conn->loop, &closing->exit);
	conn->closing = closing;
	conn->shutdown_wanted = true;
	conn_resume(conn);
	do_later(conn, LATER_FLUSH);
}

static ssize_t read_unread(struct conn *conn, void *buffer, size_t size)
{
	size_t part = MIN(size, conn->unread_len - conn->unread_at);

	memcpy(buffer, conn->unread + conn->unread_at, part);
	conn->unread_at += part;
	if (conn->unread_at == conn->unread_len) {
		free(conn->unread);
		conn->unread = NULL;
		conn->unread_len = conn->unread_at = 0;
	}
	return (ssize_t)part;
}

static ssize_t read_tls(struct conn *conn, void *buffer, size_t size)
{
	size_t got = 0;
	int r, error;

	ERR_clear_error();
	errno = 0;
	r = SSL_read_ex(conn->ssl, buffer, size, &got);
	conn->ssl_wants_read = r != 1;
	if (r == 1)
		return (ssize_t)got;
	error = SSL_get_error(conn->ssl, r);
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (error == SSL_ERROR_WANT_READ)
		return -ERR_AGAIN;
	if (meet_ssl_error(conn, r, "read") < 0)
		return -ERR_CLOSED;
	update_watch(conn);
	return -ERR_AGAIN;
}

ssize_t conn_read(struct conn *conn, void *buffer, size_t size)
{
	ssize_t n;

	if (conn->unread)
		return read_unread(conn, buffer, size);
	if (conn->state == STATE_BROKEN)
		return -ERR_CLOSED;
	if (conn->state != STATE_OPEN)
		return -ERR_AGAIN;
	if (conn->ssl)
		return read_tls(conn, buffer, size);
	n = recv(conn->fd, buffer, size, 0);
	if (n < 0 && errno == ENOTSOCK)
		n = read(conn->fd, buffer, size);
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return -ERR_AGAIN;
	fail(conn, ERR_CLOSED, "read", strerrordesc_np(errno));
	return -ERR_CLOSED;
}

void conn_unread(struct conn *conn, struct str bytes)
{
	size_t rest = conn->unread_len - conn->unread_at;
	char *joined;

	if (str_empty(bytes))
		return;
	joined = xmalloc(bytes.len + rest);
	memcpy(joined, bytes.data, bytes.len);
	if (rest)
		memcpy(joined + bytes.len, conn->unread + conn->unread_at, rest);
	free(conn->unread);
	conn->unread = joined;
	conn->unread_len = bytes.len + rest;
	conn->unread_at = 0;
	do_later(conn, LATER_READ);
}

void conn_pause(struct conn *conn)
{
	conn->paused = true;
	update_watch(conn);
}

void conn_resume(struct conn *conn)
{
	if (!conn->paused)
		return;
	conn->paused = false;
	/* TLS may hold bytes that the socket no longer shows. */
	do_later(conn, LATER_READ);
	update_watch(conn);
}

static struct chunk *append_chunk(struct conn *conn, size_t cap)
{
	struct chunk *chunk = xmalloc(sizeof(*chunk) + cap);

	*chunk = (struct chunk){.cap = cap};
	if (conn->last)
		conn->last->next = chunk;
	else
		conn->first = chunk;
	conn->last = chunk;
	return chunk;
}

void conn_queue(struct conn *conn, struct str bytes)
{
	struct chunk *chunk = conn->last;

	if (str_empty(bytes) || conn->state == STATE_BROKEN)
		return;
	conn->pending += bytes.len;
	while (bytes.len) {
		size_t part;

		if (!chunk || chunk->payload.release || chunk->payload.bytes.len == chunk->cap) {
			chunk = append_chunk(conn, chunk || bytes.len > CHUNK_MIN ? CHUNK_SIZE : CHUNK_MIN);
			chunk->payload.bytes = (struct str){chunk->own, 0};
		}
		part = MIN(bytes.len, chunk->cap - chunk->payload.bytes.len);
		memcpy(chunk->own + chunk->payload.bytes.len, bytes.data, part);
		chunk->payload.bytes.len += part;
		bytes = str_from_at(bytes, part);
	}
	do_later(conn, LATER_FLUSH);
}

void conn_queue_payload(struct conn *conn, struct payload payload)
{
	if (!payload.release || payload.bytes.len < REF_MIN || conn->state == STATE_BROKEN) {
		conn_queue(conn, payload.bytes);
		payload_release(&payload);
		return;
	}
	append_chunk(conn, 0)->payload = payload;
	conn->pending += payload.bytes.len;
	do_later(conn, LATER_FLUSH);
}

void conn_flush(struct conn *conn)
{
	flush(conn);
}

size_t conn_pending(const struct conn *conn)
{
	return conn->pending;
}

void conn_shutdown_write(struct conn *conn)
{
	conn->shutdown_wanted = true;
	do_later(conn, LATER_FLUSH);
}

bool conn_is_established(const struct conn *conn)
{
	return conn->state == STATE_OPEN;
}

struct str conn_alpn(const struct conn *conn)
{
	const unsigned char *data = NULL;
	unsigned len = 0;

	if (conn->ssl)
		SSL_get0_alpn_selected(conn->ssl, &data, &len);
	return len ? (struct str){(const char *)data, len} : STR_EMPTY;
}

const struct tls_peer *conn_peer(struct conn *conn)
{
	if (conn->ssl && !conn->peer_read && conn->state == STATE_OPEN) {
		conn->peer_read = true;
		conn->peer = tls_peer_new(conn->ssl);
	}
	return conn->peer;
}

bool conn_peer_address(const struct conn *conn, struct ip_address *ret_address, uint16_t *ret_port)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getpeername(conn->fd, (struct sockaddr *)&address, &len) < 0)
		return false;
	return ip_from_sockaddr((struct sockaddr *)&address, ret_address, ret_port);
}

struct loop *conn_loop(const struct conn *conn)
{
	return conn->loop;
}

int conn_fd(const struct conn *conn)
{
	return conn->fd;
}
