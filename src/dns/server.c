/* The DNS server's loop over its sockets and its feed; see dns.h. */
#include "dns/dns.h"

#include <fcntl.h>

#include "base/limits.h"
#include "base/log.h"
#include "dns/server_internal.h"

#define UDP_BURST 64 /* datagrams taken in one turn, so that the feed and TCP get theirs */

/* A descriptor with what it means. */
struct source {
	struct dns_server *server;
	int fd;
	struct loop_watch *watch;
};

static void run_udp(void *data, unsigned events UNUSED)
{
	const struct source *source = data;
	uint8_t message[DNS_QUERY_SIZE * 4];

	for (int i = 0; i < UDP_BURST; i++) {
		struct dns_client client = {.fd = source->fd, .address_size = sizeof(client.address)};
		ssize_t len = recvfrom(source->fd, message, sizeof(message), MSG_DONTWAIT,
				       (struct sockaddr *)&client.address, &client.address_size);

		if (len < 0)
			return;
		dns_request_start(source->server, &client, message, (size_t)len);
	}
}

static void run_listener(void *data, unsigned events UNUSED)
{
	const struct source *source = data;

	dns_tcp_accept(source->server, source->fd);
}

static void run_feed(void *data, unsigned events UNUSED)
{
	struct source *source = data;
	struct dns_server *server = source->server;
	char bytes[65536];
	ssize_t len = read(source->fd, bytes, sizeof(bytes));
	bool ready = server->records != NULL;

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len < 0)
		error_set_errno(server->error, errno, "read the DNS feed");
	if (len <= 0 || dns_feed_take(&server->feed, bytes, (size_t)len, &server->records, server->error) < 0) {
		source->watch = loop_watch_free(source->watch);
		loop_stop(server->loop);
		return;
	}
	if (!ready && server->records)
		log_info("dns zone known", "zone=" STR_FMT, STR_ARG(server->zone.name));
}

static void run_stop(void *data, unsigned events UNUSED)
{
	struct source *source = data;

	source->watch = loop_watch_free(source->watch);
	loop_stop(source->server->loop);
}

static void note_own_address(struct dns_server *server, int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	struct ip_address own;
	uint16_t port;

	if (server->own_len < OWN_ADDRESSES && getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
	    ip_from_sockaddr((struct sockaddr *)&address, &own, &port) && !ip_is_unspecified(&own))
		server->own[server->own_len++] = own;
}

static int watch(struct dns_server *server, struct source *source, int fd, void (*run)(void *data, unsigned events),
		 struct error *err)
{
	int error;

	*source = (struct source){.server = server, .fd = fd};
	if (fd < 0)
		return 0;
	source->watch = loop_watch_new(server->loop, fd, LOOP_READ, run, source, &error);
	return source->watch ? 0 : error_set_errno(err, error, "watch a DNS socket");
}

static int watch_all(struct dns_server *server, struct source *sources, struct error *err)
{
	const struct dns_config *config = server->config;
	size_t n = 0;
	int result = watch(server, &sources[n++], config->feed_fd, run_feed, err);

	if (result == 0)
		result = watch(server, &sources[n++], config->stop_fd, run_stop, err);
	for (size_t i = 0; i < config->udp_fds.len && result == 0; i++) {
		note_own_address(server, config->udp_fds.items[i]);
		result = watch(server, &sources[n++], config->udp_fds.items[i], run_udp, err);
	}
	for (size_t i = 0; i < config->tcp_fds.len && result == 0; i++)
		result = watch(server, &sources[n++], config->tcp_fds.items[i], run_listener, err);
	return result;
}

int dns_server_run(const struct dns_config *config, struct error *err)
{
	struct dns_server server = {.config = config, .error = err};
	size_t sources_len = 2 + config->udp_fds.len + config->tcp_fds.len;
	cleanup_free struct source *sources = xcalloc(sources_len, sizeof(*sources));
	int result;

	if (dns_zone_init(&server.zone, config->zone, config->ttl) < 0)
		return error_set(err, ERR_INVALID, "\"" STR_FMT "\" is not a DNS zone", STR_ARG(config->zone));
	list_init(&server.connections);
	server.loop = loop_new();
	server.forward = dns_forward_new(server.loop);
	dns_forward_set_upstreams(server.forward, config->upstreams, config->upstreams_len);
	dns_feed_init(&server.feed);
	result = watch_all(&server, sources, err);
	server.zone.servers = (struct dns_address_slice){server.own, server.own_len};
	if (result == 0) {
		loop_run(server.loop);
		result = err->code == ERR_NONE ? 0 : -(int)err->code;
	}
	for (size_t i = 0; i < sources_len; i++)
		loop_watch_free(sources[i].watch);
	dns_tcp_release(&server);
	dns_forward_free(server.forward);
	dns_feed_release(&server.feed);
	dns_records_free(server.records);
	loop_free(server.loop);
	return result;
}
