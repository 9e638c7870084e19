/* Header values with an inner structure: media types, Accept, quality values, tokens. */
#ifndef WHERRY_NET_HEADERS_H
#define WHERRY_NET_HEADERS_H

#include "base/arena.h"
#include "net/http.h"

struct media_param {
	struct str name, value; /* name in lower case; value unquoted */
};

struct media_type {
	struct str type, subtype; /* lower case; "*" in Accept */
	const struct media_param *params;
	size_t params_len;
	unsigned quality; /* thousandths, 1000 when not given */
};

/* One media type with its parameters ("application/json;as=Table;v=v1;g=meta.k8s.io"); 0 or -EINVAL. */
int media_type_parse(struct str text, struct arena *arena, struct media_type *ret) MUST_CHECK;
/* The parameter's value; data is NULL when there is none; @name in lower case. */
struct str media_type_param(const struct media_type *type, struct str name);
/* Does an Accept clause with wildcards take type/subtype? */
bool media_type_matches(const struct media_type *clause, struct str type, struct str subtype);

struct accept {
	const struct media_type *items;
	size_t len;
};
/*
 * All Accept fields of a request: the clauses by falling quality, then the more specific first, else as written (the
 * order upstream negotiates in); clauses with quality 0 and malformed ones are left out.
 */
struct accept accept_parse(struct http_headers headers, struct arena *arena);

/* Is a coding (gzip) accepted by an Accept-Encoding field: named, or "*", with a quality above 0? */
bool accept_encoding_has(struct http_headers headers, struct str coding);

/* The token of an Authorization field, "Bearer TOKEN"; false: it has none. */
bool http_bearer_token(struct str authorization, struct str *ret);

#endif
