/* The supervisor of a server's processes; see supervisor.h. */
#include "cmd/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "cmd/rights.h"
#include "sys/crash.h"
#include "sys/path.h"
#include "sys/process.h"

#define CHILDREN_MAX   8
#define RESTART_MIN_NS (100 * NS_PER_MS)
#define RESTART_MAX_NS (10 * NS_PER_SEC)
#define LONG_LIFE_NS   (60 * NS_PER_SEC)
#define STOP_NS	       (15 * NS_PER_SEC)

struct child {
	const struct supervisor_child *spec;
	pid_t pid; /* 0: does not run */
	int pipe;
	struct buf in;
	struct crash_page *crashes;
	bool ever_ready;
	int64_t began, pause, restart_at; /* of the monotonic clock */
};

struct supervisor {
	const struct supervisor_config *config;
	struct rights rights;
	int data_dir, signals;
	sigset_t old_mask;
	struct child children[CHILDREN_MAX];
	bool failed;
};

/* --- In the child ------------------------------------------------------------------------------------------------ */

/* The parent may have died before it was asked for its signal: nobody would tell. */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
}

static void forget_parent(struct supervisor *supervisor)
{
	close_fd(supervisor->signals);
	for (size_t i = 0; i < supervisor->config->children_len; i++)
		close_fd(supervisor->children[i].pipe);
	sigprocmask(SIG_SETMASK, &supervisor->old_mask, NULL);
}

