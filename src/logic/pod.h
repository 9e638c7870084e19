/* What a pod's status says, as every component reads it. */
#ifndef WHERRY_LOGIC_POD_H
#define WHERRY_LOGIC_POD_H

#include "base/arena.h"
#include "types/gen/core_v1.h"

/* The condition of that type, or NULL. */
const struct core_v1_pod_condition *pod_condition(const struct core_v1_pod *pod, struct str type);
/* @all with @condition in place of the one of its type, or behind all; where the status stays, so does its time. */
struct core_v1_pod_condition_slice pod_conditions_with(struct core_v1_pod_condition_slice all,
						       struct core_v1_pod_condition condition, struct arena *arena);
bool pod_is_ready(const struct core_v1_pod *pod);
/* Phase Succeeded or Failed: no container of it will run again. */
bool pod_is_finished(const struct core_v1_pod *pod);
/* Not finished and not being deleted. */
bool pod_is_active(const struct core_v1_pod *pod);
/*
 * Ready for at least @min_ready_seconds at @now (nanoseconds since 1970).  When it is ready but not for so long yet,
 * *ret_wait_ns (may be NULL) is how long is missing, else 0.
 */
bool pod_is_available(const struct core_v1_pod *pod, int32_t min_ready_seconds, int64_t now, int64_t *ret_wait_ns);

#endif
