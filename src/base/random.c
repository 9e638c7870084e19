/* Randomness; see random.h. */
#include "base/random.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

void random_bytes(void *out, size_t size)
{
	char *p = out;

	while (size) {
		ssize_t n = getrandom(p, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fprintf(stderr, "wherry: getrandom: %s\n", strerror(errno));
			abort();
		}
		p += n;
		size -= (size_t)n;
	}
}

/* Rejection keeps it uniform: the values past the last whole multiple of @bound are drawn again. */
uint64_t random_below(uint64_t bound)
{
	uint64_t n, reject = (0 - bound) % bound;

	do {
		random_bytes(&n, sizeof(n));
	} while (n < reject);
	return n % bound;
}

static uint64_t process_key;

static void make_process_key(void)
{
	random_bytes(&process_key, sizeof(process_key));
}

uint64_t random_process_key(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_process_key);
	return process_key;
}

/* splitmix64: every seed is a good one, and the sequence is the same everywhere. */
uint64_t random_source_next(struct random_source *source)
{
	uint64_t z = source->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t random_source_below(struct random_source *source, uint64_t bound)
{
	return random_source_next(source) % bound;
}

void random_uuid(char out[UUID_SIZE])
{
	unsigned char b[16];

	random_bytes(b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void random_name_suffix(char *out, size_t len)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";

	for (size_t i = 0; i < len; i++)
		out[i] = letters[random_below(sizeof(letters) - 1)];
	out[len] = '\0';
}
