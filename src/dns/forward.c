/*
 * Asking the world's name servers; see forward.h.
 *
 * An exchange is one question on its way.  States: UDP (sent, waiting), TCP_CONNECT, TCP_SEND, TCP_RECEIVE; each has
 * one descriptor and one deadline, and start_attempt() begins the next from any of them.
 */
#include "dns/forward.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "dns/cache.h"

#define ATTEMPT_NS   (1500 * NS_PER_MS) /* all of them within the 5 s that resolvers wait */
#define ATTEMPTS_MAX ((size_t)3)

struct dns_forward {
	struct loop *loop;
	struct dns_upstream upstreams[DNS_UPSTREAMS];
	size_t upstreams_len;
	size_t preferred; /* the last that answered */
	struct dns_cache cache;
	struct map exchanges; /* key -> struct exchange */
};

enum state { UDP, TCP_CONNECT, TCP_SEND, TCP_RECEIVE };

struct exchange {
	struct dns_forward *forward;
	struct dns_question question;
	uint8_t key_bytes[DNS_KEY_SIZE];
	struct str key;
	struct list waiters;
	enum state state;
	size_t attempt;
	struct dns_upstream upstream;
	int fd;
	struct loop_watch *watch;
	struct loop_timer timer;
	uint16_t id;
	/* Over TCP: what is being sent or received, its length before it. */
	uint8_t query[2 + DNS_QUERY_SIZE];
	size_t query_len, sent;
	uint8_t *received;
	size_t received_len;
};

struct dns_forward *dns_forward_new(struct loop *loop)
{
	struct dns_forward *forward = XNEW(struct dns_forward);

	forward->loop = loop;
	dns_cache_init(&forward->cache);
	return forward;
}

static void close_socket(struct exchange *x)
{
	loop_timer_stop(&x->timer);
	x->watch = loop_watch_free(x->watch);
	x->fd = close_fd(x->fd);
	free(x->received);
	x->received = NULL;
	x->received_len = x->sent = 0;
}

static void free_exchange(struct exchange *x)
{
	close_socket(x);
	free(x);
}

void dns_forward_set_upstreams(struct dns_forward *forward, const struct dns_upstream *upstreams, size_t len)
{
	forward->upstreams_len = MIN(len, (size_t)DNS_UPSTREAMS);
	if (forward->upstreams_len) /* of none there may be no array */
		memcpy(forward->upstreams, upstreams, forward->upstreams_len * sizeof(*upstreams));
	forward->preferred = 0;
}

size_t dns_forward_pending(const struct dns_forward *forward)
{
	return forward->exchanges.len;
}

/* A waiter may ask again from its callback, so the exchange is out of the way before. */
static void tell(struct exchange *x, const uint8_t *message, size_t size)
{
	struct list waiters;

	list_init(&waiters);
	list_splice(&waiters, &x->waiters);
	map_remove(&x->forward->exchanges, x->key);
	while (!list_empty(&waiters)) {
		struct dns_waiter *waiter = LIST_FIRST(&waiters, struct dns_waiter, link);

		list_remove(&waiter->link);
		waiter->done(waiter, message, size);
	}
	free_exchange(x);
}

struct dns_forward *dns_forward_free(struct dns_forward *forward)
{
	const struct map_entry *entry;

	if (!forward)
		return NULL;
	while ((entry = map_next(&forward->exchanges, NULL)))
		tell(entry->value, NULL, 0);
	map_release(&forward->exchanges);
	dns_cache_release(&forward->cache);
	free(forward);
	return NULL;
}

static void start_attempt(struct exchange *x);

static void next_attempt(struct exchange *x)
{
	struct dns_forward *forward = x->forward;

	close_socket(x);
	x->attempt++;
	if (x->attempt == ATTEMPTS_MAX || forward->upstreams_len == 0) {
		tell(x, NULL, 0);
		return;
	}
	start_attempt(x);
}

/* Ours, and an answer to this very question? */
static bool is_answer(const struct exchange *x, const uint8_t *message, size_t size)
{
	struct dns_reader reader = {message, size, 0};
	uint16_t id = 0, flags = 0, questions = 0, type = 0, klass = 0;
	struct dns_name name;

	if (dns_read_u16(&reader, &id) < 0 || dns_read_u16(&reader, &flags) < 0 ||
	    dns_read_u16(&reader, &questions) < 0)
		return false;
	reader.at = DNS_HEADER_SIZE;
	return size >= DNS_HEADER_SIZE && id == x->id && flags & DNS_QR && questions == 1 &&
	       dns_read_name(&reader, &name) == 0 && reader.at == (size_t)DNS_HEADER_SIZE + name.len &&
	       dns_read_u16(&reader, &type) == 0 && dns_read_u16(&reader, &klass) == 0 &&
	       dns_name_eq(&name, &x->question.name) && type == x->question.type && klass == x->question.klass;
}

static void take_answer(struct exchange *x, const uint8_t *message, size_t size)
{
	struct dns_forward *forward = x->forward;
	unsigned rcode = message[3] & 0xf;

	/* One that fails or refuses gives way to another, if there is one; the last word of the last one counts. */
	if ((rcode == DNS_SERVFAIL || rcode == DNS_REFUSED || rcode == DNS_NOTIMP) && forward->upstreams_len > 1 &&
	    x->attempt + 1 < MIN(forward->upstreams_len, ATTEMPTS_MAX)) {
		next_attempt(x);
		return;
	}
	for (size_t i = 0; i < forward->upstreams_len; i++)
		if (ip_eq(&forward->upstreams[i].address, &x->upstream.address) &&
		    forward->upstreams[i].port == x->upstream.port)
			forward->preferred = i;
	dns_cache_put(&forward->cache, x->key, clock_monotonic_ns(), message, size);
	tell(x, message, size);
}

