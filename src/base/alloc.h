/*
 * Memory from the heap, scopes that clean up after themselves, and the few macros every file uses.
 *
 * Small allocations abort on failure: a caller never checks.  That is acceptable only because everything outside data
 * can grow has a ceiling in limits.h.  The three lifetimes are told in docs/style.md: scope (the cleanup_ attributes
 * here), arena (arena.h), and reference-counted immutable objects (types/object.h).
 *
 *	cleanup_free char *path = xstrdup(name);
 *	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
 *	...
 *	*ret_fd = TAKE_FD(fd);		the scope no longer closes it
 */
#ifndef WHERRY_BASE_ALLOC_H
#define WHERRY_BASE_ALLOC_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUST_CHECK		      __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a)	      __attribute__((format(printf, f, a)))
#define UNUSED			      __attribute__((unused))
#define CLEANUP(f)		      __attribute__((cleanup(f)))
#define STATIC_ASSERT(...)	      _Static_assert(__VA_ARGS__)

#define ARRAY_LEN(a)		      (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) ((type *)((uintptr_t)(p)-offsetof(type, member)))
#define MIN(a, b)		      ((a) < (b) ? (a) : (b))
#define MAX(a, b)		      ((a) > (b) ? (a) : (b))

/*
 * Drops const.  Only for foreign interfaces that forget it (iovec, nghttp2), and for EDIT in types/object.h; each use
 * says which.
 */
#define UNCONST(type, p) ((type)(uintptr_t)(const void *)(p))

/* Hands the pointer or descriptor over: the value is returned, the variable no longer owns it. */
#define TAKE_PTR(p)                                                                                                    \
	__extension__({                                                                                                \
		__typeof__(p) taken_ = (p);                                                                            \
		(p) = NULL;                                                                                            \
		taken_;                                                                                                \
	})
#define TAKE_FD(fd)                                                                                                    \
	__extension__({                                                                                                \
		int taken_ = (fd);                                                                                     \
		(fd) = -1;                                                                                             \
		taken_;                                                                                                \
	})

/* Memory of @size bytes; never NULL.  The caller frees it with free(). */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed memory for @len elements of @size bytes; the product is checked. */
void *xcalloc(size_t len, size_t size) __attribute__((malloc, returns_nonnull));
/* Resizes @p to @len elements of @size bytes; the product is checked. */
void *xrealloc_array(void *p, size_t len, size_t size) __attribute__((returns_nonnull));
/* A heap copy of the @size bytes at @p, with a NUL after them. */
void *xmemdup(const void *p, size_t size) __attribute__((malloc, returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

/*
 * What is freed at the top of a heap goes back to the kernel, and large pieces always do.  Without this the C library
 * lets the two thresholds grow with the largest piece ever freed, and a burst's memory stays.  At the start of a
 * process.
 */
void alloc_init(void);
/* Gives back what is free in between too; takes milliseconds, so for when nobody waits.  Any thread. */
void alloc_trim(void);

#define XNEW(type) ((type *)xcalloc(1, sizeof(type)))

/* Checked arithmetic on sizes from outside: false when the result does not fit. */
static inline bool size_add(size_t a, size_t b, size_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}
static inline bool size_mul(size_t a, size_t b, size_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

/* close() that keeps errno and takes -1; returns -1, so that fd = close_fd(fd) forgets it. */
int close_fd(int fd);

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}
static inline void cleanup_closep(int *fd)
{
	close_fd(*fd);
}
#define cleanup_free  CLEANUP(cleanup_freep)
#define cleanup_close CLEANUP(cleanup_closep)

#endif
