/*
 * How fast the embedded store is, in a folder given as argument (default: one under /tmp, removed afterwards).
 *
 *	bench_store [FOLDER]
 *
 * Opening an empty folder; durable creates of ConfigMap size, one at a time and with 256 in flight; lazy updates; reads
 * of single keys (the key is made too) and lists of 500; opening 102 000 keys again; context switches of an idle
 * second.  Then what compaction costs: a million durable updates with a window too short to keep anything, the longest
 * that any of them took, what the folder has then, and how long it takes to open.
 */
#include "bench.h"

#include <sys/resource.h>

#include "base/limits.h"
#include "base/random.h"
#include "store/store.h"
#include "sys/thread.h"

enum { RECORDS = 100000, IN_FLIGHT = 256, ALONE = 2000, READS = 2000000, VALUE = 600 };

static char value[VALUE];

static void print_rate(const char *what, double count, int64_t ns)
{
	bench_print(what, count * (double)NS_PER_SEC / (double)ns, "/s");
}

static void print_ms(const char *what, int64_t ns)
{
	bench_print(what, (double)ns / (double)NS_PER_MS, "ms");
}

static struct store *must_open(const char *folder, int64_t window_ns, int64_t *ret_ns)
{
	struct store_options options = {.window_ns = window_ns};
	struct error err = {0};
	struct store *store;
	int64_t start = clock_monotonic_ns();

	if (store_open_embedded(folder, &options, &store, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		exit(1);
	}
	*ret_ns = clock_monotonic_ns() - start;
	return store;
}

static struct str key_of(int i, char *out, size_t size)
{
	return (struct str){out, (size_t)snprintf(out, size, "/registry/configmaps/ns-%02d/config-%06d", i % 20, i)};
}

static void alone(struct store *store)
{
	int64_t start = clock_monotonic_ns();

	for (int i = 0; i < ALONE; i++) {
		char text[64];
		struct store_write write = {.op = STORE_CREATE, .value = {value, VALUE}};
		struct error err = {0};

		write.key = (struct str){text, (size_t)snprintf(text, sizeof(text), "/registry/alone/%d", i)};
		if (store_commit(store, &write, &err) < 0)
			exit(1);
	}
	print_rate("store/create/alone", ALONE, clock_monotonic_ns() - start);
}

struct flight {
	struct store_write write;
	struct load *load;
	int64_t start;
	char key[64];
};

/* A load of writes: each that is done hands in the next, on the committer's thread. */
struct load {
	struct store *store;
	enum store_op op;
	enum store_durability durability;
	int next, total, done;
	int64_t longest;
	struct mutex lock;
	struct cond finished;
	struct flight flights[IN_FLIGHT];
};

static void submit_next(struct flight *flight);

static void flight_done(struct store_write *write)
{
	struct flight *flight = CONTAINER_OF(write, struct flight, write);
	struct load *load = flight->load;

	if (write->result < 0) {
		fprintf(stderr, "write failed: %s\n", write->message);
		exit(1);
	}
	load->longest = MAX(load->longest, clock_monotonic_ns() - flight->start);
	if (++load->done == load->total) {
		mutex_lock(&load->lock);
		cond_signal(&load->finished);
		mutex_unlock(&load->lock);
	} else if (load->next < load->total) {
		submit_next(flight);
	}
}

static void submit_next(struct flight *flight)
{
	struct load *load = flight->load;

	flight->write = (struct store_write){.op = load->op,
					     .durability = load->durability,
					     .key = key_of(load->next++, flight->key, sizeof(flight->key)),
					     .value = {value, VALUE},
					     .done = flight_done};
	flight->start = clock_monotonic_ns();
	store_submit(load->store, &flight->write);
}

/* Prints the rate of @what, if it is not NULL; returns how long the slowest write took. */
static int64_t run_load(struct store *store, enum store_op op, enum store_durability durability, const char *what)
{
	struct load *load = XNEW(struct load);
	struct store_stats before, after;
	int64_t start = clock_monotonic_ns(), longest;

	store_stats(store, &before);
	*load = (struct load){.store = store, .op = op, .durability = durability, .total = RECORDS};
	mutex_init(&load->lock);
	cond_init(&load->finished);
	mutex_lock(&load->lock);
	for (int i = 0; i < IN_FLIGHT; i++)
		load->flights[i].load = load;
	/* The first of each comes from here, before any of them can be done. */
	for (int i = 0; i < IN_FLIGHT; i++) {
		struct flight *flight = &load->flights[i];

		flight->write = (struct store_write){.op = op,
						     .durability = durability,
						     .key = key_of(i, flight->key, sizeof(flight->key)),
						     .value = {value, VALUE},
						     .done = flight_done};
		flight->start = start;
	}
	load->next = IN_FLIGHT;
	for (int i = 0; i < IN_FLIGHT; i++)
		store_submit(store, &load->flights[i].write);
	cond_wait(&load->finished, &load->lock);
	mutex_unlock(&load->lock);
	longest = load->longest;
	if (!what) {
		free(load);
		return longest;
	}
	print_rate(what, RECORDS, clock_monotonic_ns() - start);
	store_stats(store, &after);
	printf("# %s: %.0f writes a batch, %llu syncs, %.2f bytes written per byte of value\n", what,
	       (double)RECORDS / (double)(after.batches - before.batches),
	       (unsigned long long)(after.syncs - before.syncs),
	       (double)(after.bytes - before.bytes) / RECORDS / VALUE);
	free(load);
	return longest;
}

/* Each round kills all versions of the last, so that compaction always has something to do. */
static void churn(struct store *store)
{
	enum { ROUNDS = 10 };
	struct store_stats stats;
	int64_t longest = 0, start = clock_monotonic_ns();

	for (int i = 0; i < ROUNDS; i++) {
		int64_t ns = run_load(store, STORE_UPDATE, STORE_SYNC, NULL);

		longest = MAX(longest, ns);
	}
	print_rate("store/compact/update/256", (double)ROUNDS * RECORDS, clock_monotonic_ns() - start);
	store_stats(store, &stats);
	print_ms("store/compact/longest-write", longest);
	bench_print("store/compact/folder", (double)stats.segment_size / MIB, "MB");
	printf("# store/compact: %llu compactions wrote %llu MB and gave back %llu MB\n",
	       (unsigned long long)stats.compactions, (unsigned long long)(stats.compacted / MIB),
	       (unsigned long long)(stats.freed / MIB));
}

static void reads(struct store *store)
{
	struct random_source random = {1};
	int64_t start = clock_monotonic_ns();
	uint64_t sum = 0;

	for (int i = 0; i < READS; i++) {
		char text[64];
		struct store_view *view = store_view_acquire(store);
		struct str key = key_of((int)random_source_below(&random, RECORDS), text, sizeof(text));

		sum += store_record_value(store_view_get(view, key)).len;
		store_view_release(view);
	}
	print_rate("store/get", READS, clock_monotonic_ns() - start);
	if (sum != (uint64_t)READS * VALUE)
		exit(1);
}

static enum store_visit add_size(void *data, const struct store_record *record)
{
	*(uint64_t *)data += store_record_value(record).len;
	return STORE_VISIT_TAKEN;
}

static void lists(struct store *store)
{
	struct store_range range = {.scope = STR("/registry/configmaps/ns-07/"), .limit = 500};
	int64_t start = clock_monotonic_ns();
	uint64_t sum = 0;

	for (int i = 0; i < 2000; i++) {
		struct store_view *view = store_view_acquire(store);
		struct store_range_result result;
		struct error err = {0};

		if (store_view_scan(view, &range, add_size, &sum, &result, &err) < 0)
			exit(1);
		store_view_release(view);
	}
	print_rate("store/list/500", 2000, clock_monotonic_ns() - start);
}

static void idle(void)
{
	struct timespec second = {1, 0};
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	nanosleep(&second, NULL);
	getrusage(RUSAGE_SELF, &after);
	/* One of them is this thread's own. */
	bench_print("store/idle/switches",
		    (double)(after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw), "/s");
}

static void print_memory(const char *what)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	unsigned long kib;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Pss_Anon: %lu", &kib) == 1)
			bench_print(what, (double)kib / 1024, "MB");
	}
	if (file)
		fclose(file);
}

