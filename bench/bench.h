/*
 * Measuring pieces of work.
 *
 * BENCH(name, bytes) runs the block after it, in rounds that double until one takes BENCH_ROUND_NS, and prints the best
 * of the last BENCH_ROUNDS rounds as nanoseconds for one run; with @bytes not 0 also megabytes a second.
 *
 *	BENCH ("pod/decode", text.len) {
 *		decode(&arena, text, &pod);
 *		bench_keep(pod);
 *		arena_release(&arena);
 *	}
 */
#ifndef WHERRY_BENCH_H
#define WHERRY_BENCH_H

#include <stdio.h>

#include "base/clock.h"

#define BENCH_ROUND_NS (50 * NS_PER_MS)
#define BENCH_ROUNDS   5

struct bench {
	const char *name;
	size_t bytes;
	int64_t began, best; /* ns; best is of a whole round */
	int64_t len, left;   /* runs in this round */
	int rounds;	     /* full rounds done */
};

static inline struct bench bench_begin(const char *name, size_t bytes)
{
	return (struct bench){
		.name = name, .bytes = bytes, .len = 1, .left = 1, .best = INT64_MAX, .began = clock_monotonic_ns()};
}

static inline void bench_print(const char *name, double number, const char *unit)
{
	printf("%s\t%.4g\t%s\n", name, number, unit);
	fflush(stdout);
}

static inline void bench_end(const struct bench *bench)
{
	double ns = (double)bench->best / (double)bench->len;

	bench_print(bench->name, ns, "ns");
	if (bench->bytes) {
		char name[128];

		snprintf(name, sizeof(name), "%s/rate", bench->name);
		bench_print(name, (double)bench->bytes * 1000 / ns, "MB/s");
	}
}

/* Whether to run the block once more; at the end of the last round it prints. */
static inline bool bench_more(struct bench *bench)
{
	int64_t now, took;

	if (bench->left-- > 0)
		return true;
	now = clock_monotonic_ns();
	took = now - bench->began;
	if (took < BENCH_ROUND_NS) {
		bench->len *= 2;
	} else {
		bench->best = MIN(bench->best, took);
		if (++bench->rounds == BENCH_ROUNDS) {
			bench_end(bench);
			return false;
		}
	}
	bench->left = bench->len - 1;
	bench->began = clock_monotonic_ns();
	return true;
}

#define BENCH(name, bytes) for (struct bench bench_ = bench_begin((name), (bytes)); bench_more(&bench_);)

/* Makes the compiler believe that a value is used. */
#define bench_keep(value) __asm__ volatile("" : : "g"(&(value)) : "memory")

#endif
