/* The cases of the contract; see contract.h. */
#include "contract.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "store/head.h"

static const struct contract_backend *backend;
static int64_t fake_now;

static int64_t fake_clock(void *data UNUSED)
{
	return fake_now;
}

static const struct store_options manual = {.manual = true, .wall_clock = fake_clock};

static struct store *open_manual(void)
{
	fake_now = 1000 * NS_PER_SEC;
	return backend->open(&manual);
}

/* --- Short forms --- */

static int write_key(struct store *store, enum store_op op, const char *key, uint64_t expected, const char *value,
		     uint64_t *ret_revision)
{
	struct store_write write = {
		.op = op, .key = str_from(key), .expected_revision = expected, .value = str_from(value)};
	struct error err = {0};
	int r = store_commit(store, &write, &err);

	if (ret_revision)
		*ret_revision = write.revision;
	return r;
}

static uint64_t must(struct store *store, enum store_op op, const char *key, const char *value)
{
	uint64_t revision;

	assert_int_equal(write_key(store, op, key, 0, value, &revision), 0);
	return revision;
}

static void assert_value(struct store *store, const char *key, const char *value)
{
	const struct store_record *record = store_get(store, str_from(key));

	if (!value) {
		assert_null(record);
		return;
	}
	assert_non_null(record);
	assert_str_equal(store_record_key(record), key);
	assert_str_equal(store_record_value(record), value);
	store_record_unref(record);
}

struct listing {
	char text[4096];
	size_t len;
};

static enum store_visit list_one(void *data, const struct store_record *record)
{
	struct listing *listing = data;

	listing->len += (size_t)snprintf(listing->text + listing->len, sizeof(listing->text) - listing->len,
					 STR_FMT "=" STR_FMT " ", STR_ARG(store_record_key(record)),
					 STR_ARG(store_record_value(record)));
	return STORE_VISIT_TAKEN;
}

static int list(struct store *store, struct store_range range, struct listing *ret, struct store_range_result *result)
{
	struct store_view *view = store_view_acquire(store);
	struct error err = {0};
	int r;

	*ret = (struct listing){0};
	r = store_view_scan(view, &range, list_one, ret, result, &err);
	store_view_release(view);
	return r;
}

static void assert_list(struct store *store, const char *scope, uint64_t revision, const char *expected)
{
	struct store_range range = {.scope = str_from(scope), .revision = revision};
	struct store_range_result result;
	struct listing listing;

	assert_int_equal(list(store, range, &listing, &result), 0);
	assert_string_equal(listing.text, expected);
	assert_false(result.more);
	assert_int_equal(result.remaining, 0);
}

static int watch(struct store *store, const char *scope, const char *topic, uint64_t revision, void (*wakeup)(void *),
		 void *data, struct store_watch **ret)
{
	struct store_watch_options options = {.scope = str_from(scope),
					      .topic = str_from(topic),
					      .revision = revision,
					      .wakeup = wakeup,
					      .data = data};
	struct error err = {0};

	return store_watch_open(store, &options, ret, &err);
}

static void ignore(void *data UNUSED)
{
}

static struct store_watch *must_watch(struct store *store, const char *scope, uint64_t revision)
{
	struct store_watch *w;

	assert_int_equal(watch(store, scope, "", revision, ignore, NULL, &w), 0);
	return w;
}

static void assert_event(struct store_watch *w, enum store_event_type type, const char *key, const char *value,
			 const char *previous)
{
	struct store_event event;
	struct error err = {0};

	assert_int_equal(store_watch_next(w, &event, &err), 1);
	assert_int_equal(event.type, type);
	assert_str_equal(store_record_key(event.record), key);
	assert_str_equal(store_record_value(event.record), value);
	assert_int_equal(event.revision, store_record_revision(event.record));
	assert_int_equal(event.previous != NULL, previous != NULL);
	if (previous)
		assert_str_equal(store_record_value(event.previous), previous);
	assert_int_equal(store_watch_progress(w), event.revision);
	store_event_release(&event);
}

static void assert_no_event(struct store_watch *w)
{
	struct store_event event;
	struct error err = {0};

	assert_int_equal(store_watch_next(w, &event, &err), 0);
}

static void assert_expired(struct store_watch *w)
{
	struct store_event event;
	struct error err = {0};

	assert_int_equal(store_watch_next(w, &event, &err), -ERR_EXPIRED);
}

/* --- Cases --- */

static void test_empty(void **state UNUSED)
{
	struct store *store = open_manual();
	struct store_stats stats;

	assert_true(store_current_revision(store) >= 1);
	assert_value(store, "/a", NULL);
	assert_list(store, "/", 0, "");
	assert_list(store, "", 0, "");
	store_stats(store, &stats);
	assert_int_equal(stats.keys, 0);
	assert_int_equal(stats.revision, store_current_revision(store));
	assert_true(store_barrier(store, NULL, NULL));
	store_close(store);
	assert_null(store_close(NULL));
}