static void remove_folder(const char *folder)
{
	char path[256];

	for (unsigned long long n = 1; n < 1000; n++) {
		snprintf(path, sizeof(path), "%s/%016llx.segment", folder, n);
		unlink(path);
	}
	rmdir(folder);
}

int main(int argc, char **argv)
{
	char folder[200];
	struct store *store;
	int64_t ns, start;

	snprintf(folder, sizeof(folder), "%s", argc > 1 ? argv[1] : "/tmp/wherry-bench-store");
	remove_folder(folder);
	memset(value, 'v', sizeof(value));
	store = must_open(folder, 0, &ns);
	print_ms("store/open/empty", ns);
	print_memory("store/memory/empty");
	start = clock_monotonic_ns();
	{
		struct store_write write = {.op = STORE_CREATE, .key = STR("/first"), .value = STR("1")};
		struct error err = {0};

		if (store_commit(store, &write, &err) < 0)
			exit(1);
	}
	print_ms("store/create/first", clock_monotonic_ns() - start);
	alone(store);
	ns = run_load(store, STORE_CREATE, STORE_SYNC, "store/create/256");
	print_ms("store/create/256/longest-write", ns);
	print_memory("store/memory/102k-keys");
	run_load(store, STORE_UPDATE, STORE_LAZY, "store/update/lazy/256");
	print_memory("store/memory/102k-keys-202k-versions");
	reads(store);
	lists(store);
	idle();
	start = clock_monotonic_ns();
	store_close(store);
	print_ms("store/close", clock_monotonic_ns() - start);
	store = must_open(folder, 0, &ns);
	print_ms("store/open/102k-keys-202k-versions", ns);
	store_close(store);
	store = must_open(folder, 1, &ns);
	print_ms("store/open/102k-keys", ns);
	churn(store);
	store_close(store);
	store = must_open(folder, 0, &ns);
	print_ms("store/open/102k-keys-compacted", ns);
	store_close(store);
	remove_folder(folder);
	return 0;
}
