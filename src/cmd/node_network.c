/*
 * The pod network of a node, joined to the API; see node_network.h.
 *
 * Nodes are watched on a loop of its own.  `net` is set once, under the lock, when the range is known; the runtime's
 * threads read it under the lock and then use it without: podnet's operations may run side by side.
 *
 * The ranges are remembered beside the state folder, as long as the links they belong to may live.  A node that starts
 * again has its network at once, without asking anybody; its pods never look as if they had none.
 */
#include "cmd/node_network.h"

#include <fcntl.h>
#include <netinet/in.h>

#include "base/log.h"
#include "client/client.h"
#include "client/informer.h"
#include "podnet/podnet.h"
#include "sys/loop.h"
#include "sys/path.h"
#include "sys/thread.h"
#include "types/gen/core_v1.h"

#define RANGES_MAX 2

struct node_network {
	struct arena arena;
	struct str node_name, state_dir;
	struct ip_prefix cluster_cidr;
	struct loop *loop;
	struct thread *thread;
	struct informer *nodes;
	struct informer_handler handler;
	struct loop_defer sync;
	struct mutex lock; /* guards net and failure */
	struct podnet *net;
	char failure[512];
	struct ip_prefix known[RANGES_MAX];
	struct ip_prefix_slice ranges; /* in `known`: those last opened, or told of */
};

static struct podnet *current(struct node_network *network)
{
	MUTEX_GUARD(&network->lock);

	return network->net;
}

/* --- The runtime's side ------------------------------------------------------------------------------------------ */

static uint8_t protocol_number(enum runtime_protocol protocol)
{
	return protocol == RUNTIME_PROTOCOL_UDP	   ? IPPROTO_UDP
	       : protocol == RUNTIME_PROTOCOL_SCTP ? IPPROTO_SCTP
						   : IPPROTO_TCP;
}

static int set_ports(struct podnet *net, const struct runtime_network_pod *pod, struct arena *arena, struct error *err)
{
	struct podnet_host_port *ports = ARENA_NEW_N(arena, struct podnet_host_port, pod->port_mappings_len + 1);

	for (size_t i = 0; i < pod->port_mappings_len; i++)
		ports[i] = (struct podnet_host_port){.host_address = pod->port_mappings[i].host_ip,
						     .protocol = protocol_number(pod->port_mappings[i].protocol),
						     .host_port = pod->port_mappings[i].host_port,
						     .container_port = pod->port_mappings[i].container_port};
	return podnet_set_host_ports(net, pod->sandbox_id, ports, pod->port_mappings_len, err);
}

static int attach(void *data, const struct runtime_network_pod *pod, struct arena *arena, struct runtime_ips *ret,
		  struct error *err)
{
	struct podnet *net = current(data);
	cleanup_close int fd = open(str_c(pod->netns_path), O_RDONLY | O_CLOEXEC);
	struct podnet_attachment attachment;
	struct error ignored = {0};

	if (!net)
		return error_set(err, ERR_SERVICE_UNAVAILABLE, "the node has no pod range yet");
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", str_c(pod->netns_path));
	if (podnet_attach(net, fd, pod->sandbox_id, &attachment, err) < 0)
		return -(int)err->code;
	if (pod->port_mappings_len && set_ports(net, pod, arena, err) < 0) {
		(void)!podnet_detach(net, pod->sandbox_id, &ignored);
		return -(int)err->code;
	}
	*ret = (struct runtime_ips){
		arena_memdup(arena, attachment.addresses, attachment.len * sizeof(attachment.addresses[0])),
		attachment.len};
	return 0;
}

static int detach(void *data, const struct runtime_network_pod *pod, struct error *err)
{
	struct podnet *net = current(data);

	/* Without a range nothing was ever attached in this life; the next one knows what is left. */
	return net ? podnet_detach(net, pod->sandbox_id, err) : 0;
}

static bool ready(void *data, struct arena *arena, struct str *ret_reason, struct str *ret_message)
{
	struct node_network *network = data;
	MUTEX_GUARD(&network->lock);

	*ret_reason = STR("NetworkPluginNotReady");
	*ret_message =
		network->failure[0] ? arena_str_c(arena, network->failure) : STR("the node has no pod range yet");
	return network->net != NULL;
}

const struct runtime_network_ops node_network_ops = {attach, detach, ready};

/* --- The API's side ---------------------------------------------------------------------------------------------- */

static struct ip_prefix_slice ranges_of(const struct core_v1_node *node, struct arena *arena)
{
	struct ip_prefix *ranges = ARENA_NEW_N(arena, struct ip_prefix, RANGES_MAX);
	size_t len = 0;

	SLICE_FOREACH (text, node->spec.pod_cidrs)
		if (len < RANGES_MAX && ip_prefix_parse(*text, &ranges[len]) == 0)
			len++;
	return (struct ip_prefix_slice){ranges, len};
}

static void open_network(struct node_network *network, struct ip_prefix_slice ranges)
{
	struct podnet_config config = {.node_name = str_c(network->node_name),
				       .pod_cidrs = ranges,
				       .cluster_cidrs = {&network->cluster_cidr, 1},
				       .state_dir = str_c(network->state_dir)};
	struct podnet *net = NULL;
	struct error err = {0};

	if (podnet_open(&config, &net, &err) < 0)
		log_warn("pod network not opened", "error=\"%s\"", err.message);
	mutex_lock(&network->lock);
	network->net = net;
	memcpy(network->failure, err.message, sizeof(network->failure) - 1);
	mutex_unlock(&network->lock);
}

