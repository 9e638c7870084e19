/*
 * The DNS server's process for tests: dns_driver ADDRESS PORT RESOLVCONF|- [UPSTREAMADDRESS UPSTREAMPORT]...
 *
 * It binds and listens itself, as the node will for it, and takes the feed from standard input.  Prints `ready` when
 * its sockets are bound.
 */
#include <sys/socket.h>

#include "base/arena.h"
#include "dns/dns.h"

static int bound(const struct ip_address *address, uint16_t port, int type)
{
	struct sockaddr_storage sockaddr;
	socklen_t size = ip_to_sockaddr(address, port, &sockaddr);
	int fd = socket(sockaddr.ss_family, type | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sockaddr, size) < 0 || (type == SOCK_STREAM && listen(fd, 64) < 0)) {
		perror("bind");
		exit(1);
	}
	return fd;
}

static void parse(const char *address, const char *port, struct ip_address *ret_address, uint16_t *ret_port)
{
	uint64_t number;

	if (ip_parse(str_from(address), ret_address) < 0 || str_parse_uint64(str_from(port), &number) < 0) {
		fprintf(stderr, "bad address %s or port %s\n", address, port);
		exit(2);
	}
	*ret_port = (uint16_t)number;
}

int main(int argc, char **argv)
{
	struct dns_upstream upstreams[DNS_UPSTREAMS];
	struct dns_config config = {
		.zone = STR("cluster.local"), .feed_fd = 0, .stop_fd = -1, .ttl = 5, .upstreams = upstreams};
	struct ip_address address;
	struct error err = {0};
	uint16_t port;
	int udp, tcp;

	if (argc < 4)
		return 2;
	parse(argv[1], argv[2], &address, &port);
	if (strcmp(argv[3], "-") != 0)
		config.resolv_conf = argv[3];
	for (int i = 4; i + 1 < argc && config.upstreams_len < DNS_UPSTREAMS; i += 2) {
		struct dns_upstream *upstream = &upstreams[config.upstreams_len++];

		parse(argv[i], argv[i + 1], &upstream->address, &upstream->port);
	}
	udp = bound(&address, port, SOCK_DGRAM);
	tcp = bound(&address, port, SOCK_STREAM);
	config.udp_fds = (struct dns_fd_slice){&udp, 1};
	config.tcp_fds = (struct dns_fd_slice){&tcp, 1};
	printf("ready\n");
	fflush(stdout);
	if (dns_server_run(&config, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	return 0;
}
