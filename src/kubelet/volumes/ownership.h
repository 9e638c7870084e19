/*
 * fsGroup: a volume's files are given to a group, group-readable (and writable unless the volume is read-only), its
 * folders setgid, so that what is made in them belongs to the group too.
 *
 * Links are never followed: a container may have made them.  Files that vanish on the way are passed over.
 */
#ifndef WHERRY_KUBELET_VOLUMES_OWNERSHIP_H
#define WHERRY_KUBELET_VOLUMES_OWNERSHIP_H

#include "base/error.h"
#include "base/str.h"

int ownership_set(struct str path, int64_t group, bool read_only, struct error *err) MUST_CHECK;

#endif
