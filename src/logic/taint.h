/* Taints and tolerations, as the scheduler, the daemon set controller and the taint manager read them. */
#ifndef WHERRY_LOGIC_TAINT_H
#define WHERRY_LOGIC_TAINT_H

#include "types/gen/core_v1.h"

bool toleration_tolerates(const struct core_v1_toleration *toleration, const struct core_v1_taint *taint);
bool taint_tolerated(const struct core_v1_taint *taint, const struct core_v1_toleration_slice *tolerations);
/* Effect NoSchedule or NoExecute: it keeps pods away. */
bool taint_forbids(const struct core_v1_taint *taint);
/* The first taint that keeps a pod with these @tolerations away, or NULL. */
const struct core_v1_taint *taint_forbidding(const struct core_v1_taint_slice *taints,
					     const struct core_v1_toleration_slice *tolerations);

#endif
