/*
 * The embedded store on a disk that crashes: thousands of seeds, each a few lives of one store.
 *
 * Each life writes batches of a few keys, SYNC and LAZY, and moves the window's start on from time to time, so that
 * compaction has something to do, until the disk dies at some operation, a sync fails, or the process is killed
 * between two; then what has survived is compared with a twin that knows every write ever handed in.  What must hold,
 * whatever the disk did:
 *
 *  - the store opens, unless it never finished opening before;
 *  - what is there is the result of the first N writes, for an N that includes every acknowledged SYNC write, and,
 *    when only the process was killed, every acknowledged write;
 *  - the newest revision is above every revision that was acknowledged;
 *  - a watch from the newest surviving acknowledged revisions tells exactly what followed, and one from a revision that
 *    was lost is turned away.
 */
#include "unit.h"

#include <inttypes.h>

#include "base/clock.h"
#include "sim_disk.h"
#include "store/segment.h"
#include "store/store.h"

/* The thread sanitizer takes thirty times as long, and there is one thread here. */
#ifdef __SANITIZE_THREAD__
#define SEEDS 100
#else
#define SEEDS 2500
#endif

enum { KEYS = 6, LIVES = 4, WRITES_MAX = 2000, BATCH = 4 };

/* One write handed in. */
struct past {
	uint64_t revision;
	int key;
	bool deleted;
	bool acknowledged;
	char value[24];
};

struct twin {
	struct past past[WRITES_MAX];
	size_t len;
	size_t firm;	  /* how many writes must survive the machine */
	uint64_t highest; /* acknowledged revision */
	uint64_t oldest;  /* the window's start */
	uint64_t seed;
	unsigned made;
};

static int64_t fake_clock(void *data UNUSED)
{
	return 1000 * NS_PER_SEC;
}

static const struct store_options options = {.manual = true, .wall_clock = fake_clock, .segment_size = 2048};

static const struct store_options windowless = {
	.manual = true, .wall_clock = fake_clock, .segment_size = 2048, .window_bytes = 1};

static const char *const keys[KEYS] = {"/p/a/one", "/p/a/two", "/p/b/one", "/q/a/one", "/q/a/on", "/q/"};

/* The newest of the first @n writes to @key, or NULL. */
static const struct past *newest(const struct twin *twin, size_t n, int key)
{
	while (n-- > 0) {
		if (twin->past[n].key == key)
			return twin->past[n].deleted ? NULL : &twin->past[n];
	}
	return NULL;
}

static void note(struct store_write *write UNUSED)
{
}

/* Hands in one batch; false when the disk did not take it. */
static bool write_batch(struct twin *twin, struct store *store, struct random_source *random)
{
	size_t n = 1 + random_source_below(random, BATCH), before = twin->len;
	struct store_write writes[BATCH] = {0};
	uint64_t revision = store_current_revision(store);
	bool sync = false;

	for (size_t i = 0; i < n; i++) {
		struct past *past = &twin->past[twin->len];
		int key = (int)random_source_below(random, KEYS);
		bool there = newest(twin, twin->len, key) != NULL;

		assert_true(twin->len < WRITES_MAX);
		*past = (struct past){.revision = revision + 1 + i, .key = key};
		past->deleted = there && random_source_below(random, 3) == 0;
		if (!past->deleted)
			snprintf(past->value, sizeof(past->value), "%u%*s", twin->made++,
				 (int)random_source_below(random, 12), "");
		writes[i] = (struct store_write){.op = past->deleted ? STORE_DELETE
						       : there	     ? STORE_UPDATE
								     : STORE_CREATE,
						 .durability = random_source_below(random, 3) ? STORE_LAZY : STORE_SYNC,
						 .key = str_from(keys[key]),
						 .value = str_from(past->value),
						 .done = note};
		sync |= writes[i].durability == STORE_SYNC;
		twin->len++;
		store_submit(store, &writes[i]);
	}
	store_run(store);
	for (size_t i = 0; i < n; i++) {
		if (writes[i].result == -ERR_SERVICE_UNAVAILABLE)
			return false;
		assert_int_equal(writes[i].result, 0);
		assert_int_equal(writes[i].revision, twin->past[before + i].revision);
		twin->past[before + i].acknowledged = true;
		twin->highest = writes[i].revision;
	}
	if (sync)
		twin->firm = twin->len;
	return true;
}

struct seen {
	const struct twin *twin;
	size_t n;
	int keys;
};

static enum store_visit compare_one(void *data, const struct store_record *record)
{
	struct seen *seen = data;

