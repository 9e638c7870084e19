/*
 * A growing byte buffer with a ceiling.
 *
 * The ceiling is given once, at init.  An append that would pass it sets `overflow` and appends nothing, and so does
 * every later one: code that writes a long text appends freely and asks once, at the end.  What was written before
 * stays.  The contents always have a NUL after them.  One thread.  A zeroed one may be released: a cleanup_buf that may
 * be left before its init begins as {0}.
 *
 *	struct buf out;
 *	buf_init(&out, LIMIT_OBJECT);
 *	buf_str(&out, STR("{\"kind\":"));
 *	...
 *	if (out.overflow)
 *		return error_set(err, ERR_TOO_LARGE, ...);
 *	buf_release(&out);
 */
#ifndef WHERRY_BASE_BUF_H
#define WHERRY_BASE_BUF_H

#include <stdarg.h>

#include "base/str.h"

struct buf {
	char *data; /* never NULL after init; owned unless empty */
	size_t len;
	size_t cap;
	size_t limit;
	bool overflow;
};

void buf_init(struct buf *buf, size_t limit);
void buf_release(struct buf *buf);
/* Empties it and keeps its memory. */
void buf_clear(struct buf *buf);
/* Cuts it back to @len, a length it had. */
void buf_truncate(struct buf *buf, size_t len);

/* Room for @size more bytes at data + len, or NULL after an overflow; buf_advance() says how many were used. */
char *buf_reserve(struct buf *buf, size_t size);
void buf_advance(struct buf *buf, size_t size);

void buf_append(struct buf *buf, const void *data, size_t size);
void buf_str(struct buf *buf, struct str s);
void buf_c(struct buf *buf, const char *s);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list args) PRINTF_LIKE(2, 0);
/* Decimal, without printf's cost. */
void buf_int64(struct buf *buf, int64_t n);
/* Drops the first @size bytes. */
void buf_consume(struct buf *buf, size_t size);

static inline struct str buf_view(const struct buf *buf)
{
	return (struct str){buf->data, buf->len};
}
/* Hands the bytes over, NUL after them; the caller frees them.  The buffer is empty afterwards. */
char *buf_take(struct buf *buf, size_t *ret_len);

static inline void cleanup_bufp(struct buf *buf)
{
	buf_release(buf);
}
#define cleanup_buf CLEANUP(cleanup_bufp)

#endif
