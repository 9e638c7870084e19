/* A growing byte buffer with a ceiling; see buf.h.  grow() is the only place where it grows. */
#include "base/buf.h"

#include <stdio.h>

static char empty[1]; /* what an empty buffer points at, so that data is never NULL; never written */

void buf_init(struct buf *buf, size_t limit)
{
	*buf = (struct buf){.data = empty, .limit = limit};
}

void buf_release(struct buf *buf)
{
	if (buf->cap)
		free(buf->data);
	buf_init(buf, buf->limit);
}

static void terminate(struct buf *buf)
{
	if (buf->cap)
		buf->data[buf->len] = '\0';
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->overflow = false;
	terminate(buf);
}

void buf_truncate(struct buf *buf, size_t len)
{
	assert(len <= buf->len);
	buf->len = len;
	terminate(buf);
}

static bool grow(struct buf *buf, size_t size)
{
	size_t need, cap;

	if (buf->overflow || !size_add(buf->len, size, &need) || need > buf->limit) {
		buf->overflow = true;
		return false;
	}
	if (need + 1 <= buf->cap)
		return true;
	cap = MAX(need + 1, MIN(MAX(buf->cap * 2, (size_t)64), buf->limit + 1));
	buf->data = xrealloc_array(buf->cap ? buf->data : NULL, cap, 1);
	buf->cap = cap;
	return true;
}

char *buf_reserve(struct buf *buf, size_t size)
{
	return grow(buf, size) ? buf->data + buf->len : NULL;
}

void buf_advance(struct buf *buf, size_t size)
{
	assert(size <= buf->cap - buf->len);
	buf->len += size;
	terminate(buf);
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
	if (size == 0 || !grow(buf, size))
		return;
	memcpy(buf->data + buf->len, data, size);
	buf->len += size;
	buf->data[buf->len] = '\0';
}

void buf_str(struct buf *buf, struct str s)
{
	buf_append(buf, s.data, s.len);
}

void buf_c(struct buf *buf, const char *s)
{
	buf_append(buf, s, strlen(s));
}

void buf_char(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	assert(len >= 0);
	if (!grow(buf, (size_t)len))
		return;
	vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
	buf->len += (size_t)len;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vprintf(buf, format, args);
	va_end(args);
}

void buf_int64(struct buf *buf, int64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);
	uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	do {
		digits[--i] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (n < 0)
		digits[--i] = '-';
	buf_append(buf, digits + i, sizeof(digits) - i);
}

void buf_consume(struct buf *buf, size_t size)
{
	assert(size <= buf->len);
	buf->len -= size;
	if (buf->len)
		memmove(buf->data, buf->data + size, buf->len);
	terminate(buf);
}

char *buf_take(struct buf *buf, size_t *ret_len)
{
	char *data = buf->cap ? buf->data : xmemdup("", 0);

	if (ret_len)
		*ret_len = buf->len;
	buf_init(buf, buf->limit);
	return data;
}
