/*
 * The kubelet's server: logs, commands and what else the API server asks a node for.
 *
 * HTTPS on the kubelet's port.  Who may come for what, the API decides (auth.h).
 *
 *	GET  /healthz, /pods, /stats/summary
 *	GET  /metrics, /metrics/resource		server_metrics.c
 *	GET  /containerLogs/NAMESPACE/POD/CONTAINER	server_logs.c
 *	GET  /exec, /attach/NAMESPACE/POD[/UID]/CONTAINER as a WebSocket	server_exec.c
 *	GET  /portForward/NAMESPACE/POD[/UID] as SPDY	server_port_forward.c
 *
 * It lives on the kubelet's loop.  What blocks (the runtime, files) runs as jobs of the kubelet's pool; a session has
 *at most one job at a time, and the job has the session's reader or stream to itself.
 *
 * The end is in two steps: after kubelet_server_stop() no session is left but those whose job is on a worker; when the
 * pool and the loop are freed, so are they, and kubelet_server_free() frees the rest.
 */
#ifndef WHERRY_KUBELET_SERVER_H
#define WHERRY_KUBELET_SERVER_H

#include "kubelet/context.h"

struct informer;
struct kubelet_server;
struct loop;
struct worker_pool;

struct kubelet_server_config {
	const struct kubelet_context *context;
	struct loop *loop;
	struct worker_pool *pool;
	const struct informer *pods;
};

/* Listens from now on.  Before the loop runs, or on its thread, as all below. */
int kubelet_server_new(const struct kubelet_server_config *config, struct kubelet_server **ret,
		       struct error *err) MUST_CHECK;
/* A container has ended: who follows its log reads it to its end. */
void kubelet_server_container_stopped(struct kubelet_server *server);
/* NULL is fine for both. */
void kubelet_server_stop(struct kubelet_server *server);
struct kubelet_server *kubelet_server_free(struct kubelet_server *server);

#endif
