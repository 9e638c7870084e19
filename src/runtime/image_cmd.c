/*
 * `wherry image import FILE... | pull NAME... | ls | rm NAME...`: images of this node's store, without the node having
 *to run.
 *
 *	--data-dir DIR		the node's data folder (DIR/agent/images); default /var/lib/wherry
 *	--name NAME		import: the image's name, in place of those in the archive
 */
#include <fcntl.h>
#include <stdio.h>

#include "runtime/image.h"
#include "runtime/registry_http.h"

#define DEFAULT_DATA_DIR "/var/lib/wherry"

struct command {
	struct str data_dir, name;
	VEC_OF(struct str) args; /* the verb first */
	struct arena arena;
	struct image_store *store;
};

static const char usage[] =
	"usage: wherry image [--data-dir DIR] import [--name NAME] FILE...\n"
	"       wherry image [--data-dir DIR] ls\n"
	"       wherry image [--data-dir DIR] rm NAME...\n"
	"\n"
	"FILE is an OCI layout or `docker save` archive, plain or compressed; - is standard input.\n";

static int import_one(struct command *command, struct str file, struct error *err)
{
	bool is_stdin = str_eq_c(file, "-");
	int fd = is_stdin ? STDIN_FILENO : open(str_c(file), O_RDONLY | O_CLOEXEC), r;
	struct runtime_strs names;

	if (fd < 0)
		return error_set_errno(err, errno, "open %s", str_c(file));
	r = image_import(command->store, fd, command->name, &command->arena, &names, err);
	if (!is_stdin)
		close_fd(fd);
	if (r < 0)
		return error_wrap(err, "import %s", str_c(file));
	SLICE_FOREACH (name, names)
		printf("imported " STR_FMT "\n", STR_ARG(*name));
	return 0;
}

static int run_import(struct command *command, struct error *err)
{
	int r = 0;

	for (size_t i = 1; i < command->args.len && r == 0; i++)
		r = import_one(command, command->args.items[i], err);
	return r;
}

static int pull_one(struct command *command, struct registry_transport *registry, struct str text, struct error *err)
{
	struct image_name name;
	struct str id;
	int r = image_name_parse(text, &command->arena, &name, err);

	if (r < 0)
		return error_wrap(err, "failed to parse image name \"" STR_FMT "\"", STR_ARG(text));
	r = registry_pull(command->store, registry, &name, NULL, &command->arena, &id, err);
	if (r == 0)
		printf("pulled " STR_FMT "\n", STR_ARG(image_name_format(&name, &command->arena)));
	return r;
}

static int run_pull(struct command *command, struct error *err)
{
	struct registry_transport *registry;
	int r = registry_http_new(-1, STR_EMPTY, &registry, err);

	if (r < 0)
		return r;
	for (size_t i = 1; i < command->args.len && r == 0; i++)
		r = pull_one(command, registry, command->args.items[i], err);
	registry_http_free(registry);
	return r;
}

/* "docker.io/library/busybox" and "1.36" of a name; digests have no tag. */
static void split_name(struct str name, struct str *ret_repository, struct str *ret_tag)
{
	ptrdiff_t colon = str_last_index(name, ':');

	*ret_repository = name;
	*ret_tag = STR("<none>");
	if (!str_cut(name, '@', ret_repository, ret_tag) && colon > 0) {
		*ret_repository = str_sub(name, 0, (size_t)colon);
		*ret_tag = str_from_at(name, (size_t)colon + 1);
	} else if (str_index(name, '@') >= 0) {
		*ret_tag = STR("<none>");
	}
}

static int run_ls(struct command *command, struct error *err)
{
	struct image_record_list list;
	int r = image_store_list(command->store, &command->arena, &list, err);
	int width = 10;

	if (r < 0)
		return r;
	SLICE_FOREACH (record, list) {
		struct str repository, tag;

		split_name(record->name, &repository, &tag);
		width = MAX(width, (int)repository.len);
	}
	printf("%-*s  %-16s  %-12s  %s\n", width, "REPOSITORY", "TAG", "IMAGE ID", "SIZE");
	SLICE_FOREACH (record, list) {
		struct str repository, tag, id = str_sub(record->id, 7, 12);

		split_name(record->name.len ? record->name : STR("<none>"), &repository, &tag);
		printf("%-*.*s  %-16.*s  %.*s  %.1fMB\n", width, STR_ARG(repository), STR_ARG(tag), STR_ARG(id),
		       (double)record->size / 1e6);
	}
	return 0;
}

static int run_rm(struct command *command, struct error *err)
{
	for (size_t i = 1; i < command->args.len; i++) {
		struct image_record found;
		int r = image_store_find(command->store, command->args.items[i], &command->arena, &found, err);

		if (r == 0)
			r = image_store_remove(command->store, command->args.items[i], err);
		if (r < 0)
			return r;
		printf("removed " STR_FMT "\n", STR_ARG(command->args.items[i]));
	}
	return 0;
}

static const struct {
	const char *name;
	size_t min_args;
	int (*run)(struct command *command, struct error *err);
} verbs[] = {{"import", 2, run_import}, {"pull", 2, run_pull}, {"ls", 1, run_ls}, {"rm", 2, run_rm}};

/* "--name VALUE" or "--name=VALUE" at argv[*i]. */
static bool take_option(int argc, char **argv, int *i, const char *option, struct str *ret)
{
	struct str arg = str_from(argv[*i]), name, value;

	if (!str_has_prefix(arg, STR("--")))
		return false;
	if (str_cut(arg, '=', &name, &value) && str_eq_c(name, option)) {
		*ret = value;
		return true;
	}
	if (!str_eq_c(arg, option) || *i + 1 >= argc)
		return false;
	*ret = str_from(argv[++*i]);
	return true;
}

static bool parse(int argc, char **argv, struct command *command)
{
	for (int i = 1; i < argc; i++) {
		if (take_option(argc, argv, &i, "--data-dir", &command->data_dir) ||
		    take_option(argc, argv, &i, "--name", &command->name))
			continue;
		if (argv[i][0] == '-' && argv[i][1] != '\0')
			return false;
		vec_push(&command->arena, &command->args, str_from(argv[i]));
	}
	return command->args.len > 0;
}

static int run(struct command *command, struct error *err)
{
	struct str agent = arena_printf(&command->arena, STR_FMT "/agent", STR_ARG(command->data_dir));
	int r;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (!str_eq_c(command->args.items[0], verbs[i].name) || command->args.len < verbs[i].min_args)
			continue;
		r = image_store_open(agent, &command->store, err);
		return r < 0 ? r : verbs[i].run(command, err);
	}
	fputs(usage, stderr);
	return error_set(err, ERR_BAD_REQUEST, "no such command");
}

int image_command(int argc, char **argv)
{
	struct command command = {.data_dir = STR(DEFAULT_DATA_DIR), .name = STR_EMPTY};
	struct error err = {0};
	int code = 0;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
	} else if (!parse(argc, argv, &command)) {
		fputs(usage, stderr);
		code = 2;
	} else if (run(&command, &err) < 0) {
		if (err.code != ERR_BAD_REQUEST)
			fprintf(stderr, "error: %s\n", err.message);
		code = err.code == ERR_BAD_REQUEST ? 2 : 1;
	}
	image_store_free(command.store);
	arena_release(&command.arena);
	return code;
}
