/*
 * Who a container runs as: names and numbers looked up in the image's own /etc/passwd and /etc/group, whose content is
 * the image author's, so lines that make no sense are skipped and the files are read inside the root only.
 */
#ifndef WHERRY_RUNTIME_USER_H
#define WHERRY_RUNTIME_USER_H

#include "runtime/runtime.h"

struct user {
	int64_t uid, gid;
	bool known;		    /* has a line in passwd, and so a home */
	struct runtime_ints groups; /* supplementary, in order, each once; the primary one is among them */
};

/*
 * @root: the container's root directory.  @image_user: the image's USER, "name", "uid", "name:group" ...; the security
 * context's fields win over it.  A name that is not there is ERR_NOT_FOUND.
 */
int user_resolve(int root, const struct runtime_security_context *security, struct str image_user, struct arena *arena,
		 struct user *ret, struct error *err) MUST_CHECK;

#endif
