/*
 * The informers of one loop, shared: a resource is watched once, however many ask for it.
 *
 * Those who ask may add indexes before informer_set_start(); asking for the same index twice gives the same number.
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
struct informer *informer_set_get(struct informer_set *set, const struct resource *resource);
int informer_set_index(struct informer_set *set, const struct resource *resource, informer_index_fn *index);
void informer_set_start(struct informer_set *set);
bool informer_set_synced(const struct informer_set *set);

#endif
