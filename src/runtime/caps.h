/* Capabilities by name, and which of them a container gets; see oci.h. */
#ifndef WHERRY_RUNTIME_CAPS_H
#define WHERRY_RUNTIME_CAPS_H

#include "runtime/runtime.h"

#define CAPS_MAX 64

/* "CAP_CHOWN" of bit @cap, NULL beyond those that have a name. */
const char *caps_name(int cap);
/* The bit of a name, with "CAP_" or without, in any case; -1: unknown. */
int caps_number(struct str name);
/* The set a container gets: the runtime's default, or all when privileged, with @add and @drop ("ALL" is all) applied.
 */
uint64_t caps_wanted(bool privileged, struct runtime_strs add, struct runtime_strs drop);
/* What this process may hand on: its own bounding set. */
uint64_t caps_bounding(void);

#endif
