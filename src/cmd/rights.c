/* Giving up the rights of root; see rights.h. */
#include "cmd/rights.h"

#include <fcntl.h>
#include <fts.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

int rights_find(struct rights *ret, struct error *err)
{
	const struct passwd *user = getpwnam(RIGHTS_USER);

	if (!user)
		return error_set(err, ERR_NOT_FOUND,
				 "there is no user \"" RIGHTS_USER "\" for the control plane; make it "
				 "(useradd --system " RIGHTS_USER "), or run with --no-node");
	*ret = (struct rights){user->pw_uid, user->pw_gid};
	return 0;
}

/* The top goes last: until then a start that was cut short begins again. */
static int give_tree(int dir, const struct rights *rights)
{
	char path[32];
	char *const roots[] = {path, NULL};
	FTS *tree;
	int result = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/", dir);
	tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	if (!tree)
		return -errno;
	for (const FTSENT *entry; result == 0 && (entry = fts_read(tree));)
		if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
			result = -entry->fts_errno;
		else if (entry->fts_info != FTS_D && entry->fts_level > 0 &&
			 lchown(entry->fts_accpath, rights->uid, rights->gid) < 0)
			result = -errno;
	fts_close(tree);
	return result == 0 && fchown(dir, rights->uid, rights->gid) < 0 ? -errno : result;
}

int rights_make_folder(int dir, const char *name, const struct rights *rights, struct error *err)
{
	cleanup_close int fd = -1;
	struct stat status;
	int result = 0;

	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make folder %s", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "open folder %s", name);
	if (status.st_uid != rights->uid)
		result = give_tree(fd, rights);
	return result < 0 ? error_set_errno(err, -result, "give folder %s to the user " RIGHTS_USER, name) : 0;
}

int rights_drop(const struct rights *rights, int dir, struct error *err)
{
	if (fchdir(dir) < 0)
		return error_set_errno(err, errno, "enter the data folder");
	if (setgroups(0, NULL) < 0 || setresgid(rights->gid, rights->gid, rights->gid) < 0 ||
	    setresuid(rights->uid, rights->uid, rights->uid) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set_errno(err, errno, "become the user " RIGHTS_USER);
	return 0;
}
