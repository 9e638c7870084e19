/* hostPath: a file or folder of the node, of the type that is asked for. */
#include <fcntl.h>
#include <sys/stat.h>

#include "kubelet/volumes/kinds.h"
#include "sys/path.h"

struct type {
	const char *name;
	mode_t format;
	const char *words; /* "is not a ..." */
	bool create;
};

static const struct type types[] = {
	{"DirectoryOrCreate", S_IFDIR, "directory", true}, {"Directory", S_IFDIR, "directory", false},
	{"FileOrCreate", S_IFREG, "file", true},	   {"File", S_IFREG, "file", false},
	{"Socket", S_IFSOCK, "socket file", false},	   {"CharDevice", S_IFCHR, "character device", false},
	{"BlockDevice", S_IFBLK, "block device", false},
};

static int make_dir(struct str path, struct error *err)
{
	int result = path_make_dirs(AT_FDCWD, str_c(path), 0755);

	return result < 0 ? error_set_errno(err, -result, "mkdir %s", str_c(path)) : 0;
}

static int make_file(struct str path, struct error *err)
{
	cleanup_close int fd = open(str_c(path), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);

	return fd < 0 ? error_set_errno(err, errno, "open %s", str_c(path)) : 0;
}

static int check(struct str path, const struct type *type, struct error *err)
{
	struct stat info;

	if (stat(str_c(path), &info) < 0) {
		if (type->create && errno == ENOENT)
			return type->format == S_IFDIR ? make_dir(path, err) : make_file(path, err);
		info.st_mode = 0;
	}
	if ((info.st_mode & S_IFMT) != type->format)
		return error_set(err, ERR_INVALID, "hostPath type check failed: " STR_FMT " is not a %s", STR_ARG(path),
				 type->words);
	return 0;
}

static bool matches(const struct core_v1_volume *volume)
{
	return volume->volume_source.host_path != NULL;
}

static int set_up(struct volume_context *context, struct str *ret_host_path, struct error *err)
{
	const struct core_v1_host_path_volume_source *source = context->volume->volume_source.host_path;
	struct str path = arena_str(context->arena, source->path);
	const struct type *type = NULL;

	for (size_t i = 0; source->type && i < ARRAY_LEN(types); i++)
		if (str_eq_c(*source->type, types[i].name))
			type = &types[i];
	if (source->type && source->type->len && !type)
		return error_set(err, ERR_INVALID, STR_FMT " is an invalid volume type", STR_ARG(*source->type));
	/* Without a type anything will do; what is missing becomes a folder, as runtimes have it. */
	if (type ? check(path, type, err) < 0 : access(str_c(path), F_OK) < 0 && make_dir(path, err) < 0)
		return -(int)err->code;
	*ret_host_path = path;
	return 0;
}

const struct volume_kind volume_host_path = {
	.plugin = "kubernetes.io/host-path",
	.matches = matches,
	.set_up = set_up,
};
