/*
 * The shim: one small process per pod, the parent of its containers.
 *
 * It starts what the runtime tells it to start, keeps the containers' output, waits for them, writes how they ended to
 * disk before it tells anyone, and passes terminals.  It decides nothing and knows no OCI runtime: command lines come
 * from the outside.  One thread, one epoll; everything lives in static memory or in small blocks per container, so that
 * a sleeping pod costs next to nothing.
 *
 * It ignores the signals that end programs.  It ends when told to and nothing runs, or when killed; then whoever runs
 * the node stops the containers.
 *
 * Order that others rely on: output read to its end, then the exit file by rename, then SHIM_EXITED.
 */
#ifndef WHERRY_RUNTIME_SHIM_SHIM_H
#define WHERRY_RUNTIME_SHIM_SHIM_H

#include "base/list.h"
#include "runtime/shim/wire.h"
#include "sys/process.h"

#define SHIM_CONTAINERS_MAX  256
#define SHIM_CONNECTIONS_MAX 256
#define SHIM_LINE_MAX	     (16 * 1024) /* longer lines are split, as other runtimes do */

/* Something on the epoll.  A closed one is freed at the end of the turn, since later events of it may be waiting. */
struct source {
	int fd; /* -1: closed */
	void (*ready)(struct source *source, uint32_t events);
};

void loop_add(struct source *source, int fd, uint32_t events, void (*ready)(struct source *source, uint32_t events));
void loop_modify(struct source *source, uint32_t events);
/* Closes its descriptor; harmless twice. */
void loop_close(struct source *source);
/* Frees @block when this turn is over. */
void loop_free_later(void *block);

/* One of a container's output streams on its way to the log. */
struct stream {
	struct source source;
	struct container *container;
	const char *name; /* "stdout" */
	char *partial;	  /* the line begun, SHIM_LINE_MAX bytes; NULL: none */
	size_t partial_len;
};

/* Somebody attached: descriptors of theirs and the connection that will hear of the end. */
struct attachment {
	struct list link; /* container.attachments */
	struct source input;
	int stdout_fd, stderr_fd;
	struct container *container;
	struct connection *connection;
};

struct container {
	struct list link;
	char *id, *exit_dir, *log_path, *oom_file;
	bool tty, has_stdin, stdin_once;
	int log_fd, stdin_fd;
	struct stream out, err; /* out is the terminal's master when tty */
	struct list attachments;
	struct process_id process; /* pid 0: not started */
	bool exited;
	int code;
	/* ns since 1970, both read by this process: whoever compares them finds them in order. */
	int64_t started_at, finished_at;
	bool oom;
};

/* An exec'd process; lives as long as its connection or itself, whichever is longer. */
struct exec {
	struct list link;
	struct process_id process;
	struct connection *connection; /* NULL: it went away */
};

struct connection {
	struct list link;
	struct source source;
	bool subscribed;
	struct exec *exec;
	struct attachment *attachment;
};

/* A run of the OCI runtime under way. */
struct job {
	struct list link;
	pid_t pid;
	struct container *container; /* NULL for an exec */
	struct connection *connection;
	char *pid_file, *console;
	struct source console_listener, console_peer;
	int master; /* the terminal that came, or -1 */
	bool tty, ended;
	int status;
};

struct shim {
	struct list containers, execs, connections, jobs;
	size_t containers_len, connections_len;
	struct process_id self;
	bool ending;
	struct buf message; /* what is being sent */
};
extern struct shim shim;

/* main.c */
void shim_exited(pid_t pid, int status);

/* job.c */
int job_start_container(struct connection *connection, const struct wire_message *message,
			struct error *err) MUST_CHECK;
int job_start_exec(struct connection *connection, struct wire_message *message, struct error *err) MUST_CHECK;
/* True when @pid was a job. */
bool job_exited(pid_t pid, int status);
/* Ends of children nobody knows yet: they may be what a job under way has started. */
void orphan_exited(pid_t pid, int status);
void job_forget_connection(const struct connection *connection);

/* container.c */
struct container *container_find(struct str id);
struct container *container_new(const struct wire_message *message);
void container_free(struct container *container);
/* It runs: its pipes' reading ends join the loop. */
void container_started(struct container *container, struct process_id process);
void container_exited(struct container *container, int status);
int container_reopen_log(struct container *container) MUST_CHECK;
int container_attach(struct container *container, struct connection *connection, struct wire_message *message,
		     struct error *err) MUST_CHECK;
void attachment_free(struct attachment *attachment);

/* log.c */
void stream_init(struct stream *stream, struct container *container, const char *name, int fd);
/* Reads and logs what is there; false at its end. */
bool stream_read(struct stream *stream);
/* Logs the line begun and closes. */
void stream_finish(struct stream *stream);

/* connection.c */
void connection_accept(struct source *listener, uint32_t events);
void connection_error(struct connection *connection, const struct error *err);
/* @time: of the start, ns since 1970. */
void connection_started(struct connection *connection, struct process_id process, int64_t time, int master);
void connection_send_exit(struct connection *connection, struct str container, int code, int64_t time, bool oom);

/* A wait status as an exit code. */
int exit_code(int status);
/* A copy of a field, NULL when it is absent or empty. */
char *copy_field(const struct wire_message *message, enum shim_tag tag);

#endif
