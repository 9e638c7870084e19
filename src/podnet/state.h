/*
 * The state folder: one small text file per attachment, named by the container id, and a lock.
 *
 *	link wv0a1b2c3d4e5f6
 *	address 10.244.1.7
 *	port 0.0.0.0 6 8080 80		host address (0.0.0.0: all), protocol, host port, container port
 *
 * A file appears and changes by rename, so a reader sees it whole.  It is not synced: after the machine has gone down
 * there is no link left that it could tell of.
 */
#ifndef WHERRY_PODNET_STATE_H
#define WHERRY_PODNET_STATE_H

#include "podnet/podnet.h"

struct podnet_record {
	struct podnet_attachment attachment; /* id, addresses, link */
	struct podnet_host_port ports[PODNET_HOST_PORTS];
	size_t ports_len;
};

/* Opens and locks the folder, making it when needed.  ERR_CONFLICT: someone else has it. */
int podnet_state_open(const char *path, int *ret_dir, int *ret_lock, struct error *err) MUST_CHECK;
bool podnet_state_valid_id(struct str id);
int podnet_state_write(int dir, const struct podnet_record *record, struct error *err) MUST_CHECK;
int podnet_state_remove(int dir, const char *id, struct error *err) MUST_CHECK;
/* Calls @each for every record.  A file that makes no sense is an error, naming it: guessing could double an address.
 */
int podnet_state_read(int dir, int (*each)(void *data, const struct podnet_record *record, struct error *err),
		      void *data, struct error *err) MUST_CHECK;
/* Removes the folder with all it holds; absent is success. */
int podnet_state_reset(const char *path, struct error *err) MUST_CHECK;

/* Text of a record and back, for tests. */
struct buf;
void podnet_record_format(const struct podnet_record *record, struct buf *out);
int podnet_record_parse(struct str id, struct str text, struct podnet_record *ret, struct error *err) MUST_CHECK;

#endif
