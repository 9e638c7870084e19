/* The contract on the embedded back end, in a folder of the file system; and what a real folder adds to it. */
#include "contract.h"

#include <sys/stat.h>

static char folder[64];

static void remove_folder(void)
{
	char path[128];

	for (uint64_t n = 1; n < 1000; n++) {
		snprintf(path, sizeof(path), "%s/%016lx.segment", folder, (unsigned long)n);
		unlink(path);
	}
	rmdir(folder);
}

static struct store *reopen_same(struct store *old, const struct store_options *options)
{
	struct error err = {0};
	struct store *store;

	store_close(old);
	if (store_open_embedded(folder, options, &store, &err) < 0)
		fail_msg("%s", err.message);
	return store;
}

static struct store *open_fresh(const struct store_options *options)
{
	remove_folder();
	return reopen_same(NULL, options);
}

/* Segments so small that every case fills several. */
static struct store *open_small(const struct store_options *options)
{
	struct store_options small = *options;

	small.segment_size = 4096;
	return open_fresh(&small);
}

static struct store *reopen_small(struct store *store, const struct store_options *options)
{
	struct store_options small = *options;

	small.segment_size = 4096;
	return reopen_same(store, &small);
}

static void test_locked(void **state UNUSED)
{
	struct store_options options = {.manual = true};
	struct store *store = open_fresh(&options), *second;
	struct error err = {0};

	assert_int_equal(store_open_embedded(folder, &options, &second, &err), -ERR_CONFLICT);
	store_close(store);
	store_close(reopen_same(NULL, &options));
}

static void test_foreign_folder(void **state UNUSED)
{
	struct store_options options = {.manual = true};
	struct error err = {0};
	struct store *store;

	assert_int_equal(store_open_embedded("/proc/self", &options, &store, &err), -ERR_INTERNAL);
	error_clear(&err);
	assert_int_equal(store_open_embedded("/nowhere/at/all", &options, &store, &err), -ERR_SYSTEM);
	assert_int_equal(err.os_errno, ENOENT);
}

/* An empty start writes nothing, a clean stop without writes neither. */
static void test_quiet(void **state UNUSED)
{
	struct store_options options = {0};
	struct store *store = open_fresh(&options);
	struct store_stats stats;

	store_stats(store, &stats);
	assert_int_equal(stats.syncs, 0);
	assert_int_equal(stats.segments, 0);
	store_close(store);
}

int main(void)
{
	const struct contract_backend usual = {open_fresh, reopen_same}, small = {open_small, reopen_small};
	const struct CMUnitTest own[] = {
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_foreign_folder),
		cmocka_unit_test(test_quiet),
	};
	struct CMUnitTest tests[2 * CONTRACT_CASES_MAX + ARRAY_LEN(own)];
	size_t len = contract_cases(&usual, tests);
	int failed;

	snprintf(folder, sizeof(folder), "/tmp/wherry-store-%d", (int)getpid());
	len += contract_cases(&small, tests + len);
	memcpy(tests + len, own, sizeof(own));
	failed = _cmocka_run_group_tests("embedded", tests, len + ARRAY_LEN(own), NULL, NULL);
	remove_folder();
	return failed;
}