static void test_preconditions(void **state UNUSED)
{
	struct store *store = open_manual();
	uint64_t start = store_current_revision(store), first, second, third;

	assert_int_equal(write_key(store, STORE_UPDATE, "/a/b", 0, "1", NULL), -ERR_NOT_FOUND);
	assert_int_equal(write_key(store, STORE_DELETE, "/a/b", 7, "", NULL), -ERR_NOT_FOUND);
	first = must(store, STORE_CREATE, "/a/b", "1");
	assert_int_equal(first, start + 1);
	assert_int_equal(write_key(store, STORE_CREATE, "/a/b", 0, "2", NULL), -ERR_ALREADY_EXISTS);
	assert_int_equal(write_key(store, STORE_UPDATE, "/a/b", first + 1, "2", NULL), -ERR_CONFLICT);
	assert_int_equal(write_key(store, STORE_UPDATE, "/a/b", first, "2", &second), 0);
	assert_int_equal(second, first + 1);
	assert_int_equal(write_key(store, STORE_DELETE, "/a/b", first, "", NULL), -ERR_CONFLICT);
	assert_value(store, "/a/b", "2");
	assert_int_equal(write_key(store, STORE_DELETE, "/a/b", second, "", &third), 0);
	assert_value(store, "/a/b", NULL);
	assert_int_equal(store_current_revision(store), third);
	assert_int_equal(write_key(store, STORE_DELETE, "/a/b", 0, "", NULL), -ERR_NOT_FOUND);
	must(store, STORE_CREATE, "/a/b", "3");
	assert_value(store, "/a/b", "3");
	store_close(store);
}

static void test_parts(void **state UNUSED)
{
	struct store *store = open_manual();
	struct store_write write = {.op = STORE_CREATE,
				    .key = STR("/pods/default/web"),
				    .topic = STR("spec.nodeName=n1"),
				    .header = STR("app\0web"),
				    .value = STR("{}")};
	struct error err = {0};
	const struct store_record *record;
	uint64_t created;

	assert_int_equal(store_commit(store, &write, &err), 0);
	created = write.revision;
	write.op = STORE_UPDATE;
	write.topic = STR_EMPTY;
	assert_int_equal(store_commit(store, &write, &err), 0);
	record = store_get(store, write.key);
	assert_int_equal(store_record_create_revision(record), created);
	assert_int_equal(store_record_revision(record), created + 1);
	assert_int_equal(store_record_topic(record).len, 0);
	assert_int_equal(store_record_header(record).len, 7);
	assert_memory_equal(store_record_header(record).data, "app\0web", 7);
	assert_false(store_record_deleted(record));
	/* A record outlives its key. */
	write.op = STORE_DELETE;
	assert_int_equal(store_commit(store, &write, &err), 0);
	store_compact(store, write.revision);
	assert_str_equal(store_record_value(record), "{}");
	store_record_unref(record);
	store_close(store);
}

static void test_too_large(void **state UNUSED)
{
	struct store *store = open_manual();
	cleanup_free char *bytes = xcalloc(1, LIMIT_OBJECT + 1);
	const struct {
		size_t key, topic, header, value;
		int result;
	} cases[] = {
		{LIMIT_STORE_KEY, LIMIT_STORE_KEY, LIMIT_STORE_HEADER, LIMIT_OBJECT, 0},
		{0, 0, 0, 0, -ERR_TOO_LARGE},
		{LIMIT_STORE_KEY + 1, 0, 0, 0, -ERR_TOO_LARGE},
		{1, LIMIT_STORE_KEY + 1, 0, 0, -ERR_TOO_LARGE},
		{1, 0, LIMIT_STORE_HEADER + 1, 0, -ERR_TOO_LARGE},
		{1, 0, 0, LIMIT_OBJECT + 1, -ERR_TOO_LARGE},
	};

	memset(bytes, 'x', LIMIT_OBJECT + 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct store_write write = {.op = STORE_CREATE,
					    .key = {bytes, cases[i].key},
					    .topic = {bytes, cases[i].topic},
					    .header = {bytes, cases[i].header},
					    .value = {bytes, cases[i].value}};
		struct error err = {0};

		assert_int_equal(store_commit(store, &write, &err), cases[i].result);
	}
	store_close(store);
}

static void test_list(void **state UNUSED)
{
	struct store *store = open_manual();
	struct store_range range = {.scope = STR("/p/"), .limit = 2};
	struct store_range_result result;
	struct listing listing;

	must(store, STORE_CREATE, "/p/b/1", "B1");
	must(store, STORE_CREATE, "/p/a/2", "A2");
	must(store, STORE_CREATE, "/p/a/1", "A1");
	must(store, STORE_CREATE, "/p/a/10", "A10");
	must(store, STORE_CREATE, "/pp/a/1", "no");
	must(store, STORE_CREATE, "/o/a/1", "no");
	assert_list(store, "/p/", 0, "/p/a/1=A1 /p/a/10=A10 /p/a/2=A2 /p/b/1=B1 ");
	assert_list(store, "/p/a/", 0, "/p/a/1=A1 /p/a/10=A10 /p/a/2=A2 ");
	assert_list(store, "/p/a/1", 0, "/p/a/1=A1 ");
	assert_list(store, "/p/a", 0, "");
	assert_list(store, "/q/", 0, "");

	assert_int_equal(list(store, range, &listing, &result), 0);
	assert_string_equal(listing.text, "/p/a/1=A1 /p/a/10=A10 ");
	assert_true(result.more);
	assert_int_equal(result.remaining, 2);
	range.start = (struct str){"/p/a/10", 8};
	assert_int_equal(list(store, range, &listing, &result), 0);
	assert_string_equal(listing.text, "/p/a/2=A2 /p/b/1=B1 ");
	assert_false(result.more);
	store_close(store);
}

