/*
 * What a child of the supervisor hands to it: a pipe of frames, from the child alone.
 *
 * A frame is a kind, a length and that many bytes (at most LIMIT_HANDOVER), in the machine's own byte order: both ends
 * are the same program.  The supervisor does not look into the bytes: it writes them to the file that goes with the
 * kind.
 */
#ifndef WHERRY_CMD_HANDOVER_H
#define WHERRY_CMD_HANDOVER_H

#include "base/buf.h"
#include "base/error.h"

enum handover_kind {
	HANDOVER_READY, /* the child does what it is for; no bytes */
	HANDOVER_ADMIN_KUBECONFIG,
	HANDOVER_NODE_KUBECONFIG,
	HANDOVER_MAX,
};

/* Blocks until all is out; @pipe -1 is nobody's and takes everything. */
int handover_send(int pipe, enum handover_kind kind, struct str bytes, struct error *err) MUST_CHECK;

/*
 * Takes the first whole frame out of @in: 1 and the frame, whose bytes are good until handover_drop(); 0 when there is
 * none yet, negative when what is there is no frame.
 */
int handover_take(const struct buf *in, enum handover_kind *ret_kind, struct str *ret_bytes) MUST_CHECK;
void handover_drop(struct buf *in, struct str bytes);

#endif
