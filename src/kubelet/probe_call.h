/* One HTTP call of a probe, on a connection and a loop of its own: nothing outlasts the probe, at any end.  Blocks. */
#ifndef WHERRY_KUBELET_PROBE_CALL_H
#define WHERRY_KUBELET_PROBE_CALL_H

#include "kubelet/context.h"
#include "net/http_client.h"

struct probe_call {
	struct http_call_config http; /* ops and data are not used; a timeout is wanted */
	bool http2;		      /* speak HTTP/2 from the first byte */
};

/*
 * The answer in @arena; its headers are those of the answer and, behind them, its trailers; the body is cut as
 * upstream's probes cut it.  Certificates are not checked.
 */
int probe_call(const struct kubelet_context *context, const struct probe_call *call, struct arena *arena,
	       struct http_result *ret, struct error *err) MUST_CHECK;

#endif
