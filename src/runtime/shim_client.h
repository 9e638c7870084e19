/*
 * The runtime's end of a conversation with a shim; see shim/wire.h.
 *
 * A connection is a blocking socket with a timeout on receiving.  One thread at a time.
 */
#ifndef WHERRY_RUNTIME_SHIM_CLIENT_H
#define WHERRY_RUNTIME_SHIM_CLIENT_H

#include "base/limits.h"
#include "runtime/shim/wire.h"
#include "sys/process.h"

/* A message being built or received; big, so on the heap. */
struct shim_call {
	struct buf out;
	struct wire_message reply;
	char buffer[LIMIT_SHIM_MESSAGE];
};

struct shim_call *shim_call_new(enum shim_type type) __attribute__((returns_nonnull));
struct shim_call *shim_call_free(struct shim_call *call);
static inline void cleanup_shim_callp(struct shim_call **call)
{
	shim_call_free(*call);
}
#define cleanup_shim_call CLEANUP(cleanup_shim_callp)

/* Starts @program with the folder @dir; it listens when this returns. */
int shim_launch(const char *program, const char *dir, struct process_id *ret, struct error *err) MUST_CHECK;
/* Connects to the shim of the folder @dir. */
int shim_connect(const char *dir, int *ret_fd, struct error *err) MUST_CHECK;
/* Sends call->out and waits for the answer, at most @timeout_ms; SHIM_ERROR becomes the error. */
int shim_exchange(int fd, struct shim_call *call, const int *fds, size_t fds_len, int64_t timeout_ms,
		  struct error *err) MUST_CHECK;
/* The same on a connection of its own. */
int shim_ask(const char *dir, struct shim_call *call, int64_t timeout_ms, struct error *err) MUST_CHECK;

#endif
