/* downwardAPI: fields and resources of the pod as files. */
#include "kubelet/downward.h"
#include "kubelet/volumes/empty_dir.h"
#include "kubelet/volumes/kinds.h"
#include "kubelet/volumes/payload.h"

#define DEFAULT_MODE 0644

static bool matches(const struct core_v1_volume *volume)
{
	return volume->volume_source.downward_api != NULL;
}

static int set_up(struct volume_context *context, struct str *ret_host_path, struct error *err)
{
	const struct core_v1_downward_api_volume_source *source = context->volume->volume_source.downward_api;
	struct empty_dir_options options = {.memory = true, .fs_group = volume_fs_group(context->pod)};
	struct payload payload = {.arena = context->arena};
	struct downward downward = downward_of_node(context->kubelet, context->arena);

	if (payload_add_downward(&payload, downward_pod(context->kubelet, context->pod, context->arena), &downward,
				 &source->items, source->default_mode ? (mode_t)*source->default_mode : DEFAULT_MODE,
				 err) < 0 ||
	    empty_dir_make(context->path, &options, context->arena, err) < 0 ||
	    payload_write(&payload, context->path, options.fs_group, context->now, err) < 0)
		return -(int)err->code;
	*ret_host_path = context->path;
	return 0;
}

const struct volume_kind volume_downward_api = {
	.plugin = "kubernetes.io/downward-api",
	.matches = matches,
	.set_up = set_up,
	.read_only = true,
};
