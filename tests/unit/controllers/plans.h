/*
 * Plans of controllers as text: objects are made from YAML, and what a plan wants is a line for each change, so that a
 * table can hold both.
 *
 *	struct planned p = {0};
 *	struct object *set = planned_object(&p, "apps", "replicasets", "{metadata: {name: a, namespace: ns}}");
 *	replicaset_plan(NULL, &inputs, now, planned_begin(&p));
 *	assert_string_equal(planned_text(&p), "patch replicasets/status ns/a {...}\n");
 *	planned_release(&p);
 */
#ifndef WHERRY_TESTS_CONTROLLERS_PLANS_H
#define WHERRY_TESTS_CONTROLLERS_PLANS_H

#include "client/reconciler.h"

struct planned {
	struct arena arena;
	struct plan plan;
};

/* An object of the resource in version v1, freed with @planned. */
struct object *planned_object(struct planned *planned, const char *group, const char *plural, const char *yaml);
/* The same, formatted. */
struct object *planned_objectf(struct planned *planned, const char *group, const char *plural, const char *format, ...)
	PRINTF_LIKE(4, 5);
/* An empty plan; what was planned before is forgotten. */
struct plan *planned_begin(struct planned *planned);
/*
 * "create PLURAL NAMESPACE/NAME BODY", "patch PLURAL[/SUBRESOURCE] NAMESPACE/NAME PATCH", "update ..." with the body,
 * "delete PLURAL NAMESPACE/NAME", then "event TYPE REASON MESSAGE"; each line ends in '\n'.
 */
const char *planned_text(struct planned *planned);
/* The same of one plural (NULL: all) without bodies and patches. */
const char *planned_outline(struct planned *planned, const char *plural);
void planned_release(struct planned *planned);

#endif
