/*
 * How the node tells the DNS process what names there are: frames over a stream socket or pipe.
 *
 * A frame is a length of 4 bytes (network order, of what follows), a type of 1 byte and a body.  Bodies are fields:
 * numbers in network order, strings with a length of 2 bytes before them.  The first frames are a snapshot: DNS_BEGIN,
 * namespaces and services in any order, DNS_END; only at DNS_END does the new state take the place of the old.
 * Afterwards each change is one frame, at work as soon as it is read.  DNS_BEGIN starts another snapshot at any time,
 * for a node that lost track.  An unknown type is skipped, so that a newer node can feed an older server; a frame
 * that is malformed or longer than LIMIT_DNS_FRAME ends the feed.
 *
 * Encoding is a pure function into a buffer and decoding one of bytes, for tests and fuzzing.
 */
#ifndef WHERRY_DNS_FEED_H
#define WHERRY_DNS_FEED_H

#include "base/buf.h"
#include "base/error.h"
#include "dns/records.h"

enum dns_frame {
	DNS_BEGIN = 1,
	DNS_END = 2,
	DNS_NAMESPACE = 3,	/* a namespace exists: name */
	DNS_NAMESPACE_GONE = 4, /* name */
	DNS_SERVICE = 5,	/* a service is now so: see dns_service */
	DNS_SERVICE_GONE = 6,	/* namespace, name */
	DNS_FRAME_MAX
};

/* Each appends one frame. */
void dns_feed_begin(struct buf *buf);
void dns_feed_end(struct buf *buf);
void dns_feed_namespace(struct buf *buf, struct str name, bool gone);
void dns_feed_service(struct buf *buf, const struct dns_service *service);
void dns_feed_service_gone(struct buf *buf, struct str ns, struct str name);

/* The receiving side: what was read so far, and the state being built. */
struct dns_feed {
	struct buf buf;
	struct dns_records *next; /* between DNS_BEGIN and DNS_END */
};

void dns_feed_init(struct dns_feed *feed);
void dns_feed_release(struct dns_feed *feed);
/*
 * Takes @size bytes that were read and changes *records accordingly; a finished snapshot replaces it, freeing the old
 * one.  *records may be NULL until the first snapshot.  ERR_BAD_REQUEST: the feed is malformed.
 */
int dns_feed_take(struct dns_feed *feed, const void *data, size_t size, struct dns_records **records,
		  struct error *err) MUST_CHECK;

#endif
