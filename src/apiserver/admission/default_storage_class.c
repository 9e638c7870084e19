/* DefaultStorageClass: a claim that names no class gets the default one, if there is one. */
#include "apiserver/admission/default_class.h"
#include "apiserver/admission_plugins.h"
#include "types/gen/core_v1.h"
#include "types/selector.h"

static enum step_result mutate(struct request *request)
{
	static const char *const annotations[] = {"storageclass.kubernetes.io/is-default-class",
						  "storageclass.beta.kubernetes.io/is-default-class", NULL};
	struct core_v1_persistent_volume_claim *claim = request->object;

	if (request->schema != &schema_core_v1_persistent_volume_claim || request->subresource ||
	    claim->spec.storage_class_name ||
	    str_map_get(&claim->metadata.annotations, STR("volume.beta.kubernetes.io/storage-class")))
		return STEP_NEXT;
	claim->spec.storage_class_name = find_default_class(
		request, resource_find(STR("storage.k8s.io"), STR("v1"), STR("storageclasses")), annotations);
	return STEP_NEXT;
}

const struct admission_plugin admission_default_storage_class = {
	.name = "DefaultStorageClass",
	.operations = OP_CREATE,
	.mutate = mutate,
};
