/*
 * What every fuzz target includes.
 *
 * A target parses what it is given and then asserts properties of the result with FUZZ_CHECK: that what was read can be
 * written and read again, that sorted is sorted, that every byte handed out can be read.  A target that only parses and
 * frees finds crashes alone.  It keeps no state between two inputs and uses neither clock nor files.
 */
#ifndef WHERRY_TESTS_FUZZ_H
#define WHERRY_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The entry point, as libFuzzer names it; 0 always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                                          \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                        \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

#endif
