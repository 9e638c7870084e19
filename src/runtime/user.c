/* Users and groups of an image; see user.h. */
#include "runtime/user.h"

#include <fcntl.h>

#include "base/limits.h"
#include "sys/path.h"

/* Appends the file to the arena; one that is missing or not a file is empty. */
static struct str read_in_root(int root, const char *path, struct arena *arena)
{
	cleanup_close int fd = path_open_in_root(root, path, O_RDONLY | O_NONBLOCK, 0);
	char *text;
	size_t len = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > 4 * MIB)
		return STR_EMPTY;
	text = arena_alloc(arena, (size_t)st.st_size + 1);
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + len, (size_t)st.st_size - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return (struct str){text, len};
}

struct line {
	struct str name;
	int64_t id, gid; /* gid: of passwd */
	struct str members;
};

/* "name:x:id:gid:..." (passwd) or "name:x:id:members" (group); false for lines of another form. */
static bool parse_line(struct str text, struct line *ret)
{
	struct str fields[4], rest = text;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		str_cut(rest, ':', &fields[i], &rest);
	ret->name = fields[0];
	ret->members = str_trim(fields[3]);
	ret->gid = 0;
	if (str_parse_int64(fields[3], &ret->gid) < 0)
		ret->gid = 0;
	return fields[0].len && str_parse_int64(str_trim(fields[2]), &ret->id) == 0;
}

/* The line whose name is @name, or, without a name, whose id is @id. */
static bool find_line(struct str file, struct str name, int64_t id, struct line *ret)
{
	struct str line;

	while (file.len) {
		str_cut(file, '\n', &line, &file);
		if (parse_line(line, ret) && (name.len ? str_eq(ret->name, name) : ret->id == id))
			return true;
	}
	return false;
}

static bool is_member(struct str members, struct str name)
{
	struct str member;

	while (members.len) {
		str_cut(members, ',', &member, &members);
		if (str_eq(member, name))
			return true;
	}
	return false;
}

static int compare_groups(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static void collect_groups(struct str file, struct str name, struct runtime_ints given, struct user *user,
			   struct arena *arena)
{
	VEC_OF(int64_t) groups = {0};
	size_t kept = 0;
	struct str line;

	vec_push(arena, &groups, user->gid);
	SLICE_FOREACH (group, given)
		vec_push(arena, &groups, *group);
	while (file.len && name.len) {
		struct line group;

		str_cut(file, '\n', &line, &file);
		if (parse_line(line, &group) && is_member(group.members, name))
			vec_push(arena, &groups, group.id);
	}
	qsort(groups.items, groups.len, sizeof(*groups.items), compare_groups);
	for (size_t i = 0; i < groups.len; i++) {
		if (i == 0 || groups.items[i] != groups.items[kept - 1])
			groups.items[kept++] = groups.items[i];
	}
	user->groups = (struct runtime_ints){groups.items, kept};
}

int user_resolve(int root, const struct runtime_security_context *security, struct str image_user, struct arena *arena,
		 struct user *ret, struct error *err)
{
	struct str passwd = read_in_root(root, "etc/passwd", arena), group = read_in_root(root, "etc/group", arena);
	struct str name, group_name, found_name = STR_EMPTY;
	struct user user = {0};
	struct line line;

	str_cut(image_user, ':', &name, &group_name);
	if (security->has_run_as_user || security->run_as_username.len) {
		name = security->run_as_username;
		group_name = STR_EMPTY;
	}
	if (security->has_run_as_user) {
		user.uid = security->run_as_user;
		name = STR_EMPTY;
	} else if (name.len && str_parse_int64(name, &user.uid) == 0) {
		name = STR_EMPTY;
	}
	if (find_line(passwd, name, user.uid, &line)) {
		user.uid = line.id;
		user.gid = line.gid;
		found_name = line.name;
		user.known = true;
	} else if (name.len) {
		return error_set(err, ERR_NOT_FOUND,
				 "unable to find user " STR_FMT ": no matching entries in passwd file", STR_ARG(name));
	}
	if (security->has_run_as_group) {
		user.gid = security->run_as_group;
	} else if (group_name.len && str_parse_int64(group_name, &user.gid) < 0) {
		if (!find_line(group, group_name, 0, &line))
			return error_set(err, ERR_NOT_FOUND,
					 "unable to find group " STR_FMT ": no matching entries in group file",
					 STR_ARG(group_name));
		user.gid = line.id;
	}
	if (security->strict_groups)
		found_name = STR_EMPTY;
	collect_groups(group, found_name, security->supplemental_groups, &user, arena);
	*ret = user;
	return 0;
}
