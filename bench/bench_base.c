/* What every request pays many times: arena allocation, text, the map. */
#include "bench.h"

#include "base/arena.h"

static void bench_arena(void)
{
	BENCH ("base/arena/100-allocations", 0) {
		struct arena cleanup_arena arena = {0};

		for (size_t i = 0; i < 100; i++) {
			char *p = arena_alloc(&arena, 16 + i % 64);

			bench_keep(p);
		}
	}
}

static void bench_text(void)
{
	struct arena cleanup_arena arena = {0};

	BENCH ("base/arena/printf", 0) {
		struct str text = arena_printf(&arena, "/registry/%s/%s/%s", "pods", "default", "web-5d4f8c7b9-abcde");

		bench_keep(text);
		if (arena.size > (1 << 20))
			arena_release(&arena);
	}
}

int main(void)
{
	bench_arena();
	bench_text();
	return 0;
}
