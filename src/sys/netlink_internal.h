/* What the files of the rtnetlink helper share; nobody else includes this. */
#ifndef WHERRY_SYS_NETLINK_INTERNAL_H
#define WHERRY_SYS_NETLINK_INTERNAL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "sys/mnl_walk.h"
#include "sys/netlink.h"

#define NETLINK_BUFFER_SIZE (32 * 1024)

struct netlink {
	struct mnl_socket *socket;
	unsigned port;
	unsigned sequence;
	char buffer[NETLINK_BUFFER_SIZE]; /* the request, then its answers */
};

/* Starts a request in the socket's buffer. */
struct nlmsghdr *netlink_start(struct netlink *nl, uint16_t type, uint16_t flags);
/* Sends it and reads answers until the acknowledgement or the end of the dump; 0 or -errno. */
int netlink_talk(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t each, void *data);
void netlink_put_address(struct nlmsghdr *request, uint16_t type, const struct ip_address *address);
int netlink_family(const struct ip_address *address);

#endif