static void test_old_revisions(void **state UNUSED)
{
	struct store *store = open_manual();
	uint64_t start = store_current_revision(store);
	struct store_range range = {.scope = STR("/p/")};
	struct store_range_result result;
	struct listing listing;

	must(store, STORE_CREATE, "/p/a", "1"); /* start + 1 */
	must(store, STORE_CREATE, "/p/b", "1");
	must(store, STORE_UPDATE, "/p/a", "2");
	must(store, STORE_DELETE, "/p/b", "");
	must(store, STORE_CREATE, "/p/b", "3"); /* start + 5 */
	assert_list(store, "/p/", start, "");
	assert_list(store, "/p/", start + 1, "/p/a=1 ");
	assert_list(store, "/p/", start + 2, "/p/a=1 /p/b=1 ");
	assert_list(store, "/p/", start + 3, "/p/a=2 /p/b=1 ");
	assert_list(store, "/p/", start + 4, "/p/a=2 ");
	assert_list(store, "/p/", start + 5, "/p/a=2 /p/b=3 ");
	range.revision = start + 6;
	assert_int_equal(list(store, range, &listing, &result), -ERR_TIMEOUT);

	store_compact(store, start + 3);
	range.revision = start + 2;
	assert_int_equal(list(store, range, &listing, &result), -ERR_EXPIRED);
	assert_list(store, "/p/", start + 3, "/p/a=2 /p/b=1 ");
	store_compact(store, start + 100);
	range.revision = start + 4;
	assert_int_equal(list(store, range, &listing, &result), -ERR_EXPIRED);
	assert_list(store, "/p/", start + 5, "/p/a=2 /p/b=3 ");
	store_close(store);
}

static void test_view_is_a_snapshot(void **state UNUSED)
{
	struct store *store = open_manual();
	struct store_view *views[40];
	struct store_range_result result;
	char text[16];

	must(store, STORE_CREATE, "/k", "0");
	for (int i = 0; i < 40; i++) {
		views[i] = store_view_acquire(store);
		snprintf(text, sizeof(text), "%d", i + 1);
		must(store, STORE_UPDATE, "/k", text);
		if (i % 3 == 0)
			store_compact(store, store_current_revision(store));
	}
	/* Released in an order that is neither oldest nor newest first. */
	for (int i = 0; i < 40; i++) {
		int n = (i * 7) % 40;
		struct store_range range = {.scope = STR("/")};
		struct listing listing = {0};
		struct error err = {0};

		snprintf(text, sizeof(text), "/k=%d ", n);
		assert_int_equal(store_view_scan(views[n], &range, list_one, &listing, &result, &err), 0);
		assert_string_equal(listing.text, text);
		store_view_release(views[n]);
		must(store, STORE_UPDATE, "/k", "later");
	}
	store_view_release(NULL);
	store_close(store);
}

static void count_wakeup(void *data)
{
	++*(int *)data;
}

static void test_watch(void **state UNUSED)
{
	struct store *store = open_manual();
	struct store_watch *all, *namespace, *one, *other;
	int woken = 0;

	assert_int_equal(watch(store, "/p/", "", 0, count_wakeup, &woken, &all), 0);
	namespace = must_watch(store, "/p/a/", 0);
	one = must_watch(store, "/p/a/x", 0);
	other = must_watch(store, "/p/b/", 0);
	assert_no_event(all);
	must(store, STORE_CREATE, "/p/a/x", "1");
	assert_int_equal(woken, 1);
	must(store, STORE_UPDATE, "/p/a/x", "2");
	must(store, STORE_CREATE, "/p/a/xx", "3");
	assert_int_equal(woken, 1);
	assert_event(all, STORE_EVENT_CREATED, "/p/a/x", "1", NULL);
	assert_event(all, STORE_EVENT_MODIFIED, "/p/a/x", "2", "1");
	must(store, STORE_DELETE, "/p/a/x", "");
	assert_int_equal(woken, 1);
	assert_event(all, STORE_EVENT_CREATED, "/p/a/xx", "3", NULL);
	assert_event(all, STORE_EVENT_DELETED, "/p/a/x", "", "2");
	assert_no_event(all);
	must(store, STORE_CREATE, "/p/a/x", "4");
	assert_int_equal(woken, 2);
	assert_event(all, STORE_EVENT_CREATED, "/p/a/x", "4", NULL);
	assert_event(namespace, STORE_EVENT_CREATED, "/p/a/x", "1", NULL);
	assert_event(one, STORE_EVENT_CREATED, "/p/a/x", "1", NULL);
	assert_event(one, STORE_EVENT_MODIFIED, "/p/a/x", "2", "1");
	assert_event(one, STORE_EVENT_DELETED, "/p/a/x", "", "2");
	assert_event(one, STORE_EVENT_CREATED, "/p/a/x", "4", NULL);
	assert_no_event(one);
	assert_no_event(other);
	assert_int_equal(store_watch_progress(other), store_current_revision(store));
	store_watch_close(all);
	store_watch_close(namespace);
	store_watch_close(one);
	assert_null(store_watch_close(other));
	assert_null(store_watch_close(NULL));
	store_close(store);
}

static void write_topic(struct store *store, enum store_op op, const char *topic, const char *value)
{
	struct store_write write = {
		.op = op, .key = STR("/pods/d/web"), .topic = str_from(topic), .value = str_from(value)};
	struct error err = {0};

	assert_int_equal(store_commit(store, &write, &err), 0);
}

