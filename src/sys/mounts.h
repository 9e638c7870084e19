/*
 * Mounts.  All functions act in the calling thread's mount namespace, need root, take absolute paths, and return 0 or
 * set the error.  Any thread.
 */
#ifndef WHERRY_SYS_MOUNTS_H
#define WHERRY_SYS_MOUNTS_H

#include "base/error.h"
#include "base/str.h"

/* Makes the file or directory @source visible at @target, which exists; @recursive with what is mounted below. */
int mount_bind(const char *source, const char *target, bool recursive, struct error *err) MUST_CHECK;
/* Makes a bind mount read-only: its other flags are kept. */
int mount_make_readonly(const char *target, struct error *err) MUST_CHECK;
/* A tmpfs; @options as mount(8) has them, "size=64m,mode=1777". */
int mount_tmpfs(const char *target, const char *options, struct error *err) MUST_CHECK;
/* MS_SHARED, MS_PRIVATE, MS_SLAVE, with MS_REC or without. */
int mount_set_propagation(const char *target, unsigned long flags, struct error *err) MUST_CHECK;
/*
 * An overlay at @target: @lower are names of directories below @lower_root, topmost first (relative, so that many fit
 * the kernel's one page of options); @upper and @work NULL make it read-only.
 */
int mount_overlay(const char *target, const char *lower_root, const struct str *lower, size_t lower_len,
		  const char *upper, const char *work, struct error *err) MUST_CHECK;
/* Takes away every mount at @target (none is success); busy ones are detached. */
int mount_remove(const char *target, struct error *err) MUST_CHECK;
/* Takes away every mount at or below the directory @prefix, innermost first. */
int mount_remove_below(const char *prefix, struct error *err) MUST_CHECK;
bool mount_is_mountpoint(const char *path);

#endif
