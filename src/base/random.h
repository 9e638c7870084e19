/*
 * Randomness from the kernel.  Any thread.  Code whose tests must repeat takes a struct random_source instead and
 * draws with random_source_next(); the seed is the test's.
 */
#ifndef WHERRY_BASE_RANDOM_H
#define WHERRY_BASE_RANDOM_H

#include "base/alloc.h"

/* Fills @size bytes with bytes fit for keys; aborts when the kernel has none. */
void random_bytes(void *out, size_t size);
/* A uniform number below @bound (bound > 0). */
uint64_t random_below(uint64_t bound);
/* A key fixed for the life of the process, for hash tables. */
uint64_t random_process_key(void);

struct random_source {
	uint64_t state;
};
uint64_t random_source_next(struct random_source *source);
/* A uniform number below @bound (bound > 0) from the repeatable @source. */
uint64_t random_source_below(struct random_source *source, uint64_t bound);

#define UUID_SIZE 37
/* Writes a version 4 UUID (RFC 9562) in lower-case text with its NUL. */
void random_uuid(char out[UUID_SIZE]);

/* Writes @len letters and digits as apiserver's generateName suffix has them (no vowels, no 0, 1, 3) and a NUL. */
void random_name_suffix(char *out, size_t len);

#endif
