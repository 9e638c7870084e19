/*
 * Other processes: starting a program without a shell, waiting by descriptor, and naming one for good.
 *
 * A pid alone names nothing: it is used again.  A process is named by pid and start time (struct process_id), which is
 * what goes to disk; while it lives a pidfd holds on to it.
 *
 * A started program has the descriptors it is given and no others, every signal at its default and none blocked.
 * Any thread.
 */
#ifndef WHERRY_SYS_PROCESS_H
#define WHERRY_SYS_PROCESS_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

struct process_id {
	pid_t pid;
	uint64_t start_time; /* clock ticks after boot, /proc/PID/stat's field 22 */
};

/* The start time of @pid, 0 when there is none (a zombie still has one). */
uint64_t process_start_time(pid_t pid);
/* Is this very process there and not a zombie? */
bool process_alive(struct process_id id);
/* A pidfd of it, or -ESRCH when it is gone or another has its pid. */
int process_open(struct process_id id) MUST_CHECK;
/* Signals it through a pidfd; -ESRCH when gone. */
int process_signal(struct process_id id, int signal);

struct process_options {
	const char *const *argv; /* argv[0] is a path, or a name to look for in PATH; ends with NULL */
	const char *const *envp; /* NULL: ours */
	int stdio[3];		 /* -1: /dev/null */
	const int *fds;		 /* become 3, 4, ... */
	size_t fds_len;
	bool new_session;
};

/* Starts it; *ret_pid is our child, to be waited for. */
int process_spawn(const struct process_options *options, pid_t *ret_pid, struct error *err) MUST_CHECK;
/* Waits for our child until @deadline_ns of the monotonic clock (0: for ever); -ETIMEDOUT, else 0 and wait status. */
int process_wait(pid_t pid, int64_t deadline_ns, int *ret_status) MUST_CHECK;
/*
 * Runs a program to its end, killing it at the deadline; what it writes to standard output and error goes to @output
 * (may be NULL), as far as the buffer's ceiling allows.  Fails when it does not exit with 0, with the end of its
 * output.
 */
int process_run(const char *const *argv, int64_t timeout_ms, struct buf *output, struct error *err) MUST_CHECK;

/* Runs @run(@data) on a short-lived thread of its own and returns what it returned: for calls that change the thread
 * (a namespace, a working directory) for good. */
int process_on_thread(int (*run)(void *data), void *data) MUST_CHECK;

#endif
