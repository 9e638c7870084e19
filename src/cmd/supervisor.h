/*
 * The supervisor of a server's processes: starts them, starts them again when they die, stops them when told.
 *
 * It has no sockets and parses nothing; it is one thread and its children are forked from it, so that they share its
 * memory until they change it.  A child that may do without rights drops to the user `wherry` with the data folder as
 * its working directory: it then needs no way to that folder, which may lie below one that is closed to it.
 *
 *   - A child starts when all before it have said that they are ready (handover.h), in every later life at once.
 *   - A child that dies starts again after a pause that doubles, from RESTART_MIN to RESTART_MAX, and is short again
 *     once a life was long.  A child that ends with a failure before it was ever ready ends the whole: it has said why.
 *   - A child that a fault of its own ended finds what it was at work on in quarantine, and after three such ends in a
 *     minute itself on hold (sys/crash.h).
 *   - A supervisor that dies takes its children along: the kernel signals them, and each looks for itself, after it
 *     asked for that, whether it came too late.  Containers are nobody's children here and stay.
 *   - SIGTERM or SIGINT stop the children in reverse order, each with its time to end cleanly.
 */
#ifndef WHERRY_CMD_SUPERVISOR_H
#define WHERRY_CMD_SUPERVISOR_H

#include "base/error.h"
#include "cmd/handover.h"

struct supervisor_child {
	const char *name;  /* in log lines and as the process's name: at most 15 bytes */
	bool unprivileged; /* drops its rights; relative paths are below the data folder */
	/* The child's life, in its own process; frames go to @handover. */
	int (*run)(const void *config, int handover, struct error *err);
	const void *config;
};

/* Where the bytes of a frame go, 0600 and at once. */
struct supervisor_file {
	enum handover_kind kind;
	struct str path;
};

struct supervisor_config {
	const char *program; /* begins the line of a child that fails */
	struct str data_dir; /* made when it is not there */
	/* In the data folder, 0700, the unprivileged user's and root's; NULL: none. */
	const char *user_folder, *root_folder;
	const struct supervisor_child *children;
	size_t children_len;
	const struct supervisor_file *files;
	size_t files_len;
};

/*
 * As root and before any thread is started.  0 after a stop, 1 when a child failed before it was ready (and has said
 * why), negative when there was nothing to start.
 */
int supervisor_run(const struct supervisor_config *config, struct error *err) MUST_CHECK;

#endif
