/*
 * The pod network of a node, joined to the API: opened once the Node has its pod range, routes kept to the other
 * nodes'.
 *
 * It gives the runtime its network operations; until the range is there pods wait (NetworkReady=false), and the node is
 * not ready.
 */
#ifndef WHERRY_CMD_NODE_NETWORK_H
#define WHERRY_CMD_NODE_NETWORK_H

#include "base/address.h"
#include "base/error.h"
#include "runtime/builtin.h"

struct node_network;
struct transport;

struct node_network_config {
	struct str node_name;
	struct str state_dir;
	struct ip_prefix cluster_cidr;
};

struct node_network *node_network_new(const struct node_network_config *config);
extern const struct runtime_network_ops node_network_ops;
/* Begins to watch nodes over @transport. */
int node_network_start(struct node_network *network, struct transport *transport, struct error *err) MUST_CHECK;
/* Leaves links and routes as they are.  NULL is fine; returns NULL. */
struct node_network *node_network_free(struct node_network *network);

#endif
