/*
 * Asking a container once how it is: exec, httpGet, tcpSocket, grpc.  Blocks for timeoutSeconds at most; worker
 * threads.
 */
#ifndef WHERRY_KUBELET_PROBE_RUN_H
#define WHERRY_KUBELET_PROBE_RUN_H

#include "kubelet/context.h"
#include "types/gen/core_v1.h"

struct probe_target {
	struct str container_id;
	const struct core_v1_container *container;
	struct str host; /* the pod's address, or the node's */
};

enum probe_outcome {
	PROBE_GOOD,
	PROBE_WARNING, /* good, and worth a word */
	PROBE_BAD,
	PROBE_ERROR /* it could not be asked */
};

/* *ret_text says more, in @arena. */
enum probe_outcome probe_run(const struct kubelet_context *context, const struct probe_target *target,
			     const struct core_v1_probe_handler *handler, int64_t timeout_s, struct arena *arena,
			     struct str *ret_text);
/* Connects; the words of a failure are "dial tcp 10.0.0.1:80: connect: connection refused". */
int probe_dial(const char *host, uint16_t port, int64_t timeout_ns, struct error *err) MUST_CHECK;
/*
 * One GET as probes and hooks make it.  The scheme and the port's number are looked up; @ret_status is set when there
 * was an answer.
 */
int probe_http(const struct kubelet_context *context, const struct core_v1_http_get_action *action,
	       const struct probe_target *target, int64_t timeout_ns, struct arena *arena, int *ret_status,
	       struct str *ret_body, struct error *err) MUST_CHECK;

#endif