static void test_watch_topic(void **state UNUSED)
{
	struct store *store = open_manual();
	uint64_t start = store_current_revision(store);
	struct store_watch *n1, *n2, *again;

	assert_int_equal(watch(store, "/pods/", "node=n1", 0, ignore, NULL, &n1), 0);
	assert_int_equal(watch(store, "/pods/", "node=n2", 0, ignore, NULL, &n2), 0);
	write_topic(store, STORE_CREATE, "", "pending");
	write_topic(store, STORE_UPDATE, "node=n1", "bound");
	write_topic(store, STORE_UPDATE, "node=n1", "running");
	write_topic(store, STORE_UPDATE, "node=n2", "moved");
	write_topic(store, STORE_DELETE, "", "");
	assert_int_equal(watch(store, "/pods/d/", "node=n1", start, ignore, NULL, &again), 0);
	for (int i = 0; i < 2; i++) {
		struct store_watch *w = i ? again : n1;

		assert_event(w, STORE_EVENT_MODIFIED, "/pods/d/web", "bound", "pending");
		assert_event(w, STORE_EVENT_MODIFIED, "/pods/d/web", "running", "bound");
		assert_event(w, STORE_EVENT_MODIFIED, "/pods/d/web", "moved", "running");
		assert_no_event(w);
		store_watch_close(w);
	}
	assert_event(n2, STORE_EVENT_MODIFIED, "/pods/d/web", "moved", "running");
	assert_event(n2, STORE_EVENT_DELETED, "/pods/d/web", "", "moved");
	assert_no_event(n2);
	store_watch_close(n2);
	store_close(store);
}

static void test_watch_resumes(void **state UNUSED)
{
	struct store *store = open_manual();
	uint64_t start = store_current_revision(store);
	struct store_watch *w;

	must(store, STORE_CREATE, "/p/a", "1");
	must(store, STORE_CREATE, "/q/a", "1");
	must(store, STORE_UPDATE, "/p/a", "2");
	must(store, STORE_DELETE, "/p/a", "");
	w = must_watch(store, "/p/", start + 1);
	assert_event(w, STORE_EVENT_MODIFIED, "/p/a", "2", "1");
	must(store, STORE_CREATE, "/p/b", "3");
	assert_event(w, STORE_EVENT_DELETED, "/p/a", "", "2");
	assert_event(w, STORE_EVENT_CREATED, "/p/b", "3", NULL);
	assert_no_event(w);
	must(store, STORE_UPDATE, "/p/b", "4");
	assert_event(w, STORE_EVENT_MODIFIED, "/p/b", "4", "3");
	store_watch_close(w);

	assert_int_equal(watch(store, "/p/", "", store_current_revision(store) + 1, ignore, NULL, &w), -ERR_TIMEOUT);
	store_compact(store, start + 2);
	assert_int_equal(watch(store, "/p/", "", start + 1, ignore, NULL, &w), -ERR_EXPIRED);
	w = must_watch(store, "/p/", start + 2);
	assert_event(w, STORE_EVENT_MODIFIED, "/p/a", "2", "1");
	/* The window passes a watch that has not caught up. */
	store_compact(store, store_current_revision(store));
	assert_expired(w);
	assert_expired(w);
	store_watch_close(w);
	store_close(store);
}

static void test_watch_lags(void **state UNUSED)
{
	struct store *store = open_manual();
	struct store_watch *w = must_watch(store, "/p/", 0);
	char now[16], before[16];
	int n = 3 * LIMIT_WATCH_EVENTS;

	must(store, STORE_CREATE, "/p/a", "0");
	for (int i = 1; i <= n; i++) {
		snprintf(now, sizeof(now), "%d", i);
		must(store, STORE_UPDATE, "/p/a", now);
	}
	assert_event(w, STORE_EVENT_CREATED, "/p/a", "0", NULL);
	for (int i = 1; i <= n; i++) {
		snprintf(before, sizeof(before), "%d", i - 1);
		snprintf(now, sizeof(now), "%d", i);
		assert_event(w, STORE_EVENT_MODIFIED, "/p/a", now, before);
	}
	assert_no_event(w);
	must(store, STORE_DELETE, "/p/a", "");
	assert_event(w, STORE_EVENT_DELETED, "/p/a", "", now);
	/* Far behind, and then out of the window: first what is queued, then 410. */
	must(store, STORE_CREATE, "/p/a", "0");
	for (int i = 1; i <= 2 * LIMIT_WATCH_EVENTS; i++)
		must(store, STORE_UPDATE, "/p/a", "x");
	store_compact(store, store_current_revision(store));
	assert_event(w, STORE_EVENT_CREATED, "/p/a", "0", NULL);
	for (int i = 1; i < LIMIT_WATCH_EVENTS; i++)
		assert_event(w, STORE_EVENT_MODIFIED, "/p/a", "x", i == 1 ? "0" : "x");
	assert_expired(w);
	store_watch_close(w);
	store_close(store);
}

static void test_window(void **state UNUSED)
{
	struct store_options options = manual;
	struct store_stats stats;
	struct store *store;

	options.window_ns = 60 * NS_PER_SEC;
	fake_now = 1000 * NS_PER_SEC;
	store = backend->open(&options);
	for (int i = 0; i < 10; i++) {
		must(store, i ? STORE_UPDATE : STORE_CREATE, "/a", "1");
		fake_now += 10 * NS_PER_SEC;
	}
	store_stats(store, &stats);
	/* Written 60 s ago is out; what is 10 to 50 s old at the last write, and that write, are in. */
	assert_int_equal(stats.history, 6);
	assert_int_equal(stats.oldest, stats.revision - 6);
	store_close(store);

	options.window_ns = 0;
	options.window_bytes = 2000;
	store = backend->open(&options);
	for (int i = 0; i < 100; i++)
		must(store, i ? STORE_UPDATE : STORE_CREATE, "/b", "1");
	store_stats(store, &stats);
	assert_in_range(stats.history, 5, 30);
	store_close(store);
}

