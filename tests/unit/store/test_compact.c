/* Compaction: what goes, what stays, how large a folder gets, and what a full or a bad disk does to it. */
#include "unit.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "base/limits.h"
#include "sim_disk.h"
#include "store/store.h"
#include "sys/thread.h"

enum { SEGMENT = 2048 };

static int64_t now_ns;

static int64_t fake_clock(void *data UNUSED)
{
	return now_ns;
}

static const struct store_options small = {
	.manual = true, .wall_clock = fake_clock, .segment_size = SEGMENT, .window_bytes = 1};

static struct store *open_on(struct sim_disk *sim)
{
	struct store *store;
	struct error err = {0};

	if (store_open_on_disk(sim_disk_open(sim), &small, &store, &err) < 0)
		fail_msg("%s", err.message);
	return store;
}

static struct store_stats stats_of(struct store *store)
{
	struct store_stats stats;

	store_stats(store, &stats);
	return stats;
}

static void write_key(struct store *store, enum store_op op, const char *key, const char *value)
{
	struct store_write write = {.op = op, .key = str_from(key), .value = str_from(value)};
	struct error err = {0};

	if (store_commit(store, &write, &err) < 0)
		fail_msg("%s: %s", key, err.message);
}

/* Writes one key until so many segments have been begun. */
static void churn(struct store *store, const char *key, unsigned segments)
{
	uint64_t enough = stats_of(store).bytes + (uint64_t)segments * SEGMENT;

	write_key(store, STORE_CREATE, key, "0");
	while (stats_of(store).bytes < enough)
		write_key(store, STORE_UPDATE, key, "again");
}

static void assert_value(struct store *store, const char *key, const char *value)
{
	const struct store_record *record = store_get(store, str_from(key));

	assert_int_equal(record != NULL, value != NULL);
	if (value)
		assert_str_equal(store_record_value(record), value);
	store_record_unref(record);
}

static void fill_cold(struct store *store, int first, int end)
{
	for (int i = first; i < end; i++) {
		char key[32];

		snprintf(key, sizeof(key), "/cold/%03d", i);
		write_key(store, STORE_CREATE, key, "stays");
	}
}

/* A deletion outlives the compaction of its own segment as long as an older one has the key. */
static void test_deletions_stay(void **state UNUSED)
{
	struct sim_disk sim;
	struct store *store;

	sim_disk_init(&sim, 1);
	store = open_on(&sim);
	fill_cold(store, 0, 60);
	write_key(store, STORE_DELETE, "/cold/003", "");
	churn(store, "/hot", 12);
	assert_in_range(stats_of(store).compactions, 1, 20);
	/* The segments of the cold keys are not worth it. */
	assert_true(sim_disk_file(&sim, 0)->size > SEGMENT / 2);
	for (int i = 0; i < 2; i++) {
		store_close(store);
		store = open_on(&sim);
		assert_value(store, "/cold/003", NULL);
		assert_value(store, "/cold/004", "stays");
		assert_value(store, "/hot", "again");
	}
	/* It may be made anew, and goes again. */
	write_key(store, STORE_CREATE, "/cold/003", "new");
	churn(store, "/hot2", 12);
	write_key(store, STORE_DELETE, "/cold/003", "");
	churn(store, "/hot3", 12);
	store_close(store);
	store = open_on(&sim);
	assert_value(store, "/cold/003", NULL);
	store_close(store);
	sim_disk_release(&sim);
}

/* Keys that come and go leave nothing for ever, whatever lies before them. */
static void test_come_and_go(void **state UNUSED)
{
	struct sim_disk sim;
	struct store *store;

	sim_disk_init(&sim, 1);
	store = open_on(&sim);
	fill_cold(store, 0, 60);
	for (int i = 0; i < 2000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "/event/%d", i);
		write_key(store, STORE_CREATE, key, "short");
		if (i >= 10) {
			snprintf(key, sizeof(key), "/event/%d", i - 10);
			write_key(store, STORE_DELETE, key, "");
		}
	}
	/* 71 keys of some 100 bytes, twice; and the segment appended to, and one that is not worth it yet. */
	assert_in_range(stats_of(store).segment_size, SEGMENT, 2 * 71 * 160 + 3 * SEGMENT);
	store_close(store);
	store = open_on(&sim);
	assert_int_equal(stats_of(store).keys, 70);
	store_close(store);
	sim_disk_release(&sim);
}

