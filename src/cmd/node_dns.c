/* The node's part of the cluster's DNS; see node_dns.h. */
#include "cmd/node_dns.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "client/informer_set.h"
#include "dns/source.h"
#include "sys/loop.h"
#include "sys/netlink.h"
#include "sys/process.h"
#include "sys/thread.h"

#define DNS_PORT       53
#define BACKLOG	       128
#define RESTART_MIN_NS (100 * NS_PER_MS)
#define RESTART_MAX_NS (10 * NS_PER_SEC)
#define LONG_LIFE_NS   (60 * NS_PER_SEC)
#define STOP_NS	       (5 * NS_PER_SEC)

struct node_dns {
	struct arena arena;
	struct str zone;
	struct loop *loop;
	struct thread *thread;
	struct informer_set *informers;
	struct dns_source *source;
	struct loop_timer restart;
	int64_t began, pause;
	pid_t pid; /* 0: none */
	int udp, tcp, feed;
};

/* --- Address and sockets ----------------------------------------------------------------------------------------- */

static int on_loopback(const struct ip_address *address,
		       int (*apply)(struct netlink *nl, int index, const struct ip_prefix *prefix, struct error *err),
		       struct error *err)
{
	const struct ip_prefix prefix = {*address, ip_family_bits(address->family)};
	struct netlink_link lo;
	struct netlink *nl = NULL;
	int result = netlink_open(&nl, err);

	if (result == 0)
		result = netlink_link_get(nl, "lo", &lo, err);
	if (result == 1 && (result = netlink_link_up(nl, lo.index, err)) == 0)
		result = apply(nl, lo.index, &prefix, err);
	netlink_close(nl);
	return result < 0 ? result : 0;
}

static int open_socket(const struct ip_address *address, int type, int *ret, struct error *err)
{
	struct sockaddr_storage sa;
	socklen_t size = ip_to_sockaddr(address, DNS_PORT, &sa);
	cleanup_close int fd = socket(sa.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0 || (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
	    bind(fd, (struct sockaddr *)&sa, size) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
		return error_set_errno(err, errno, "socket of the cluster's DNS");
	*ret = TAKE_FD(fd);
	return 0;
}

/* --- The process ------------------------------------------------------------------------------------------------- */

static void reap(struct node_dns *dns)
{
	int status = 0;

	if (!dns->pid)
		return;
	/* Its feed is closed, which ends it. */
	if (process_wait(dns->pid, clock_monotonic_ns() + STOP_NS, &status) == -ETIMEDOUT) {
		kill(dns->pid, SIGKILL);
		(void)!process_wait(dns->pid, 0, &status);
	}
	if (status)
		log_warn("dns process ended", "pid=%d %s=%d", (int)dns->pid, WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	dns->pid = 0;
}

static void plan_restart(struct node_dns *dns)
{
	int64_t now = clock_monotonic_ns();

	dns->pause = !dns->pause || now - dns->began >= LONG_LIFE_NS ? RESTART_MIN_NS
		     : dns->pause >= RESTART_MAX_NS / 2		     ? RESTART_MAX_NS
								     : dns->pause * 2;
	loop_timer_start(&dns->restart, dns->pause, 0);
}

static int start_process(struct node_dns *dns, struct error *err)
{
	const char *const argv[] = {"/proc/self/exe", "dns", "--zone", str_c(dns->zone), NULL};
	int ends[2];
	int result;

	dns->began = clock_monotonic_ns();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set_errno(err, errno, "socketpair");
	result = process_spawn(&(struct process_options){.argv = argv,
							 .stdio = {-1, -1, STDERR_FILENO},
							 .fds = (int[]){dns->udp, dns->tcp, ends[1]},
							 .fds_len = 3},
			       &dns->pid, err);
	close_fd(ends[1]);
	if (result < 0) {
		close_fd(ends[0]);
		return result;
	}
	dns->feed = ends[0];
	return dns_source_attach(dns->source, dns->feed, err);
}

static void closed(void *data)
{
	struct node_dns *dns = data;

	dns->feed = close_fd(dns->feed);
	reap(dns);
	plan_restart(dns);
}

static void on_restart(struct loop_timer *timer)
{
	struct node_dns *dns = CONTAINER_OF(timer, struct node_dns, restart);
	struct error err = {0};

	if (start_process(dns, &err) == 0)
		return;
	log_warn("dns process not started", "error=\"%s\"", err.message);
	closed(dns);
}

static void run(void *data)
{
	struct node_dns *dns = data;

	log_set_component("dns-feed");
	informer_set_start(dns->informers);
	loop_run(dns->loop);
}

int node_dns_start(const struct ip_address *address, struct str zone, struct transport *transport,
		   struct node_dns **ret, struct error *err)
{
	struct node_dns *dns = XNEW(struct node_dns);

	dns->udp = dns->tcp = dns->feed = -1;
	dns->zone = arena_str(&dns->arena, zone);
	dns->loop = loop_new();
	dns->informers = informer_set_new(dns->loop, transport);
	dns->source = dns_source_new(&(struct dns_source_config){
		.loop = dns->loop, .informers = dns->informers, .closed = closed, .data = dns});
	loop_timer_init(&dns->restart, dns->loop, on_restart);
	loop_timer_start(&dns->restart, 0, 0);
	if (on_loopback(address, netlink_address_add, err) < 0 ||
	    open_socket(address, SOCK_DGRAM, &dns->udp, err) < 0 ||
	    open_socket(address, SOCK_STREAM, &dns->tcp, err) < 0 ||
	    thread_start("dns-feed", run, dns, &dns->thread, err) < 0) {
		node_dns_stop(dns);
		return -(int)err->code;
	}
	*ret = dns;
	return 0;
}

struct node_dns *node_dns_stop(struct node_dns *dns)
{
	if (!dns)
		return NULL;
	if (dns->thread) {
		loop_stop(dns->loop);
		thread_join(dns->thread);
	}
	if (dns->feed >= 0)
		dns_source_detach(dns->source);
	close_fd(dns->feed);
	reap(dns);
	informer_set_free(dns->informers);
	dns_source_free(dns->source);
	loop_free(dns->loop);
	close_fd(dns->udp);
	close_fd(dns->tcp);
	arena_release(&dns->arena);
	free(dns);
	return NULL;
}

int node_dns_reset(const struct ip_address *address, struct error *err)
{
	return address->family == IP_NONE ? 0 : on_loopback(address, netlink_address_delete, err);
}
