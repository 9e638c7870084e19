/*
 * What every controller that owns pods does alike: find them, claim them, make them from a template, choose which go
 * first.
 *
 * Ownership is by the controller reference's UID. A pod without one is an orphan; a controller whose selector it
 * matches adopts it. Behaviour: upstream's PodControllerRefManager and ActivePodsWithRanks.
 */
#ifndef WHERRY_CONTROLLERS_POD_CONTROL_H
#define WHERRY_CONTROLLERS_POD_CONTROL_H

#include "client/reconciler.h"
#include "types/gen/core_v1.h"
#include "types/selector.h"

/* Index of pods: by the owner's UID, orphans by their namespace. */
void pod_control_index_owner(const struct object *pod, struct informer_keys *values);
/* Pods that are or may become @owner's: its own and the orphans of its namespace; held in @arena. */
struct object_slice pod_control_candidates(struct arena *arena, const struct informer *pods, int index,
					   const struct meta_v1_object_meta *owner);
/*
 * Takes for @owner what it may have: true when @object is its own and matches @selector, or is an orphan that does and
 * is adopted by the plan.  What is its own and no longer matches is let go by the plan.
 */
bool pod_control_claims(struct plan *plan, const struct resource *resource, const struct object *owner,
			const struct selector *selector, const struct object *object);
/* The same for owners that look at more than labels: @matches says whether @object is one that it may have. */
bool pod_control_claims_if(struct plan *plan, const struct resource *resource, const struct object *owner, bool matches,
			   const struct object *object);
/* The same for owners whose objects carry a finalizer: it comes with the adoption and goes with the release. */
bool pod_control_claims_tracked(struct plan *plan, const struct resource *resource, const struct object *owner,
				bool matches, const struct object *object, const char *finalizer);
/* The selector of an object's spec; one that does not parse, which validation lets nobody write, selects nothing. */
struct selector pod_control_selector(const struct meta_v1_label_selector *labels, struct arena *arena);
/*
 * Sorts @candidates into the owner's: plans the adoption of matching orphans and the release of own pods that no longer
 * match.  Returns the active ones (arena), and how many of its own are going away in *ret_terminating.
 */
struct object_slice pod_control_claim(struct plan *plan, const struct resource *pods, struct object *owner,
				      const struct meta_v1_label_selector *selector, struct object_slice candidates,
				      int32_t *ret_terminating);
/* A pod of @owner's to create: generateName from the owner's name, labels, annotations and spec from the template. */
struct core_v1_pod pod_control_from_template(const struct core_v1_pod_template_spec *template,
					     const struct object *owner, struct arena *arena);
/* Making and deleting a pod, with the events on its owner that tell of it. */
void pod_control_plan_create(struct plan *plan, const struct resource *pods, const struct core_v1_pod *pod);
void pod_control_plan_delete(struct plan *plan, const struct resource *pods, const struct object *pod);
/*
 * Puts those first that are to be deleted first.  @related: the pods among which those of a crowded node go before
 * others.  @now: wall clock, nanoseconds; ages are told apart by their order of magnitude.
 */
void pod_control_rank_for_deletion(struct object_slice pods, struct object_slice related, int64_t now,
				   struct arena *arena);
/*
 * Keys of the owners an event of @pod (or of anything else that is claimed) concerns: its controller when that is of
 * @kind, or for an orphan the objects of @owners in its namespace whose selector it matches.
 */
typedef struct selector pod_control_selector_fn(const struct object *owner, struct arena *arena);
void pod_control_owner_keys(const struct object *pod, struct str kind, const struct informer *owners,
			    pod_control_selector_fn *selector_of, struct informer_keys *keys);

#endif
