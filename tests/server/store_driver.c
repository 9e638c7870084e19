/*
 * The embedded store as a process that can be killed; driven by test_store_kill.py.
 *
 *	store_driver load FOLDER SEED
 *		Writes without end, 64 writes in flight.  Prints "open REVISION", and a line "REVISION KEY VALUE" for
 *		each that was acknowledged ("-" for a deletion).
 *	store_driver churn FOLDER SEED
 *		The same with a window of a few writes and small segments, so that compaction never rests.
 *	store_driver fill FOLDER SECONDS
 *		The disk is small and FOLDER.ballast is on it too.  Creates keys until a write is refused and prints
 *		"refused KEYS MESSAGE"; reads them all; removes the ballast and writes on; deletes most keys and
 *		updates the rest, for at most so many seconds trying again what is refused: "went on SEGMENTS BYTES".
 *	store_driver show FOLDER REVISION
 *		Prints "open REVISION", "segments NUMBER BYTES", "record REVISION KEY VALUE" for all there is, and
 *		"event REVISION KEY VALUE" for what happened after REVISION, or "expired".
 */
#include <sched.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/store.h"

enum { FLIGHTS = 64, KEYS = 50, VALUE_MAX = 900 };

static const struct store_options usual = {.segment_size = 256 * 1024};
static const struct store_options churning = {.segment_size = 32 * 1024, .window_bytes = 256 * 1024};

static struct store *must_open(const char *folder, const struct store_options *options)
{
	struct error err = {0};
	struct store *store;