static void test_expiry(void **state UNUSED)
{
	struct store *store = open_manual();
	struct store_watch *w = must_watch(store, "/e/", 0);
	struct store_write write = {.op = STORE_CREATE, .durability = STORE_LAZY, .value = STR("v")};
	struct error err = {0};

	for (int i = 0; i < 3; i++) {
		char key[8];

		snprintf(key, sizeof(key), "/e/%d", i);
		write.key = str_from(key);
		write.expires_at = fake_now + (10 - i) * NS_PER_SEC;
		assert_int_equal(store_commit(store, &write, &err), 0);
		assert_event(w, STORE_EVENT_CREATED, key, "v", NULL);
	}
	/* A newer version has its own time, or none. */
	write.op = STORE_UPDATE;
	write.key = STR("/e/1");
	write.expires_at = 0;
	assert_int_equal(store_commit(store, &write, &err), 0);
	assert_event(w, STORE_EVENT_MODIFIED, "/e/1", "v", "v");
	fake_now += 8 * NS_PER_SEC - 1;
	store_run(store);
	assert_no_event(w);
	fake_now += 1;
	store_run(store);
	assert_event(w, STORE_EVENT_DELETED, "/e/2", "", "v");
	assert_no_event(w);
	fake_now += 100 * NS_PER_SEC;
	store_run(store);
	assert_event(w, STORE_EVENT_DELETED, "/e/0", "", "v");
	assert_no_event(w);
	assert_list(store, "/e/", 0, "/e/1=v ");
	store_watch_close(w);
	store_close(store);
}

/* --- Objects --- */

struct thing {
	atomic_int refs;
	uint64_t revision;
	size_t size;
};

static void thing_ref(void *object)
{
	((struct thing *)object)->refs++;
}

static void thing_unref(void *object)
{
	((struct thing *)object)->refs--;
}

static void thing_stamp(void *object, uint64_t revision)
{
	((struct thing *)object)->revision = revision;
}

static size_t thing_size(const void *object)
{
	return ((const struct thing *)object)->size;
}

static const struct store_objects things = {thing_ref, thing_unref, thing_stamp, thing_size};

static void test_objects(void **state UNUSED)
{
	struct store_options options = manual;
	struct thing first = {1, 0, 100}, refused = {1, 0, 100};
	struct store_write write = {.op = STORE_CREATE, .key = STR("/a"), .object = &first};
	const struct store_record *record;
	struct error err = {0};
	struct store *store;

	options.objects = &things;
	store = backend->open(&options);
	assert_int_equal(store_commit(store, &write, &err), 0);
	assert_int_equal(first.revision, write.revision);
	assert_int_equal(first.refs, 2);
	write.object = &refused;
	assert_int_equal(store_commit(store, &write, &err), -ERR_ALREADY_EXISTS);
	assert_int_equal(refused.refs, 1);
	assert_int_equal(refused.revision, 0);
	record = store_get(store, STR("/a"));
	assert_ptr_equal(store_record_object(record), &first);
	assert_int_equal(first.refs, 3);
	/* The window's end is an object's end, also where the version itself stays. */
	store_compact(store, store_record_revision(record));
	assert_null(store_record_object(record));
	assert_int_equal(first.refs, 2); /* the test's two */
	store_close(store);
	store_record_unref(record);
}

static void test_old_objects_go(void **state UNUSED)
{
	enum { N = LIMIT_WATCH_EVENTS + 100 };
	static struct thing made[N];
	struct store_options options = manual;
	struct store *store;

	options.objects = &things;
	store = backend->open(&options);
	for (int i = 0; i < N; i++) {
		struct store_write write = {
			.op = i ? STORE_UPDATE : STORE_CREATE, .key = STR("/a"), .object = &made[i]};
		struct error err = {0};

		made[i] = (struct thing){0};
		assert_int_equal(store_commit(store, &write, &err), 0);
	}
	/* Only versions that watchers may still want have kept theirs. */
	for (int i = 0; i < N; i++)
		assert_int_equal(made[i].refs, i >= N - LIMIT_WATCH_EVENTS);
	store_close(store);
}

