/*
 * Sockets of the HTTP client that cannot be made on the loop: names to resolve, other network namespaces, a hook.  A
 * worker does it and posts the result; see client_internal.h.
 */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/client_internal.h"

#define POLL_STEP_MS 100

struct dial_job {
	struct client_conn *conn; /* NULL: abandoned; loop thread only */
	struct loop *loop;
	char *host;
	uint16_t port;
	int netns_fd;
	int (*dial)(void *cookie, const char *host, uint16_t port, struct error *err);
	void *cookie;
	int64_t deadline;
	atomic_bool abandoned;
	int fd;
	struct error err;
};

/* Waits for a connection under way; 0 or an errno value. */
static int await_connection(const struct dial_job *job, int fd, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int problem = 0;
	socklen_t len = sizeof(problem);

	for (;;) {
		if (atomic_load(&job->abandoned))
			return ECANCELED;
		if (clock_monotonic_ns() >= deadline)
			return ETIMEDOUT;
		if (poll(&p, 1, POLL_STEP_MS) > 0)
			break;
	}
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len);
	return problem;
}

static int connect_one(const struct dial_job *job, const struct addrinfo *address, int64_t deadline, int *ret_fd)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), problem = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, address->ai_addr, address->ai_addrlen) < 0)
		problem = errno == EINPROGRESS ? await_connection(job, fd, deadline) : errno;
	if (problem) {
		close_fd(fd);
		return problem;
	}
	*ret_fd = fd;
	return 0;
}

static void connect_by_name(struct dial_job *job)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG}, *list = NULL;
	int64_t now = clock_monotonic_ns();
	int problem = EHOSTUNREACH, r;
	char port[8];

	snprintf(port, sizeof(port), "%u", job->port);
	r = getaddrinfo(job->host, port, &hints, &list);
	if (r) {
		error_set(&job->err, ERR_CLOSED, "look up %s: %s", job->host,
			  r == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(r));
		return;
	}
	for (const struct addrinfo *a = list; a && job->fd < 0; a = a->ai_next) {
		/* Those after it get their share of the time. */
		int64_t deadline = a->ai_next ? now + (job->deadline - now) / 2 : job->deadline;

		problem = connect_one(job, a, deadline, &job->fd);
		now = clock_monotonic_ns();
	}
	freeaddrinfo(list);
	if (job->fd < 0)
		error_set(&job->err, ERR_CLOSED, "connect to %s port %u: %s", job->host, job->port,
			  strerrordesc_np(problem));
}

/* In another network namespace for as long as it takes: the worker belongs to a pool. */
static void connect_in_namespace(struct dial_job *job)
{
	cleanup_close int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (own < 0 || setns(job->netns_fd, CLONE_NEWNET) < 0) {
		error_set_errno(&job->err, errno, "enter the network namespace");
		return;
	}
	connect_by_name(job);
	/* A thread that cannot go back must not serve others. */
	if (setns(own, CLONE_NEWNET) < 0)
		abort();
}

static void finish(void *data)
{
	struct dial_job *job = data;

	if (job->conn) {
		job->conn->dial = NULL;
		client_conn_dialed(job->conn, job->fd, job->err.code ? &job->err : NULL);
	} else {
		close_fd(job->fd);
	}
	free(job->host);
	free(job);
}

static void run(void *data)
{
	struct dial_job *job = data;

	if (atomic_load(&job->abandoned)) {
		error_set(&job->err, ERR_CANCELLED, "no longer wanted");
	} else if (job->dial) {
		job->fd = job->dial(job->cookie, job->host, job->port, &job->err);
		if (job->fd >= 0)
			fcntl(job->fd, F_SETFL, fcntl(job->fd, F_GETFL) | O_NONBLOCK);
		else if (!job->err.code)
			error_set(&job->err, ERR_CLOSED, "connect to %s port %u failed", job->host, job->port);
	} else if (job->netns_fd > 0) {
		connect_in_namespace(job);
	} else {
		connect_by_name(job);
	}
	loop_post(job->loop, finish, job);
}

struct dial_job *dial_start(struct client_conn *conn)
{
	struct http_client *client = conn->origin->client;
	struct dial_job *job = XNEW(struct dial_job);
	struct worker_pool *pool = client->config.pool;

	if (!pool && !client->own_pool)
		client->own_pool = worker_pool_new("http-dial", 8);
	job->conn = conn;
	job->loop = client->config.loop;
	job->host = xmemdup(conn->origin->url.host.data, conn->origin->url.host.len);
	job->port = conn->origin->url.port;
	job->netns_fd = client->config.netns_fd;
	job->dial = client->config.dial;
	job->cookie = client->config.dial_cookie;
	job->deadline = clock_monotonic_ns() + client->config.connect_timeout;
	job->fd = -1;
	worker_pool_submit(pool ? pool : client->own_pool, run, job);
	return job;
}

void dial_abandon(struct dial_job *job)
{
	if (job) {
		job->conn = NULL;
		atomic_store(&job->abandoned, true);
	}
}
