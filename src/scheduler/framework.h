/*
 * The scheduling framework: where plugins take part in a decision.
 *
 * A plugin is a const table, one file in plugins/.  The points, in upstream's order: PreEnqueue (may it wait for a
 * decision), QueueSort (`before`), PreFilter (once for a pod), Filter (for a pod and a node), PostFilter (no node
 * fits), PreScore, Score and NormalizeScore (0..100, weighted and summed), Reserve, Permit, PreBind, Bind, PostBind.
 * All run on the deciding thread but the last three, which run on a worker and see nothing but their struct binding.
 *
 * PLUGINS is the default profile: order matters, for Filter stops at the first plugin that says no, and messages count
 * its reason.
 */
#ifndef WHERRY_SCHEDULER_FRAMEWORK_H
#define WHERRY_SCHEDULER_FRAMEWORK_H

#include "client/transport.h"
#include "scheduler/cache.h"
#include "scheduler/event.h"

#define PLUGINS(X)                                                                                                     \
	X(scheduling_gates)                                                                                            \
	X(priority_sort)                                                                                               \
	X(node_unschedulable)                                                                                          \
	X(node_name)                                                                                                   \
	X(taint_toleration)                                                                                            \
	X(node_affinity)                                                                                               \
	X(node_ports)                                                                                                  \
	X(node_resources_fit)                                                                                          \
	X(pod_topology_spread)                                                                                         \
	X(inter_pod_affinity)                                                                                          \
	X(dynamic_resources)                                                                                           \
	X(default_preemption)                                                                                          \
	X(node_resources_balanced_allocation)                                                                          \
	X(image_locality)                                                                                              \
	X(default_binder)

enum plugin_number {
#define X(name) PLUGIN_##name,
	PLUGINS(X)
#undef X
		PLUGIN_MAX
};
#define PLUGIN_BIT(number) (UINT32_C(1) << (number))

#define SCORE_MAX	   INT64_C(100)

enum verdict {
	VERDICT_OK,
	VERDICT_SKIP,	  /* PreFilter, PreScore: nothing to do for this pod at the later points */
	VERDICT_REJECT,	  /* "Unschedulable": taking pods off the node may help */
	VERDICT_HOPELESS, /* "UnschedulableAndUnresolvable": that cannot help */
	VERDICT_ERROR,
};

/* Texts that say why not; they live as long as the arena they were pushed with, or are constant. */
struct reasons {
	struct str *items;
	size_t len, cap;
};

/* What became of one node in this cycle. */
struct node_verdict {
	uint32_t slot;
	enum verdict verdict;
	enum plugin_number plugin;
	struct reasons reasons;
};

/* One decision about one pod. */
struct cycle {
	struct arena arena;
	struct cache *cache;
	struct sched_pod *pod;
	void *state[PLUGIN_MAX]; /* what a plugin's PreFilter or PreScore left for itself */
	uint32_t filtered;	 /* bits of plugins whose PreFilter ran */
	uint32_t skip_filter, skip_score;
	/* PreFilter may name the only nodes worth looking at. */
	bool narrowed;
	uint32_t narrowed_by;
	struct str_slice only;
	/* After Filter: the nodes that said no. */
	struct node_verdict *verdicts;
	size_t verdicts_len;
	/* PostFilter's: where the pod may go once those have gone. */
	struct str nominated;
	struct sched_pod **victims;
	size_t victims_len;
	struct random_source *random;
};

/* A decision being carried out, on a worker. */
struct binding {
	struct transport *transport;
	struct object *pod; /* references of its own */
	struct str node;
};

struct plugin {
	const char *name; /* upstream's */
	int64_t weight;	  /* of its score */
	/* Queueing hints: EVENT_ bits that may change its mind, and a closer look at one (NULL: any does). */
	uint32_t wakes;
	bool (*hint)(const struct sched_pod *pod, const struct cluster_event *event);

	enum verdict (*pre_enqueue)(const struct sched_pod *pod);
	bool (*before)(const struct sched_pod *a, const struct sched_pod *b);
	enum verdict (*pre_filter)(struct cycle *cycle, struct reasons *why);
	enum verdict (*filter)(struct cycle *cycle, const struct node_row *node, struct reasons *why);
	/* A pod was put on (@sign 1) or taken off (-1) a copy of @node: what PreFilter counted follows. */
	void (*moved)(struct cycle *cycle, const struct sched_pod *other, const struct node_row *node, int sign);
	enum verdict (*post_filter)(struct cycle *cycle, struct reasons *why);
	enum verdict (*pre_score)(struct cycle *cycle);
	int64_t (*score)(struct cycle *cycle, const struct node_row *node);
	void (*normalize)(int64_t *scores, size_t len);
	enum verdict (*reserve)(struct cycle *cycle, const struct node_row *node, struct reasons *why);
	void (*unreserve)(struct cycle *cycle, const struct node_row *node);
	enum verdict (*permit)(struct cycle *cycle, const struct node_row *node, struct reasons *why);
	int (*pre_bind)(struct binding *binding, struct error *err);
	int (*bind)(struct binding *binding, struct error *err);
	void (*post_bind)(struct binding *binding);
};

#define X(name) extern const struct plugin plugin_##name;
PLUGINS(X)
#undef X

extern const struct plugin *const plugins[PLUGIN_MAX];

/* May the pod wait for a decision? */
bool framework_admits(const struct sched_pod *pod);
/* All filters on one node; PreFilter has run. */
enum verdict framework_filter(struct cycle *cycle, const struct node_row *node, struct node_verdict *ret);
/* Puts a pod on, or takes it off, a copy of a row, and tells the plugins. */
void framework_put(struct cycle *cycle, struct node_row *row, struct sched_pod *pod);
void framework_take(struct cycle *cycle, struct node_row *row, struct sched_pod *pod);
/* Does @event change the mind of one who rejected the pod?  (No one in particular: any event does.) */
bool framework_wakes(const struct sched_pod *pod, const struct cluster_event *event);
/* PreBind, Bind, PostBind; blocks; a worker's. */
int framework_bind(struct binding *binding, struct error *err) MUST_CHECK;

/* 100 * score / the highest; reversed: 100 less that (all 100 when the highest is 0). */
void normalize_scores(int64_t *scores, size_t len, bool reverse);

#endif
