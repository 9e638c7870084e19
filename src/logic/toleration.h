/* How long a pod tolerates a taint. */
#ifndef WHERRY_LOGIC_TOLERATION_H
#define WHERRY_LOGIC_TOLERATION_H

#include "types/gen/core_v1.h"

/* Seconds until a pod must go because of @taint: 0 at once (not tolerated), -1 never. */
int64_t tolerated_seconds(const struct core_v1_toleration_slice *tolerations, const struct core_v1_taint *taint);

#endif
