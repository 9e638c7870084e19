/*
 * A node: kubelet, runtime, pod network (and proxy), in one process with the rights of root.
 *
 * Everything it makes derives from its name and data, run and cgroup roots.  Runs in the foreground until SIGTERM or
 * SIGINT; containers go on running.
 */
#ifndef WHERRY_CMD_NODE_H
#define WHERRY_CMD_NODE_H

#include "base/address.h"
#include "base/error.h"
#include "component/flags.h"

struct node_config {
	struct str kubeconfig;
	struct str data_dir, run_dir, cgroup_root;
	struct str node_name;	   /* empty: the host's name */
	struct ip_address node_ip; /* IP_NONE: the host's */
	struct str cluster_domain;
	struct ip_address cluster_dns;
	struct ip_prefix cluster_cidr;
	struct flag_list allowed_unsafe_sysctls;
	int64_t log_max_size, log_max_files; /* of a container; a negative size: logs grow */
	int64_t pod_max_pids;		     /* 0 or less: no limit of a pod's own */
	uint16_t port;			     /* of the kubelet's server */
	struct str host_netns; /* path of the machine's own network namespace, for pulls; empty: the caller's */
	int handover;	       /* where to say that it runs (handover.h); -1: nowhere */
};

/* Holds the run folder for this process until the descriptor is closed; fails when a node has it. */
int node_lock(struct str run_dir, int *ret_fd, struct error *err) MUST_CHECK;

/* Before any thread is started. */
int node_run(const struct node_config *config, struct error *err) MUST_CHECK;

/* The same as a supervisor's child (supervisor.h), with its pipe for what it has to say. */
int node_run_as_child(const void *config, int handover, struct error *err) MUST_CHECK;

#endif
