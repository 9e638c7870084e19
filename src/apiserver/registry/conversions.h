/* The conversions there are: one line each, conversion_<name>; included by convert.c and those who define them. */
#ifndef WHERRY_APISERVER_REGISTRY_CONVERSIONS_H
#define WHERRY_APISERVER_REGISTRY_CONVERSIONS_H

#include "apiserver/convert.h"

#define CONVERSIONS(X)                                                                                                 \
	X(events)                                                                                                      \
	X(horizontalpodautoscalers)                                                                                    \
	X(horizontalpodautoscaler_metric_object)                                                                       \
	X(horizontalpodautoscaler_metric_pods)                                                                         \
	X(horizontalpodautoscaler_metric_resource)                                                                     \
	X(horizontalpodautoscaler_metric_container)                                                                    \
	X(horizontalpodautoscaler_metric_external)                                                                     \
	X(horizontalpodautoscaler_current_object)                                                                      \
	X(horizontalpodautoscaler_current_pods)                                                                        \
	X(horizontalpodautoscaler_current_resource)                                                                    \
	X(horizontalpodautoscaler_current_container)                                                                   \
	X(horizontalpodautoscaler_current_external)

#define X(name) extern const struct conversion conversion_##name;
CONVERSIONS(X)
#undef X

#endif