/* A record that somebody holds while its bytes move stays as it is; expiries move with their records. */
static void test_readers_and_expiries(void **state UNUSED)
{
	struct store_write write = {.op = STORE_CREATE, .key = STR("/lease"), .value = STR("mine")};
	const struct store_record *held;
	struct error err = {0};
	struct sim_disk sim;
	struct store *store;

	now_ns = 1000 * NS_PER_SEC;
	write.expires_at = now_ns + 10 * NS_PER_SEC;
	sim_disk_init(&sim, 1);
	store = open_on(&sim);
	assert_int_equal(store_commit(store, &write, &err), 0);
	write.key = STR("/lease2");
	assert_int_equal(store_commit(store, &write, &err), 0);
	held = store_get(store, STR("/lease"));
	churn(store, "/hot", 12);
	assert_true(stats_of(store).compactions > 0);
	assert_str_equal(store_record_value(held), "mine");
	assert_value(store, "/lease", "mine");
	now_ns += 11 * NS_PER_SEC;
	store_run(store);
	assert_value(store, "/lease", NULL);
	assert_value(store, "/lease2", NULL);
	assert_str_equal(store_record_value(held), "mine");
	store_record_unref(held);
	store_close(store);
	sim_disk_release(&sim);
}

/* Writes to keys from the @first on, @step apart, until the disk is full; returns how many of @most were taken. */
static int write_until_full(struct store *store, enum store_op op, int first, int step, int most)
{
	int taken = 0;

	for (; taken < most; taken++) {
		char key[32];
		struct store_write write = {.op = op, .value = STR("stays")};
		struct error err = {0};

		write.key = (struct str){key, (size_t)snprintf(key, sizeof(key), "/cold/%03d", first + taken * step)};
		if (store_commit(store, &write, &err) < 0) {
			assert_int_equal(err.code, ERR_SERVICE_UNAVAILABLE);
			assert_non_null(strstr(err.message, "No space left"));
			break;
		}
	}
	return taken;
}

/*
 * A full disk turns writes away and compaction too; reads go on.  When there is room, both go on without a restart,
 * and compaction gives back what was deleted.
 */
static void test_full_disk(void **state UNUSED)
{
	struct sim_disk sim;
	struct store *store;
	int keys;

	sim_disk_init(&sim, 1);
	sim.space = 6 * SEGMENT;
	store = open_on(&sim);
	keys = write_until_full(store, STORE_CREATE, 0, 1, 1000);
	assert_in_range(keys, 60, 200);
	assert_int_equal(stats_of(store).revision, 1 + keys);
	assert_value(store, "/cold/059", "stays");
	sim.space = SEGMENT;
	keys -= write_until_full(store, STORE_DELETE, 0, 1, 30);
	sim.space = 0;
	write_until_full(store, STORE_UPDATE, 59, 0, 1000);
	assert_false(stats_of(store).failed);
	assert_false(stats_of(store).compaction_failed);
	assert_value(store, "/cold/059", "stays");
	sim.space = 4 * SEGMENT;
	assert_int_equal(write_until_full(store, STORE_UPDATE, 59, 0, 1000), 1000);
	assert_true(stats_of(store).compactions > 0);
	store_close(store);
	store = open_on(&sim);
	assert_int_equal(stats_of(store).keys, keys);
	store_close(store);
	sim_disk_release(&sim);
}

/* Damaged bytes do not get a good sum by being copied: compaction stops, and says so. */
static void test_damage_is_not_copied(void **state UNUSED)
{
	struct sim_disk sim;
	struct store *store;
	uint64_t segments;

	sim_disk_init(&sim, 1);
	store = open_on(&sim);
	fill_cold(store, 0, 5);
	sim_disk_file(&sim, 0)->bytes[200] ^= 1;
	churn(store, "/hot", 12);
	assert_true(stats_of(store).compaction_failed);
	assert_int_equal(stats_of(store).compactions, 0);
	segments = stats_of(store).segments;
	assert_true(segments > 5);
	assert_value(store, "/cold/004", "stays");
	store_close(store);
	sim_disk_release(&sim);
}

