/*
 * The cluster's DNS server: an engine that runs as an unprivileged process of its own.
 *
 * It gets sockets that are bound already (it could not bind port 53 itself), a feed with the cluster's names
 * (dns/feed.h), and the name servers of the world.  It answers the cluster's zone and the reverse names it knows by the
 * DNS specification of Kubernetes, schema 1.1.0 (dns/answer.h), and forwards all else (dns/forward.h).
 *
 * Until the feed has told its first whole snapshot, questions about the zone get SERVFAIL: a name that is not known yet
 * is not a name that does not exist.
 *
 * One thread, one loop; dns_server_run() returns when the feed's other end closes or @stop_fd becomes readable.
 *
 *	struct dns_config config = {.zone = STR("cluster.local"), .udp_fds = {&udp, 1}, .tcp_fds = {&tcp, 1},
 *				    .feed_fd = feed, .stop_fd = -1, .resolv_conf = "/etc/resolv.conf", .ttl = 5};
 *	return dns_server_run(&config, err);
 */
#ifndef WHERRY_DNS_DNS_H
#define WHERRY_DNS_DNS_H

#include "base/address.h"
#include "base/error.h"

#define DNS_UPSTREAMS 8 /* name servers used of a resolv.conf */

struct dns_fd_slice {
	const int *items;
	size_t len;
};

struct dns_upstream {
	struct ip_address address;
	uint16_t port;
};

struct dns_config {
	struct str zone;	     /* "cluster.local", no dot at the end */
	struct dns_fd_slice udp_fds; /* bound; stay the caller's */
	struct dns_fd_slice tcp_fds; /* bound and listening; stay the caller's */
	int feed_fd;		     /* a stream of frames (dns/feed.h) */
	int stop_fd;		     /* -1: none */
	uint32_t ttl;		     /* of the zone's records, in seconds */
	/* Either a file, whose name servers are read again when it changes and of which our own are left out, or, when
	 * it is NULL, a fixed list. */
	const char *resolv_conf;
	const struct dns_upstream *upstreams;
	size_t upstreams_len;
};

int dns_server_run(const struct dns_config *config, struct error *err) MUST_CHECK;

#endif