	for (int key = 0; key < KEYS; key++) {
		const struct past *past;

		if (!str_eq_c(store_record_key(record), keys[key]))
			continue;
		past = newest(seen->twin, seen->n, key);
		assert_non_null(past);
		assert_str_equal(store_record_value(record), past->value);
		assert_int_equal(store_record_revision(record), past->revision);
		seen->keys++;
	}
	return STORE_VISIT_TAKEN;
}

/* What is there is the result of the first @n writes. */
static void compare_state(const struct twin *twin, struct store *store, size_t n)
{
	struct store_view *view = store_view_acquire(store);
	struct store_range range = {.scope = STR_EMPTY};
	struct store_range_result result;
	struct seen seen = {.twin = twin, .n = n};
	struct error err = {0};
	int there = 0;

	assert_int_equal(store_view_scan(view, &range, compare_one, &seen, &result, &err), 0);
	for (int key = 0; key < KEYS; key++)
		there += newest(twin, n, key) != NULL;
	assert_int_equal(seen.keys, there);
	store_view_release(view);
}

/* How many writes have survived: those before the window, and what a watch from its start tells. */
static size_t count_survivors(struct twin *twin, struct store *store)
{
	struct store_stats stats;
	struct store_watch_options from = {0};
	struct store_watch *watch;
	struct store_event event;
	struct error err = {0};
	size_t n = 0;

	store_stats(store, &stats);
	assert_false(stats.compaction_failed);
	assert_true(stats.oldest >= twin->oldest);
	from.revision = twin->oldest = stats.oldest;
	while (n < twin->len && twin->past[n].revision <= from.revision)
		n++;
	assert_int_equal(store_watch_open(store, &from, &watch, &err), 0);
	while (store_watch_next(watch, &event, &err) == 1) {
		const struct past *past = &twin->past[n];

		assert_true(n < twin->len);
		assert_int_equal(event.revision, past->revision);
		assert_str_equal(store_record_key(event.record), keys[past->key]);
		assert_int_equal(event.type == STORE_EVENT_DELETED, past->deleted);
		if (!past->deleted)
			assert_str_equal(store_record_value(event.record), past->value);
		n++;
		store_event_release(&event);
	}
	assert_int_equal(err.code, ERR_NONE);
	store_watch_close(watch);
	return n;
}

/* An older revision than the newest can be read as it was, back to the window's start. */
static void compare_past(const struct twin *twin, struct store *store, struct random_source *random)
{
	struct store_view *view = store_view_acquire(store);
	size_t first = 0, n;
	struct store_range range = {.scope = STR_EMPTY};
	struct store_range_result result;
	struct error err = {0};

	while (first < twin->len && twin->past[first].revision < twin->oldest)
		first++;
	if (first < twin->len) {
		struct seen seen = {.twin = twin};

		n = first + random_source_below(random, twin->len - first);
		seen.n = n + 1;
		range.revision = twin->past[n].revision;
		assert_int_equal(store_view_scan(view, &range, compare_one, &seen, &result, &err), 0);
		for (int key = 0; key < KEYS; key++)
			seen.keys -= newest(twin, n + 1, key) != NULL;
		assert_int_equal(seen.keys, 0);
	}
	store_view_release(view);
}

static void check_watch_of_lost(const struct twin *twin, struct store *store, size_t survivors)
{
	for (size_t i = survivors; i < twin->len; i++) {
		struct store_watch_options from = {.revision = twin->past[i].revision};
		struct store_watch *watch;
		struct error err = {0};

		if (twin->past[i].acknowledged)
			assert_int_equal(store_watch_open(store, &from, &watch, &err), -ERR_EXPIRED);
	}
}

static void check_recovered(struct twin *twin, struct store *store, bool killed)
{
	size_t n = count_survivors(twin, store), acknowledged = 0;

	for (size_t i = 0; i < twin->len; i++) {
		if (twin->past[i].acknowledged)
			acknowledged = i + 1;
	}
	assert_true(n >= twin->firm);
	if (killed)
		assert_true(n >= acknowledged);
	assert_true(store_current_revision(store) >= twin->highest);
	compare_state(twin, store, n);
	check_watch_of_lost(twin, store, n);
	/* What is shown now must last: readers rely on it. */
	twin->len = twin->firm = n;
	twin->highest = store_current_revision(store);
}

static struct store *open_store(struct sim_disk *sim, const struct store_options *with)
{
	struct store *store;
	struct error err = {0};

	if (store_open_on_disk(sim_disk_open(sim), with, &store, &err) == 0)
		return store;
	/* It may fail only because the disk died under it. */
	if (!sim->dead && !sim->fail_sync_at)
		fail_msg("%s", err.message);
	return NULL;
}

/* Of all seeds together: a test in which nothing is compacted tests nothing. */
static uint64_t compactions;

static uint64_t compactions_of(struct store *store)
{
	struct store_stats stats;

	store_stats(store, &stats);
	return stats.compactions;
}

