/* What the ServiceAccount plug-in does to a pod, for its tests. */
#ifndef WHERRY_APISERVER_ADMISSION_SERVICE_ACCOUNT_H
#define WHERRY_APISERVER_ADMISSION_SERVICE_ACCOUNT_H

#include "base/arena.h"
#include "types/gen/core_v1.h"

/* Mounts the API token where nothing is mounted; a volume called @fresh_name is added unless there is one already. */
void service_account_mount_token(struct core_v1_pod *pod, struct str fresh_name, struct arena *arena);

#endif