	if (store_open_embedded(folder, options, &store, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		exit(1);
	}
	printf("open %llu\n", (unsigned long long)store_current_revision(store));
	fflush(stdout);
	return store;
}

static void print_record(const char *word, uint64_t revision, const struct store_record *record)
{
	struct str value = store_record_value(record), first, rest;

	str_cut(value, ' ', &first, &rest);
	printf("%s%llu " STR_FMT " " STR_FMT "\n", word, (unsigned long long)revision,
	       STR_ARG(store_record_key(record)), STR_ARG(store_record_deleted(record) ? STR("-") : first));
}

/* --- load --- */

struct load {
	struct store *store;
	struct random_source random;
	unsigned made;
};

struct flight {
	struct store_write write;
	struct load *load;
	char key[16];
	char value[VALUE_MAX];
};

static void next_write(struct flight *flight);

static void flight_done(struct store_write *write)
{
	struct flight *flight = CONTAINER_OF(write, struct flight, write);

	if (write->result == -ERR_SERVICE_UNAVAILABLE) {
		fprintf(stderr, "%s\n", write->message);
		exit(1);
	}
	if (write->result == 0) {
		print_record("", write->revision, write->record);
		fflush(stdout);
	}
	next_write(flight);
}

/* Keys are few, so many writes meet each other: those fail and are no matter. */
static void next_write(struct flight *flight)
{
	struct load *load = flight->load;
	enum store_op op = (enum store_op)random_source_below(&load->random, 3);
	int key = (int)random_source_below(&load->random, KEYS);
	int padding = (int)random_source_below(&load->random, VALUE_MAX - 32);

	snprintf(flight->key, sizeof(flight->key), "/k/%c/%02d", 'a' + key % 3, key);
	flight->write =
		(struct store_write){.op = op,
				     .durability = random_source_below(&load->random, 4) ? STORE_SYNC : STORE_LAZY,
				     .key = str_from(flight->key),
				     .value = {flight->value, (size_t)snprintf(flight->value, sizeof(flight->value),
									       "%u %*s", load->made++, padding, "")},
				     .done = flight_done};
	store_submit(load->store, &flight->write);
}

static int run_load(const char *folder, uint64_t seed, const struct store_options *options)
{
	struct load load = {.store = must_open(folder, options), .random = {seed}};
	struct flight *flights = xcalloc(FLIGHTS, sizeof(*flights));

	/* The first of each, which fails, brings it to the committer's thread, where it lives from then on. */
	for (int i = 0; i < FLIGHTS; i++)
		flights[i].load = &load;
	for (int i = 0; i < FLIGHTS; i++) {
		flights[i].write = (struct store_write){.op = STORE_DELETE, .key = STR("/none"), .done = flight_done};
	}
	for (int i = 0; i < FLIGHTS; i++)
		store_submit(load.store, &flights[i].write);
	/* Ends when standard input does, if nobody kills it before. */
	while (getchar() != EOF)
		;
	_exit(0);
}

/* --- fill --- */

static int write_number(struct store *store, enum store_op op, int number, struct error *err)
{
	static char value[VALUE_MAX];
	char key[32];
	struct store_write write = {.op = op, .value = {value, sizeof(value)}};

	memset(value, 'v', sizeof(value));
	write.key = (struct str){key, (size_t)snprintf(key, sizeof(key), "/k/%d", number)};
	return store_commit(store, &write, err);
}

/* The same until it is taken: room comes back when compaction has got so far. */
static void must_write(struct store *store, enum store_op op, int number, int64_t deadline)
{
	struct error err = {0};

	while (write_number(store, op, number, &err) < 0) {
		if (err.code != ERR_SERVICE_UNAVAILABLE || clock_monotonic_ns() > deadline) {
			fprintf(stderr, "%s\n", err.message);
			exit(1);
		}
		error_clear(&err);
		sched_yield();
	}
}

static enum store_visit count(void *data, const struct store_record *record)
{
	*(uint64_t *)data += store_record_value(record).len;
	return STORE_VISIT_TAKEN;
}

static uint64_t read_all(struct store *store)
{
	struct store_view *view = store_view_acquire(store);
	struct store_range range = {.scope = STR("/k/")};
	struct store_range_result result;
	struct error err = {0};
	uint64_t size = 0;

	if (store_view_scan(view, &range, count, &size, &result, &err) < 0)
		exit(1);
	store_view_release(view);
	return size;
}

static int run_fill(const char *folder, uint64_t seconds)
{
	static const struct store_options options = {.segment_size = 64 * 1024, .window_bytes = 1};
	struct store *store = must_open(folder, &options);
	int64_t deadline = clock_monotonic_ns() + (int64_t)seconds * NS_PER_SEC;
	struct store_stats stats;
	struct error err = {0};
	char ballast[256];
	int keys = 0;

	while (write_number(store, STORE_CREATE, keys, &err) == 0)
		keys++;
	printf("refused %d %s\n", keys, err.message);
	store_stats(store, &stats);
	if (stats.failed || read_all(store) != (uint64_t)keys * VALUE_MAX)
		return 1;
	snprintf(ballast, sizeof(ballast), "%s.ballast", folder);
	if (unlink(ballast) < 0)
		return 1;
	for (int i = 10; i < keys; i++)
		must_write(store, STORE_DELETE, i, deadline);
	for (int i = 0; i < 10000; i++)
		must_write(store, STORE_UPDATE, i % 10, deadline);
	if (read_all(store) != (uint64_t)10 * VALUE_MAX)
		return 1;
	store_stats(store, &stats);
	printf("went on %llu %llu\n", (unsigned long long)stats.segments, (unsigned long long)stats.segment_size);
	store_close(store);
	return 0;
}

/* --- show --- */

static enum store_visit show_record(void *data UNUSED, const struct store_record *record)
{
	print_record("record ", store_record_revision(record), record);
	return STORE_VISIT_TAKEN;
}

static void ignore(void *data UNUSED)
{
}

static int run_show(const char *folder, uint64_t revision)
{
	struct store *store = must_open(folder, &usual);
	struct store_view *view = store_view_acquire(store);
	struct store_watch_options from = {.revision = revision, .wakeup = ignore};
	struct store_range range = {.scope = STR_EMPTY};
	struct store_range_result result;
	struct store_watch *watch;
	struct store_event event;
	struct store_stats stats;
	struct error err = {0};

	store_stats(store, &stats);
	printf("segments %llu %llu\n", (unsigned long long)stats.segments, (unsigned long long)stats.segment_size);
	if (store_view_scan(view, &range, show_record, NULL, &result, &err) < 0)
		return 1;
	store_view_release(view);
	if (store_watch_open(store, &from, &watch, &err) < 0) {
		printf("expired\n");
	} else {
		while (store_watch_next(watch, &event, &err) == 1) {
			print_record("event ", event.revision, event.record);
			store_event_release(&event);
		}
		store_watch_close(watch);
	}
	store_close(store);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t number;

	if (argc != 4 || str_parse_uint64(str_from(argv[3]), &number) < 0)
		return 2;
	if (strcmp(argv[1], "load") == 0)
		return run_load(argv[2], number, &usual);
	if (strcmp(argv[1], "churn") == 0)
		return run_load(argv[2], number, &churning);
	if (strcmp(argv[1], "fill") == 0)
		return run_fill(argv[2], number);
	return run_show(argv[2], number);
}
