/* Heap memory that cannot fail; see alloc.h. */
#include "base/alloc.h"

#include <malloc.h>
#include <stdio.h>

#define KEPT_AT_TOP (256 * 1024)
#define LARGE	    (1024 * 1024)

static _Noreturn void out_of_memory(size_t size)
{
	fprintf(stderr, "wherry: out of memory for %zu bytes\n", size);
	abort();
}

void *xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		out_of_memory(size);
	return p;
}

void *xcalloc(size_t len, size_t size)
{
	void *p = calloc(len ? len : 1, size ? size : 1);

	if (!p)
		out_of_memory(size);
	return p;
}

void *xrealloc_array(void *p, size_t len, size_t size)
{
	size_t total;

	if (!size_mul(len, size, &total))
		out_of_memory(SIZE_MAX);
	p = realloc(p, total ? total : 1);
	if (!p)
		out_of_memory(total);
	return p;
}

void *xmemdup(const void *p, size_t size)
{
	char *copy = xmalloc(size + 1);

	if (size)
		memcpy(copy, p, size);
	copy[size] = '\0';
	return copy;
}

char *xstrdup(const char *s)
{
	return xmemdup(s, strlen(s));
}

void alloc_init(void)
{
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_AT_TOP);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
}

void alloc_trim(void)
{
	(void)malloc_trim(0);
}

int close_fd(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
	}
	return -1;
}
