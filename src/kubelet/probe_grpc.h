/*
 * gRPC's health check: asks grpc.health.v1.Health/Check over HTTP/2 without TLS how a service is; SERVING is good.
 * Blocks for @timeout_s at most.
 */
#ifndef WHERRY_KUBELET_PROBE_GRPC_H
#define WHERRY_KUBELET_PROBE_GRPC_H

#include "kubelet/probe_run.h"

/* *ret_text has the words of upstream's prober. */
enum probe_outcome probe_grpc(const struct kubelet_context *context, const struct probe_target *target,
			      const struct core_v1_grpc_action *action, int64_t timeout_s, struct arena *arena,
			      struct str *ret_text);

#endif