/* --- In a folder --- */

/* The thread sanitizer takes its time. */
#ifdef __SANITIZE_THREAD__
#define UPDATES 20000
#else
#define UPDATES 200000
#endif

enum { KEYS = 1000, VALUE = 500, FOLDER_SEGMENT = 256 * KIB };

static uint64_t folder_size(const char *folder)
{
	uint64_t size = 0;

	for (unsigned long n = 1; n < 2000; n++) {
		char path[128];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%016lx.segment", folder, n);
		if (stat(path, &st) == 0)
			size += (uint64_t)st.st_blocks * 512;
	}
	return size;
}

static void remove_folder(const char *folder)
{
	for (unsigned long n = 1; n < 2000; n++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%016lx.segment", folder, n);
		unlink(path);
	}
	rmdir(folder);
}

struct many {
	struct store_write write;
	char key[32];
};

static void nothing(struct store_write *write UNUSED)
{
}

/* 200 000 updates of 1 000 keys: the folder stays below three times what lives in it, and four segments. */
static void test_constant_updates(void **state UNUSED)
{
	static const uint64_t live = (uint64_t)KEYS * (VALUE + 180), most = 3 * live + 4 * FOLDER_SEGMENT;
	struct store_options options = {.manual = true, .segment_size = FOLDER_SEGMENT, .window_bytes = 1};
	static struct many batch[KEYS];
	static char value[VALUE];
	struct error err = {0};
	struct store *store;
	uint64_t largest = 0;
	char folder[64];

	snprintf(folder, sizeof(folder), "/tmp/wherry-compact-%d", (int)getpid());
	remove_folder(folder);
	memset(value, 'v', sizeof(value));
	assert_int_equal(store_open_embedded(folder, &options, &store, &err), 0);
	for (int round = 0; round <= UPDATES / KEYS; round++) {
		for (int i = 0; i < KEYS; i++) {
			struct many *one = &batch[i];

			snprintf(one->key, sizeof(one->key), "/registry/pods/%d", i);
			one->write = (struct store_write){.op = round ? STORE_UPDATE : STORE_CREATE,
							  .durability = STORE_LAZY,
							  .key = str_from(one->key),
							  .value = {value, VALUE},
							  .done = nothing};
			store_submit(store, &one->write);
		}
		store_run(store);
		assert_int_equal(batch[KEYS - 1].write.result, 0);
		if (round % 20 == 0)
			largest = MAX(largest, folder_size(folder));
	}
	print_message("# %llu bytes live, at most %llu in the folder, %llu compactions\n", (unsigned long long)live,
		      (unsigned long long)largest, (unsigned long long)stats_of(store).compactions);
	assert_in_range(largest, live, most);
	/* Compaction writes no more than the writers did. */
	assert_true(stats_of(store).compacted < stats_of(store).bytes);
	store_close(store);
	assert_int_equal(store_open_embedded(folder, &options, &store, &err), 0);
	assert_int_equal(stats_of(store).keys, KEYS);
	store_close(store);
	remove_folder(folder);
}

/* --- With threads --- */

struct reading {
	struct store *store;
	atomic_bool stop;
	uint64_t seen;
};

static enum store_visit check_record(void *data, const struct store_record *record)
{
	struct reading *reading = data;

	/* A value is its key again and again. */
	assert_true(str_has_prefix(store_record_value(record), store_record_key(record)));
	reading->seen++;
	return STORE_VISIT_TAKEN;
}

static void read_on(void *data)
{
	struct reading *reading = data;

	while (!atomic_load(&reading->stop)) {
		struct store_view *view = store_view_acquire(reading->store);
		struct store_range range = {.scope = STR("/registry/")};
		struct store_range_result result;
		struct error err = {0};

		assert_int_equal(store_view_scan(view, &range, check_record, reading, &result, &err), 0);
		store_view_release(view);
	}
}

