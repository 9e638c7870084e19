/*
 * Header blocks of SPDY/3: name and value pairs, compressed, with one zlib stream for each direction that begins with a
 * dictionary both sides know.
 *
 * Since every block needs those before it, all of a connection must be given to spdy_headers_read(), in order.
 */
#ifndef WHERRY_NET_SPDY_HEADERS_H
#define WHERRY_NET_SPDY_HEADERS_H

#include "base/error.h"
#include "net/http.h"

struct spdy_headers;

struct spdy_headers *spdy_headers_new(void) __attribute__((returns_nonnull));
/* NULL is fine; returns NULL. */
struct spdy_headers *spdy_headers_free(struct spdy_headers *headers);
/* The fields of a block; several values of one name are several fields.  After a failure there is no going on. */
int spdy_headers_read(struct spdy_headers *headers, struct str block, struct arena *arena, struct http_headers *ret,
		      struct error *err) MUST_CHECK;
/* Appends a block of no fields, as answers to port-forward have it. */
void spdy_headers_write_none(struct spdy_headers *headers, struct buf *out);

/* The dictionary, for clients in tests. */
struct str spdy_dictionary(void);

#endif