/* Of many keys as of one: what is not written any more keeps no object for ever.  Large ones go earlier. */
static void test_objects_have_a_budget(void **state UNUSED)
{
	enum { N = 40, SIZE = MIB / 2, KEPT = LIMIT_STORE_OBJECTS / SIZE };
	static struct thing made[N];
	struct store_options options = manual;
	struct store_stats stats;
	struct store *store;

	options.objects = &things;
	store = backend->open(&options);
	for (int i = 0; i < N; i++) {
		char key[16];
		struct store_write write = {.op = STORE_CREATE, .object = &made[i]};
		struct error err = {0};

		write.key = (struct str){key, (size_t)snprintf(key, sizeof(key), "/%d", i)};
		made[i] = (struct thing){.size = SIZE};
		assert_int_equal(store_commit(store, &write, &err), 0);
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(made[i].refs, i >= N - KEPT);
	store_stats(store, &stats);
	assert_int_equal(stats.objects, KEPT);
	assert_int_equal(stats.objects_size, LIMIT_STORE_OBJECTS);
	store_close(store);
	for (int i = 0; i < N; i++)
		assert_int_equal(made[i].refs, 0);
}

/* --- Idle --- */

/* Nobody writes any more: the window passes, in a few steps, and takes with it what it had kept. */
static void test_window_of_an_idle_store(void **state UNUSED)
{
	enum { WINDOW = 60 };
	struct store_options options = manual;
	struct thing made[2] = {{.size = 1}, {.size = 1}};
	struct store_write write = {.op = STORE_UPDATE, .key = STR("/a"), .object = &made[1]};
	struct store_stats stats;
	struct store *store;
	struct error err = {0};
	unsigned steps = 0;
	uint64_t oldest;

	options.window_ns = WINDOW * NS_PER_SEC;
	options.objects = &things;
	fake_now = 1000 * NS_PER_SEC;
	store = backend->open(&options);
	oldest = store_current_revision(store);
	must(store, STORE_CREATE, "/gone", "1");
	for (int i = 0; i < WINDOW; i++) {
		must(store, i ? STORE_UPDATE : STORE_CREATE, "/a", "1");
		fake_now += NS_PER_SEC;
	}
	must(store, STORE_DELETE, "/gone", "");
	assert_int_equal(store_commit(store, &write, &err), 0);
	assert_int_equal(made[1].refs, 1);
	for (int i = 0; i < 2 * WINDOW; i++) {
		fake_now += NS_PER_SEC;
		store_run(store);
		store_stats(store, &stats);
		steps += stats.oldest != oldest;
		oldest = stats.oldest;
		/* Nothing goes before its time. */
		assert_true(i >= WINDOW - 1 || stats.history > 0);
	}
	assert_in_range(steps, 1, HEAD_IDLE_TRIMS);
	assert_int_equal(stats.history, 0);
	assert_int_equal(stats.oldest, stats.revision);
	assert_int_equal(stats.objects, 0);
	assert_int_equal(made[1].refs, 0);
	assert_value(store, "/a", "");
	assert_value(store, "/gone", NULL);
	/* And it goes on. */
	must(store, STORE_CREATE, "/gone", "2");
	store_stats(store, &stats);
	assert_int_equal(stats.history, 1);
	store_close(store);
}

/* The committer's thread wakes for it by itself. */
static void test_idle_store_wakes(void **state UNUSED)
{
	struct store_options options = {.window_ns = NS_PER_MS};
	int64_t deadline = clock_monotonic_ns() + 30 * NS_PER_SEC;
	struct store *store = backend->open(&options);
	struct store_stats stats;

	must(store, STORE_CREATE, "/a", "1");
	do {
		assert_true(clock_monotonic_ns() < deadline);
		usleep(1000);
		store_stats(store, &stats);
	} while (stats.history);
	assert_int_equal(stats.oldest, stats.revision);
	assert_value(store, "/a", "1");
	store_close(store);
}

/* --- Batches and threads --- */

struct outcome {
	struct store_write write;
	char seen[8]; /* the value of the record `done` was shown */
	bool done;
};

static void note_outcome(struct store_write *write)
{
	struct outcome *outcome = CONTAINER_OF(write, struct outcome, write);

	assert_false(outcome->done);
	outcome->done = true;
	if (write->record)
		snprintf(outcome->seen, sizeof(outcome->seen), STR_FMT, STR_ARG(store_record_value(write->record)));
}

/* Writes of one batch see those before them. */
static void test_batch(void **state UNUSED)
{
	static const struct {
		enum store_op op;
		const char *key, *value;
		int expected; /* index of the write whose revision is expected, or -1 */
		int result;
		const char *seen;
	} cases[] = {
		{STORE_CREATE, "/a", "1", -1, 0, "1"}, {STORE_CREATE, "/a", "2", -1, -ERR_ALREADY_EXISTS, "1"},
		{STORE_UPDATE, "/a", "3", -1, 0, "3"}, {STORE_CREATE, "/b", "4", -1, 0, "4"},
		{STORE_DELETE, "/a", "", -1, 0, ""},   {STORE_UPDATE, "/a", "5", -1, -ERR_NOT_FOUND, ""},
		{STORE_CREATE, "/a", "6", -1, 0, "6"}, {STORE_UPDATE, "/b", "7", 3, -ERR_CONFLICT, "4"},
	};
	struct outcome outcomes[ARRAY_LEN(cases)] = {0};
	struct store *store = open_manual();
	struct store_watch *w = must_watch(store, "/", 0);
	uint64_t revision = store_current_revision(store);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		outcomes[i].write = (struct store_write){.op = cases[i].op,
							 .key = str_from(cases[i].key),
							 .value = str_from(cases[i].value),
							 .expected_revision = cases[i].expected < 0 ? 0 : revision,
							 .done = note_outcome};
		store_submit(store, &outcomes[i].write);
	}
	store_run(store);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(outcomes[i].done);
		assert_int_equal(outcomes[i].write.result, cases[i].result);
		assert_string_equal(outcomes[i].seen, cases[i].seen);
		if (cases[i].result == 0)
			assert_int_equal(outcomes[i].write.revision, ++revision);
	}
	assert_event(w, STORE_EVENT_CREATED, "/a", "1", NULL);
	assert_event(w, STORE_EVENT_MODIFIED, "/a", "3", "1");
	assert_event(w, STORE_EVENT_CREATED, "/b", "4", NULL);
	assert_event(w, STORE_EVENT_DELETED, "/a", "", "3");
	assert_event(w, STORE_EVENT_CREATED, "/a", "6", NULL);
	assert_no_event(w);
	store_watch_close(w);
	store_close(store);
}

