/* wherry agent: flags of a node that joins a cluster. */
#include <stdio.h>

#include "cmd/command.h"
#include "cmd/node_options.h"
#include "cmd/supervisor.h"
#include "component/flags.h"

struct agent_options {
	struct str kubeconfig, data_dir, cluster_cidr;
	struct node_options node;
};

#define OPTION(member) offsetof(struct agent_options, member)

static const struct flag flags[] = {
	{"kubeconfig", 0, FLAG_STRING, OPTION(kubeconfig), "FILE", "how to reach the API server, and as whom"},
	{"data-dir", 'd', FLAG_STRING, OPTION(data_dir), "DIR", "folder of the node's data"},
	{"cluster-cidr", 0, FLAG_STRING, OPTION(cluster_cidr), "CIDR", "addresses of all pods"},
	NODE_FLAGS(OPTION(node)),
};

static int make_config(const struct agent_options *options, struct arena *arena, struct node_config *ret,
		       struct error *err)
{
	struct node_config config = {.kubeconfig = options->kubeconfig, .data_dir = options->data_dir, .handover = -1};

	if (!options->kubeconfig.len)
		return error_set(err, ERR_BAD_REQUEST, "--kubeconfig is wanted");
	if (node_options_apply(&options->node, arena, &config, err) < 0)
		return -(int)err->code;
	if (ip_prefix_parse(options->cluster_cidr, &config.cluster_cidr) < 0)
		return error_set(err, ERR_BAD_REQUEST, "--cluster-cidr: \"" STR_FMT "\" is no CIDR",
				 STR_ARG(options->cluster_cidr));
	*ret = config;
	return 0;
}

/* The node alone, but for that it comes back when it crashes. */
static int run_supervised(const struct node_config *node, struct error *err)
{
	const struct supervisor_child child = {.name = "node", .run = node_run_as_child, .config = node};
	const struct supervisor_config config = {
		.program = "wherry agent", .data_dir = node->data_dir, .children = &child, .children_len = 1};

	return supervisor_run(&config, err);
}

int command_agent(int argc, char **argv)
{
	struct arena cleanup_arena arena = {0};
	struct agent_options options = {
		.data_dir = STR("/var/lib/wherry"), .cluster_cidr = STR("10.244.0.0/16"), .node = NODE_OPTIONS_DEFAULT};
	const struct agent_options defaults = options;
	struct node_config config;
	struct error err = {0};
	bool help;
	int result, words = flags_parse(flags, ARRAY_LEN(flags), argc, argv, &options, &help, &err);

	if (words >= 0 && help) {
		printf("Makes this host a node of a cluster.\n\nUsage:\n  wherry agent --kubeconfig FILE "
		       "[flags]\n\nFlags:\n");
		flags_usage(flags, ARRAY_LEN(flags), &defaults, stdout);
		return 0;
	}
	if (words > 0)
		(void)!error_set(&err, ERR_BAD_REQUEST, "\"%s\" is not expected here", argv[1]);
	if (err.code || make_config(&options, &arena, &config, &err) < 0) {
		fprintf(stderr, "wherry agent: %s\n\"wherry agent --help\" tells the flags\n", err.message);
		return 2;
	}
	result = run_supervised(&config, &err);
	if (result < 0)
		fprintf(stderr, "wherry agent: %s\n", err.message);
	return result != 0;
}
