/* The registry: the text it writes, its ceiling, and values that threads change while they are written. */
#include "unit.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "component/metrics.h"
#include "component/process_metrics.h"
#include "sys/thread.h"

static int setup(void **state)
{
	*state = metrics_new();
	return 0;
}

static int teardown(void **state)
{
	metrics_free(*state);
	return 0;
}

static void assert_written(struct metrics *metrics, const char *expected)
{
	struct buf cleanup_buf out;

	buf_init(&out, 64 * MIB);
	metrics_write(metrics, &out);
	assert_string_equal(out.data, expected);
}

static void test_counters(void **state)
{
	struct metrics *metrics = *state;
	struct metric_family *family = metrics_counter(metrics, "b_total", "Things", "kind", "code", NULL);

	metric_add(metric_get(family, "z", "200"), 2);
	metric_add(metric_get(family, "a\"\\\n", ""), 1);
	metric_add(metric_get(family, "z", "200"), 3);
	metric_set(metric_get(metrics_gauge(metrics, "a", "First", NULL)), -7);
	assert_ptr_equal(family, metrics_counter(metrics, "b_total", "Things", "kind", "code", NULL));
	assert_written(metrics, "# HELP a First\n# TYPE a gauge\na -7\n"
				"# HELP b_total Things\n# TYPE b_total counter\n"
				"b_total{kind=\"a\\\"\\\\\\n\",code=\"\"} 1\n"
				"b_total{kind=\"z\",code=\"200\"} 5\n");
}

static void test_reals(void **state)
{
	static const struct {
		double number;
		const char *text;
	} table[] = {
		{0, "0"},	 {0.1, "0.1"},
		{1e6, "1e+06"},	 {1234567, "1234567"},
		{-2.5, "-2.5"},	 {1764041550.25, "1764041550.25"},
		{1e-8, "1e-08"}, {0.30000000000000004, "0.30000000000000004"},
	};
	struct metrics *metrics = *state;
	struct metric *metric = metric_get(metrics_gauge(metrics, "g", "G", NULL));

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char expected[100];

		metric_set_real(metric, table[i].number);
		(void)snprintf(expected, sizeof(expected), "# HELP g G\n# TYPE g gauge\ng %s\n", table[i].text);
		assert_written(metrics, expected);
	}
}

static void test_histogram(void **state)
{
	static const double bounds[] = {0.005, 1, 1e6};
	struct metrics *metrics = *state;
	struct metric_family *family = metrics_histogram(metrics, "h", "H", bounds, ARRAY_LEN(bounds), "verb", NULL);
	struct metric *metric = metric_get(family, "GET");

	metric_observe(metric, 0.005); /* a bound is part of its bucket */
	metric_observe(metric, 0.5);
	metric_observe(metric, 2e6);
	assert_written(metrics, "# HELP h H\n# TYPE h histogram\n"
				"h_bucket{verb=\"GET\",le=\"0.005\"} 1\n"
				"h_bucket{verb=\"GET\",le=\"1\"} 2\n"
				"h_bucket{verb=\"GET\",le=\"1e+06\"} 2\n"
				"h_bucket{verb=\"GET\",le=\"+Inf\"} 3\n"
				"h_sum{verb=\"GET\"} 2000000.505\n"
				"h_count{verb=\"GET\"} 3\n");
}

static void test_histogram_without_labels(void **state)
{
	static const double bounds[] = {1};
	struct metrics *metrics = *state;

	metric_observe(metric_get(metrics_histogram(metrics, "h", "H", bounds, ARRAY_LEN(bounds), NULL)), 3);
	assert_written(metrics, "# HELP h H\n# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 1\n"
				"h_sum 3\nh_count 1\n");
}

static double seven_and_a_half(void *data)
{
	return *(double *)data;
}

static void set_to_nine(void *metric)
{
	metric_set(metric, 9);
}

static void test_asked_when_written(void **state)
{
	struct metrics *metrics = *state;
	double value = 7.5;

	metrics_counter_function(metrics, "c_total", "C", seven_and_a_half, &value);
	metrics_gauge_function(metrics, "g", "G", seven_and_a_half, &value);
	metrics_refresh(metrics, set_to_nine, metric_get(metrics_gauge(metrics, "r", "R", NULL)));
	assert_written(metrics, "# HELP c_total C\n# TYPE c_total counter\nc_total 7.5\n"
				"# HELP g G\n# TYPE g gauge\ng 7.5\n# HELP r R\n# TYPE r gauge\nr 9\n");
}