/* One life: writes until something happens; true when only the process ended. */
static bool live(struct twin *twin, struct sim_disk *sim, struct random_source *random)
{
	unsigned end = (unsigned)random_source_below(random, 4);
	size_t batches = 1 + random_source_below(random, 25);
	struct store *store;

	if (end == 0)
		sim->die_at = sim->operations + 1 + random_source_below(random, 60);
	if (end == 1)
		sim->fail_sync_at = sim->syncs + 1 + random_source_below(random, 20);
	store = open_store(sim, &options);
	if (store) {
		bool good = true;

		while (batches-- && good) {
			good = write_batch(twin, store, random);
			if (random_source_below(random, 6) == 0)
				store_compact(store, store_current_revision(store) - random_source_below(random, 8));
		}
		compactions += compactions_of(store);
		/* Killed, or the machine stops: nothing reaches the disk any more.  Or, one in four, a good end. */
		sim->dead |= end != 3;
		store_close(store);
	}
	return random_source_below(random, 2);
}

static void run_seed(uint64_t seed, struct twin *twin)
{
	struct random_source random = {seed};
	struct sim_disk sim;

	sim_disk_init(&sim, seed * 77);
	*twin = (struct twin){.seed = seed};
	for (int i = 0; i < LIVES; i++) {
		bool killed = live(twin, &sim, &random);
		bool sync_failed = sim.fail_sync_at && sim.syncs >= sim.fail_sync_at;
		struct store *store;

		if (killed)
			sim_disk_kill(&sim);
		else
			sim_disk_crash(&sim);
		store = open_store(&sim, &options);
		/* Pages of a failed sync may be gone also when only the process ended. */
		check_recovered(twin, store, killed && !sync_failed);
		compare_past(twin, store, &random);
		/* Once more, after the machine has stopped: what was recovered has become firm. */
		sim.dead = true;
		store_close(store);
		sim_disk_crash(&sim);
		store = open_store(&sim, &options);
		check_recovered(twin, store, true);
		store_close(store);
		/* The same without a window, which is another way to fill the head, and leaves more to compaction. */
		if (random_source_below(&random, 2))
			continue;
		store = open_store(&sim, &windowless);
		compare_state(twin, store, twin->len);
		assert_int_equal(store_current_revision(store), twin->highest);
		store_close(store);
	}
	sim_disk_release(&sim);
}

static void test_crashes(void **state UNUSED)
{
	static struct twin twin;
	const char *one = getenv("WHERRY_CRASH_SEED");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1;

	for (uint64_t seed = first; seed < first + (one ? 1 : SEEDS); seed++) {
		/* The seed of a failure is the last one named. */
		if (seed % 500 == 0 || one)
			print_message("# seed %" PRIu64 "\n", seed);
		run_seed(seed, &twin);
	}
	if (!one)
		assert_true(compactions > SEEDS);
}

/* A full disk turns writes away, and takes them again when there is room. */
static void test_full_disk(void **state UNUSED)
{
	struct store_write write = {.op = STORE_CREATE, .key = STR("/a")};
	struct error err = {0};
	struct sim_disk sim;
	struct store_stats stats;
	struct store *store;
	int taken = 0;

	sim_disk_init(&sim, 1);
	sim.space = 5000; /* two segments of 2048 */
	store = open_store(&sim, &options);
	while (store_commit(store, &write, &err) == 0) {
		write.op = STORE_UPDATE;
		taken++;
	}
	assert_in_range(taken, 10, 100);
	assert_int_equal(err.code, ERR_SERVICE_UNAVAILABLE);
	store_stats(store, &stats);
	assert_false(stats.failed);
	assert_int_equal(stats.revision, 1 + taken);
	error_clear(&err);
	sim.space += 5000;
	assert_int_equal(store_commit(store, &write, &err), 0);
	assert_int_equal(write.revision, 2 + taken);
	store_close(store);
	store = open_store(&sim, &options);
	assert_int_equal(store_current_revision(store), 2 + taken);
	store_close(store);
	sim_disk_release(&sim);
}

/* A failed sync is final, and reads go on. */
static void test_failed_sync(void **state UNUSED)
{
	struct store_write write = {.op = STORE_CREATE, .key = STR("/a"), .value = STR("1")};
	const struct store_record *record;
	struct error err = {0};
	struct sim_disk sim;
	struct store_stats stats;
	struct store *store;

	sim_disk_init(&sim, 1);
	store = open_store(&sim, &options);
	assert_int_equal(store_commit(store, &write, &err), 0);
	sim.fail_sync_at = sim.syncs + 1;
	write.key = STR("/b");
	assert_int_equal(store_commit(store, &write, &err), -ERR_SERVICE_UNAVAILABLE);
	error_clear(&err);
	assert_int_equal(store_commit(store, &write, &err), -ERR_SERVICE_UNAVAILABLE);
	store_stats(store, &stats);
	assert_true(stats.failed);
	assert_null(store_get(store, STR("/b")));
	record = store_get(store, STR("/a"));
	assert_str_equal(store_record_value(record), "1");
	store_record_unref(record);
	store_close(store);
	sim_disk_release(&sim);
}

