/* secret: the keys of a Secret as files, in memory only. */
#include "kubelet/references.h"
#include "kubelet/volumes/empty_dir.h"
#include "kubelet/volumes/kinds.h"
#include "kubelet/volumes/payload.h"

#define DEFAULT_MODE 0644

static const struct core_v1_secret nothing;

static bool matches(const struct core_v1_volume *volume)
{
	return volume->volume_source.secret != NULL;
}

static int set_up(struct volume_context *context, struct str *ret_host_path, struct error *err)
{
	const struct core_v1_secret_volume_source *source = context->volume->volume_source.secret;
	struct empty_dir_options options = {.memory = true, .fs_group = volume_fs_group(context->pod)};
	bool optional = source->optional && *source->optional;
	struct payload payload = {.arena = context->arena};
	const struct core_v1_secret *secret = &nothing;
	struct error got = {0};

	if (reference_secret(context->kubelet, context->pod, source->secret_name, context->arena, &secret, &got) < 0 &&
	    (got.code != ERR_NOT_FOUND || !optional))
		return error_pass(err, &got);
	if (payload_add_secret(&payload, secret, &source->items,
			       source->default_mode ? (mode_t)*source->default_mode : DEFAULT_MODE, optional,
			       err) < 0 ||
	    empty_dir_make(context->path, &options, context->arena, err) < 0 ||
	    payload_write(&payload, context->path, options.fs_group, context->now, err) < 0)
		return -(int)err->code;
	*ret_host_path = context->path;
	return 0;
}

const struct volume_kind volume_secret = {
	.plugin = "kubernetes.io/secret",
	.matches = matches,
	.set_up = set_up,
	.read_only = true,
};
