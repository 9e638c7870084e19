/* Definitions of custom resources. */
#include "apiserver/registry/common.h"
#include "types/gen/apiextensions_v1.h"

const struct strategy strategy_apiextensions_customresourcedefinitions = {
	.group = STR_INIT("apiextensions.k8s.io"),
	.plural = STR_INIT("customresourcedefinitions"),
	.generation = GENERATION_SPEC,
	.forbid_unconditional_update = true,
};
