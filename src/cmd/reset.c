/* wherry reset: undoes all that a node left on this host; the cluster's own data stays. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/node_dns.h"
#include "cmd/node_options.h"
#include "component/flags.h"
#include "component/host.h"
#include "podnet/podnet.h"
#include "proxy/proxy.h"
#include "runtime/builtin.h"
#include "sys/mounts.h"
#include "sys/path.h"

struct reset_options {
	struct str data_dir;
	struct node_options node;
};

#define OPTION(member) offsetof(struct reset_options, member)

static const struct flag flags[] = {
	{"data-dir", 'd', FLAG_STRING, OPTION(data_dir), "DIR", "folder of the node's data"},
	NODE_FLAGS(OPTION(node)),
};

/* Volumes are mounted below the node's data where the host needs no mount namespace of the node's own. */
static int remove_data(const struct node_config *node, struct arena *arena, struct error *err)
{
	const char *path = str_c(arena_concat(arena, node->data_dir, STR("/agent")));
	int result;

	if (mount_remove_below(path, err) < 0)
		return -(int)err->code;
	result = path_remove_tree(AT_FDCWD, path);
	return result < 0 ? error_set_errno(err, -result, "remove %s", path) : 0;
}

/* Links and rules go first, then the containers that used them. */
static int reset(const struct node_config *node, struct arena *arena, struct error *err)
{
	const char *name = str_c(node->node_name);
	struct str agent = arena_concat(arena, node->data_dir, STR("/agent"));
	const char *network = str_c(arena_concat(arena, node->run_dir, STR("/podnet")));

	cleanup_close int lock = -1;

	if (geteuid() != 0)
		return error_set(err, ERR_FORBIDDEN, "it needs root");
	if (node_lock(node->run_dir, &lock, err) < 0)
		return -(int)err->code;
	if (node_dns_reset(&node->cluster_dns, err) < 0 || podnet_reset(name, network, err) < 0 ||
	    proxy_reset(name, err) < 0 || builtin_reset(agent, node->run_dir, node->cgroup_root, err) < 0)
		return -(int)err->code;
	return remove_data(node, arena, err);
}

int command_reset(int argc, char **argv)
{
	struct arena cleanup_arena arena = {0};
	struct reset_options options = {.data_dir = STR("/var/lib/wherry"), .node = NODE_OPTIONS_DEFAULT};
	const struct reset_options defaults = options;
	struct node_config node = {0};
	struct error err = {0};
	bool help;
	int words = flags_parse(flags, ARRAY_LEN(flags), argc, argv, &options, &help, &err);

	if (words >= 0 && help) {
		printf("Undoes all that a node left on this host: pods, mounts, links, rules, cgroups, folders.\n"
		       "The node's process must have been stopped.  Give the flags that the node was given.\n\n"
		       "Usage:\n  wherry reset [flags]\n\nFlags:\n");
		flags_usage(flags, ARRAY_LEN(flags), &defaults, stdout);
		return 0;
	}
	if (words > 0)
		(void)!error_set(&err, ERR_BAD_REQUEST, "\"%s\" is not expected here", argv[1]);
	node.data_dir = options.data_dir;
	if (err.code || node_options_apply(&options.node, &arena, &node, &err) < 0) {
		fprintf(stderr, "wherry reset: %s\n\"wherry reset --help\" tells the flags\n", err.message);
		return 2;
	}
	if (!node.node_name.len)
		node.node_name = host_name(&arena);
	if (reset(&node, &arena, &err) < 0) {
		fprintf(stderr, "wherry reset: %s\n", err.message);
		return 1;
	}
	return 0;
}
