/*
 * Replays saved inputs through a fuzz target, without a fuzzer: every file of the folder named, each also cut short in
 * up to CUTS places, and the empty input.  Inputs are copied to memory of exactly their size, so that AddressSanitizer
 * sees a read past the end.  Prints TAP.
 */
#include "fuzz.h"

#include <dirent.h>

#include "base/alloc.h"

#define CUTS	       64
#define INPUT_SIZE_MAX (1 << 20)

static void run_one(const char *data, size_t size)
{
	uint8_t *copy = xmalloc(size ? size : 1);

	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_file(const char *path)
{
	char *data = xmalloc(INPUT_SIZE_MAX);
	FILE *file = fopen(path, "rbe");
	size_t size = file ? fread(data, 1, INPUT_SIZE_MAX, file) : 0;

	if (!file || ferror(file)) {
		printf("Bail out! cannot read %s\n", path);
		exit(1);
	}
	fclose(file);
	run_one(data, size);
	for (size_t i = 1; i < CUTS; i++)
		if (size * i / CUTS != size * (i - 1) / CUTS)
			run_one(data, size * i / CUTS);
	free(data);
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int len;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	len = scandir(argv[1], &entries, is_input, alphasort);
	if (len <= 0) {
		printf("Bail out! no inputs in %s\n", argv[1]);
		return 1;
	}
	printf("1..%d\n", len + 1);
	run_one("", 0);
	printf("ok 1 - the empty input\n");
	for (int i = 0; i < len; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
		fflush(stdout);
		run_file(path);
		printf("ok %d - %s\n", i + 2, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return 0;
}
