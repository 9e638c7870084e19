/* Arenas: growth in place, budgets, the order of callbacks, and vectors on top. */
#include "unit.h"

#include "base/arena.h"

static void test_alignment_and_zero(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};

	for (size_t size = 0; size < 5000; size += 7) {
		unsigned char *p = arena_zalloc(&arena, size);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
}

static void test_grow_in_place(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	char *p = arena_alloc(&arena, 10), *grown;

	memcpy(p, "012345678", 10);
	grown = arena_grow(&arena, p, 10, 100);
	assert_ptr_equal(grown, p);
	arena_alloc(&arena, 1);
	grown = arena_grow(&arena, p, 100, 200);
	assert_ptr_not_equal(grown, p);
	assert_string_equal(grown, "012345678");
}

static void test_budget(void **state UNUSED)
{
	struct arena cleanup_arena arena;

	arena_init(&arena, 10000);
	arena_alloc(&arena, 5000);
	assert_false(arena_over_budget(&arena));
	arena_alloc(&arena, 9000);
	assert_true(arena_over_budget(&arena));
	arena_release(&arena);
	assert_false(arena_over_budget(&arena));
}

static int order[3], order_len;

static void note(void *data)
{
	order[order_len++] = *(int *)data;
}

static void test_defer_newest_first(void **state UNUSED)
{
	int one = 1, two = 2, three = 3;
	struct arena arena = {0};

	order_len = 0;
	arena_defer(&arena, note, &one);
	arena_defer(&arena, note, &two);
	arena_defer(&arena, note, &three);
	arena_release(&arena);
	assert_int_equal(order_len, 3);
	assert_int_equal(order[0] * 100 + order[1] * 10 + order[2], 321);
}

static void test_concat_keeps_nul(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct str joined = arena_concat(&arena, (struct str){"a\0b", 3}, (struct str){"c\0", 2});

	assert_int_equal(joined.len, 5);
	assert_memory_equal(joined.data, "a\0bc\0", 6);
}

static void test_vec_and_text(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	VEC_OF(int) numbers = {0};
	int sum = 0;

	for (int i = 0; i < 1000; i++) {
		vec_push(&arena, &numbers, i);
		arena_alloc(&arena, (size_t)i % 3);
	}
	SLICE_FOREACH (n, numbers)
		sum += *n;
	assert_int_equal(sum, 499500);
	assert_str_equal(arena_printf(&arena, "%s-%d", "pod", 7), "pod-7");
	assert_str_equal(arena_concat(&arena, STR("a"), STR_EMPTY), "a");
	assert_str_equal(arena_lower(&arena, STR("Content-@[`{-Z9\xc3")), "content-@[`{-z9\xc3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment_and_zero),
		cmocka_unit_test(test_grow_in_place),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_defer_newest_first),
		cmocka_unit_test(test_concat_keeps_nul),
		cmocka_unit_test(test_vec_and_text),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
