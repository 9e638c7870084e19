/*
 * Applying a configuration: what server-side apply does with documents.
 *
 * A configuration is an object with nothing in it but what its manager has an opinion on.  Applying it is four passes
 * over trees, all by the schema (field_node.h), each usable alone:
 *
 *   field_merge_check()  is the configuration one the schema knows?  Unlike the live object it may repeat no item.
 *   field_merge()        the live object with the configuration's fields in it: nothing goes, what both have is the
 *                        configuration's.  What is owned as a whole is replaced, lists merge by their items' keys.
 *   field_set_of()       which fields are the manager's from now on (field_set.h).
 *   field_merge_drop()   what the manager applied last time and nobody owns any more goes, with all that is in it.
 *
 * Whose the fields are, conflicts and entries of managedFields are field_owners.h's.
 *
 *	merged = field_merge(schema, live, config, arena);
 *	merged = field_merge_drop(schema, merged, last, owned, arena);
 *
 * Order in merged lists: items only the live object has keep their places; those the configuration names come in its
 * order, new ones before the item that follows them there.
 *
 * Inputs are not changed; results share branches with them, so they live as long as the inputs do.  Any thread.
 */
#ifndef WHERRY_TYPES_FIELD_MERGE_H
#define WHERRY_TYPES_FIELD_MERGE_H

#include "types/field_set.h"

/*
 * ERR_INVALID with all that is wrong, in upstream's words: `.spec.foo: field not declared in schema`,
 * `.spec.containers: duplicate entries for key [name="c"]`.
 */
int field_merge_check(const struct schema *schema, const struct value *config, struct arena *arena,
		      struct error *err) MUST_CHECK;
struct value *field_merge(const struct schema *schema, struct value *live, struct value *config, struct arena *arena);
/* @last: what the manager owned until now; @owned: what anybody owns now, the manager's new fields included. */
struct value *field_merge_drop(const struct schema *schema, struct value *merged, const struct field_set *last,
			       const struct field_set *owned, struct arena *arena);

#endif
