/* Services and the pods behind them: which ports, which addresses. */
#ifndef WHERRY_LOGIC_SERVICE_H
#define WHERRY_LOGIC_SERVICE_H

#include "types/gen/core_v1.h"

/* Has it endpoints of its own making: a selector, and no external name? */
bool service_selects(const struct core_v1_service *service);
bool service_is_headless(const struct core_v1_service *service);
/* The number of a service port in @pod: the target port, by number or by the name of a container's port; 0: none. */
int32_t service_target_port(const struct core_v1_service_port *port, const struct core_v1_pod *pod);
/* A pod that may be behind a service: it has an address and has not ended for good. */
bool service_pod_counts(const struct core_v1_pod *pod);

#endif
