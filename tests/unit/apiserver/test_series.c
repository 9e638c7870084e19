/* Sets of label values: one series for each key, found by many threads at once, and a ceiling that is shared. */
#include "unit.h"

#include "apiserver/series.h"
#include "base/limits.h"
#include "component/metrics.h"
#include "sys/thread.h"
#include "types/resource.h"

struct fixture {
	struct metrics *metrics;
	struct series_table *table;
	struct buf text;
};

static int setup(void **state)
{
	struct fixture *f = XNEW(struct fixture);

	f->metrics = metrics_new();
	f->table = series_table_new(f->metrics);
	buf_init(&f->text, 64 * MIB);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	series_table_free(f->table);
	metrics_free(f->metrics);
	buf_release(&f->text);
	free(f);
	return 0;
}

static const char *written(struct fixture *f)
{
	buf_clear(&f->text);
	metrics_write(f->metrics, &f->text);
	return f->text.data;
}

static const struct series_key get_pod = {
	.kind = SERIES_REQUEST, .verb = REQUEST_VERB_GET, .scope = REQUEST_SCOPE_RESOURCE, .code = 200};

static void test_labels(void **state)
{
	struct fixture *f = *state;
	struct series_key key = get_pod;
	const struct series *series;

	key.resource = resource_find(STR("apps"), STR("v1"), STR("deployments"));
	key.subresource = resource_subresource(key.resource, STR("scale"));
	key.dry_run = REQUEST_DRY_RUN_ALL;
	series = series_find(f->table, &key);
	assert_ptr_equal(series, series_find(f->table, &key));
	metric_add(series->metrics[REQUEST_TOTAL], 1);
	assert_non_null(strstr(written(f),
			       "apiserver_request_total{code=\"200\",component=\"apiserver\",dry_run=\"All\","
			       "group=\"apps\",resource=\"deployments\",scope=\"resource\",subresource="
			       "\"scale\",verb=\"GET\",version=\"v1\"} 1\n"));
	/* Another code is another count, of the same duration and size. */
	key.code = 404;
	assert_ptr_not_equal(series, series_find(f->table, &key));
	assert_ptr_equal(series->metrics[REQUEST_SECONDS], series_find(f->table, &key)->metrics[REQUEST_SECONDS]);
	assert_ptr_equal(series->metrics[REQUEST_BYTES], series_find(f->table, &key)->metrics[REQUEST_BYTES]);
	key.verb = REQUEST_VERB_PUT;
	assert_null(series_find(f->table, &key)->metrics[REQUEST_BYTES]);
}

static void test_kinds(void **state)
{
	static const struct {
		struct series_key key;
		const char *text;
	} table[] = {
		{{.kind = SERIES_LONG_RUNNING, .verb = REQUEST_VERB_WATCH, .scope = REQUEST_SCOPE_CLUSTER},
		 "apiserver_longrunning_requests{component=\"apiserver\",group=\"\",resource=\"\",scope=\"cluster\","
		 "subresource=\"\",verb=\"WATCH\",version=\"\"} 0\n"},
		{{.kind = SERIES_WATCH}, "apiserver_init_events_total{group=\"\",resource=\"\"} 0\n"},
		{{.kind = SERIES_STORE, .operation = "create"},
		 "etcd_requests_total{group=\"\",operation=\"create\",resource=\"\"} 0\n"},
		{{.kind = SERIES_ADMISSION, .word = "Priority", .operation = "CREATE", .step = "admit", .yes = true},
		 "apiserver_admission_controller_admission_duration_seconds_count{name=\"Priority\",operation="
		 "\"CREATE\","
		 "rejected=\"true\",type=\"admit\"} 0\n"},
		{{.kind = SERIES_ADMISSION, .operation = "DELETE", .step = "validate"},
		 "apiserver_admission_step_admission_duration_seconds_count{operation=\"DELETE\",rejected=\"false\","
		 "type=\"validate\"} 0\n"},
		{{.kind = SERIES_DECISION, .word = "RBAC", .yes = true},
		 "apiserver_authorization_decisions_total{decision=\"allowed\",name=\"rbac\",type=\"RBAC\"} 0\n"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		series_find(f->table, &table[i].key);
		if (!strstr(written(f), table[i].text))
			fail_msg("no %s", table[i].text);
	}
}

static void test_ceiling(void **state)
{
	struct fixture *f = *state;
	struct series_key key = get_pod;
	const struct series *first = NULL, *beyond;

	for (key.code = 0; key.code < LIMIT_METRICS_PER_FAMILY; key.code++)
		if (!first)
			first = series_find(f->table, &key);
		else
			assert_ptr_not_equal(first, series_find(f->table, &key));
	beyond = series_find(f->table, &key);
	key.code++;
	assert_ptr_equal(beyond, series_find(f->table, &key));
	metric_add(beyond->metrics[REQUEST_TOTAL], 1);
	metric_observe(beyond->metrics[REQUEST_SECONDS], 1);
	metric_observe(beyond->metrics[REQUEST_BYTES], 1);
	assert_non_null(strstr(written(f), "apiserver_request_total{code=\"other\",component=\"other\","));
	key.code = 0;
	assert_ptr_equal(first, series_find(f->table, &key));
	/* Each kind has a ceiling of its own. */
	assert_ptr_not_equal(beyond, series_find(f->table, &(struct series_key){.kind = SERIES_WATCH}));
}

#define THREADS 4
#define ROUNDS	20000
#define CODES	64

static void count(void *data)
{
	struct fixture *f = data;
	struct series_key key = get_pod;

	for (int i = 0; i < ROUNDS; i++) {
		key.code = 200 + i % CODES;
		metric_add(series_find(f->table, &key)->metrics[REQUEST_TOTAL], 1);
	}
}

/* All meet each key first at about the same time: there must be one series of it, and no count lost. */
static void test_threads(void **state)
{
	struct fixture *f = *state;
	struct thread *threads[THREADS];
	struct error err = {0};
	const char *at;
	long long total = 0;
	int lines = 0;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(thread_start("count", count, f, &threads[i], &err), 0);
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	for (at = written(f); (at = strstr(at, "\napiserver_request_total{")); lines++) {
		at = strstr(at, "} ") + 2;
		total += strtoll(at, NULL, 10);
	}
	assert_int_equal(lines, CODES);
	assert_int_equal(total, THREADS * ROUNDS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(labels), TEST(kinds), TEST(ceiling), TEST(threads)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
