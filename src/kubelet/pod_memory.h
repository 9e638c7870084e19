/*
 * What a pod's jobs remember from one to the next: back-off, and why something waits.
 *
 * It belongs to the pod's machine and is lent to the one job that runs.  Losing it (a restart of the kubelet) costs
 * patience, never correctness: everything that decides what runs is read from the runtime.
 */
#ifndef WHERRY_KUBELET_POD_MEMORY_H
#define WHERRY_KUBELET_POD_MEMORY_H

#include "base/arena.h"
#include "base/map.h"
#include "runtime/runtime.h"

#define BACKOFF_BASE_NS	 (INT64_C(10) * 1000000000)
#define BACKOFF_MAX_NS	 (INT64_C(300) * 1000000000)
#define BACKOFF_RESET_NS (INT64_C(600) * 1000000000)

struct backoff {
	int64_t delay_ns; /* 0: none yet */
	int64_t updated_at;
};

/*
 * How much longer after @since, the end of what is tried again; 0: go ahead.  What lasted BACKOFF_RESET_NS since the
 * last attempt makes the delay forgotten.
 */
int64_t backoff_left(struct backoff *backoff, int64_t since, int64_t now);
/* Notes another attempt, after what ended at @since: the next one waits twice as long. */
void backoff_next(struct backoff *backoff, int64_t since, int64_t now);

struct container_memory {
	struct str name; /* follows the struct */
	struct backoff restart, pull;
	/* Why it does not run though it should; empty: it may.  Text is the struct's own. */
	char reason[64];
	char message[1024];
	bool said_present; /* "already present" was told for the container to come */
	bool renew;	   /* it is killed in order to be made anew, whatever the restart policy says */
};

struct pod_memory {
	struct map containers; /* name -> struct container_memory */
	bool volumes_ready;
	bool was_initialized; /* regular containers have been started once */
	char failure[1024];   /* why the pod as a whole waits: sandbox, volumes */
	int64_t retry_at;     /* of that failure; 0: none */
};

struct container_memory *pod_memory_of(struct pod_memory *memory, struct str container);
void pod_memory_release(struct pod_memory *memory);
void container_memory_wait(struct container_memory *memory, const char *reason, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
