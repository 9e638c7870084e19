/*
 * Who the world's name servers are: the `nameserver` lines of a resolv.conf, without ourselves.
 *
 * A server of ours among them would ask itself for ever; and a file that names none but us leaves nobody to ask.
 */
#ifndef WHERRY_DNS_RESOLV_H
#define WHERRY_DNS_RESOLV_H

#include "dns/dns.h"

/* At most DNS_UPSTREAMS servers, port 53, into @ret; how many. */
size_t dns_resolv_parse(struct str text, const struct ip_address *own, size_t own_len,
			struct dns_upstream ret[DNS_UPSTREAMS]);
/* Reads the file; an unreadable one has no servers. */
size_t dns_resolv_read(const char *path, const struct ip_address *own, size_t own_len,
		       struct dns_upstream ret[DNS_UPSTREAMS]);

#endif
