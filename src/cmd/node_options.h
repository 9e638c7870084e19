/* The flags of a node: an agent's, and those of a server that is a node too. */
#ifndef WHERRY_CMD_NODE_OPTIONS_H
#define WHERRY_CMD_NODE_OPTIONS_H

#include "base/arena.h"
#include "cmd/node.h"

struct node_options {
	struct str run_dir, cgroup_root, hostname_override, node_ip, cluster_domain, cluster_dns, host_netns;
	struct str log_max_size; /* a quantity */
	int64_t log_max_files;
	struct flag_list allowed_unsafe_sysctls;
	int64_t pod_max_pids;
	uint16_t port;
};

#define NODE_OPTIONS_DEFAULT                                                                                           \
	{                                                                                                              \
		.run_dir = STR_INIT("/run/wherry"), .cgroup_root = STR_INIT("/wherry"),                                \
		.cluster_domain = STR_INIT("cluster.local"), .cluster_dns = STR_INIT("10.96.0.10"), .port = 10250,     \
		.log_max_size = STR_INIT("10Mi"), .log_max_files = 5, .pod_max_pids = -1                               \
	}

/* Lines of a flag table; @base is the offset of the struct node_options. */
#define NODE_PLACE_FLAGS(base)                                                                                         \
	{"run-dir",   0,                                                                                               \
	 FLAG_STRING, (base) + offsetof(struct node_options, run_dir),                                                 \
	 "DIR",	      "folder of sockets and pinned namespaces"},                                                      \
		{"cgroup-root", 0,                                                                                     \
		 FLAG_STRING,	(base) + offsetof(struct node_options, cgroup_root),                                   \
		 "PATH",	"the node's own cgroup in every hierarchy"},                                           \
	{                                                                                                              \
		"hostname-override", 0, FLAG_STRING, (base) + offsetof(struct node_options, hostname_override),        \
			"NAME", "the node's name, instead of the host's"                                               \
	}
#define NODE_FLAGS(base)                                                                                               \
	NODE_PLACE_FLAGS(base), {"node-ip",   0,                                                                       \
				 FLAG_STRING, (base) + offsetof(struct node_options, node_ip),                         \
				 "ADDRESS",   "address others reach the node by"},                                     \
		{"port",    0,                                                                                         \
		 FLAG_PORT, (base) + offsetof(struct node_options, port),                                              \
		 "PORT",    "port of the kubelet's server"},                                                           \
		{"pod-max-pids",                                                                                       \
		 0,                                                                                                    \
		 FLAG_INT,                                                                                             \
		 (base) + offsetof(struct node_options, pod_max_pids),                                                 \
		 "N",                                                                                                  \
		 "processes a pod may have; -1: no limit of its own"},                                                 \
		{"container-log-max-size",                                                                             \
		 0,                                                                                                    \
		 FLAG_STRING,                                                                                          \
		 (base) + offsetof(struct node_options, log_max_size),                                                 \
		 "QUANTITY",                                                                                           \
		 "size at which a container's log is rotated; negative: never"},                                       \
		{"container-log-max-files",                                                                            \
		 0,                                                                                                    \
		 FLAG_INT,                                                                                             \
		 (base) + offsetof(struct node_options, log_max_files),                                                \
		 "N",                                                                                                  \
		 "log files a container may have"},                                                                    \
		{"allowed-unsafe-sysctls",                                                                             \
		 0,                                                                                                    \
		 FLAG_LIST,                                                                                            \
		 (base) + offsetof(struct node_options, allowed_unsafe_sysctls),                                       \
		 "NAME",                                                                                               \
		 "sysctls pods may set beside the safe ones; a star ends a prefix"},                                   \
		{"cluster-domain", 0,                                                                                  \
		 FLAG_STRING,	   (base) + offsetof(struct node_options, cluster_domain),                             \
		 "NAME",	   "domain of the cluster's names"},                                                   \
		{"cluster-dns", 0,                                                                                     \
		 FLAG_STRING,	(base) + offsetof(struct node_options, cluster_dns),                                   \
		 "ADDRESS",	"address of the cluster's DNS"},                                                       \
	{                                                                                                              \
		"host-netns", 0, FLAG_STRING, (base) + offsetof(struct node_options, host_netns), "PATH",              \
			"network namespace to pull images from"                                                        \
	}

/* Fills in what the flags say; folders become absolute, in @arena. */
int node_options_apply(const struct node_options *options, struct arena *arena, struct node_config *config,
		       struct error *err) MUST_CHECK;
/* @path, made absolute by the working directory. */
struct str absolute_path(struct str path, struct arena *arena);

#endif
