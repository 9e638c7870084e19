/* Maps and heaps driven with random operations beside a slow, obvious twin; keys from a tiny set, so that they collide.
 */
#include "unit.h"

#include <stdio.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"

#define KEYS 64

static void test_map_against_twin(void **state UNUSED)
{
	struct random_source random = {.state = 1};
	char names[KEYS][8];
	void *twin[KEYS] = {0};
	struct map map = {0};

	for (size_t i = 0; i < KEYS; i++)
		snprintf(names[i], sizeof(names[i]), "k%zu", i);
	for (int round = 0; round < 20000; round++) {
		size_t i = random_source_below(&random, KEYS), live = 0;
		struct str key = str_from(names[i]);

		if (random_source_below(&random, 2)) {
			void *value = &names[random_source_below(&random, KEYS)];

			assert_ptr_equal(map_set(&map, key, value), twin[i]);
			twin[i] = value;
		} else {
			assert_ptr_equal(map_remove(&map, key), twin[i]);
			twin[i] = NULL;
		}
		for (size_t j = 0; j < KEYS; j++) {
			assert_ptr_equal(map_get(&map, str_from(names[j])), twin[j]);
			live += twin[j] != NULL;
		}
		assert_int_equal(map.len, live);
	}
	map_release(&map);
}

struct item {
	struct heap_node node;
	uint64_t rank;
};

static bool item_before(const struct heap_node *a, const struct heap_node *b)
{
	return CONTAINER_OF(a, const struct item, node)->rank < CONTAINER_OF(b, const struct item, node)->rank;
}

static void test_heap_sorts(void **state UNUSED)
{
	struct random_source random = {.state = 2};
	struct item items[200] = {0};
	struct heap heap;
	uint64_t last = 0;
	size_t seen = 0;

	heap_init(&heap, item_before);
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		items[i].rank = random_source_below(&random, 50);
		heap_push(&heap, &items[i].node);
	}
	for (size_t i = 0; i < ARRAY_LEN(items); i += 3)
		heap_remove(&heap, &items[i].node);
	for (size_t i = 1; i < ARRAY_LEN(items); i += 3) {
		items[i].rank = random_source_below(&random, 50);
		heap_update(&heap, &items[i].node);
	}
	for (struct heap_node *node; (node = heap_pop(&heap)); seen++) {
		uint64_t rank = CONTAINER_OF(node, struct item, node)->rank;

		assert_true(rank >= last);
		last = rank;
	}
	assert_int_equal(seen, ARRAY_LEN(items) - (ARRAY_LEN(items) + 2) / 3);
	heap_release(&heap);
}

static void test_list(void **state UNUSED)
{
	struct entry {
		struct list link;
		int n;
	} entries[4];
	struct list a, b;
	int sum = 0;

	list_init(&a);
	list_init(&b);
	for (int i = 0; i < 4; i++) {
		entries[i].n = i + 1;
		list_append(i < 2 ? &a : &b, &entries[i].link);
	}
	list_splice(&a, &b);
	assert_true(list_empty(&b));
	LIST_FOREACH_SAFE (struct entry, e, &a, link) {
		sum = sum * 10 + e->n;
		list_remove(&e->link);
	}
	assert_int_equal(sum, 1234);
	assert_true(list_empty(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_against_twin),
		cmocka_unit_test(test_heap_sorts),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests_name("containers", tests, NULL, NULL);
}
