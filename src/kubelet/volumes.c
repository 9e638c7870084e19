/* Volumes; see volumes.h. */
#include "kubelet/volumes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "kubelet/env.h"
#include "kubelet/references.h"
#include "kubelet/subpath.h"
#include "kubelet/tokens.h"
#include "kubelet/volumes/kinds.h"
#include "sys/mounts.h"
#include "sys/path.h"

static const struct volume_kind *const kinds[] = {&volume_empty_dir, &volume_host_path,	   &volume_config_map,
						  &volume_secret,    &volume_downward_api, &volume_projected};

struct str pod_dir(const struct kubelet_context *context, struct str uid, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "/pods/" STR_FMT, STR_ARG(context->config->root_dir), STR_ARG(uid));
}

struct str volume_dir(const struct kubelet_context *context, struct str uid, const char *plugin, struct str name,
		      struct arena *arena)
{
	struct str vendor, kind;

	str_cut(str_from(plugin), '/', &vendor, &kind);
	return arena_printf(arena, STR_FMT "/volumes/" STR_FMT "~" STR_FMT "/" STR_FMT,
			    STR_ARG(pod_dir(context, uid, arena)), STR_ARG(vendor), STR_ARG(kind), STR_ARG(name));
}

/* --- Setting up --------------------------------------------------------------------------------------------------- */

static const struct volume_kind *kind_of(const struct core_v1_volume *volume)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i]->matches(volume))
			return kinds[i];
	return NULL;
}

/* A volume no kind of ours makes, in the words of one whose plugin is not installed. */
static int refuse(const struct core_v1_pod *pod, const struct core_v1_volume *volume, struct error *err)
{
	const struct core_v1_persistent_volume_claim_volume_source *claim =
		volume->volume_source.persistent_volume_claim;

	if (claim)
		return error_set(err, ERR_INVALID,
				 "Unable to attach or mount volumes: unmounted volumes=[" STR_FMT
				 "], unattached volumes=[], failed to process volumes=[" STR_FMT
				 "]: error processing PVC " STR_FMT "/" STR_FMT ": no volume plugin matched",
				 STR_ARG(volume->name), STR_ARG(volume->name), STR_ARG(pod->metadata.namespace),
				 STR_ARG(claim->claim_name));
	return error_set(err, ERR_INVALID,
			 "Unable to attach or mount volumes: unmounted volumes=[" STR_FMT
			 "], unattached volumes=[], failed to process volumes=[" STR_FMT
			 "]: failed to get Plugin from volumeSpec for volume \"" STR_FMT
			 "\" err=no volume plugin matched",
			 STR_ARG(volume->name), STR_ARG(volume->name), STR_ARG(volume->name));
}

static int set_up_one(struct volume_context *context, struct mounted_volume *ret, struct error *err)
{
	const struct volume_kind *kind = kind_of(context->volume);

	if (!kind)
		return refuse(context->pod, context->volume, err);
	context->path = volume_dir(context->kubelet, context->pod->metadata.uid, kind->plugin, context->volume->name,
				   context->arena);
	*ret = (struct mounted_volume){.name = context->volume->name, .read_only = kind->read_only};
	if (kind->set_up(context, &ret->host_path, err) == 0)
		return 0;
	return error_wrap(err, "MountVolume.SetUp failed for volume \"" STR_FMT "\" ", STR_ARG(context->volume->name));
}

int volumes_set_up(const struct kubelet_context *context, const struct core_v1_pod *pod, struct arena *arena,
		   struct mounted_volumes *ret, struct error *err)
{
	struct mounted_volumes out = {.items = ARENA_NEW_N(arena, struct mounted_volume, pod->spec.volumes.len + 1)};
	struct str dir = pod_dir(context, pod->metadata.uid, arena);
	int result = path_make_dirs(AT_FDCWD, str_c(dir), 0750);

	if (result < 0)
		return error_set_errno(err, -result, "mkdir %s", str_c(dir));
	SLICE_FOREACH (volume, pod->spec.volumes) {
		struct volume_context own = {
			.kubelet = context, .pod = pod, .volume = volume, .arena = arena, .now = clock_wall_ns()};

		if (set_up_one(&own, &out.items[out.len], err) < 0)
			return -(int)err->code;
		out.len++;
		if (own.refresh_at && (!out.refresh_at || own.refresh_at < out.refresh_at))
			out.refresh_at = own.refresh_at;
	}
	*ret = out;
	return 0;
}

/* --- Taking down -------------------------------------------------------------------------------------------------- */

int volumes_tear_down(const struct kubelet_context *context, struct str uid, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct str dir = pod_dir(context, uid, &arena);
	int result;

	/* The name of a folder, not a way to others: UIDs come from what the runtime remembers, too. */
	if (!uid.len || str_index(uid, '/') >= 0 || uid.data[0] == '.')
		return error_set(err, ERR_INVALID, "\"" STR_FMT "\" is no pod's UID", STR_ARG(uid));
	if (context->tokens)
		tokens_forget(context->tokens, uid);
	if (context->references)
		references_forget(context->references, uid);
	if (access(str_c(dir), F_OK) < 0 && errno == ENOENT)
		return 0;
	if (mount_remove_below(str_c(dir), err) < 0)
		return -(int)err->code;
	/* What is still mounted is never entered: other people's files stay. */
	result = path_remove_tree(AT_FDCWD, str_c(dir));
	return result < 0 ? error_set_errno(err, -result, "remove %s", str_c(dir)) : 0;
}

