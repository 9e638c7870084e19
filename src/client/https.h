/*
 * The transport over HTTPS: any Kubernetes API server.
 *
 * It has a loop and a thread of its own for connections; one HTTP/2 connection carries the calls and watches.  Objects
 * travel as JSON.  A watch is a stream of events, each on a line; a line longer than two objects may be ends it.
 *
 * Credentials follow their files (credentials.h).  After a rotation calls and watches under way go on with the
 * connection they have, and the next ones make another.
 */
#ifndef WHERRY_CLIENT_HTTPS_H
#define WHERRY_CLIENT_HTTPS_H

#include "client/credentials.h"
#include "client/transport.h"

struct https_config {
	struct str server;	/* "https://10.0.0.1:6443" */
	struct str server_name; /* checked instead of the URL's host */
	struct str user_agent;
	struct credentials_config credentials;
};

/* The configuration is copied.  transport_free() ends its watches and its thread. */
int https_transport_new(const struct https_config *config, struct transport **ret, struct error *err) MUST_CHECK;

#endif