static _Noreturn void live(struct supervisor *supervisor, const struct child *child, int handover, pid_t parent)
{
	const struct supervisor_child *spec = child->spec;
	struct error err = {0};
	int result = 0;

	die_with(parent);
	forget_parent(supervisor);
	prctl(PR_SET_NAME, spec->name, 0, 0, 0);
	crash_page_attach(child->crashes);
	if (spec->unprivileged) {
		result = rights_drop(&supervisor->rights, supervisor->data_dir, &err);
		die_with(parent);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	}
	close_fd(supervisor->data_dir);
	if (result == 0)
		result = spec->run(spec->config, handover, &err);
	if (result < 0)
		fprintf(stderr, "%s: %s: %s\n", supervisor->config->program, spec->name, err.message);
	exit(result < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* --- Lives ------------------------------------------------------------------------------------------------------- */

static void plan_restart(struct child *child, int64_t now)
{
	bool long_life = now - child->began >= LONG_LIFE_NS;

	child->pause = long_life || child->pause == 0	    ? RESTART_MIN_NS
		       : child->pause >= RESTART_MAX_NS / 2 ? RESTART_MAX_NS
							    : child->pause * 2;
	child->restart_at = now + child->pause;
}

static void start_child(struct supervisor *supervisor, struct child *child)
{
	pid_t parent = getpid();
	int ends[2];

	child->began = clock_monotonic_ns();
	if (pipe2(ends, O_CLOEXEC) == 0) {
		child->pid = fork();
		if (child->pid == 0) {
			close_fd(ends[0]);
			live(supervisor, child, ends[1], parent);
		}
		close_fd(ends[1]);
		if (child->pid > 0) {
			child->pipe = ends[0];
			child->restart_at = 0;
			log_info("child started", "child=%s pid=%d", child->spec->name, (int)child->pid);
			return;
		}
		close_fd(ends[0]);
	}
	child->pid = 0;
	log_error("child not started", "child=%s error=\"%s\"", child->spec->name, strerror(errno));
	plan_restart(child, child->began);
}

static void forget(struct child *child)
{
	child->pipe = close_fd(child->pipe);
	buf_clear(&child->in);
	child->pid = 0;
}

static void tell_suspect(void *cookie, const struct crash_suspect *suspect)
{
	const struct child *child = cookie;

	log_error("crashed at work", "child=%s component=%s key=%s crashes=%u quarantine_seconds=%lld",
		  child->spec->name, suspect->component, suspect->key, suspect->crashes,
		  (long long)(suspect->pause / NS_PER_SEC));
}

/* What the child was at work on is left alone for a while when that was the child's end. */
static void settle_notes(struct child *child, int status)
{
	if (!WIFSIGNALED(status) || !crash_is_fault(WTERMSIG(status)))
		crash_page_clear(child->crashes);
	else if (crash_page_fault(child->crashes, clock_monotonic_ns(), tell_suspect, child))
		log_error("child crashes again and again", "child=%s crashes=%d hold_seconds=%lld", child->spec->name,
			  CRASHES_TO_HOLD, (long long)(HOLD_TIME / NS_PER_SEC));
}

static void child_ended(struct supervisor *supervisor, struct child *child, int status)
{
	pid_t pid = child->pid;

	forget(child);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0 && !child->ever_ready) {
		supervisor->failed = true;
		return;
	}
	settle_notes(child, status);
	plan_restart(child, clock_monotonic_ns());
	log_warn("child ended", "child=%s pid=%d %s=%d restart_milliseconds=%lld", child->spec->name, (int)pid,
		 WIFSIGNALED(status) ? "signal" : "status",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (long long)(child->pause / NS_PER_MS));
}

static void start_due(struct supervisor *supervisor)
{
	int64_t now = clock_monotonic_ns();

	for (size_t i = 0; i < supervisor->config->children_len; i++) {
		struct child *child = &supervisor->children[i];

		if (child->pid == 0 && now >= child->restart_at)
			start_child(supervisor, child);
		if (!child->ever_ready)
			return;
	}
}

/* --- What children say ------------------------------------------------------------------------------------------- */

static void write_file(const struct supervisor *supervisor, enum handover_kind kind, struct str bytes)
{
	struct arena cleanup_arena arena = {0};

	for (size_t i = 0; i < supervisor->config->files_len; i++) {
		struct str path = supervisor->config->files[i].path;
		ptrdiff_t slash = str_last_index(path, '/');
		cleanup_close int folder = -1;
		int result;

		if (supervisor->config->files[i].kind != kind || !path.len)
			continue;
		folder = open(slash < 0 ? "." : str_c(arena_str(&arena, str_sub(path, 0, (size_t)slash + 1))),
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		result = folder < 0 ? -errno
				    : path_write_atomic(folder, str_c(str_from_at(path, (size_t)(slash + 1))), bytes,
							0600, false);
		if (result < 0)
			log_error("file not written", "file=" STR_FMT " error=\"%s\"", STR_ARG(path),
				  strerror(-result));
	}
}

static void take_frames(struct supervisor *supervisor, struct child *child)
{
	enum handover_kind kind;
	struct str bytes;
	int result;

	while ((result = handover_take(&child->in, &kind, &bytes)) > 0) {
		if (kind == HANDOVER_READY)
			child->ever_ready = true;
		else
			write_file(supervisor, kind, bytes);
		handover_drop(&child->in, bytes);
	}
	/* A child out of its mind: its end is handled as any other's. */
	if (result < 0)
		kill(child->pid, SIGKILL);
}

static void hear(struct supervisor *supervisor, struct child *child)
{
	char *room = buf_reserve(&child->in, 4 * KIB);
	ssize_t got = room ? read(child->pipe, room, 4 * KIB) : 0;

	if (got > 0) {
		buf_advance(&child->in, (size_t)got);
		take_frames(supervisor, child);
	} else if (got == 0 || errno != EINTR) {
		child->pipe = close_fd(child->pipe);
	}
}

/* --- The loop ---------------------------------------------------------------------------------------------------- */

static void reap(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->config->children_len; i++) {
		struct child *child = &supervisor->children[i];
		int status;

		if (child->pid && waitpid(child->pid, &status, WNOHANG) == child->pid)
			child_ended(supervisor, child, status);
	}
}

/* Returns true when it is time to stop. */
static bool take_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;
	bool stop = false;

	while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		stop = stop || info.ssi_signo != SIGCHLD;
	if (!stop)
		reap(supervisor);
	return stop;
}

/* Milliseconds until the next child is due, -1 when none waits. */
static int patience(const struct supervisor *supervisor)
{
	int64_t now = clock_monotonic_ns(), next = INT64_MAX;

	for (size_t i = 0; i < supervisor->config->children_len; i++) {
		const struct child *child = &supervisor->children[i];

		if (child->restart_at && child->restart_at < next)
			next = child->restart_at;
	}
	if (next == INT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now) / NS_PER_MS) + 1;
}

