/*
 * Strings by reference: a pointer and a length.
 *
 * A struct str never owns its bytes; whoever made them says how long they live (an arena, a literal, a received body).
 * The empty string may have any pointer, NULL too.  Strings made by this project's arenas and decoders have a NUL after
 * the last byte that len does not count, so str_c() may hand them to C interfaces; slices of other strings may not.
 *
 *	struct str group, version;
 *	if (!str_cut(api_version, '/', &group, &version))
 *		...
 *	log_debug("parsed", "group=" STR_FMT, STR_ARG(group));
 */
#ifndef WHERRY_BASE_STR_H
#define WHERRY_BASE_STR_H

#include "base/alloc.h"

struct str {
	const char *data;
	size_t len;
};

/* Bytes that are not text.  data == NULL means absent, as Go's nil; a non-NULL empty one is present. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_INIT(literal)                                                                                              \
	{                                                                                                              \
		"" literal, sizeof(literal) - 1                                                                        \
	}
#define STR_EMPTY  ((struct str){"", 0})
#define STR_FMT	   "%.*s"
#define STR_ARG(s) (int)(s).len, (s).data ? (s).data : ""

/* The string @s, which may be NULL (the empty string). */
static inline struct str str_from(const char *s)
{
	return s ? (struct str){s, strlen(s)} : STR_EMPTY;
}
static inline bool str_empty(struct str s)
{
	return s.len == 0;
}
/* The C string of @s, which must be followed by a NUL (see above). */
static inline const char *str_c(struct str s)
{
	return s.data ? s.data : "";
}
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool str_eq_c(struct str a, const char *b)
{
	return str_eq(a, str_from(b));
}
/* Order by bytes, a prefix before what it begins; the order Go's sort.Strings gives. */
int str_cmp(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b);
bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);
bool str_contains(struct str s, struct str part);
/* Index of the first @c in @s, or -1. */
ptrdiff_t str_index(struct str s, char c);
ptrdiff_t str_last_index(struct str s, char c);
/* The part from @from (clamped) to the end, and the @len bytes at @from (clamped). */
struct str str_from_at(struct str s, size_t from);
struct str str_sub(struct str s, size_t from, size_t len);
/* Without leading and trailing spaces, tabs, CR and LF. */
struct str str_trim(struct str s);
/*
 * Splits at the first @sep.  With a separator: true, *ret_before and *ret_after are the parts.  Without: false,
 * *ret_before is all of @s and *ret_after is empty.
 */
bool str_cut(struct str s, char sep, struct str *ret_before, struct str *ret_after);
/* Decimal numbers, the whole string, no blanks, no leading '+'; 0 or -EINVAL or -ERANGE. */
int str_parse_int64(struct str s, int64_t *ret) MUST_CHECK;
int str_parse_uint64(struct str s, uint64_t *ret) MUST_CHECK;
/* Compares secrets in time that does not depend on where they differ; lengths are not secret. */
bool str_eq_secret(struct str a, struct str b);
/* Is @s well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms)? */
bool str_is_utf8(struct str s);
/* A hash with a per-process key (not for what is stored or sent). */
uint64_t str_hash(struct str s);

#endif
