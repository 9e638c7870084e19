/*
 * Arenas: memory that goes all at once.
 *
 * One arena lives as long as one request, one reconcile or one object.  Allocation is a pointer bump and cannot fail;
 * arena_release() frees everything, newest first, after running the callbacks put in with arena_defer(), newest first
 * (this is how an arena holds references to counted objects).  An arena belongs to one thread at a time; it may be
 * handed over.
 *
 * A budget bounds what outside data can make us allocate: decoders ask arena_over_budget() at every container and turn
 * the request away; arena_alloc() itself never refuses, so code that only rearranges what was decoded need not check.
 *
 *	struct arena arena;
 *	arena_init(&arena, LIMIT_REQUEST_MEMORY);
 *	struct str name = arena_printf(&arena, "%s-%d", prefix, i);
 *	...
 *	arena_release(&arena);
 */
#ifndef WHERRY_BASE_ARENA_H
#define WHERRY_BASE_ARENA_H

#include <stdarg.h>

#include "base/str.h"

struct arena_block;
struct arena_defer;

struct arena {
	struct arena_block *blocks; /* newest first */
	char *next, *end;	    /* free part of the newest block */
	struct arena_defer *defers;
	size_t size;   /* bytes taken from the heap */
	size_t budget; /* 0: none */
};

/* An arena zeroed by its owner is a valid empty one without a budget. */
void arena_init(struct arena *arena, size_t budget);
/* Frees everything; the arena is empty and usable again. */
void arena_release(struct arena *arena);
/* Makes sure that the next allocations up to @size bytes come from one block: the size of a known object. */
void arena_reserve(struct arena *arena, size_t size);
bool arena_over_budget(const struct arena *arena);

/* @size bytes aligned for any type, not zeroed; never NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_zalloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
/* Zeroed memory for @len elements; aborts when the product overflows. */
void *arena_calloc(struct arena *arena, size_t len, size_t size) __attribute__((returns_nonnull));
/* A larger copy of the @old_size bytes at @p, in place when @p was the last allocation. */
void *arena_grow(struct arena *arena, void *p, size_t old_size, size_t new_size) __attribute__((returns_nonnull));
void *arena_memdup(struct arena *arena, const void *p, size_t size) __attribute__((returns_nonnull));

#define ARENA_NEW(arena, type)	      ((type *)arena_zalloc((arena), sizeof(type)))
#define ARENA_NEW_N(arena, type, len) ((type *)arena_calloc((arena), (len), sizeof(type)))
/* A copy of the struct @p points to, without const: the start of a change (see types/object.h). */
#define ARENA_DUP(arena, type, p) ((type *)arena_memdup((arena), (p), sizeof(type)))

/* Copies with a NUL after them. */
struct str arena_str(struct arena *arena, struct str s);
struct str arena_str_c(struct arena *arena, const char *s);
struct str arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
struct str arena_vprintf(struct arena *arena, const char *format, va_list args) PRINTF_LIKE(2, 0);
/* The two joined, NUL after them. */
struct str arena_concat(struct arena *arena, struct str a, struct str b);
/* A copy with ASCII's capitals made small. */
struct str arena_lower(struct arena *arena, struct str s);

/* Runs @run(@data) when the arena is released. */
void arena_defer(struct arena *arena, void (*run)(void *data), void *data);

static inline void cleanup_arenap(struct arena *arena)
{
	arena_release(arena);
}
#define cleanup_arena CLEANUP(cleanup_arenap)

/*
 * Growing lists in an arena.  VEC_OF(T) is a struct type {items, len, cap}; vec_push appends by value.
 *
 *	VEC_OF(struct core_v1_container) containers = {0};
 *	vec_push(arena, &containers, container);
 *	spec.containers = (struct core_v1_container_slice){containers.items, containers.len};
 */
#define VEC_OF(type)                                                                                                   \
	struct {                                                                                                       \
		type *items;                                                                                           \
		size_t len;                                                                                            \
		size_t cap;                                                                                            \
	}
#define vec_push(arena, vec, ...)                                                                                      \
	do {                                                                                                           \
		__typeof__(vec) vec_ = (vec);                                                                          \
		if (vec_->len == vec_->cap) {                                                                          \
			size_t cap_ = vec_->cap ? vec_->cap * 2 : 4;                                                   \
			vec_->items = arena_grow((arena), vec_->items, vec_->len * sizeof(*vec_->items),               \
						 cap_ * sizeof(*vec_->items));                                         \
			vec_->cap = cap_;                                                                              \
		}                                                                                                      \
		vec_->items[vec_->len++] = (__VA_ARGS__);                                                              \
	} while (0)

/* Walks a slice {items, len}: SLICE_FOREACH(container, spec->containers) declares `container` as a pointer. */
#define SLICE_FOREACH(it, slice)                                                                                       \
	for (__typeof__(&*(slice).items) it = (slice).items, it##_end = it ? it + (slice).len : it; it != it##_end;    \
	     it++)

#endif