static struct str ranges_file(struct node_network *network, struct arena *arena)
{
	return arena_concat(arena, network->state_dir, STR(".ranges"));
}

/* One range a line. */
static void remember_ranges(struct node_network *network, struct ip_prefix_slice ranges)
{
	struct arena cleanup_arena arena = {0};
	struct str text = STR_EMPTY;
	char range[IP_PREFIX_TEXT_SIZE];
	int result;

	SLICE_FOREACH (prefix, ranges) {
		ip_prefix_format(prefix, range);
		text = arena_printf(&arena, STR_FMT "%s\n", STR_ARG(text), range);
	}
	result = path_write_atomic(AT_FDCWD, str_c(ranges_file(network, &arena)), text, 0600, false);
	if (result < 0)
		log_warn("pod ranges not remembered", "error=\"%s\"", strerror(-result));
}

static void open_remembered(struct node_network *network)
{
	struct arena cleanup_arena arena = {0};
	struct ip_prefix ranges[RANGES_MAX];
	struct str rest, line;
	char text[RANGES_MAX * IP_PREFIX_TEXT_SIZE];
	size_t len = 0;

	if (path_read_small(AT_FDCWD, str_c(ranges_file(network, &arena)), text, sizeof(text)) <= 0)
		return;
	for (rest = str_from(text); rest.len && len < RANGES_MAX; len++) {
		if (!str_cut(rest, '\n', &line, &rest) || ip_prefix_parse(line, &ranges[len]) < 0)
			return;
	}
	memcpy(network->known, ranges, len * sizeof(ranges[0]));
	network->ranges.len = len;
	open_network(network, network->ranges);
}

static bool same_ranges(struct ip_prefix_slice a, struct ip_prefix_slice b)
{
	bool same = a.len == b.len;

	for (size_t i = 0; same && i < a.len; i++)
		same = a.items[i].length == b.items[i].length && ip_eq(&a.items[i].address, &b.items[i].address);
	return same;
}

/* The node's ranges as the API has them. */
static void on_ranges(struct node_network *network, struct ip_prefix_slice ranges)
{
	if (!network->net) {
		open_network(network, ranges);
	} else if (!same_ranges(network->ranges, ranges)) {
		log_warn("pod ranges changed", "node=" STR_FMT " from the next start on", STR_ARG(network->node_name));
	} else {
		return;
	}
	remember_ranges(network, ranges);
	network->ranges.len = ranges.len;
	memcpy(network->known, ranges.items, ranges.len * sizeof(ranges.items[0]));
}

static struct podnet_node route_to(const struct core_v1_node *node, struct arena *arena)
{
	struct ip_address *addresses = ARENA_NEW_N(arena, struct ip_address, node->status.addresses.len + 1);
	struct podnet_node out = {
		.name = node->metadata.name, .pod_cidrs = ranges_of(node, arena), .addresses = addresses};

	SLICE_FOREACH (address, node->status.addresses)
		if (str_eq(address->type, STR("InternalIP")) &&
		    ip_parse(address->address, &addresses[out.addresses_len]) == 0)
			out.addresses_len++;
	return out;
}

static void on_sync(struct loop_defer *defer)
{
	struct node_network *network = CONTAINER_OF(defer, struct node_network, sync);
	struct arena cleanup_arena arena = {0};
	VEC_OF(struct podnet_node) nodes = {0};
	struct error err = {0};

	INFORMER_FOREACH(it, network->nodes)
	{
		const struct core_v1_node *node = OBJECT_AS(core_v1_node, it->object);
		bool own = str_eq(node->metadata.name, network->node_name);

		if (own && node->spec.pod_cidrs.len)
			on_ranges(network, ranges_of(node, &arena));
		if (!own)
			vec_push(&arena, &nodes, route_to(node, &arena));
	}
	if (network->net && podnet_sync_routes(network->net, nodes.items, nodes.len, &err) < 0)
		log_warn("routes not set", "error=\"%s\"", err.message);
}

static void on_node(struct informer_handler *handler, struct object *old UNUSED, struct object *new_ UNUSED)
{
	loop_defer(&CONTAINER_OF(handler, struct node_network, handler)->sync);
}

static void run(void *data)
{
	struct node_network *network = data;

	log_set_component("node-network");
	informer_start(network->nodes);
	loop_run(network->loop);
}

struct node_network *node_network_new(const struct node_network_config *config)
{
	struct node_network *network = XNEW(struct node_network);

	network->node_name = arena_str(&network->arena, config->node_name);
	network->state_dir = arena_str(&network->arena, config->state_dir);
	network->cluster_cidr = config->cluster_cidr;
	network->loop = loop_new();
	network->ranges.items = network->known;
	mutex_init(&network->lock);
	loop_defer_init(&network->sync, network->loop, on_sync);
	return network;
}

int node_network_start(struct node_network *network, struct transport *transport, struct error *err)
{
	network->nodes = informer_new(&(struct informer_config){
		.loop = network->loop, .transport = transport, .resource = client_resource("", "v1", "nodes")});
	network->handler = (struct informer_handler){.changed = on_node};
	informer_add_handler(network->nodes, &network->handler);
	open_remembered(network);
	return thread_start("node-network", run, network, &network->thread, err);
}

struct node_network *node_network_free(struct node_network *network)
{
	if (!network)
		return NULL;
	if (network->thread) {
		loop_stop(network->loop);
		thread_join(network->thread);
	}
	informer_free(network->nodes);
	loop_free(network->loop);
	podnet_close(network->net);
	mutex_release(&network->lock);
	arena_release(&network->arena);
	free(network);
	return NULL;
}
