/* Writing a pod's status; see status_write.h. */
#include "kubelet/status_write.h"

int status_write(const struct kubelet_context *context, const struct core_v1_pod *pod,
		 const struct core_v1_pod_status *status, struct arena *arena, struct error *err)
{
	struct core_v1_pod next = *pod;
	struct str patch;

	next.status = *status;
	patch = client_diff(&schema_core_v1_pod, pod, &next, "status", arena);
	if (str_empty(patch))
		return 0;
	/* The UID makes a patch of another pod of the same name fail. */
	patch = arena_printf(arena, "{\"metadata\":{\"uid\":\"" STR_FMT "\"}," STR_FMT, STR_ARG(pod->metadata.uid),
			     STR_ARG(str_from_at(patch, 1)));
	if (client_patch(&context->client, context->pods, pod->metadata.namespace, pod->metadata.name, STR("status"),
			 PATCH_TYPE_MERGE, patch, NULL, err) == 0)
		return 0;
	if (err->code == ERR_NOT_FOUND || err->code == ERR_CONFLICT) {
		error_clear(err);
		return 0;
	}
	return -(int)err->code;
}
