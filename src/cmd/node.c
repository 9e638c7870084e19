/* A node: makes the parts, joins them, and waits for the signal to stop; see node.h. */
#include "cmd/node.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/log.h"
#include "client/kubeconfig.h"
#include "cmd/handover.h"
#include "cmd/node_dns.h"
#include "cmd/node_keys.h"
#include "cmd/node_network.h"
#include "component/host.h"
#include "kubelet/kubelet.h"
#include "proxy/component.h"
#include "runtime/builtin.h"
#include "runtime/registry_http.h"
#include "sys/loop.h"
#include "sys/path.h"
#include "sys/thread.h"

#define MAX_PODS	 110
#define STATUS_PERIOD_NS (10 * NS_PER_SEC)
#define LEASE_SECONDS	 40
#define PROXY_PERIOD_NS	 (50 * NS_PER_MS)

struct node {
	const struct node_config *config;
	struct arena arena;
	struct str name;
	struct ip_address address;
	struct transport *transport;
	struct str client_ca; /* who signs those who may call the kubelet */
	struct node_keys keys;
	struct registry_transport *registry;
	struct node_network *network;
	struct runtime *runtime;
	struct kubelet *kubelet;
	struct thread *kubelet_thread;
	struct proxy_component *proxy;
	struct thread *proxy_thread;
	struct node_dns *dns;
	struct loop *loop; /* of the signals */
	int host_netns_fd;
	struct error failure; /* of the kubelet's thread; read after it was joined */
};

static void runtime_event(void *data, const struct runtime_event *event)
{
	struct node *node = data;

	/* Events before the kubelet is there are of containers it will find by itself. */
	if (node->kubelet)
		kubelet_runtime_event(node->kubelet, event);
}

static struct str below(struct node *node, struct str folder, const char *name)
{
	return arena_printf(&node->arena, STR_FMT "/%s", STR_ARG(folder), name);
}

static int make_folder(struct str path, unsigned mode, struct error *err)
{
	int result = path_make_dirs(AT_FDCWD, str_c(path), (mode_t)mode);

	return result < 0 ? error_set_errno(err, -result, "make folder " STR_FMT, STR_ARG(path)) : 0;
}

static int open_transport(struct node *node, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct https_config config;

	if (kubeconfig_load(str_c(node->config->kubeconfig), STR_EMPTY, &arena, &config, err) < 0)
		return -(int)err->code;
	node->client_ca = arena_str(&node->arena, config.credentials.ca.text);
	config.user_agent = STR("kubelet/wherry-" WHERRY_VERSION);
	return https_transport_new(&config, &node->transport, err);
}

static int open_registry(struct node *node, struct error *err)
{
	if (node->config->host_netns.len) {
		node->host_netns_fd = open(str_c(node->config->host_netns), O_RDONLY | O_CLOEXEC);
		if (node->host_netns_fd < 0)
			return error_set_errno(err, errno, "open " STR_FMT, STR_ARG(node->config->host_netns));
	}
	return registry_http_new(node->host_netns_fd, STR_EMPTY, &node->registry, err);
}

static int open_runtime(struct node *node, struct error *err)
{
	const struct node_network_config network = {.node_name = node->name,
						    .state_dir = below(node, node->config->run_dir, "podnet"),
						    .cluster_cidr = node->config->cluster_cidr};
	struct builtin_config runtime = {
		.data_dir = below(node, node->config->data_dir, "agent"),
		.run_dir = node->config->run_dir,
		.cgroup_root = node->config->cgroup_root,
		.version = STR(WHERRY_VERSION),
		.network = &node_network_ops,
		.event = runtime_event,
		.event_data = node,
	};

	node->network = node_network_new(&network);
	runtime.registry = node->registry;
	runtime.network_data = node->network;
	return builtin_runtime_new(&runtime, &node->runtime, err);
}

static void make_kubelet(struct node *node)
{
	const struct kubelet_config config = {
		.node_name = node->name,
		.hostname = node->name,
		.node_ips = {&node->address, 1},
		.root_dir = below(node, node->config->data_dir, "agent/kubelet"),
		.pod_logs_dir = below(node, node->config->data_dir, "agent/logs"),
		.cgroup_root = node->config->cgroup_root,
		.cluster_dns = {&node->config->cluster_dns, node->config->cluster_dns.family != IP_NONE},
		.cluster_domain = node->config->cluster_domain,
		.resolv_conf = STR("/etc/resolv.conf"),
		.port = node->config->port,
		.client_ca = node->client_ca,
		.server_cert = node->keys.cert_pem,
		.server_key = node->keys.key_pem,
		.max_pods = MAX_PODS,
		.allowed_unsafe_sysctls = {node->config->allowed_unsafe_sysctls.items,
					   node->config->allowed_unsafe_sysctls.len},
		.log_max_size = node->config->log_max_size,
		.log_max_files = node->config->log_max_files,
		.pod_max_pids = node->config->pod_max_pids,
		.node_status_period_ns = STATUS_PERIOD_NS,
		.lease_duration_s = LEASE_SECONDS,
		.transport = node->transport,
		.runtime = node->runtime,
	};

	node->kubelet = kubelet_new(&config);
}