enum { WRITERS = 3, WRITES = 400, NAMES = 5 };

struct writer {
	struct store *store;
	int id;
	uint64_t last;
	int successes;
};

/* Each writer raises counters shared with the others by compare and set. */
static void *writer_main(void *data)
{
	struct writer *writer = data;
	struct random_source random = {(uint64_t)writer->id};

	for (int i = 0; i < WRITES; i++) {
		char key[16], value[24];
		const struct store_record *record;
		struct store_write write = {.durability = i % 8 ? STORE_LAZY : STORE_SYNC, .value = {value, 0}};
		struct error err = {0};
		int64_t count = 0;
		int r;

		snprintf(key, sizeof(key), "/n/%d", (int)random_source_below(&random, NAMES));
		write.key = str_from(key);
		record = store_get(writer->store, write.key);
		write.op = record ? STORE_UPDATE : STORE_CREATE;
		if (record) {
			write.expected_revision = store_record_revision(record);
			assert_int_equal(str_parse_int64(store_record_value(record), &count), 0);
			store_record_unref(record);
		}
		write.value.len = (size_t)snprintf(value, sizeof(value), "%d", (int)count + 1);
		r = store_commit(writer->store, &write, &err);
		if (r == 0) {
			assert_true(write.revision > writer->last);
			assert_true(store_current_revision(writer->store) >= write.revision);
			writer->last = write.revision;
			writer->successes++;
		} else {
			assert_true(r == -ERR_CONFLICT || r == -ERR_ALREADY_EXISTS);
		}
	}
	return NULL;
}

struct follower {
	struct store *store;
	struct store_watch *watch;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool wake;
	int events;
	atomic_bool stop;
};

static void wake_follower(void *data)
{
	struct follower *follower = data;

	pthread_mutex_lock(&follower->lock);
	follower->wake = true;
	pthread_cond_signal(&follower->woken);
	pthread_mutex_unlock(&follower->lock);
}

/* Follows by watch alone: each version must come after the one it says it replaces. */
static void *follower_main(void *data)
{
	struct follower *follower = data;
	uint64_t last = 0;

	for (;;) {
		struct store_event event;
		struct error err = {0};
		bool stop = follower->stop;
		int r = store_watch_next(follower->watch, &event, &err);

		assert_true(r >= 0);
		if (r == 0 && stop)
			return NULL;
		if (r == 0) {
			pthread_mutex_lock(&follower->lock);
			while (!follower->wake)
				pthread_cond_wait(&follower->woken, &follower->lock);
			follower->wake = false;
			pthread_mutex_unlock(&follower->lock);
			continue;
		}
		assert_true(event.revision > last);
		last = event.revision;
		if (event.previous)
			assert_true(store_record_revision(event.previous) < event.revision);
		follower->events++;
		store_event_release(&event);
	}
}

struct sum {
	int64_t total;
	uint64_t revision;
};

static enum store_visit add_up(void *data, const struct store_record *record)
{
	struct sum *sum = data;
	int64_t n;

	assert_int_equal(str_parse_int64(store_record_value(record), &n), 0);
	sum->total += n;
	sum->revision = MAX(sum->revision, store_record_revision(record));
	return STORE_VISIT_TAKEN;
}

/* In every snapshot the counters add up to the number of writes its revision stands for. */
static void *reader_main(void *data)
{
	struct follower *follower = data;
	uint64_t start = store_current_revision(follower->store);

	(void)start;
	while (!follower->stop) {
		struct store_view *view = store_view_acquire(follower->store);
		struct store_range range = {.scope = STR("/n/")};
		struct store_range_result result;
		struct sum sum = {0};
		struct error err = {0};

		assert_int_equal(store_view_scan(view, &range, add_up, &sum, &result, &err), 0);
		assert_int_equal(result.revision, store_view_revision(view));
		assert_true(sum.revision <= result.revision);
		/* The empty store is at 1, and nothing else is written. */
		assert_int_equal(sum.total, result.revision - 1);
		store_view_release(view);
	}
	return NULL;
}

static void test_threads(void **state UNUSED)
{
	struct store *store = backend->open(&(struct store_options){0});
	struct writer writers[WRITERS];
	struct follower follower = {
		.store = store, .lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER};
	pthread_t threads[WRITERS], reader, watcher;
	int successes = 0;

	assert_int_equal(watch(store, "/n/", "", 1, wake_follower, &follower, &follower.watch), 0);
	pthread_create(&watcher, NULL, follower_main, &follower);
	pthread_create(&reader, NULL, reader_main, &follower);
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.store = store, .id = i};
		pthread_create(&threads[i], NULL, writer_main, &writers[i]);
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		successes += writers[i].successes;
	}
	follower.stop = true;
	wake_follower(&follower);
	pthread_join(watcher, NULL);
	pthread_join(reader, NULL);
	assert_int_equal(follower.events, successes);
	assert_int_equal(store_current_revision(store), 1 + successes);
	store_watch_close(follower.watch);
	store_close(store);
}