static void turn(struct supervisor *supervisor)
{
	while (!supervisor->failed) {
		struct pollfd fds[CHILDREN_MAX + 1] = {{.fd = supervisor->signals, .events = POLLIN}};
		size_t len = supervisor->config->children_len;

		start_due(supervisor);
		for (size_t i = 0; i < len; i++)
			fds[i + 1] = (struct pollfd){.fd = supervisor->children[i].pipe, .events = POLLIN};
		if (poll(fds, len + 1, patience(supervisor)) < 0)
			continue;
		/* What a child said before it died counts. */
		for (size_t i = 0; i < len; i++)
			if (fds[i + 1].revents)
				hear(supervisor, &supervisor->children[i]);
		if (fds[0].revents && take_signals(supervisor))
			return;
	}
}

static void stop_children(struct supervisor *supervisor)
{
	for (size_t i = supervisor->config->children_len; i-- > 0;) {
		struct child *child = &supervisor->children[i];
		int status;

		if (!child->pid)
			continue;
		kill(child->pid, SIGTERM);
		if (process_wait(child->pid, clock_monotonic_ns() + STOP_NS, &status) == -ETIMEDOUT) {
			log_warn("child did not stop", "child=%s pid=%d", child->spec->name, (int)child->pid);
			kill(child->pid, SIGKILL);
			(void)!process_wait(child->pid, 0, &status);
		}
		forget(child);
	}
}

static int make_folders(struct supervisor *supervisor, struct error *err)
{
	const char *path = str_c(supervisor->config->data_dir);
	int result = path_make_dirs(AT_FDCWD, path, 0755);

	if (result < 0)
		return error_set_errno(err, -result, "make folder %s", path);
	supervisor->data_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (supervisor->data_dir < 0)
		return error_set_errno(err, errno, "open folder %s", path);
	if (supervisor->config->root_folder &&
	    mkdirat(supervisor->data_dir, supervisor->config->root_folder, 0700) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make folder %s/%s", path, supervisor->config->root_folder);
	if (!supervisor->config->user_folder)
		return 0;
	return rights_make_folder(supervisor->data_dir, supervisor->config->user_folder, &supervisor->rights, err);
}

static int take_over_signals(struct supervisor *supervisor, struct error *err)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, &supervisor->old_mask);
	supervisor->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return supervisor->signals < 0 ? error_set_errno(err, errno, "signalfd") : 0;
}

static int make_children(struct supervisor *supervisor, struct error *err)
{
	const struct supervisor_config *config = supervisor->config;

	for (size_t i = 0; i < config->children_len; i++) {
		supervisor->children[i] = (struct child){.spec = &config->children[i], .pipe = -1};
		buf_init(&supervisor->children[i].in, 2 * LIMIT_HANDOVER);
	}
	for (size_t i = 0; i < config->children_len; i++)
		if (crash_page_new(&supervisor->children[i].crashes, err) < 0)
			return -(int)err->code;
	return 0;
}

int supervisor_run(const struct supervisor_config *config, struct error *err)
{
	struct supervisor supervisor = {.config = config, .data_dir = -1, .signals = -1};
	int result;

	assert(config->children_len <= CHILDREN_MAX);
	log_set_component("supervisor");
	result = make_children(&supervisor, err);
	if (result == 0)
		result = rights_find(&supervisor.rights, err);
	if (result == 0)
		result = make_folders(&supervisor, err);
	if (result == 0)
		result = take_over_signals(&supervisor, err);
	if (result == 0) {
		turn(&supervisor);
		stop_children(&supervisor);
		sigprocmask(SIG_SETMASK, &supervisor.old_mask, NULL);
		result = supervisor.failed;
	}
	for (size_t i = 0; i < config->children_len; i++) {
		buf_release(&supervisor.children[i].in);
		crash_page_free(supervisor.children[i].crashes);
	}
	close_fd(supervisor.signals);
	close_fd(supervisor.data_dir);
	return result;
}
