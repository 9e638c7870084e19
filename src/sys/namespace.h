/*
 * Namespaces that live without a process: made on a thread, pinned by bind mounts of their files.
 *
 * A pin is an ordinary file with the namespace mounted on it; the namespace lives until the mount is gone and no
 * process is in it.  Any thread; no function changes the caller's own namespaces except namespace_join_mount().
 */
#ifndef WHERRY_SYS_NAMESPACE_H
#define WHERRY_SYS_NAMESPACE_H

#include "base/error.h"
#include "base/str.h"

struct namespace_sysctl {
	const char *name; /* "net.ipv4.ip_forward" */
	const char *value;
};

struct namespace_spec {
	/* Where to pin each; NULL: not made. */
	const char *net, *ipc, *uts;
	const char *hostname; /* in uts; may be NULL */
	const struct namespace_sysctl *sysctls;
	size_t sysctls_len;
};

/* Makes the namespaces, brings lo up, sets hostname and sysctls, and pins them.  On failure none stays. */
int namespace_pin(const struct namespace_spec *spec, struct error *err) MUST_CHECK;
/* Undoes a pin; absent is success. */
int namespace_unpin(const char *path, struct error *err) MUST_CHECK;
/* Runs @run on a thread that has joined @fd, a namespace of any kind but user and mount; returns what it returned. */
int namespace_call(int fd, int (*run)(void *data), void *data) MUST_CHECK;

/* Has a mount namespace been pinned at @path? */
bool namespace_pinned(const char *path);
/*
 * Makes a mount namespace that starts as a copy of ours and receives our later mounts but returns none; runs @prepare
 * in it and pins it at @path, an existing file on a mount that is private.
 */
int namespace_pin_mount(const char *path, int (*prepare)(void *data, struct error *err), void *data,
			struct error *err) MUST_CHECK;
/* Moves this process there; it must have one thread. */
int namespace_join_mount(const char *path, struct error *err) MUST_CHECK;

#endif
