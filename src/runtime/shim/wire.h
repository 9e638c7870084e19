/*
 * The protocol between a runtime and a pod's shim.
 *
 * A shim outlives the program that started it, so a later release must understand an earlier shim and the other way
 * round.  Therefore: a message is a header and fields that each name themselves; unknown fields are skipped, missing
 *ones have a default, an unknown request is answered with an error; numbers of messages and tags are never used again.
 *
 * Transport: a sequenced-packet unix socket in the pod's run folder, a packet a message, descriptors beside it.
 *
 *	message:  u32 length of the whole, u16 version, u16 type	little-endian
 *	field:    u16 tag, u16 0, u32 length, bytes			numbers are 8 bytes
 *
 * A request is answered with one message (SHIM_OK, SHIM_STARTED, SHIM_ERROR).  On a connection that subscribed, started
 * an exec or attached, SHIM_EXITED messages follow later.  One connection carries one conversation.
 */
#ifndef WHERRY_RUNTIME_SHIM_WIRE_H
#define WHERRY_RUNTIME_SHIM_WIRE_H

#include "base/buf.h"
#include "base/error.h"

#define SHIM_VERSION 1
#define SHIM_FDS_MAX 4
#define SHIM_SOCKET  "shim.sock"

enum shim_type {
	SHIM_OK = 1,
	SHIM_ERROR = 2,	  /* TEXT */
	SHIM_STARTED = 3, /* PID, START_TIME, TIME; the terminal's master with it */
	SHIM_EXITED = 4,  /* CONTAINER, CODE, TIME, OOM */

	SHIM_HELLO = 16,     /* -> OK: PID, START_TIME, VERSION */
	SHIM_SUBSCRIBE = 17, /* -> OK, then EXITED for every container that ends or has ended */
	SHIM_LIST = 18,	     /* -> OK: CONTAINER, PID, START_TIME, TIME, CODE (-1: runs) again and again */
	SHIM_START = 19,  /* CONTAINER, ARGV..., PID_FILE, EXIT_DIR, LOG, CONSOLE, OOM_FILE, STDIN, STDIN_ONCE, TTY ->
			     STARTED */
	SHIM_EXEC = 20,	  /* CONTAINER, ARGV..., PID_FILE, CONSOLE, TTY, HAS_*, with descriptors -> STARTED, EXITED */
	SHIM_ATTACH = 21, /* CONTAINER, HAS_*, with descriptors -> OK, EXITED */
	SHIM_KILL = 22,	  /* CONTAINER, SIGNAL -> OK; without CONTAINER: the exec of this connection */
	SHIM_RESIZE = 23, /* CONTAINER, WIDTH, HEIGHT -> OK */
	SHIM_REOPEN_LOG = 24, /* CONTAINER -> OK */
	SHIM_FORGET = 25,     /* CONTAINER -> OK */
	SHIM_SHUTDOWN = 26,   /* -> OK, and it ends; ERROR while something runs */
};

enum shim_tag {
	SHIM_TAG_TEXT = 1,
	SHIM_TAG_CONTAINER = 2,
	SHIM_TAG_PID = 3,
	SHIM_TAG_START_TIME = 4,
	SHIM_TAG_CODE = 5, /* exit code; 128 + signal */
	SHIM_TAG_TIME = 6, /* ns since 1970, of the start or of the end */
	SHIM_TAG_OOM = 7,
	SHIM_TAG_ARGV = 8,
	SHIM_TAG_PID_FILE = 9,
	SHIM_TAG_EXIT_DIR = 10,
	SHIM_TAG_LOG = 11,
	SHIM_TAG_CONSOLE = 12,
	SHIM_TAG_OOM_FILE = 13,
	SHIM_TAG_STDIN = 14,
	SHIM_TAG_STDIN_ONCE = 15,
	SHIM_TAG_TTY = 16,
	SHIM_TAG_HAS_STDIN = 17, /* the descriptors that came, in this order */
	SHIM_TAG_HAS_STDOUT = 18,
	SHIM_TAG_HAS_STDERR = 19,
	SHIM_TAG_SIGNAL = 20,
	SHIM_TAG_WIDTH = 21,
	SHIM_TAG_HEIGHT = 22,
	SHIM_TAG_VERSION = 23,
};

/* Begins a message in @out, which is cleared. */
void wire_begin(struct buf *out, enum shim_type type);
void wire_put_str(struct buf *out, enum shim_tag tag, struct str value);
void wire_put_int(struct buf *out, enum shim_tag tag, int64_t value);
/* Sends it whole; -EAGAIN when a non-blocking socket is full. */
int wire_send(int fd, struct buf *out, const int *fds, size_t fds_len) MUST_CHECK;

struct wire_message {
	uint16_t version, type;
	struct str fields; /* in the buffer it was received into */
	int fds[SHIM_FDS_MAX];
	size_t fds_len;
};
/* Receives one into @buffer; its descriptors belong to the caller.  -EPIPE: the peer is gone; -EPROTO: not a message.
 */
int wire_receive(int fd, char *buffer, size_t size, struct wire_message *ret) MUST_CHECK;
void wire_close_fds(struct wire_message *message);

/* The next field from *at on (0 at first): false at the end. */
bool wire_next(struct str fields, size_t *at, uint16_t *ret_tag, struct str *ret_value);
/* The first field with @tag; absent: data == NULL, or @missing. */
struct str wire_get_str(const struct wire_message *message, enum shim_tag tag);
int64_t wire_get_int(const struct wire_message *message, enum shim_tag tag, int64_t missing);
int64_t wire_int(struct str value);

#endif
