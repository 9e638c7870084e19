/*
 * The informers of one loop, shared: a resource is watched once, however many ask for it.
 *
 * What it holds is settled when the set is started: whole objects where anybody asked for them, and else, where all who
 * asked take metadata, no more than that (informer.h); so nothing is held twice.  Who takes metadata looks at `meta`
 * alone, whatever comes.  Some objects of a resource, by a field selector, are an informer of their own.
 *
 * So all is asked for before informer_set_start(), indexes too; asking for the same index twice gives the same number.
 * Loop thread, or before the loop runs.
 */
#ifndef WHERRY_CLIENT_INFORMER_SET_H
#define WHERRY_CLIENT_INFORMER_SET_H

#include "client/informer.h"

struct informer_set;

/* @transport: of the identity all of them watch with. */
struct informer_set *informer_set_new(struct loop *loop, struct transport *transport);
/* Frees the informers; NULL is fine; returns NULL. */
struct informer_set *informer_set_free(struct informer_set *set);
/* Whole objects. */
struct informer *informer_set_get(struct informer_set *set, const struct resource *resource);
/* Those alone that @field_selector selects; the text outlives the set. */
struct informer *informer_set_get_selected(struct informer_set *set, const struct resource *resource,
					   struct str field_selector);
/* Metadata is enough. */
struct informer *informer_set_get_metadata(struct informer_set *set, const struct resource *resource);
/* An index over all of a resource. */
int informer_set_index(struct informer_set *set, const struct resource *resource, informer_index_fn *index);
void informer_set_start(struct informer_set *set);
bool informer_set_synced(const struct informer_set *set);

#endif
