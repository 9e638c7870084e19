/* An intrusive binary heap; see heap.h. */
#include "base/heap.h"

void heap_init(struct heap *heap, bool (*before)(const struct heap_node *a, const struct heap_node *b))
{
	*heap = (struct heap){.before = before};
}

void heap_release(struct heap *heap)
{
	free(heap->nodes);
	heap->nodes = NULL;
	heap->len = heap->cap = 0;
}

static void put(struct heap *heap, size_t i, struct heap_node *node)
{
	heap->nodes[i] = node;
	node->place = i + 1;
}

static void sift_up(struct heap *heap, size_t i)
{
	struct heap_node *node = heap->nodes[i];

	while (i > 0 && heap->before(node, heap->nodes[(i - 1) / 2])) {
		put(heap, i, heap->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(heap, i, node);
}

static void sift_down(struct heap *heap, size_t i)
{
	struct heap_node *node = heap->nodes[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= heap->len)
			break;
		if (child + 1 < heap->len && heap->before(heap->nodes[child + 1], heap->nodes[child]))
			child++;
		if (!heap->before(heap->nodes[child], node))
			break;
		put(heap, i, heap->nodes[child]);
		i = child;
	}
	put(heap, i, node);
}

void heap_push(struct heap *heap, struct heap_node *node)
{
	assert(node->place == 0);
	if (heap->len == heap->cap) {
		heap->cap = heap->cap ? heap->cap * 2 : 16;
		heap->nodes = xrealloc_array(heap->nodes, heap->cap, sizeof(struct heap_node *));
	}
	put(heap, heap->len++, node);
	sift_up(heap, heap->len - 1);
}

void heap_update(struct heap *heap, struct heap_node *node)
{
	sift_up(heap, node->place - 1);
	sift_down(heap, node->place - 1);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t i = node->place;
	struct heap_node *last;

	if (i == 0)
		return;
	i--;
	last = heap->nodes[--heap->len];
	node->place = 0;
	if (last == node)
		return;
	put(heap, i, last);
	heap_update(heap, last);
}

struct heap_node *heap_pop(struct heap *heap)
{
	struct heap_node *node = heap_peek(heap);

	if (node)
		heap_remove(heap, node);
	return node;
}
