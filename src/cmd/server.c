/* wherry server: flags of the control plane and the node on this host. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/controlplane.h"
#include "cmd/node_options.h"
#include "cmd/supervisor.h"
#include "component/flags.h"
#include "component/host.h"

struct server_options {
	struct str data_dir, bind_address, advertise_address, write_kubeconfig, service_range, cluster_cidr, store,
		log_level;
	struct flag_list tls_san;
	uint16_t secure_port;
	bool no_node, disable_scheduler, disable_controller_manager;
	int64_t node_monitor_period, node_monitor_grace_period, not_ready_toleration, unreachable_toleration;
	struct node_options node;
};

#define OPTION(member) offsetof(struct server_options, member)

static const struct flag flags[] = {
	{"data-dir", 'd', FLAG_STRING, OPTION(data_dir), "DIR", "folder of the cluster's data"},
	{"bind-address", 0, FLAG_STRING, OPTION(bind_address), "ADDRESS", "address to listen on"},
	{"secure-port", 0, FLAG_PORT, OPTION(secure_port), "PORT", "port to listen on"},
	{"advertise-address", 0, FLAG_STRING, OPTION(advertise_address), "ADDRESS",
	 "address that members of the cluster reach this server by"},
	{"write-kubeconfig", 0, FLAG_STRING, OPTION(write_kubeconfig), "FILE", "write the administrator's kubeconfig"},
	{"service-cluster-ip-range", 0, FLAG_STRING, OPTION(service_range), "CIDR", "addresses of services"},
	{"cluster-cidr", 0, FLAG_STRING, OPTION(cluster_cidr), "CIDR", "addresses of pods; each node gets a part"},
	{"tls-san", 0, FLAG_LIST, OPTION(tls_san), "NAMES", "more names for the serving certificate"},
	{"store", 0, FLAG_STRING, OPTION(store), "KIND", "embedded, or memory: nothing survives"},
	{"no-node", 0, FLAG_BOOL, OPTION(no_node), NULL, "control plane alone; may run as any user"},
	{"disable-scheduler", 0, FLAG_BOOL, OPTION(disable_scheduler), NULL, "run without the scheduler"},
	{"disable-controller-manager", 0, FLAG_BOOL, OPTION(disable_controller_manager), NULL,
	 "run without the controllers"},
	{"node-monitor-period", 0, FLAG_DURATION, OPTION(node_monitor_period), "TIME",
	 "how often nodes' leases are looked at"},
	{"node-monitor-grace-period", 0, FLAG_DURATION, OPTION(node_monitor_grace_period), "TIME",
	 "how long a node may be silent before it is not ready"},
	{"default-not-ready-toleration-seconds", 0, FLAG_INT, OPTION(not_ready_toleration), "SECONDS",
	 "how long a pod stays on a node that is not ready, when it says nothing of it"},
	{"default-unreachable-toleration-seconds", 0, FLAG_INT, OPTION(unreachable_toleration), "SECONDS",
	 "the same for a node that is unreachable"},
	NODE_FLAGS(OPTION(node)),
	{"log-level", 0, FLAG_STRING, OPTION(log_level), "LEVEL", "debug, info, warn or error"},
};

static int parse_address(const char *flag, struct str text, struct ip_address *ret, struct error *err)
{
	if (text.len && ip_parse(text, ret) < 0)
		return error_set(err, ERR_BAD_REQUEST, "--%s: \"" STR_FMT "\" is no IP address", flag, STR_ARG(text));
	return 0;
}

static int set_log_level(struct str name, struct error *err)
{
	static const char *const names[LOG_LEVEL_MAX] = {"debug", "info", "warn", "error"};

	for (int i = 0; i < LOG_LEVEL_MAX; i++)
		if (str_eq_c(name, names[i])) {
			log_set_level((enum log_level)i);
			return 0;
		}
	return error_set(err, ERR_BAD_REQUEST, "--log-level: \"" STR_FMT "\" is none of debug, info, warn, error",
			 STR_ARG(name));
}

static int make_config(const struct server_options *options, struct controlplane_config *ret, struct error *err)
{
	struct controlplane_config config = {
		.data_dir = options->data_dir,
		.secure_port = options->secure_port,
		.write_kubeconfig = options->write_kubeconfig,
		.cluster_cidr = options->cluster_cidr,
		.certificate_names = options->tls_san,
		.memory_store = str_eq(options->store, STR("memory")),
		.disable_scheduler = options->disable_scheduler,
		.disable_controller_manager = options->disable_controller_manager,
		.node_monitor_period_ns = options->node_monitor_period,
		.node_monitor_grace_period_ns = options->node_monitor_grace_period,
		.default_not_ready_toleration_s = options->not_ready_toleration,
		.default_unreachable_toleration_s = options->unreachable_toleration,
		.handover = -1,
	};
	struct ip_prefix pods;

	if (parse_address("bind-address", options->bind_address, &config.bind_address, err) < 0 ||
	    parse_address("advertise-address", options->advertise_address, &config.advertise_address, err) < 0 ||
	    set_log_level(options->log_level, err) < 0)
		return -(int)err->code;
	if (!config.memory_store && !str_eq(options->store, STR("embedded")))
		return error_set(err, ERR_BAD_REQUEST, "--store: embedded or memory is wanted");
	if (ip_prefix_parse(options->service_range, &config.service_range) < 0)
		return error_set(err, ERR_BAD_REQUEST, "--service-cluster-ip-range: \"" STR_FMT "\" is no CIDR",
				 STR_ARG(options->service_range));
	if (ip_prefix_parse(options->cluster_cidr, &pods) < 0)
		return error_set(err, ERR_BAD_REQUEST, "--cluster-cidr: \"" STR_FMT "\" is no CIDR",
				 STR_ARG(options->cluster_cidr));
	*ret = config;
	return 0;
}

/* --- The control plane and a node, under a supervisor ------------------------------------------------------------- */

