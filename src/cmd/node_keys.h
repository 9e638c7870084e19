/*
 * What the kubelet serves with: a certificate of the node's own, for its name and address.
 *
 * As upstream's kubelet without a certificate given to it: an authority made for the purpose signs it, and nobody
 * checks it against anything.  kubelet.crt and kubelet.key are kept (0600) in a folder and made anew when they are to
 * end soon or do not fit the node any more.
 */
#ifndef WHERRY_CMD_NODE_KEYS_H
#define WHERRY_CMD_NODE_KEYS_H

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"

struct node_keys {
	struct str cert_pem, key_pem;
};

/* @now: seconds since 1970.  Texts in @arena. */
int node_keys_open(struct str folder, struct str node, struct ip_address address, int64_t now, struct arena *arena,
		   struct node_keys *ret, struct error *err) MUST_CHECK;

#endif
