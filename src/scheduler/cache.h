/*
 * The scheduler's picture of the cluster: nodes, and what is on them, counted as it changes.
 *
 * A node is a row; rows are one array, and what a decision reads of each (allocatable, requested, load) lies in the
 * row itself.  Slots keep their number while the node exists or pods say they are on it.  A decision is noted at once
 * (cache_assume) and withdrawn when binding fails (cache_remove_pod), so that the next decision counts it.
 *
 * Invariant: requested, load, extended and ports of a row are the sums over its pods, at every return.
 * The deciding thread's.
 */
#ifndef WHERRY_SCHEDULER_CACHE_H
#define WHERRY_SCHEDULER_CACHE_H

#include "scheduler/pod.h"

struct node_row {
	struct str name;
	struct object *object; /* NULL: unknown, but pods are on it */
	const struct core_v1_node *node;
	int64_t allocatable[SCHED_BASE_MAX], requested[SCHED_BASE_MAX];
	int64_t load[2];
	int64_t pods_allowed;
	/* By number less SCHED_BASE_MAX; beyond extended_len: zero. */
	int64_t *extended_allocatable, *extended_requested;
	size_t extended_len;
	struct sched_pod **pods;
	size_t pods_len, pods_cap;
	size_t ports_len;     /* host ports its pods use, counted */
	size_t apart_len;     /* pods with required anti-affinity */
	uint32_t slot, place; /* place in cache->nodes */
};

struct cache {
	struct resource_names names;
	struct node_row *rows;
	uint32_t rows_len, rows_cap;
	uint32_t *nodes; /* slots of the nodes that exist */
	uint32_t nodes_len, nodes_cap;
	uint32_t *free;
	uint32_t free_len, free_cap;
	struct map by_name;    /* -> slot + 1, as a pointer */
	struct map images;     /* -> struct image_spread */
	struct map namespaces; /* name -> struct object, a reference */
	size_t apart_len;      /* pods on nodes with required anti-affinity */
	size_t drawn_len;      /* pods on nodes with terms that others' scores ask about */
	/* Waiting pods that a node has been freed for. */
	struct sched_pod **nominated;
	size_t nominated_len;
};

void cache_init(struct cache *cache);
/* Takes pods off their nodes; they are their owner's. */
void cache_release(struct cache *cache);

void cache_set_node(struct cache *cache, struct object *object);
void cache_remove_node(struct cache *cache, struct str name);
/* The row of an existing node, or NULL; until the next change. */
struct node_row *cache_node(const struct cache *cache, struct str name);

void cache_set_namespace(struct cache *cache, struct object *object);
void cache_remove_namespace(struct cache *cache, struct str name);

/* @pod is on no node. */
void cache_add_pod(struct cache *cache, struct sched_pod *pod, struct str node);
void cache_assume(struct cache *cache, struct sched_pod *pod, uint32_t slot);
/* Harmless when it is on none. */
void cache_remove_pod(struct cache *cache, struct sched_pod *pod);

/* @pod, which waits, is to go to @node (empty: to none in particular): less important pods must not take its room. */
void cache_nominate(struct cache *cache, struct sched_pod *pod, struct str node);

/* How many nodes have an image. */
size_t cache_image_nodes(const struct cache *cache, struct str name);

static inline int64_t node_row_allocatable(const struct node_row *row, uint32_t number)
{
	if (number < SCHED_BASE_MAX)
		return row->allocatable[number];
	number -= SCHED_BASE_MAX;
	return number < row->extended_len ? row->extended_allocatable[number] : 0;
}
static inline int64_t node_row_requested(const struct node_row *row, uint32_t number)
{
	if (number < SCHED_BASE_MAX)
		return row->requested[number];
	number -= SCHED_BASE_MAX;
	return number < row->extended_len ? row->extended_requested[number] : 0;
}

/* A copy to try things on: pods can be taken off it and put back, and nothing else sees it. */
void node_row_copy(const struct node_row *row, struct node_row *ret);
void node_row_release(struct node_row *row);
void node_row_take(struct node_row *row, const struct sched_pod *pod);
void node_row_put(struct node_row *row, struct sched_pod *pod);

#endif