static void test_expiry_wakes_the_committer(void **state UNUSED)
{
	struct store *store = backend->open(&(struct store_options){0});
	struct follower follower = {
		.store = store, .lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER};
	struct store_write write = {
		.op = STORE_CREATE, .key = STR("/e/1"), .expires_at = clock_wall_ns() + 20 * NS_PER_MS};
	struct error err = {0};

	assert_int_equal(store_commit(store, &write, &err), 0);
	assert_int_equal(watch(store, "/e/", "", write.revision, wake_follower, &follower, &follower.watch), 0);
	pthread_mutex_lock(&follower.lock);
	for (;;) {
		struct store_event event;

		if (store_watch_next(follower.watch, &event, &err) == 1) {
			assert_int_equal(event.type, STORE_EVENT_DELETED);
			store_event_release(&event);
			break;
		}
		while (!follower.wake)
			pthread_cond_wait(&follower.woken, &follower.lock);
		follower.wake = false;
	}
	pthread_mutex_unlock(&follower.lock);
	store_watch_close(follower.watch);
	store_close(store);
}

/* --- Restarts, where something survives them --- */

static void test_reopen(void **state UNUSED)
{
	struct store *store = open_manual();
	struct store_watch *w;
	uint64_t start, last;

	start = store_current_revision(store);
	must(store, STORE_CREATE, "/p/a", "1");
	must(store, STORE_CREATE, "/p/b", "2");
	must(store, STORE_UPDATE, "/p/a", "3");
	last = must(store, STORE_DELETE, "/p/b", "");
	store = backend->reopen(store, &manual);
	/* A clean stop: no jump. */
	assert_int_equal(store_current_revision(store), last);
	assert_list(store, "/p/", 0, "/p/a=3 ");
	assert_list(store, "/p/", start + 2, "/p/a=1 /p/b=2 ");
	w = must_watch(store, "/p/", start + 1);
	assert_event(w, STORE_EVENT_CREATED, "/p/b", "2", NULL);
	assert_event(w, STORE_EVENT_MODIFIED, "/p/a", "3", "1");
	assert_event(w, STORE_EVENT_DELETED, "/p/b", "", "2");
	assert_int_equal(must(store, STORE_UPDATE, "/p/a", "4"), last + 1);
	assert_event(w, STORE_EVENT_MODIFIED, "/p/a", "4", "3");
	store_watch_close(w);
	/* The window is the clock's: after it the same start is too old, the newest revision is not. */
	fake_now += 1000 * NS_PER_SEC;
	store = backend->reopen(store, &manual);
	assert_int_equal(watch(store, "/p/", "", start + 1, ignore, NULL, &w), -ERR_EXPIRED);
	w = must_watch(store, "/p/", last + 1);
	assert_list(store, "/p/", last + 1, "/p/a=4 ");
	store_watch_close(w);
	store_close(store);
}

static void test_reopen_expires(void **state UNUSED)
{
	struct store_write write = {.op = STORE_CREATE, .key = STR("/e/1"), .durability = STORE_LAZY};
	struct error err = {0};
	struct store *store = open_manual();

	write.expires_at = fake_now + NS_PER_SEC;
	assert_int_equal(store_commit(store, &write, &err), 0);
	store = backend->reopen(store, &manual);
	assert_value(store, "/e/1", "");
	fake_now += 2 * NS_PER_SEC;
	store = backend->reopen(store, &manual);
	store_run(store);
	assert_value(store, "/e/1", NULL);
	store_close(store);
}

static int choose(void **state)
{
	backend = *state;
	return 0;
}

size_t contract_cases(const struct contract_backend *chosen, struct CMUnitTest *out)
{
	/* The last ones need something that survives. */
	const struct CMUnitTest cases[] = {
		{"empty", test_empty, choose, NULL, NULL},
		{"preconditions", test_preconditions, choose, NULL, NULL},
		{"parts", test_parts, choose, NULL, NULL},
		{"too large", test_too_large, choose, NULL, NULL},
		{"list", test_list, choose, NULL, NULL},
		{"old revisions", test_old_revisions, choose, NULL, NULL},
		{"view is a snapshot", test_view_is_a_snapshot, choose, NULL, NULL},
		{"watch", test_watch, choose, NULL, NULL},
		{"watch topic", test_watch_topic, choose, NULL, NULL},
		{"watch resumes", test_watch_resumes, choose, NULL, NULL},
		{"watch lags", test_watch_lags, choose, NULL, NULL},
		{"window", test_window, choose, NULL, NULL},
		{"window of an idle store", test_window_of_an_idle_store, choose, NULL, NULL},
		{"an idle store wakes", test_idle_store_wakes, choose, NULL, NULL},
		{"expiry", test_expiry, choose, NULL, NULL},
		{"objects", test_objects, choose, NULL, NULL},
		{"old objects go", test_old_objects_go, choose, NULL, NULL},
		{"objects have a budget", test_objects_have_a_budget, choose, NULL, NULL},
		{"batch", test_batch, choose, NULL, NULL},
		{"threads", test_threads, choose, NULL, NULL},
		{"expiry wakes the committer", test_expiry_wakes_the_committer, choose, NULL, NULL},
		{"reopen", test_reopen, choose, NULL, NULL},
		{"reopen expires", test_reopen_expires, choose, NULL, NULL},
	};
	size_t len = ARRAY_LEN(cases) - (chosen->reopen ? 0 : 2);

	assert_true(len <= CONTRACT_CASES_MAX);
	for (size_t i = 0; i < len; i++) {
		out[i] = cases[i];
		out[i].initial_state = UNCONST(void *, chosen); /* cmocka has no const state */
	}
	return len;
}
