/*
 * The node's part of the cluster's DNS: the address, the sockets, the server's process and its feed.
 *
 * Every node has the DNS address on its own loopback link and answers there; nothing is translated and no other node is
 * needed.  The server is a process without rights (`wherry dns`); sockets and feed stay open here, so that questions
 * wait for a new one while it is started again.
 */
#ifndef WHERRY_CMD_NODE_DNS_H
#define WHERRY_CMD_NODE_DNS_H

#include "base/address.h"
#include "base/error.h"

struct node_dns;
struct transport;

/* The descriptors that the process finds. */
enum { DNS_FD_UDP = 3, DNS_FD_TCP, DNS_FD_FEED };

/* @zone: "cluster.local"; @transport is the caller's and outlives it. */
int node_dns_start(const struct ip_address *address, struct str zone, struct transport *transport,
		   struct node_dns **ret, struct error *err) MUST_CHECK;
/* Ends the process; the address stays.  NULL is fine; returns NULL. */
struct node_dns *node_dns_stop(struct node_dns *dns);
/* Takes the address away; none is success. */
int node_dns_reset(const struct ip_address *address, struct error *err) MUST_CHECK;

#endif