static void run_kubelet(void *data)
{
	struct node *node = data;

	if (kubelet_run(node->kubelet, &node->failure) < 0)
		loop_stop(node->loop);
}

static void run_proxy(void *data)
{
	log_set_component("proxy");
	proxy_component_run(data);
}

static int start_proxy(struct node *node, struct error *err)
{
	const struct proxy_component_config config = {
		.transport = node->transport,
		.proxy = {.node_name = str_c(node->name),
			  .cluster_cidrs = &node->config->cluster_cidr,
			  .cluster_cidrs_len = 1},
		.min_sync_ns = PROXY_PERIOD_NS,
	};

	if (proxy_component_new(&config, &node->proxy, err) < 0)
		return -(int)err->code;
	return thread_start("proxy", run_proxy, node->proxy, &node->proxy_thread, err);
}

static int start_dns(struct node *node, struct error *err)
{
	const struct node_config *config = node->config;

	if (config->cluster_dns.family == IP_NONE)
		return 0;
	return node_dns_start(&config->cluster_dns, config->cluster_domain, node->transport, &node->dns, err);
}

static int start(struct node *node, struct error *err)
{
	struct str agent = below(node, node->config->data_dir, "agent");

	if (make_folder(agent, 0700, err) < 0 || make_folder(below(node, agent, "kubelet/pods"), 0750, err) < 0 ||
	    make_folder(below(node, agent, "logs"), 0755, err) < 0 ||
	    make_folder(node->config->run_dir, 0700, err) < 0 || open_transport(node, err) < 0 ||
	    node_keys_open(below(node, agent, "pki"), node->name, node->address, clock_wall_ns() / NS_PER_SEC,
			   &node->arena, &node->keys, err) < 0 ||
	    open_registry(node, err) < 0 || open_runtime(node, err) < 0)
		return -(int)err->code;
	make_kubelet(node);
	if (node_network_start(node->network, node->transport, err) < 0 || start_proxy(node, err) < 0 ||
	    start_dns(node, err) < 0)
		return -(int)err->code;
	return thread_start("kubelet", run_kubelet, node, &node->kubelet_thread, err);
}

static void on_signal(void *data, int signal UNUSED)
{
	struct node *node = data;

	loop_stop(node->loop);
}

static void release(struct node *node)
{
	if (node->kubelet_thread) {
		kubelet_stop(node->kubelet);
		thread_join(node->kubelet_thread);
	}
	kubelet_free(node->kubelet);
	if (node->runtime)
		node->runtime->ops->free(node->runtime);
	if (node->proxy_thread) {
		proxy_component_stop(node->proxy);
		thread_join(node->proxy_thread);
	}
	proxy_component_free(node->proxy);
	node_dns_stop(node->dns);
	node_network_free(node->network);
	registry_http_free(node->registry);
	transport_free(node->transport);
	close_fd(node->host_netns_fd);
	arena_release(&node->arena);
}

int node_lock(struct str run_dir, int *ret_fd, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	const char *path = str_c(arena_concat(&arena, run_dir, STR("/lock")));
	cleanup_close int fd = -1;

	if (make_folder(run_dir, 0700, err) < 0)
		return -(int)err->code;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? error_set(err, ERR_CONFLICT,
							"a node runs with the run folder " STR_FMT "; stop it first",
							STR_ARG(run_dir))
					    : error_set_errno(err, errno, "lock %s", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int node_run(const struct node_config *config, struct error *err)
{
	cleanup_close int lock = -1;
	struct node node = {.config = config, .host_netns_fd = -1};
	struct loop_signal *term, *interrupt;
	int result;

	log_set_component("node");
	if (node_lock(config->run_dir, &lock, err) < 0)
		return -(int)err->code;
	node.name = config->node_name.len ? config->node_name : host_name(&node.arena);
	node.address = config->node_ip.family != IP_NONE ? config->node_ip : host_address();
	if (builtin_enter_mount_namespace(config->run_dir, err) < 0)
		return -(int)err->code;
	node.loop = loop_new();
	term = loop_signal_new(node.loop, SIGTERM, on_signal, &node);
	interrupt = loop_signal_new(node.loop, SIGINT, on_signal, &node);
	result = start(&node, err);
	if (result == 0)
		result = handover_send(config->handover, HANDOVER_READY, STR_EMPTY, err);
	if (result == 0) {
		log_info("node runs", "node=" STR_FMT, STR_ARG(node.name));
		loop_run(node.loop);
	}
	release(&node);
	loop_signal_free(term);
	loop_signal_free(interrupt);
	loop_free(node.loop);
	if (result == 0 && node.failure.code)
		return error_pass(err, &node.failure);
	return result;
}

int node_run_as_child(const void *data, int handover, struct error *err)
{
	struct node_config config = *(const struct node_config *)data;

	config.handover = handover;
	return node_run(&config, err);
}
