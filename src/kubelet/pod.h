/*
 * The machine of one pod, on the kubelet's loop.
 *
 *	IDLE ---wake---> RUNNING ---done---> IDLE
 *			  |  ^
 *		     wake |  | done
 *			  v  |
 *		    RUNNING_DIRTY
 *
 * RUNNING: one turn (pod_sync.h) of the pod is on a worker; a wake meanwhile makes it dirty, and another turn follows.
 *A turn may ask to be called again at a time.  When a turn says that nothing is left (`gone`) and the API has let go of
 *the pod too, the machine ends.
 *
 * A pod over which a former life of the process crashed is left alone until its quarantine ends (sys/crash.h).
 *
 * The set of machines is keyed by UID: a pod deleted and made anew under the same name is another machine.
 */
#ifndef WHERRY_KUBELET_POD_H
#define WHERRY_KUBELET_POD_H

#include "kubelet/context.h"

struct loop;
struct pods;
struct worker_pool;

struct pods *pods_new(const struct kubelet_context *context, struct loop *loop, struct worker_pool *pool);
/* The API's view changed: @object NULL, the pod is gone from it.  Loop thread, as all below. */
void pods_set(struct pods *pods, struct str uid, struct object *object);
/* The node as the API has it, or NULL: what it has room for and lets in from now on. */
void pods_set_node(struct pods *pods, struct object *node);
void pods_wake(struct pods *pods, struct str uid);
void pods_wake_all(struct pods *pods);
/* The pod's object as the API had it last, borrowed; NULL when it is not ours. */
struct object *pods_get(const struct pods *pods, struct str uid);
size_t pods_len(const struct pods *pods);
/* Takes no more turns; those under way end on their own. */
void pods_stop(struct pods *pods);
/* After the pool and the loop are freed; NULL is fine; returns NULL. */
struct pods *pods_free(struct pods *pods);

#endif
