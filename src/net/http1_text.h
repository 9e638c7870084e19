/* The part of an HTTP/1.1 header that is being read: the parser gives it in pieces, cut anywhere. */
#ifndef WHERRY_NET_HTTP1_TEXT_H
#define WHERRY_NET_HTTP1_TEXT_H

#include "base/arena.h"

struct http1_text {
	char *data; /* in the arena, or NULL */
	size_t len;
};

void http1_text_add(struct http1_text *text, const char *piece, size_t size, struct arena *arena);
/* The whole, never with a NULL; begins anew. */
struct str http1_text_take(struct http1_text *text);
/* The same in lower case: a field's name. */
struct str http1_text_take_name(struct http1_text *text);

#endif
