/* What a probe's outcomes add up to; see probe_state.h. */
#include "kubelet/probe_state.h"

const char *probe_type_name(enum probe_type type)
{
	static const char *const names[] = {
#define X(name, text) [PROBE_##name] = text,
		PROBE_TYPES(X)
#undef X
	};

	return names[type];
}

const struct core_v1_probe *probe_spec(const struct core_v1_container *container, enum probe_type type)
{
	switch (type) {
	case PROBE_STARTUP:
		return container->startup_probe;
	case PROBE_READINESS:
		return container->readiness_probe;
	case PROBE_LIVENESS:
		return container->liveness_probe;
	case PROBE_TYPE_MAX:
		break;
	}
	return NULL;
}

struct probe_state probe_state_begin(enum probe_type type)
{
	return (struct probe_state){.result = type == PROBE_READINESS  ? PROBE_FAILED
					      : type == PROBE_LIVENESS ? PROBE_SUCCEEDED
								       : PROBE_UNDECIDED};
}

bool probe_state_step(struct probe_state *state, const struct core_v1_probe *spec, bool success)
{
	enum probe_result result = success ? PROBE_SUCCEEDED : PROBE_FAILED;
	int32_t needed = success ? spec->success_threshold : spec->failure_threshold;

	state->run = state->run && state->last == success ? state->run + 1 : 1;
	state->last = success;
	if (state->run < needed || state->result == result)
		return false;
	state->result = result;
	return true;
}

bool probe_state_is_final(const struct probe_state *state, enum probe_type type)
{
	switch (type) {
	case PROBE_STARTUP:
		return state->result != PROBE_UNDECIDED;
	case PROBE_LIVENESS:
		return state->result == PROBE_FAILED;
	case PROBE_READINESS:
	case PROBE_TYPE_MAX:
		break;
	}
	return false;
}
