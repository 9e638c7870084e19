/* wherry agent: flags of a node that joins a cluster. */
#include <stdio.h>

#include "cmd/command.h"
#include "cmd/node.h"
#include "component/flags.h"

struct agent_options {
	struct str kubeconfig, data_dir, run_dir, cgroup_root, hostname_override, node_ip;
	struct str cluster_domain, cluster_dns, cluster_cidr, host_netns;
	uint16_t port;
};

#define OPTION(member) offsetof(struct agent_options, member)

static const struct flag flags[] = {
	{"kubeconfig", 0, FLAG_STRING, OPTION(kubeconfig), "FILE", "how to reach the API server, and as whom"},
	{"data-dir", 'd', FLAG_STRING, OPTION(data_dir), "DIR", "folder of the node's data"},
	{"run-dir", 0, FLAG_STRING, OPTION(run_dir), "DIR", "folder of sockets and pinned namespaces"},
	{"cgroup-root", 0, FLAG_STRING, OPTION(cgroup_root), "PATH", "the node's own cgroup in every hierarchy"},
	{"hostname-override", 0, FLAG_STRING, OPTION(hostname_override), "NAME",
	 "the node's name, instead of the host's"},
	{"node-ip", 0, FLAG_STRING, OPTION(node_ip), "ADDRESS", "address others reach the node by"},
	{"port", 0, FLAG_PORT, OPTION(port), "PORT", "port of the kubelet's server"},
	{"cluster-domain", 0, FLAG_STRING, OPTION(cluster_domain), "NAME", "domain of the cluster's names"},
	{"cluster-dns", 0, FLAG_STRING, OPTION(cluster_dns), "ADDRESS", "address of the cluster's DNS"},
	{"cluster-cidr", 0, FLAG_STRING, OPTION(cluster_cidr), "CIDR", "addresses of all pods"},
	{"host-netns", 0, FLAG_STRING, OPTION(host_netns), "PATH", "network namespace to pull images from"},
};

static int parse(const char *flag, struct str text, struct ip_address *ret, struct error *err)
{
	if (text.len && ip_parse(text, ret) < 0)
		return error_set(err, ERR_BAD_REQUEST, "--%s: \"" STR_FMT "\" is no IP address", flag, STR_ARG(text));
	return 0;
}

static int make_config(const struct agent_options *options, struct node_config *ret, struct error *err)
{
	struct node_config config = {
		.kubeconfig = options->kubeconfig,
		.data_dir = options->data_dir,
		.run_dir = options->run_dir,
		.cgroup_root = options->cgroup_root,
		.node_name = options->hostname_override,
		.cluster_domain = options->cluster_domain,
		.port = options->port,
		.host_netns = options->host_netns,
	};

	if (!options->kubeconfig.len)
		return error_set(err, ERR_BAD_REQUEST, "--kubeconfig is wanted");
	if (parse("node-ip", options->node_ip, &config.node_ip, err) < 0 ||
	    parse("cluster-dns", options->cluster_dns, &config.cluster_dns, err) < 0)
		return -(int)err->code;
	if (ip_prefix_parse(options->cluster_cidr, &config.cluster_cidr) < 0)
		return error_set(err, ERR_BAD_REQUEST, "--cluster-cidr: \"" STR_FMT "\" is no CIDR",
				 STR_ARG(options->cluster_cidr));
	*ret = config;
	return 0;
}

int command_agent(int argc, char **argv)
{
	struct agent_options options = {
		.data_dir = STR("/var/lib/wherry"),
		.run_dir = STR("/run/wherry"),
		.cgroup_root = STR("/wherry"),
		.cluster_domain = STR("cluster.local"),
		.cluster_dns = STR("10.96.0.10"),
		.cluster_cidr = STR("10.244.0.0/16"),
		.port = 10250,
	};
	const struct agent_options defaults = options;
	struct node_config config;
	struct error err = {0};
	bool help;
	int words = flags_parse(flags, ARRAY_LEN(flags), argc, argv, &options, &help, &err);

	if (words >= 0 && help) {
		printf("Makes this host a node of a cluster.\n\nUsage:\n  wherry agent --kubeconfig FILE "
		       "[flags]\n\nFlags:\n");
		flags_usage(flags, ARRAY_LEN(flags), &defaults, stdout);
		return 0;
	}
	if (words > 0)
		(void)!error_set(&err, ERR_BAD_REQUEST, "\"%s\" is not expected here", argv[1]);
	if (err.code || make_config(&options, &config, &err) < 0) {
		fprintf(stderr, "wherry agent: %s\n\"wherry agent --help\" tells the flags\n", err.message);
		return 2;
	}
	if (node_run(&config, &err) < 0) {
		fprintf(stderr, "wherry agent: %s\n", err.message);
		return 1;
	}
	return 0;
}
