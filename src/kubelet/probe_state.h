/*
 * What a probe's outcomes add up to.  Pure.
 *
 * A result changes after so many equal outcomes in a row: successThreshold to succeed, failureThreshold to fail.
 * Readiness begins as failed, liveness as succeeded, startup as undecided.
 */
#ifndef WHERRY_KUBELET_PROBE_STATE_H
#define WHERRY_KUBELET_PROBE_STATE_H

#include "types/gen/core_v1.h"

#define PROBE_TYPES(X) X(STARTUP, "Startup") X(READINESS, "Readiness") X(LIVENESS, "Liveness")

enum probe_type {
#define X(name, text) PROBE_##name,
	PROBE_TYPES(X)
#undef X
		PROBE_TYPE_MAX
};

enum probe_result { PROBE_UNDECIDED, PROBE_FAILED, PROBE_SUCCEEDED };

struct probe_state {
	enum probe_result result;
	bool last;   /* the last outcome */
	int32_t run; /* how many like it in a row */
};

/* "Readiness" */
const char *probe_type_name(enum probe_type type);
const struct core_v1_probe *probe_spec(const struct core_v1_container *container, enum probe_type type);
struct probe_state probe_state_begin(enum probe_type type);
/* Takes in an outcome; did the result change? */
bool probe_state_step(struct probe_state *state, const struct core_v1_probe *spec, bool success);
/* Will no further outcome matter: a startup that succeeded, a liveness or startup that failed? */
bool probe_state_is_final(const struct probe_state *state, enum probe_type type);

#endif
