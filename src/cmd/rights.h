/* Giving up the rights of root for good, and the folders of a process that did. */
#ifndef WHERRY_CMD_RIGHTS_H
#define WHERRY_CMD_RIGHTS_H

#include <sys/types.h>

#include "base/error.h"

#define RIGHTS_USER "wherry"

struct rights {
	uid_t uid;
	gid_t gid;
};

/* The user that processes without rights run as; fails with a line that says how to make it. */
int rights_find(struct rights *ret, struct error *err) MUST_CHECK;

/*
 * Makes @name in the folder @dir, 0700, and gives it to @rights.  A folder that root has used until now changes hands
 * with all in it; one that is the user's already is left alone, since what lies in it is the user's to choose.
 */
int rights_make_folder(int dir, const char *name, const struct rights *rights, struct error *err) MUST_CHECK;

/*
 * This process goes on as that user, with no way back, in the working directory @dir.  Changing users makes the kernel
 * forget the signal at the parent's death and hide the process from its own /proc: both are the caller's to set again.
 */
int rights_drop(const struct rights *rights, int dir, struct error *err) MUST_CHECK;

#endif
