/*
 * NamespaceLifecycle: the namespaces everything stands on cannot be deleted.
 *
 * Its other half, that nothing is made in a namespace that is missing or going, is the step `current`.
 */
#include "apiserver/admission_plugins.h"
#include "apiserver/status.h"

static enum step_result mutate(struct request *request)
{
	static const struct str immortal[] = {STR_INIT("default"), STR_INIT("kube-system"), STR_INIT("kube-public")};

	if (request->resource->group.len || !str_eq(request->resource->plural, STR("namespaces")))
		return STEP_NEXT;
	for (size_t i = 0; i < ARRAY_LEN(immortal); i++)
		if (str_eq(request->info.name, immortal[i]))
			return status_forbidden(request, STR_EMPTY, STR("namespaces"), immortal[i],
						STR("this namespace may not be deleted"));
	return STEP_NEXT;
}

const struct admission_plugin admission_namespace_lifecycle = {
	.name = "NamespaceLifecycle",
	.operations = OP_DELETE,
	.mutate = mutate,
};
