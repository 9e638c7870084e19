/*
 * Channels: a command's streams on one WebSocket, as remotecommand's subprotocols have them.
 *
 * The first byte of a message is its channel: 0 standard input, 1 output, 2 errors, 3 the outcome, 4 terminal sizes,
 * and in v5 255, which says that the channel named by the second byte is closed.  In the base64 protocols messages are
 * text: the channel as a digit, then the bytes in base64.  From v4 on the outcome is a Status in JSON; before, it is a
 * message, and silence is success.  Pure.
 */
#ifndef WHERRY_KUBELET_CHANNEL_H
#define WHERRY_KUBELET_CHANNEL_H

#include "base/arena.h"
#include "base/buf.h"

enum channel {
	CHANNEL_STDIN = 0,
	CHANNEL_STDOUT = 1,
	CHANNEL_STDERR = 2,
	CHANNEL_ERROR = 3,
	CHANNEL_RESIZE = 4,
	CHANNEL_CLOSE = 255,
};

struct channel_protocol {
	const char *name;
	bool base64;
	bool status; /* the outcome is a Status */
	bool close;  /* single channels can be closed */
};

/* Those we speak, for websocket_accept(). */
#define CHANNEL_PROTOCOLS 5
extern const char *const channel_protocol_names[CHANNEL_PROTOCOLS];
/* The one agreed on; the oldest for "". */
const struct channel_protocol *channel_protocol_find(struct str name);

/* Appends the message; for base64 it is text. */
void channel_encode(const struct channel_protocol *protocol, enum channel channel, struct str bytes, struct buf *out);
/* False: it is no message of the protocol.  @ret_bytes points into @message or @arena. */
bool channel_decode(const struct channel_protocol *protocol, struct str message, struct arena *arena,
		    unsigned *ret_channel, struct str *ret_bytes);

/* The outcome of a command, in the form of the protocol; false: the protocol says nothing (success, before v4). */
bool channel_exit(const struct channel_protocol *protocol, int32_t exit_code, struct buf *out);
/* The outcome of one that could not be run. */
void channel_failure(const struct channel_protocol *protocol, struct str message, struct buf *out);
/* {"Width":80,"Height":24} */
bool channel_parse_size(struct str json, struct arena *arena, uint16_t *ret_width, uint16_t *ret_height);

#endif
