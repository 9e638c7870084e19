/* Between the files of the kubelet's server; see server.h. */
#ifndef WHERRY_KUBELET_SERVER_INTERNAL_H
#define WHERRY_KUBELET_SERVER_INTERNAL_H

#include "base/list.h"
#include "kubelet/server.h"
#include "net/http_server.h"
#include "net/url.h"
#include "types/gen/core_v1.h"

struct kubelet_server {
	struct kubelet_server_config config;
	struct http_server *http; /* NULL: it is over */
	struct auth *auth;
	struct worker_pool *askers;	      /* reviews, so that those who wait for the API hold nothing up */
	struct worker_pool *dialers;	      /* into pods, for forwardings */
	struct list logs, execs, forwardings; /* sessions */
};

/* A request for a container: its path's parts, and the pod they lead to. */
struct container_request {
	struct str namespace, pod_name, container; /* in the request's arena */
	struct str uid;				   /* or empty: of any pod of that name */
	struct object *pod;			   /* borrowed until the loop turns; NULL: there is none */
	bool known;				   /* its spec has the container */
	struct query query;
};

/* Is the parameter "1" or "true"? */
bool query_is_set(const struct query *query, struct str name);

/* The pod's containers of that name as the runtime has them, newest first.  A worker. */
int server_find_containers(const struct kubelet_context *context, struct str pod_uid, struct str container,
			   struct arena *arena, struct runtime_container_list *ret, struct error *err) MUST_CHECK;

/* Each takes the HTTP request. */
void server_logs_start(struct kubelet_server *server, struct http_request *http,
		       const struct container_request *request);
void server_exec_start(struct kubelet_server *server, struct http_request *http,
		       const struct container_request *request, bool attach);
/* @pod NULL: there is none. */
void server_port_forward_start(struct kubelet_server *server, struct http_request *http, const struct object *pod);
void server_pods(struct kubelet_server *server, struct http_request *http);
void server_stats(struct kubelet_server *server, struct http_request *http);
void server_metrics(struct kubelet_server *server, struct http_request *http);
void server_resource_metrics(struct kubelet_server *server, struct http_request *http);

/* The containers of one sandbox stand together afterwards. */
void server_sort_stats(struct runtime_container_stats_list *list);

/* A container of this server's has ended. */
void server_logs_wake(struct kubelet_server *server);
/* Ends all sessions that have no job; the others end with it.  (Logs end with their HTTP streams.) */
void server_exec_stop(struct kubelet_server *server);
void server_port_forward_stop(struct kubelet_server *server);

#endif