static void fail(struct loop_timer *timer)
{
	next_attempt(CONTAINER_OF(timer, struct exchange, timer));
}

static void run_tcp(void *data, unsigned events);

static bool open_socket(struct exchange *x, int type, void (*run)(void *data, unsigned events), unsigned events)
{
	struct sockaddr_storage address;
	socklen_t size = ip_to_sockaddr(&x->upstream.address, x->upstream.port, &address);
	int ignored;

	x->fd = socket(x->upstream.address.family == IP_V6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0);
	if (x->fd < 0)
		return false;
	if (connect(x->fd, (struct sockaddr *)&address, size) < 0 && errno != EINPROGRESS)
		return false;
	x->watch = loop_watch_new(x->forward->loop, x->fd, events, run, x, &ignored);
	loop_timer_start(&x->timer, ATTEMPT_NS, 0);
	return x->watch != NULL;
}

static void start_tcp(struct exchange *x)
{
	uint16_t len;

	close_socket(x);
	len = htons((uint16_t)(x->query_len - 2));
	memcpy(x->query, &len, 2);
	x->state = TCP_CONNECT;
	if (!open_socket(x, SOCK_STREAM, run_tcp, LOOP_WRITE))
		next_attempt(x);
}

static void run_udp(void *data, unsigned events UNUSED)
{
	struct exchange *x = data;
	uint8_t message[4096];
	ssize_t len = recv(x->fd, message, sizeof(message), 0);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len < 0) {
		next_attempt(x);
		return;
	}
	/* A forged or late one: the right one may still come. */
	if (!is_answer(x, message, (size_t)len))
		return;
	if (message[2] & (DNS_TC >> 8))
		start_tcp(x);
	else
		take_answer(x, message, (size_t)len);
}

static void send_tcp(struct exchange *x)
{
	ssize_t n = send(x->fd, x->query + x->sent, x->query_len - x->sent, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		next_attempt(x);
		return;
	}
	x->sent += (size_t)n;
	x->state = x->sent == x->query_len ? TCP_RECEIVE : TCP_SEND;
	if (x->state == TCP_RECEIVE) {
		x->received = xmalloc(2 + DNS_MESSAGE_SIZE);
		loop_watch_set(x->watch, LOOP_READ);
	}
}

static void receive_tcp(struct exchange *x)
{
	size_t wanted = x->received_len < 2 ? 2 : 2U + (unsigned)(x->received[0] << 8 | x->received[1]);
	ssize_t n = recv(x->fd, x->received + x->received_len, wanted - x->received_len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		next_attempt(x);
		return;
	}
	x->received_len += (size_t)n;
	if (x->received_len < 2 || x->received_len < 2U + (unsigned)(x->received[0] << 8 | x->received[1]))
		return;
	if (is_answer(x, x->received + 2, x->received_len - 2))
		take_answer(x, x->received + 2, x->received_len - 2);
	else
		next_attempt(x);
}

static void run_tcp(void *data, unsigned events UNUSED)
{
	struct exchange *x = data;

	if (x->state == TCP_RECEIVE)
		receive_tcp(x);
	else
		send_tcp(x);
}

static void start_attempt(struct exchange *x)
{
	struct dns_forward *forward = x->forward;

	x->upstream = forward->upstreams[(forward->preferred + x->attempt) % forward->upstreams_len];
	x->id = (uint16_t)random_below(65536);
	x->query_len = 2 + dns_query_write(x->query + 2, x->id, &x->question);
	x->state = UDP;
	if (!open_socket(x, SOCK_DGRAM, run_udp, LOOP_READ)) {
		/* The next turn, so that the caller is not told before it has finished asking. */
		loop_timer_start(&x->timer, 0, 0);
		return;
	}
	if (send(x->fd, x->query + 2, x->query_len - 2, MSG_NOSIGNAL) < 0)
		loop_timer_start(&x->timer, 0, 0);
}

void dns_forward_ask(struct dns_forward *forward, const struct dns_question *question, struct dns_waiter *waiter)
{
	uint8_t key_bytes[DNS_KEY_SIZE], message[DNS_CACHE_MESSAGE];
	struct str key = dns_question_key(question, key_bytes);
	size_t size = dns_cache_get(&forward->cache, key, clock_monotonic_ns(), message);
	struct exchange *x;

	if (size > 0) {
		waiter->done(waiter, message, size);
		return;
	}
	x = map_get(&forward->exchanges, key);
	if (x) {
		list_append(&x->waiters, &waiter->link);
		return;
	}
	if (forward->upstreams_len == 0 || forward->exchanges.len >= LIMIT_DNS_FORWARDS) {
		waiter->done(waiter, NULL, 0);
		return;
	}
	x = XNEW(struct exchange);
	x->forward = forward;
	x->question = *question;
	x->fd = -1;
	memcpy(x->key_bytes, key.data, key.len);
	x->key = (struct str){(const char *)x->key_bytes, key.len};
	list_init(&x->waiters);
	list_append(&x->waiters, &waiter->link);
	loop_timer_init(&x->timer, forward->loop, fail);
	map_set(&forward->exchanges, x->key, x);
	start_attempt(x);
}