/* It does not open, and says why in one line: which file, where, and what to do. */
static void assert_says(struct sim_disk *sim, const char *start)
{
	struct error err = {0};
	struct store *store;

	assert_int_equal(store_open_on_disk(sim_disk_open(sim), &options, &store, &err), -ERR_INTERNAL);
	if (strncmp(err.message, start, strlen(start)) != 0)
		fail_msg("%s", err.message);
	assert_non_null(strstr(err.message, "from a copy, or move"));
	assert_null(strchr(err.message, '\n'));
}

/* Damage before the end of the log is found and said, not taken for the end. */
static void test_damage(void **state UNUSED)
{
	struct store_write write = {.op = STORE_CREATE, .key = STR("/a")};
	struct error err = {0};
	struct sim_disk sim;
	struct store *store;

	sim_disk_init(&sim, 1);
	store = open_store(&sim, &options);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(store_commit(store, &write, &err), 0);
		write.op = STORE_UPDATE;
	}
	store_close(store);
	assert_non_null(sim_disk_file(&sim, 2));
	/* The index of the first segment, and so its records are read one by one; then one of those. */
	sim_disk_file(&sim, 0)->bytes[sim_disk_file(&sim, 0)->size - 1] ^= 1;
	store_close(open_store(&sim, &options));
	sim_disk_file(&sim, 1)->bytes[sim_disk_file(&sim, 1)->size - 1] ^= 1;
	sim_disk_file(&sim, 1)->bytes[100] ^= 1;
	assert_says(&sim, "0000000000000002.segment is damaged at byte 64: ");
	sim_disk_file(&sim, 1)->bytes[0] ^= 1;
	assert_says(&sim, "0000000000000002.segment is damaged at byte 0: ");
	sim_disk_release(&sim);
}

/* In the last segment it is damage only where a later record knew the place to be on the disk. */
static void test_damage_in_the_last(void **state UNUSED)
{
	struct store_write write = {.op = STORE_CREATE, .key = STR("/a")};
	struct error err = {0};
	struct sim_disk sim;
	struct store *store;
	char *last;

	sim_disk_init(&sim, 1);
	store = open_store(&sim, &options);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(store_commit(store, &write, &err), 0);
		write.op = STORE_UPDATE;
	}
	/* Killed, so there is no CLOSE: five records of 80 bytes. */
	sim.dead = true;
	store_close(store);
	sim_disk_kill(&sim);
	last = sim_disk_file(&sim, 0)->bytes + SEGMENT_HEADER_SIZE;
	last[80 * 2 + 75] ^= 1;
	assert_says(&sim, "0000000000000001.segment is damaged at byte 224: ");
	memset(last + 80 * 2, 0, 80);
	assert_says(&sim, "0000000000000001.segment is damaged at byte 224: ");
	/* What nobody knows to be there may be a write that was cut off: the log ends before it. */
	memset(last + 80 * 2, 0x55, 80 * 2);
	last[80 * 4 + 75] ^= 1;
	store = open_store(&sim, &options);
	assert_int_equal(store_current_revision(store), 3 + ((uint64_t)1 << 20));
	store_close(store);
	sim_disk_release(&sim);
}

/* A segment that is gone from the middle. */
static void test_missing(void **state UNUSED)
{
	struct store_write write = {.op = STORE_CREATE, .key = STR("/a")};
	struct error err = {0};
	struct sim_disk sim;
	struct store *store;

	sim_disk_init(&sim, 1);
	store = open_store(&sim, &options);
	for (int i = 0; i < 60; i++) {
		assert_int_equal(store_commit(store, &write, &err), 0);
		write.op = STORE_UPDATE;
	}
	store_close(store);
	for (size_t i = 0; i < sim.names_len; i++) {
		if (strcmp(sim.names[i].name, "0000000000000002.segment") == 0)
			sim.names[i].live = NULL;
	}
	assert_says(&sim, "0000000000000002.segment is missing: ");
	sim_disk_release(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_disk), cmocka_unit_test(test_failed_sync),
		cmocka_unit_test(test_damage),	  cmocka_unit_test(test_damage_in_the_last),
		cmocka_unit_test(test_missing),	  cmocka_unit_test(test_crashes),
	};

	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