/* --- What containers mount ---------------------------------------------------------------------------------------- */

struct mounting {
	const struct kubelet_context *context;
	const struct core_v1_pod *pod;
	const struct core_v1_container *container;
	const struct mounted_volumes *volumes;
	struct runtime_pairs envs;
	struct arena *arena;
};

static const struct mounted_volume *find(const struct mounted_volumes *volumes, struct str name)
{
	for (size_t i = 0; i < volumes->len; i++)
		if (str_eq(volumes->items[i].name, name))
			return &volumes->items[i];
	return NULL;
}

static enum runtime_propagation propagation_of(const struct core_v1_volume_mount *mount)
{
	if (!mount->mount_propagation)
		return RUNTIME_PROPAGATION_PRIVATE;
	if (str_eq(*mount->mount_propagation, STR("HostToContainer")))
		return RUNTIME_PROPAGATION_HOST_TO_CONTAINER;
	if (str_eq(*mount->mount_propagation, STR("Bidirectional")))
		return RUNTIME_PROPAGATION_BIDIRECTIONAL;
	return RUNTIME_PROPAGATION_PRIVATE;
}

/* A reference that stays after expansion names nothing that is set. */
static int expand_sub_path(const struct mounting *m, const struct core_v1_volume_mount *mount, struct str *ret,
			   struct error *err)
{
	*ret = mount->sub_path;
	if (!mount->sub_path_expr.len)
		return 0;
	if (!env_expand_known(mount->sub_path_expr, m->envs, m->arena, ret))
		return error_set(err, ERR_INVALID, "missing value for " STR_FMT, STR_ARG(*ret));
	return 0;
}

/* The reasons stay in the log: a message to the user would tell what is on the node. */
static int bind_part(const struct mounting *m, size_t index, const struct core_v1_volume_mount *mount,
		     const struct mounted_volume *volume, struct str part, struct str *ret, struct error *err)
{
	struct str target = arena_printf(m->arena, STR_FMT "/volume-subpaths/" STR_FMT "/" STR_FMT "/%zu",
					 STR_ARG(pod_dir(m->context, m->pod->metadata.uid, m->arena)),
					 STR_ARG(mount->name), STR_ARG(m->container->name), index);
	cleanup_close int fd = subpath_open(volume->host_path, part, m->arena);
	struct error got = {0};

	if (fd < 0) {
		log_warn("cannot open a part of a volume", "pod=" STR_FMT " volume=" STR_FMT " error=\"%s\"",
			 STR_ARG(m->pod->metadata.name), STR_ARG(mount->name), strerror(-fd));
		return error_set(err, ERR_INVALID,
				 "failed to create subPath directory for volumeMount \"" STR_FMT
				 "\" of container \"" STR_FMT "\"",
				 STR_ARG(mount->name), STR_ARG(m->container->name));
	}
	if (subpath_bind(fd, target, m->arena, &got) < 0) {
		log_warn("cannot bind a part of a volume", "pod=" STR_FMT " volume=" STR_FMT " error=\"%s\"",
			 STR_ARG(m->pod->metadata.name), STR_ARG(mount->name), got.message);
		return error_set(err, ERR_INVALID,
				 "failed to prepare subPath for volumeMount \"" STR_FMT "\" of container \"" STR_FMT
				 "\"",
				 STR_ARG(mount->name), STR_ARG(m->container->name));
	}
	*ret = target;
	return 0;
}

static int mount_one(const struct mounting *m, size_t index, struct runtime_mount *ret, struct error *err)
{
	const struct core_v1_volume_mount *mount = &m->container->volume_mounts.items[index];
	const struct mounted_volume *volume = find(m->volumes, mount->name);
	struct str part, path = mount->mount_path;

	if (!volume)
		return error_set(err, ERR_NOT_FOUND,
				 "cannot find volume \"" STR_FMT "\" to mount into container \"" STR_FMT "\"",
				 STR_ARG(mount->name), STR_ARG(m->container->name));
	if (expand_sub_path(m, mount, &part, err) < 0 || (part.len && subpath_check(part, err) < 0))
		return -(int)err->code;
	*ret = (struct runtime_mount){
		.container_path = path.len && path.data[0] == '/' ? path : arena_concat(m->arena, STR("/"), path),
		.host_path = volume->host_path,
		.readonly = mount->read_only || volume->read_only,
		.propagation = propagation_of(mount)};
	return part.len ? bind_part(m, index, mount, volume, part, &ret->host_path, err) : 0;
}

int volumes_container_mounts(const struct kubelet_context *context, const struct core_v1_pod *pod,
			     const struct core_v1_container *container, const struct mounted_volumes *volumes,
			     struct runtime_pairs envs, struct arena *arena, struct runtime_mount **ret,
			     size_t *ret_len, struct error *err)
{
	const struct mounting m = {context, pod, container, volumes, envs, arena};
	struct runtime_mount *out = ARENA_NEW_N(arena, struct runtime_mount, container->volume_mounts.len + 1);

	for (size_t i = 0; i < container->volume_mounts.len; i++)
		if (mount_one(&m, i, &out[i], err) < 0)
			return -(int)err->code;
	*ret = out;
	*ret_len = container->volume_mounts.len;
	return 0;
}
