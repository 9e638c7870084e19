/*
 * The templates that a DaemonSet or a StatefulSet has had, as ControllerRevisions: what its pods say they are made
 * from, and what kubectl rollout undo goes back to.
 *
 * A revision holds a patch of the owner that makes its template what it was.  The one of the present template has the
 * highest number: a template that comes back takes its revision along, with a new number.
 *
 *	history_open(&history, plan, &inputs->history, inputs->object, &selector, &style);
 *	history_take(&history, &set->spec.template, &set->metadata.annotations, collision_count);
 *	...history.current...
 *	history_forget(&history, excess, live);
 */
#ifndef WHERRY_CONTROLLERS_HISTORY_H
#define WHERRY_CONTROLLERS_HISTORY_H

#include "client/reconciler.h"
#include "types/gen/apps_v1.h"
#include "types/selector.h"

struct informer_set;

/* The ControllerRevisions of a set of informers, with the indexes that history_gather() needs. */
struct history_source {
	const struct resource *revisions;
	struct informer *informer;
	int by_owner, by_parent;
};
void history_source_init(struct history_source *source, struct informer_set *informers);

/* What a plan knows of revisions. */
struct history_inputs {
	const struct resource *revisions;
	struct object_slice candidates; /* that are or may become the owner's */
	struct object_slice named;	/* anybody's, with names that the owner's could have */
};
struct history_inputs history_gather(const struct history_source *source, const struct meta_v1_object_meta *owner,
				     struct arena *arena);

struct history {
	struct plan *plan;
	const struct resource *revisions;
	struct object *owner;
	struct object_slice named;
	const char *hash_label; /* where a revision tells its hash */
	/* The owner's, lowest number first. */
	const struct apps_v1_controller_revision **items;
	size_t len;
	/* Of the present template: one of them, or one that the plan makes. */
	const struct apps_v1_controller_revision *current;
	int32_t collision_count; /* names that were taken by something else */
};

/* Finds the owner's revisions; the plan adopts and releases by @selector. */
void history_open(struct history *history, struct plan *plan, const struct history_inputs *inputs, struct object *owner,
		  const struct selector *selector, const char *hash_label);
/*
 * Finds or makes the revision of @template, and numbers it highest.  @collision_count: what the owner's status says, or
 * NULL.
 */
void history_take(struct history *history, const struct core_v1_pod_template_spec *template,
		  const int32_t *collision_count);
/* The same where nothing may be made: NULL when there is none. */
const struct apps_v1_controller_revision *history_find(const struct history *history,
						       const struct core_v1_pod_template_spec *template);
/* The template that @revision holds, in @arena; NULL when it holds something else. */
const struct core_v1_pod_template_spec *history_template(const struct apps_v1_controller_revision *revision,
							 struct arena *arena);
/* Deletes the @count lowest of those that are not @live[i]. */
void history_forget(const struct history *history, size_t count, const bool *live);

#endif
