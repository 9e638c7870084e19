/*
 * One resource, several versions: from the struct of one to the struct of another.
 *
 * Members of the same name are carried over, all the way down; a member that one version may leave out and the other
 * may not counts as the same.  What has another name is told by a conversion: one entry for each pair of types that
 * differ, for both directions.  What is more than a name its functions do, after that.
 *
 *	static const struct renamed_member names[] = {{"note", "message"}, {"target.value", "targetValue"}};
 *	const struct conversion conversion_event = {.a = &schema_events_v1_event, .b = &schema_core_v1_event,
 *						    RENAMED(names)};
 *
 * and a line in registry/conversions.h makes it known.
 */
#ifndef WHERRY_APISERVER_CONVERT_H
#define WHERRY_APISERVER_CONVERT_H

#include "base/arena.h"
#include "types/schema.h"

/* Paths of JSON names in @a and @b; the first member of a path is never carried over by its name. */
struct renamed_member {
	const char *a, *b;
};
#define RENAMED(list_) .renamed = (list_), .renamed_len = ARRAY_LEN(list_)

struct conversion {
	const struct schema *a, *b;
	const struct renamed_member *renamed;
	size_t renamed_len;
	/* Either may be NULL.  The target has all that names told; both may share memory with the source. */
	void (*to_b)(const void *a, void *b, struct arena *arena);
	void (*to_a)(const void *b, void *a, struct arena *arena);
};

/* A struct of schema @to with what @data, a struct of @from, says; shares memory with it. */
void *convert_struct(const struct schema *from, const struct schema *to, const void *data, struct arena *arena);

#endif
