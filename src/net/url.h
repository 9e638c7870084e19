/* URLs and queries: splitting, percent-encoding.  As Go's net/url where it matters to clients. */
#ifndef WHERRY_NET_URL_H
#define WHERRY_NET_URL_H

#include "base/arena.h"
#include "base/buf.h"

struct url {
	struct str scheme;   /* lower case */
	struct str userinfo; /* without '@' */
	struct str host;     /* without brackets and port, not decoded */
	uint16_t port;	     /* the scheme's (80, 443) when none is given */
	bool port_given;
	struct str path;  /* as written, "/" when empty */
	struct str query; /* without '?' */
	struct str fragment;
};

/* Absolute URLs with an authority; parts are slices of @text or literals; 0 or -EINVAL. */
int url_parse(struct str text, struct arena *arena, struct url *ret) MUST_CHECK;
/* "host:port" as Host wants it: brackets for IPv6, the port unless it is the scheme's own. */
struct str url_authority(const struct url *url, struct arena *arena);
/* @reference (absolute, "//host/x", "/x", "x?y") seen from @base, as text (RFC 3986, 5.2). */
int url_resolve(const struct url *base, struct str reference, struct arena *arena, struct str *ret) MUST_CHECK;

/* Decodes %XX; in a query '+' is a blank.  0 or -EINVAL for a '%' without two hexadecimal digits. */
int url_decode_path(struct str text, struct arena *arena, struct str *ret) MUST_CHECK;
int url_decode_query(struct str text, struct arena *arena, struct str *ret) MUST_CHECK;
/* Appends @text with everything but unreserved characters encoded (a path segment, a query's name or value). */
void url_encode(struct buf *out, struct str text);

/* A query's parameters in order, decoded. */
struct query_param {
	struct str name, value;
};
struct query {
	const struct query_param *items;
	size_t len;
};
/* Pairs that cannot be decoded are left out, and -EINVAL is returned; *ret is set in any case (as Go does). */
int query_parse(struct str text, struct arena *arena, struct query *ret);
/* The first value; data is NULL when there is none. */
struct str query_get(const struct query *query, struct str name);
bool query_has(const struct query *query, struct str name);

#endif