static int run_controlplane(const void *data, int handover, struct error *err)
{
	struct controlplane_config config = *(const struct controlplane_config *)data;

	config.handover = handover;
	config.data_dir = STR("."); /* where the process is */
	return controlplane_run(&config, err);
}

static int make_node_config(const struct server_options *options, struct arena *arena, struct node_config *ret,
			    struct error *err)
{
	struct node_config config = {.data_dir = options->data_dir};

	if (node_options_apply(&options->node, arena, &config, err) < 0)
		return -(int)err->code;
	(void)!ip_prefix_parse(options->cluster_cidr, &config.cluster_cidr); /* checked for the control plane */
	config.kubeconfig = arena_concat(arena, config.data_dir, STR("/agent/kubeconfig"));
	if (!config.node_name.len)
		config.node_name = host_name(arena);
	*ret = config;
	return 0;
}

static int run_supervised(struct controlplane_config *controlplane, const struct node_config *node, struct error *err)
{
	const struct supervisor_child children[] = {
		{.name = "control-plane", .unprivileged = true, .run = run_controlplane, .config = controlplane},
		{.name = "node", .run = node_run_as_child, .config = node},
	};
	const struct supervisor_file files[] = {
		{HANDOVER_ADMIN_KUBECONFIG, controlplane->write_kubeconfig},
		{HANDOVER_NODE_KUBECONFIG, node->kubeconfig},
	};
	const struct supervisor_config config = {
		.program = "wherry server",
		.data_dir = node->data_dir,
		.user_folder = "server",
		.root_folder = "agent",
		.children = children,
		.children_len = ARRAY_LEN(children),
		.files = files,
		.files_len = ARRAY_LEN(files),
	};

	controlplane->node_name = node->node_name;
	controlplane->cluster_dns = node->cluster_dns;
	return supervisor_run(&config, err);
}

static void usage(const struct server_options *defaults)
{
	printf("Runs a cluster's control plane and, unless told otherwise, this host as its node.\n\n"
	       "Usage:\n  wherry server [flags]\n\nFlags:\n");
	flags_usage(flags, ARRAY_LEN(flags), defaults, stdout);
}

static int run(const struct server_options *options, struct controlplane_config *controlplane,
	       const struct node_config *node)
{
	struct error err = {0};
	int result;

	if (options->no_node)
		result = controlplane_run(controlplane, &err);
	else if (geteuid() != 0)
		result = error_set(&err, ERR_FORBIDDEN, "a node needs root; run it as root, or with --no-node");
	else
		result = run_supervised(controlplane, node, &err);
	if (result < 0)
		fprintf(stderr, "wherry server: %s\n", err.message);
	return result ? 1 : 0;
}

int command_server(int argc, char **argv)
{
	struct arena cleanup_arena arena = {0};
	struct server_options options = {
		.data_dir = STR("/var/lib/wherry"),
		.bind_address = STR("0.0.0.0"),
		.secure_port = 6443,
		.service_range = STR("10.96.0.0/16"),
		.cluster_cidr = STR("10.244.0.0/16"),
		.store = STR("embedded"),
		.log_level = STR("info"),
		.node_monitor_period = 5 * NS_PER_SEC,
		.node_monitor_grace_period = 50 * NS_PER_SEC,
		.not_ready_toleration = 300,
		.unreachable_toleration = 300,
		.node = NODE_OPTIONS_DEFAULT,
	};
	const struct server_options defaults = options;
	struct controlplane_config controlplane;
	struct node_config node;
	struct error err = {0};
	bool help;
	int words = flags_parse(flags, ARRAY_LEN(flags), argc, argv, &options, &help, &err);

	if (words >= 0 && help) {
		usage(&defaults);
		return 0;
	}
	if (words > 0)
		(void)!error_set(&err, ERR_BAD_REQUEST, "\"%s\" is not expected here", argv[1]);
	if (err.code || make_config(&options, &controlplane, &err) < 0 ||
	    make_node_config(&options, &arena, &node, &err) < 0) {
		fprintf(stderr, "wherry server: %s\n\"wherry server --help\" tells the flags\n", err.message);
		return 2;
	}
	return run(&options, &controlplane, &node);
}
