/* TaintNodesByCondition: a new node takes no pods before it has said that it is ready. */
#include "apiserver/admission_plugins.h"
#include "types/gen/core_v1.h"

#define NOT_READY "node.kubernetes.io/not-ready"

static enum step_result mutate(struct request *request)
{
	struct core_v1_node *node = request->object;
	VEC_OF(struct core_v1_taint) all = {0};

	if (request->schema != &schema_core_v1_node || request->subresource)
		return STEP_NEXT;
	SLICE_FOREACH (taint, node->spec.taints) {
		if (str_eq(taint->key, STR(NOT_READY)) && str_eq(taint->effect, STR("NoSchedule")))
			return STEP_NEXT;
		vec_push(&request->arena, &all, *taint);
	}
	vec_push(&request->arena, &all, (struct core_v1_taint){.key = STR(NOT_READY), .effect = STR("NoSchedule")});
	node->spec.taints = (struct core_v1_taint_slice){all.items, all.len};
	return STEP_NEXT;
}

const struct admission_plugin admission_taint_nodes_by_condition = {
	.name = "TaintNodesByCondition",
	.operations = OP_CREATE,
	.mutate = mutate,
};
