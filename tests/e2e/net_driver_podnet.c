/*
 * The driver's commands for the pod network:
 *
 *	podnet-open NODE STATE PODCIDRS CLUSTERCIDRS
 *	attach NETNSFILE ID		ok ADDRESS...
 *	detach ID
 *	adopt				ok ID=ADDRESS,present ...
 *	host-ports ID [PROTOCOL:HOSTPORT:PORT[:HOSTADDRESS]]...
 *	routes [NAME=CIDRS=ADDRESSES]...
 *	podnet-close
 *	podnet-reset NODE STATE
 */
#include <fcntl.h>

#include "net_driver.h"
#include "podnet/podnet.h"

static struct podnet *net;

static int check_open(struct error *err)
{
	return net ? 0 : error_set(err, ERR_INVALID, "podnet is not open");
}

static int open_podnet(const struct call *call, struct error *err)
{
	struct podnet_config config = {.node_name = call->words[0], .state_dir = call->words[1]};

	if (parse_prefixes(call, call->words[2], &config.pod_cidrs.items, &config.pod_cidrs.len, err) < 0 ||
	    parse_prefixes(call, call->words[3], &config.cluster_cidrs.items, &config.cluster_cidrs.len, err) < 0)
		return -1;
	return podnet_open(&config, &net, err);
}

static int close_podnet(const struct call *call UNUSED, struct error *err UNUSED)
{
	net = podnet_close(net);
	return 0;
}

static void put_addresses(const struct call *call, const struct podnet_attachment *at, char between)
{
	for (size_t i = 0; i < at->len; i++) {
		char text[IP_TEXT_SIZE];

		ip_format(&at->addresses[i], text);
		buf_printf(call->out, "%c%s", i ? ',' : between, text);
	}
}

static int attach(const struct call *call, struct error *err)
{
	cleanup_close int fd = open(call->words[0], O_RDONLY | O_CLOEXEC);
	struct podnet_attachment at;

	if (fd < 0)
		return error_set_errno(err, errno, "open %s", call->words[0]);
	if (check_open(err) < 0 || podnet_attach(net, fd, str_from(call->words[1]), &at, err) < 0)
		return -1;
	put_addresses(call, &at, ' ');
	return 0;
}

static int detach(const struct call *call, struct error *err)
{
	return check_open(err) < 0 ? -1 : podnet_detach(net, str_from(call->words[0]), err);
}

static int adopt(const struct call *call, struct error *err)
{
	struct podnet_attachment_slice list;

	if (check_open(err) < 0 || podnet_adopt(net, call->arena, &list, err) < 0)
		return -1;
	SLICE_FOREACH (at, list) {
		buf_printf(call->out, " %s", at->id);
		put_addresses(call, at, '=');
		buf_c(call->out, at->present ? ",present" : ",absent");
	}
	return 0;
}

static int parse_host_port(const struct call *call, const char *text, struct podnet_host_port *ret, struct error *err)
{
	struct str rest = str_from(text), protocol, host, container;

	*ret = (struct podnet_host_port){0};
	str_cut(rest, ':', &protocol, &rest);
	str_cut(rest, ':', &host, &rest);
	str_cut(rest, ':', &container, &rest);
	if (rest.len > 0 && ip_parse(rest, &ret->host_address) < 0)
		return error_set(err, ERR_INVALID, "bad host address in %s", text);
	if (parse_protocol(str_c(arena_str(call->arena, protocol)), &ret->protocol, err) < 0 ||
	    parse_port(str_c(arena_str(call->arena, host)), &ret->host_port, err) < 0)
		return -1;
	return parse_port(str_c(arena_str(call->arena, container)), &ret->container_port, err);
}

static int host_ports(const struct call *call, struct error *err)
{
	VEC_OF(struct podnet_host_port) ports = {0};

	for (size_t i = 1; i < call->len; i++) {
		struct podnet_host_port port;

		if (parse_host_port(call, call->words[i], &port, err) < 0)
			return -1;
		vec_push(call->arena, &ports, port);
	}
	if (check_open(err) < 0)
		return -1;
	return podnet_set_host_ports(net, str_from(call->words[0]), ports.items, ports.len, err);
}

static int routes(const struct call *call, struct error *err)
{
	VEC_OF(struct podnet_node) nodes = {0};

	for (size_t i = 0; i < call->len; i++) {
		struct podnet_node node = {0};
		struct str rest = str_from(call->words[i]), cidrs, addresses;

		str_cut(rest, '=', &node.name, &rest);
		str_cut(rest, '=', &cidrs, &addresses);
		if (parse_prefixes(call, str_c(arena_str(call->arena, cidrs)), &node.pod_cidrs.items,
				   &node.pod_cidrs.len, err) < 0 ||
		    parse_addresses(call, str_c(addresses), &node.addresses, &node.addresses_len, err) < 0)
			return -1;
		vec_push(call->arena, &nodes, node);
	}
	return check_open(err) < 0 ? -1 : podnet_sync_routes(net, nodes.items, nodes.len, err);
}

static int reset(const struct call *call, struct error *err)
{
	net = podnet_close(net);
	return podnet_reset(call->words[0], call->words[1], err);
}

const struct command podnet_commands[] = {
	{"podnet-open", 4, open_podnet},
	{"attach", 2, attach},
	{"detach", 1, detach},
	{"adopt", 0, adopt},
	{"host-ports", 1, host_ports},
	{"routes", 0, routes},
	{"podnet-close", 0, close_podnet},
	{"podnet-reset", 2, reset},
	{0},
};
