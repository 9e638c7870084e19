/* The flags of a node; see node_options.h. */
#include "cmd/node_options.h"

#include <unistd.h>

#include "kubelet/pod_admit.h"
#include "types/quantity.h"

struct str absolute_path(struct str path, struct arena *arena)
{
	char *cwd;
	struct str out;

	if (!path.len || path.data[0] == '/' || !(cwd = getcwd(NULL, 0)))
		return path;
	out = arena_printf(arena, "%s/" STR_FMT, cwd, STR_ARG(path));
	free(cwd);
	return out;
}

static int parse(const char *flag, struct str text, struct ip_address *ret, struct error *err)
{
	if (text.len && ip_parse(text, ret) < 0)
		return error_set(err, ERR_BAD_REQUEST, "--%s: \"" STR_FMT "\" is no IP address", flag, STR_ARG(text));
	return 0;
}

static int log_policy(const struct node_options *options, struct arena *arena, struct node_config *config,
		      struct error *err)
{
	struct quantity size;

	if (quantity_parse(options->log_max_size, arena, &size, err) < 0)
		return error_wrap(err, "--container-log-max-size");
	if (options->log_max_files < 2)
		return error_set(err, ERR_BAD_REQUEST, "--container-log-max-files: at least 2 are wanted");
	config->log_max_size = quantity_value(&size);
	config->log_max_files = options->log_max_files;
	return 0;
}

static int unsafe_sysctls(const struct node_options *options, struct node_config *config, struct error *err)
{
	const struct flag_list *list = &options->allowed_unsafe_sysctls;

	for (size_t i = 0; i < list->len; i++)
		if (!pod_admit_is_sysctl_pattern(list->items[i]))
			return error_set(err, ERR_BAD_REQUEST,
					 "--allowed-unsafe-sysctls: \"" STR_FMT "\" is not known to be namespaced",
					 STR_ARG(list->items[i]));
	config->allowed_unsafe_sysctls = *list;
	return 0;
}

int node_options_apply(const struct node_options *options, struct arena *arena, struct node_config *config,
		       struct error *err)
{
	if (options->cgroup_root.len < 2 || options->cgroup_root.data[0] != '/')
		return error_set(err, ERR_BAD_REQUEST, "--cgroup-root: a path like /wherry is wanted");
	if (parse("node-ip", options->node_ip, &config->node_ip, err) < 0 ||
	    parse("cluster-dns", options->cluster_dns, &config->cluster_dns, err) < 0)
		return -(int)err->code;
	config->data_dir = absolute_path(config->data_dir, arena);
	config->run_dir = absolute_path(options->run_dir, arena);
	config->cgroup_root = options->cgroup_root;
	config->node_name = options->hostname_override;
	config->cluster_domain = options->cluster_domain;
	config->host_netns = options->host_netns;
	if (log_policy(options, arena, config, err) < 0 || unsafe_sysctls(options, config, err) < 0)
		return -(int)err->code;
	config->pod_max_pids = options->pod_max_pids;
	config->port = options->port;
	return 0;
}
