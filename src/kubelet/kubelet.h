/*
 * The kubelet: one node's pods.
 *
 * kubelet_new() opens nothing that blocks; kubelet_run() registers the node and serves its pods until kubelet_stop()
 * (any thread).  The runtime, the transport and the network belong to the caller and outlive it.  Containers go on
 * running when it ends.
 */
#ifndef WHERRY_KUBELET_KUBELET_H
#define WHERRY_KUBELET_KUBELET_H

#include "base/address.h"
#include "client/transport.h"
#include "runtime/runtime.h"

struct kubelet;

/* Strings and lists live as long as the kubelet. */
struct kubelet_config {
	struct str node_name;
	struct str hostname;
	struct runtime_ips node_ips; /* one of each family at most */
	struct str root_dir;	     /* DATA/agent/kubelet */
	struct str pod_logs_dir;     /* DATA/agent/logs/pods */
	struct str cgroup_root;	     /* the pods' cgroups are below it */
	struct runtime_ips cluster_dns;
	struct str cluster_domain;
	struct str resolv_conf;		    /* path of the node's */
	struct str server_address;	    /* of the kubelet's own server */
	uint16_t port;			    /* 10250 by default */
	struct str client_ca;		    /* PEM: who may call the server */
	struct str server_cert, server_key; /* PEM */
	int64_t max_pods;
	struct runtime_strs allowed_unsafe_sysctls; /* names, or prefixes with a star */
	int64_t log_max_size, log_max_files;	    /* log_rotate.h */
	int64_t pod_max_pids;			    /* processes of one pod; 0 or less: no limit of its own */
	int64_t node_status_period_ns, lease_duration_s;
	struct transport *transport;
	struct runtime *runtime;
};

struct kubelet *kubelet_new(const struct kubelet_config *config);
int kubelet_run(struct kubelet *kubelet, struct error *err) MUST_CHECK;
void kubelet_stop(struct kubelet *kubelet);
/* NULL is fine; returns NULL. */
struct kubelet *kubelet_free(struct kubelet *kubelet);
/* The runtime's event callback (data: the kubelet); any thread. */
void kubelet_runtime_event(void *kubelet, const struct runtime_event *event);

#endif
