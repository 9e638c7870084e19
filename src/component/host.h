/* What this host calls itself and where others reach it. */
#ifndef WHERRY_COMPONENT_HOST_H
#define WHERRY_COMPONENT_HOST_H

#include "base/address.h"
#include "base/arena.h"

/* The first IPv4 address that is not loopback, else 127.0.0.1. */
struct ip_address host_address(void);
/* The host's name in lower case, without blanks at its ends: a node's name by default. */
struct str host_name(struct arena *arena);
/* Kernel and architecture as Go calls them: "linux/amd64". */
const char *host_platform(void);

#endif
