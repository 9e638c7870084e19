/*
 * The node's own objects: the Node, its status, and the Lease that says it lives.
 *
 * Every period (10 s) a worker registers the node when the API does not have it, renews the Lease, and patches the
 * status when something but heartbeats changed or 5 minutes have passed.  A failure is tried again in a moment with
 * back-off.
 */
#ifndef WHERRY_KUBELET_NODE_OBJECT_H
#define WHERRY_KUBELET_NODE_OBJECT_H

#include "kubelet/context.h"

struct loop;
struct node_object;
struct worker_pool;

struct node_object *node_object_new(const struct kubelet_context *context, struct loop *loop, struct worker_pool *pool);
/* Loop thread. */
int node_object_start(struct node_object *node, struct error *err) MUST_CHECK;
void node_object_stop(struct node_object *node);
/* After the pool and the loop are freed; NULL is fine; returns NULL. */
struct node_object *node_object_free(struct node_object *node);

#endif
