/* Validation of horizontal pod autoscalers, as version 2 has them: a pure function over the structs. */
#ifndef WHERRY_APISERVER_REGISTRY_AUTOSCALING_AUTOSCALER_CHECK_H
#define WHERRY_APISERVER_REGISTRY_AUTOSCALING_AUTOSCALER_CHECK_H

#include "apiserver/registry/common.h"
#include "types/gen/autoscaling_v2.h"

/* @old: what an update replaces, or NULL. */
void check_autoscaler(struct field_errors *errors, const struct autoscaling_v2_horizontal_pod_autoscaler *autoscaler,
		      const struct autoscaling_v2_horizontal_pod_autoscaler *old);

#endif