static void test_ceiling(void **state)
{
	struct metrics *metrics = *state;
	struct metric_family *family = metrics_counter(metrics, "n_total", "N", "x", "y", NULL);
	struct metric *first = NULL, *beyond;
	char name[32];

	for (int i = 0; i < LIMIT_METRICS_PER_FAMILY; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		metric_add(metric_get(family, name, ""), 1);
		if (i == 0)
			first = metric_get(family, name, "");
	}
	beyond = metric_get(family, "one more", "");
	assert_ptr_equal(beyond, metric_get(family, "and another", "of it"));
	assert_ptr_equal(beyond, metric_get(family, "other", "other"));
	assert_ptr_equal(first, metric_get(family, "0", ""));
}

static void test_endless_value(void **state)
{
	struct metrics *metrics = *state;
	struct metric_family *family = metrics_counter(metrics, "n_total", "N", "x", NULL);
	char *text = xcalloc(1, MIB);

	memset(text, 'x', MIB - 1);
	metric_add(metric_get(family, text), 1);
	free(text);
	assert_written(metrics, "# HELP n_total N\n# TYPE n_total counter\nn_total{x=\"other\"} 1\n");
}

#define THREADS 4
#define ROUNDS	20000

struct hammer {
	struct metric_family *counters, *histograms;
	const char *label;
};

static void hammer(void *data)
{
	struct hammer *h = data;

	for (int i = 0; i < ROUNDS; i++) {
		metric_add(metric_get(h->counters, "shared"), 1);
		metric_add(metric_get(h->counters, h->label), 1);
		metric_observe(metric_get(h->histograms), i % 2 ? 0.5 : 2);
	}
}

/* The number that follows @name in @text, as a whole one; -1: there is none. */
static long long figure(const char *text, const char *name)
{
	const char *found = strstr(text, name);

	return found ? (long long)strtod(found + strlen(name), NULL) : -1;
}

/* Nothing is lost, and a text written meanwhile is whole: a count equals its last bucket. */
static void test_threads(void **state)
{
	static const double bounds[] = {1};
	static const char *const labels[THREADS] = {"a", "b", "c", "d"};
	struct metrics *metrics = *state;
	struct metric_family *counters = metrics_counter(metrics, "c_total", "C", "who", NULL);
	struct metric_family *histograms = metrics_histogram(metrics, "h", "H", bounds, 1, NULL);
	struct hammer hammers[THREADS];
	struct thread *threads[THREADS];
	struct error err = {0};
	struct buf cleanup_buf out;

	buf_init(&out, MIB);
	for (int i = 0; i < THREADS; i++) {
		hammers[i] = (struct hammer){counters, histograms, labels[i]};
		assert_int_equal(thread_start("hammer", hammer, &hammers[i], &threads[i], &err), 0);
	}
	for (int i = 0; i < 50; i++) {
		buf_clear(&out);
		metrics_write(metrics, &out);
		assert_int_equal(figure(out.data, "h_bucket{le=\"+Inf\"} "), figure(out.data, "\nh_count "));
	}
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	buf_clear(&out);
	metrics_write(metrics, &out);
	assert_int_equal(figure(out.data, "c_total{who=\"shared\"} "), THREADS * ROUNDS);
	for (int i = 0; i < THREADS; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "c_total{who=\"%s\"} ", labels[i]);
		assert_int_equal(figure(out.data, name), ROUNDS);
	}
	assert_int_equal(figure(out.data, "h_bucket{le=\"1\"} "), THREADS * ROUNDS / 2);
	assert_int_equal(figure(out.data, "\nh_count "), THREADS * ROUNDS);
	assert_int_equal(figure(out.data, "\nh_sum "), THREADS * ROUNDS / 4 * 5);
}

static void test_process(void **state)
{
	struct metrics *metrics = *state;
	struct buf cleanup_buf out;
	int fd;
	long long before;

	buf_init(&out, MIB);
	process_metrics_add(metrics);
	metrics_write(metrics, &out);
	assert_true(figure(out.data, "\nprocess_resident_memory_bytes ") > MIB);
	assert_true(figure(out.data, "\nprocess_virtual_memory_bytes ") > MIB);
	assert_true(figure(out.data, "\nprocess_max_fds ") > 2);
	assert_true(figure(out.data, "\nprocess_start_time_seconds ") > 1500000000);
	assert_true(figure(out.data, "\nprocess_start_time_seconds ") <= time(NULL) + 1);
	assert_non_null(strstr(out.data, "\nkubernetes_build_info{major=\"1\",minor=\"36\",git_version=\"v1.36."));
	before = figure(out.data, "\nprocess_open_fds ");
	fd = dup(0);
	buf_clear(&out);
	metrics_write(metrics, &out);
	assert_int_equal(figure(out.data, "\nprocess_open_fds "), before + 1);
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(counters),
		TEST(reals),
		TEST(histogram),
		TEST(histogram_without_labels),
		TEST(asked_when_written),
		TEST(ceiling),
		TEST(endless_value),
		TEST(threads),
		TEST(process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
