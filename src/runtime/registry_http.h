/*
 * Registries over the project's HTTP client: a loop and a thread of its own, connections made in the machine's own
 * network whatever namespace the node lives in.  Any thread may exchange; transfers run beside each other.
 */
#ifndef WHERRY_RUNTIME_REGISTRY_HTTP_H
#define WHERRY_RUNTIME_REGISTRY_HTTP_H

#include "runtime/registry.h"

/*
 * @netns_fd: the network namespace to connect from, borrowed for the transport's life; -1: the caller's.  @ca_pem:
 * authorities to trust, empty for the system's.
 */
int registry_http_new(int netns_fd, struct str ca_pem, struct registry_transport **ret, struct error *err) MUST_CHECK;
/* Nobody may be in an exchange.  NULL is fine; returns NULL. */
struct registry_transport *registry_http_free(struct registry_transport *transport);

#endif
