/*
 * The transport of components in the API server's own process: client/transport.h over apiserver/local.h.
 *
 * Every transport speaks as one user; authorization and admission apply to it as to anyone.  Watches run on a loop and
 * thread that all transports of one hub share, and their sinks are called there.
 */
#ifndef WHERRY_APISERVER_LOCAL_TRANSPORT_H
#define WHERRY_APISERVER_LOCAL_TRANSPORT_H

#include "base/error.h"
#include "base/str.h"

struct apiserver;
struct local_hub;
struct transport;

int local_hub_new(struct apiserver *server, struct local_hub **ret, struct error *err) MUST_CHECK;
/* After all its transports; NULL is fine; returns NULL. */
struct local_hub *local_hub_free(struct local_hub *hub);
/*
 * Speaks as @user: a member of system:authenticated, and for a service account of the groups of service accounts.  @hub
 * is first so that this is a transport_for_fn of the controller manager's.
 */
struct transport *local_transport_new(void *hub, struct str user);

#endif
