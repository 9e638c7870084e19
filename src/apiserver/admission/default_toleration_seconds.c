/*
 * DefaultTolerationSeconds: every pod tolerates a node that is not ready or unreachable for a while, unless it says
 * otherwise.
 */
#include "apiserver/admission_plugins.h"
#include "apiserver/server.h"
#include "types/gen/core_v1.h"

#define NOT_READY   "node.kubernetes.io/not-ready"
#define UNREACHABLE "node.kubernetes.io/unreachable"

/* Does the pod say anything of that taint? */
static bool says(const struct core_v1_pod *pod, const char *key)
{
	SLICE_FOREACH (toleration, pod->spec.tolerations)
		if ((str_eq_c(toleration->key, key) || !toleration->key.len) &&
		    (str_eq(toleration->effect, STR("NoExecute")) || !toleration->effect.len))
			return true;
	return false;
}

static void tolerate(struct core_v1_pod *pod, const char *key, int64_t seconds, struct arena *arena)
{
	VEC_OF(struct core_v1_toleration) all = {0};

	if (says(pod, key))
		return;
	SLICE_FOREACH (toleration, pod->spec.tolerations)
		vec_push(arena, &all, *toleration);
	vec_push(arena, &all,
		 (struct core_v1_toleration){.key = str_from(key),
					     .operator= STR("Exists"),
					     .effect = STR("NoExecute"),
					     .toleration_seconds = ARENA_DUP(arena, int64_t, &seconds)});
	pod->spec.tolerations = (struct core_v1_toleration_slice){all.items, all.len};
}

static enum step_result mutate(struct request *request)
{
	const struct apiserver_config *config = &request->server->config;

	if (request->schema != &schema_core_v1_pod || request->subresource)
		return STEP_NEXT;
	tolerate(request->object, NOT_READY, config->default_not_ready_toleration_s, &request->arena);
	tolerate(request->object, UNREACHABLE, config->default_unreachable_toleration_s, &request->arena);
	return STEP_NEXT;
}

const struct admission_plugin admission_default_toleration_seconds = {
	.name = "DefaultTolerationSeconds",
	.operations = OP_CREATE | OP_UPDATE,
	.mutate = mutate,
};
