/* emptyDir; see empty_dir.h. */
#include "kubelet/volumes/empty_dir.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "kubelet/volumes/kinds.h"
#include "kubelet/volumes/ownership.h"
#include "sys/mounts.h"
#include "sys/path.h"
#include "types/quantity.h"

int volume_make_parent(struct str path, struct arena *arena, struct error *err)
{
	struct str parent = arena_str(arena, str_sub(path, 0, (size_t)MAX(str_last_index(path, '/'), 0)));
	int result = path_make_dirs(AT_FDCWD, str_c(parent), 0750);

	return result < 0 ? error_set_errno(err, -result, "mkdir %s", str_c(parent)) : 0;
}

static int mount_memory(struct str path, const struct empty_dir_options *options, struct arena *arena,
			struct error *err)
{
	struct str text = options->fs_group ? arena_printf(arena, "mode=3777,gid=%lld", (long long)*options->fs_group)
					    : STR("mode=1777");

	if (mkdir(str_c(path), 0777) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "mkdir %s", str_c(path));
	if (mount_is_mountpoint(str_c(path)))
		return 0;
	if (options->size > 0)
		text = arena_printf(arena, STR_FMT ",size=%lld", STR_ARG(text), (long long)options->size);
	return mount_tmpfs(str_c(path), str_c(text), err);
}

/* Made beside its place and renamed, so that one that is there has its mode and owner. */
static int make_on_disk(struct str path, const struct empty_dir_options *options, struct arena *arena,
			struct error *err)
{
	ptrdiff_t slash = str_last_index(path, '/');
	struct str draft = arena_printf(arena, STR_FMT "/.new-" STR_FMT, STR_ARG(str_sub(path, 0, (size_t)slash)),
					STR_ARG(str_from_at(path, (size_t)slash + 1)));

	if (access(str_c(path), F_OK) == 0)
		return 0;
	if (mkdir(str_c(draft), 0700) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "mkdir %s", str_c(draft));
	if (chmod(str_c(draft), 0777) < 0)
		return error_set_errno(err, errno, "chmod %s", str_c(draft));
	if (options->fs_group && ownership_set(draft, *options->fs_group, false, err) < 0)
		return -(int)err->code;
	if (rename(str_c(draft), str_c(path)) < 0)
		return error_set_errno(err, errno, "rename %s", str_c(draft));
	return 0;
}

int empty_dir_make(struct str path, const struct empty_dir_options *options, struct arena *arena, struct error *err)
{
	if (volume_make_parent(path, arena, err) < 0)
		return -(int)err->code;
	return options->memory ? mount_memory(path, options, arena, err) : make_on_disk(path, options, arena, err);
}

static bool matches(const struct core_v1_volume *volume)
{
	return volume->volume_source.empty_dir != NULL;
}

static int set_up(struct volume_context *context, struct str *ret_host_path, struct error *err)
{
	const struct core_v1_empty_dir_volume_source *source = context->volume->volume_source.empty_dir;
	struct empty_dir_options options = {.memory = str_eq(source->medium, STR("Memory")),
					    .fs_group = volume_fs_group(context->pod)};

	if (!options.memory && source->medium.len)
		return error_set(err, ERR_INVALID, "unknown storage medium \"" STR_FMT "\"", STR_ARG(source->medium));
	if (source->size_limit)
		options.size = MAX(quantity_value(source->size_limit), INT64_C(0));
	if (empty_dir_make(context->path, &options, context->arena, err) < 0)
		return -(int)err->code;
	*ret_host_path = context->path;
	return 0;
}

const struct volume_kind volume_empty_dir = {
	.plugin = "kubernetes.io/empty-dir",
	.matches = matches,
	.set_up = set_up,
};
