/*
 * An intrusive binary heap: the least element first, removal from the middle.
 *
 * An element embeds a struct heap_node, which holds its place; the order is a function given at init.  The heap never
 * owns its elements.  One thread.
 */
#ifndef WHERRY_BASE_HEAP_H
#define WHERRY_BASE_HEAP_H

#include "base/alloc.h"

struct heap_node {
	size_t place; /* 1 + index in the heap; 0: in none */
};

struct heap {
	struct heap_node **nodes;
	size_t len, cap;
	bool (*before)(const struct heap_node *a, const struct heap_node *b);
};

void heap_init(struct heap *heap, bool (*before)(const struct heap_node *a, const struct heap_node *b));
void heap_release(struct heap *heap);
void heap_push(struct heap *heap, struct heap_node *node);
/* Takes @node out; harmless when it is in no heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
/* Restores the order after @node's rank changed. */
void heap_update(struct heap *heap, struct heap_node *node);
/* The least, still in the heap, or NULL. */
static inline struct heap_node *heap_peek(const struct heap *heap)
{
	return heap->len ? heap->nodes[0] : NULL;
}
struct heap_node *heap_pop(struct heap *heap);

#endif
