/*
 * What pods left on the machine that the API no longer knows: sandboxes with their containers, folders, cgroups,
 * logs.
 *
 * Noted before the first pod's turn and judged when the API's pods are known, so that nothing a new pod makes is ever
 * taken for an old one's; UIDs do not come back.
 */
#ifndef WHERRY_KUBELET_ORPHANS_H
#define WHERRY_KUBELET_ORPHANS_H

#include "kubelet/context.h"

struct informer;
struct orphans;

/* Notes the UIDs of which anything is there.  Blocks; what cannot be read is logged and left alone. */
struct orphans *orphans_find(const struct kubelet_context *context);
/* A worker of the context's pool removes all of those that @pods does not have; takes @orphans.  Loop thread. */
void orphans_remove(struct orphans *orphans, struct informer *pods);
/* NULL is fine; returns NULL. */
struct orphans *orphans_free(struct orphans *orphans);

#endif