static void update_some(struct store *store, int i)
{
	char key[32], text[VALUE];
	struct store_write write = {.op = i < 50 ? STORE_CREATE : STORE_UPDATE, .durability = STORE_LAZY};
	struct error err = {0};
	size_t len = (size_t)snprintf(key, sizeof(key), "/registry/%02d/", i % 50);

	for (size_t at = 0; at < sizeof(text); at++)
		text[at] = key[at % len];
	write.key = (struct str){key, len};
	write.value = (struct str){text, sizeof(text)};
	if (store_commit(store, &write, &err) < 0)
		fail_msg("%s", err.message);
}

/* Readers go on while their bytes move and old segments go. */
static void test_readers_beside(void **state UNUSED)
{
	struct store_options options = {.segment_size = 64 * KIB, .window_bytes = 1};
	struct reading reading = {0};
	struct thread *thread;
	struct error err = {0};
	char folder[64];
	int i = 0;

	snprintf(folder, sizeof(folder), "/tmp/wherry-compact-beside-%d", (int)getpid());
	remove_folder(folder);
	assert_int_equal(store_open_embedded(folder, &options, &reading.store, &err), 0);
	assert_int_equal(thread_start("reader", read_on, &reading, &thread, &err), 0);
	/* However slow the thread is: writing goes on until it has had its turns. */
	while (stats_of(reading.store).compactions < 20)
		update_some(reading.store, i++);
	atomic_store(&reading.stop, true);
	thread_join(thread);
	print_message("# %d writes, %llu records read\n", i, (unsigned long long)reading.seen);
	assert_int_equal(stats_of(reading.store).keys, 50);
	store_close(reading.store);
	remove_folder(folder);
}

/* --- Nobody writes --- */

enum { WINDOW = 60 };

static struct store *open_with_window(struct sim_disk *sim)
{
	struct store_options options = small;
	struct store *store;
	struct error err = {0};

	options.window_ns = WINDOW * NS_PER_SEC;
	options.window_bytes = 0;
	if (store_open_on_disk(sim_disk_open(sim), &options, &store, &err) < 0)
		fail_msg("%s", err.message);
	return store;
}

static void pass(struct store *store, int64_t seconds)
{
	now_ns += seconds * NS_PER_SEC;
	store_run(store);
}

static void test_idle(void **state UNUSED)
{
	struct sim_disk sim;
	struct store *store;

	sim_disk_init(&sim, 1);
	store = open_with_window(&sim);
	churn(store, "/hot", 12);
	pass(store, WINDOW);
	assert_int_equal(stats_of(store).compactions, 0);
	pass(store, WINDOW / 4);
	assert_in_range(stats_of(store).compactions, 1, 12);
	assert_in_range(stats_of(store).segment_size, 1, 3 * SEGMENT);
	assert_value(store, "/hot", "again");
	store_close(store);
	sim_disk_release(&sim);
}

/* The last that leaves the window makes garbage of what lies in segments that had been looked at before. */
static void test_idle_in_steps(void **state UNUSED)
{
	enum { FEW = 6 };
	char large[SEGMENT / 2], key[FEW][8];
	struct sim_disk sim;
	struct store *store;

	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	sim_disk_init(&sim, 1);
	store = open_with_window(&sim);
	for (int i = 0; i < FEW; i++) {
		snprintf(key[i], sizeof(key[i]), "/%d", i);
		write_key(store, STORE_CREATE, key[i], large);
	}
	pass(store, WINDOW / 2);
	for (int i = 0; i < FEW; i++)
		write_key(store, STORE_UPDATE, key[i], "");
	pass(store, WINDOW / 4 * 3);
	assert_in_range(stats_of(store).history, 1, FEW);
	assert_int_equal(stats_of(store).compactions, 0);
	pass(store, WINDOW / 2);
	assert_int_equal(stats_of(store).history, 0);
	assert_in_range(stats_of(store).compactions, 1, FEW);
	assert_in_range(stats_of(store).segment_size, 1, 3 * SEGMENT);
	store_close(store);
	sim_disk_release(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deletions_stay),	     cmocka_unit_test(test_come_and_go),
		cmocka_unit_test(test_readers_and_expiries), cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_damage_is_not_copied), cmocka_unit_test(test_constant_updates),
		cmocka_unit_test(test_readers_beside),	     cmocka_unit_test(test_idle),
		cmocka_unit_test(test_idle_in_steps),
	};

	return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}
