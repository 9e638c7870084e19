/* Arenas; see arena.h.  Blocks double up to ARENA_BLOCK_MAX; an allocation larger than a block gets one of its own. */
#include "base/arena.h"

#include <stdio.h>

#define ARENA_BLOCK_MIN 1024
#define ARENA_BLOCK_MAX (256 * 1024)

struct arena_block {
	struct arena_block *older;
	size_t size;
};

struct arena_defer {
	struct arena_defer *older;
	void (*run)(void *data);
	void *data;
};

static size_t align_up(size_t size)
{
	return (size + 15) & ~(size_t)15;
}

#define BLOCK_HEADER ((sizeof(struct arena_block) + 15) & ~(size_t)15)

void arena_init(struct arena *arena, size_t budget)
{
	*arena = (struct arena){.budget = budget};
}

void arena_release(struct arena *arena)
{
	while (arena->defers) {
		struct arena_defer *defer = arena->defers;

		arena->defers = defer->older;
		defer->run(defer->data);
	}
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->older;
		free(block);
	}
	arena_init(arena, arena->budget);
}

bool arena_over_budget(const struct arena *arena)
{
	return arena->budget && arena->size > arena->budget;
}

static void add_block(struct arena *arena, size_t size)
{
	struct arena_block *block = xmalloc(BLOCK_HEADER + size);

	block->older = arena->blocks;
	block->size = size;
	arena->blocks = block;
	arena->next = (char *)block + BLOCK_HEADER;
	arena->end = arena->next + size;
	arena->size += BLOCK_HEADER + size;
}

void arena_reserve(struct arena *arena, size_t size)
{
	size = align_up(size);
	if ((size_t)(arena->end - arena->next) < size)
		add_block(arena, size);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	char *p;

	assert(size <= SIZE_MAX / 2);
	size = align_up(size ? size : 1);
	if ((size_t)(arena->end - arena->next) < size) {
		size_t want = arena->blocks ? arena->size : ARENA_BLOCK_MIN;

		add_block(arena, MAX(size, MIN(want, (size_t)ARENA_BLOCK_MAX) - BLOCK_HEADER));
	}
	p = arena->next;
	arena->next += size;
	return p;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

void *arena_calloc(struct arena *arena, size_t len, size_t size)
{
	size_t total;

	if (!size_mul(len, size, &total) || total > SIZE_MAX / 2) {
		fprintf(stderr, "wherry: an arena was asked for %zu elements of %zu bytes\n", len, size);
		abort();
	}
	return arena_zalloc(arena, total);
}

void *arena_grow(struct arena *arena, void *p, size_t old_size, size_t new_size)
{
	size_t old_aligned = align_up(old_size), new_aligned = align_up(new_size);
	char *start = p;
	void *copy;

	if (p && old_size && start + old_aligned == arena->next &&
	    new_aligned - old_aligned <= (size_t)(arena->end - arena->next)) {
		arena->next += new_aligned - old_aligned;
		return p;
	}
	copy = arena_alloc(arena, new_size);
	if (old_size)
		memcpy(copy, p, old_size);
	return copy;
}

void *arena_memdup(struct arena *arena, const void *p, size_t size)
{
	void *copy = arena_alloc(arena, size);

	if (size)
		memcpy(copy, p, size);
	return copy;
}

struct str arena_str(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len + 1);

	if (s.len)
		memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return (struct str){copy, s.len};
}

struct str arena_str_c(struct arena *arena, const char *s)
{
	return arena_str(arena, str_from(s));
}

struct str arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	assert(len >= 0);
	text = arena_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, args);
	return (struct str){text, (size_t)len};
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
	struct str text;
	va_list args;

	va_start(args, format);
	text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

struct str arena_lower(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		copy[i] = s.data[i] >= 'A' && s.data[i] <= 'Z' ? (char)(s.data[i] | 0x20) : s.data[i];
	copy[s.len] = '\0';
	return (struct str){copy, s.len};
}

struct str arena_concat(struct arena *arena, struct str a, struct str b)
{
	char *out = arena_alloc(arena, a.len + b.len + 1);

	/* Not by printf, which would stop at a NUL. */
	memcpy(out, a.data ? a.data : "", a.len);
	memcpy(out + a.len, b.data ? b.data : "", b.len);
	out[a.len + b.len] = 0;
	return (struct str){out, a.len + b.len};
}

void arena_defer(struct arena *arena, void (*run)(void *data), void *data)
{
	struct arena_defer *defer = arena_alloc(arena, sizeof(*defer));

	*defer = (struct arena_defer){.older = arena->defers, .run = run, .data = data};
	arena->defers = defer;
}
