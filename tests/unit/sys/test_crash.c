/* Crash pages: real processes that die in several ways, and what their supervisor makes of it. */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "sys/crash.h"

#define SECOND NS_PER_SEC

struct told {
	struct crash_suspect suspects[8];
	size_t len;
};

static void tell(void *cookie, const struct crash_suspect *suspect)
{
	struct told *told = cookie;

	assert_true(told->len < ARRAY_LEN(told->suspects));
	told->suspects[told->len++] = *suspect;
}

static struct crash_page *new_page(void)
{
	struct crash_page *page;
	struct error err = {0};

	assert_int_equal(crash_page_new(&page, &err), 0);
	return page;
}

/* Runs @life in a child that notes in @page, and returns the signal it died of. */
static int die(struct crash_page *page, void (*life)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		const struct rlimit no_core = {0};

		setrlimit(RLIMIT_CORE, &no_core);
		/* A sanitizer would catch the signals and end the process in its own way. */
		for (int i = 1; i < 32; i++)
			if (crash_is_fault(i))
				signal(i, SIG_DFL);
		crash_page_attach(page);
		life();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void *hold_another(void *ready)
{
	(void)crash_note_begin("replicaset-controller", STR("default/innocent"));
	pthread_barrier_wait(ready);
	for (;;)
		pause();
	return NULL;
}

static void begin_two(void)
{
	pthread_barrier_t ready;
	pthread_t thread;

	pthread_barrier_init(&ready, NULL, 2);
	pthread_create(&thread, NULL, hold_another, &ready);
	pthread_barrier_wait(&ready);
	crash_note_end(crash_note_begin("deployment-controller", STR("default/done")));
	(void)crash_note_begin("deployment-controller", STR("default/web"));
}

static void crash_with_two(void)
{
	begin_two();
	raise(SIGSEGV);
}

static void abort_with_two(void)
{
	begin_two();
	abort();
}

/* As when the handler had no room to run. */
static void crash_unmarked(void)
{
	begin_two();
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void killed(void)
{
	begin_two();
	raise(SIGKILL);
}

static void idle_crash(void)
{
	raise(SIGBUS);
}

static void test_the_crashed_thread_is_found(void **state UNUSED)
{
	void (*const lives[])(void) = {crash_with_two, abort_with_two};
	const int signals[] = {SIGSEGV, SIGABRT};

	for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
		struct crash_page *page = new_page();
		struct told told = {0};

		assert_int_equal(die(page, lives[i]), signals[i]);
		assert_true(crash_is_fault(signals[i]));
		assert_false(crash_page_fault(page, SECOND, tell, &told));
		assert_int_equal(told.len, 1);
		assert_string_equal(told.suspects[0].component, "deployment-controller");
		assert_string_equal(told.suspects[0].key, "default/web");
		assert_int_equal(told.suspects[0].crashes, 1);
		assert_int_equal(told.suspects[0].pause, QUARANTINE_MIN);
		crash_page_free(page);
	}
}

static void test_without_a_mark_all_are_suspects(void **state UNUSED)
{
	struct crash_page *page = new_page();
	struct told told = {0};

	assert_int_equal(die(page, crash_unmarked), SIGSEGV);
	assert_false(crash_page_fault(page, SECOND, tell, &told));
	assert_int_equal(told.len, 2);
	told.len = 0;
	assert_int_equal(die(page, idle_crash), SIGBUS);
	assert_false(crash_page_fault(page, 2 * SECOND, tell, &told));
	assert_int_equal(told.len, 0);
	crash_page_free(page);
}

static void test_a_kill_says_nothing(void **state UNUSED)
{
	struct crash_page *page = new_page();
	struct told told = {0};

	assert_false(crash_is_fault(SIGKILL) || crash_is_fault(SIGTERM) || crash_is_fault(0));
	assert_int_equal(die(page, killed), SIGKILL);
	crash_page_clear(page);
	assert_int_equal(die(page, idle_crash), SIGBUS);
	assert_false(crash_page_fault(page, SECOND, tell, &told));
	assert_int_equal(told.len, 0);
	crash_page_free(page);
}

/* In a child, so that this process stays without a page. */
static int64_t asked_now, expected_left;
static struct str asked_key;

static void ask(void)
{
	if (crash_quarantine_left("deployment-controller", asked_key, asked_now) != expected_left)
		raise(SIGTERM);
}

static void assert_left(struct crash_page *page, const char *key, int64_t now, int64_t left)
{
	asked_key = str_from(key);
	asked_now = now;
	expected_left = left;
	assert_int_equal(die(page, ask), 0);
	crash_page_clear(page);
}

static void test_quarantine_doubles_ends_and_is_forgotten(void **state UNUSED)
{
	struct crash_page *page = new_page();
	int64_t now = 1000 * SECOND, pause = QUARANTINE_MIN;

	for (unsigned i = 0; i < 10; i++) {
		struct told told = {0};

		assert_int_equal(die(page, crash_with_two), SIGSEGV);
		/* Far enough from each other never to put the page on hold. */
		assert_false(crash_page_fault(page, now, tell, &told));
		assert_int_equal(told.suspects[0].crashes, i + 1);
		assert_int_equal(told.suspects[0].pause, pause);
		assert_left(page, "default/web", now, pause);
		assert_left(page, "default/web", now + pause - 1, 1);
		assert_left(page, "default/web", now + pause, 0);
		assert_left(page, "default/we", now, 0);
		assert_left(page, "default/innocent", now, 0);
		now += pause + CRASH_WINDOW;
		pause = MIN(2 * pause, QUARANTINE_MAX);
	}
	now += QUARANTINE_MEMORY;
	assert_int_equal(die(page, crash_with_two), SIGSEGV);
	assert_false(crash_page_fault(page, now, NULL, NULL));
	assert_left(page, "default/web", now, QUARANTINE_MIN);
	crash_page_free(page);
}

static void ask_hold(void)
{
	if (crash_hold_left(asked_now) != expected_left)
		raise(SIGTERM);
}

static void test_three_in_a_minute_hold(void **state UNUSED)
{
	struct crash_page *page = new_page();

	assert_false(crash_page_fault(page, 1 * SECOND, NULL, NULL));
	assert_false(crash_page_fault(page, 10 * SECOND, NULL, NULL));
	assert_false(crash_page_fault(page, 62 * SECOND, NULL, NULL)); /* the first is more than a minute ago */
	assert_true(crash_page_fault(page, 69 * SECOND, NULL, NULL));
	asked_now = 70 * SECOND;
	expected_left = HOLD_TIME - SECOND;
	assert_int_equal(die(page, ask_hold), 0);
	asked_now = 69 * SECOND + HOLD_TIME;
	expected_left = 0;
	assert_int_equal(die(page, ask_hold), 0);
	crash_page_free(page);
}

static char long_key[2 * CRASH_KEY_SIZE];

static void crash_with_a_long_key(void)
{
	(void)crash_note_begin("deployment-controller", str_from(long_key));
	raise(SIGILL);
}

static void crash_many(void)
{
	char name[32];

	snprintf(name, sizeof(name), "default/web-%lld", (long long)asked_now);
	(void)crash_note_begin("deployment-controller", str_from(name));
	raise(SIGFPE);
}

static void test_long_keys_and_a_full_table(void **state UNUSED)
{
	struct crash_page *page = new_page();
	struct told told = {0};

	memset(long_key, 'k', sizeof(long_key) - 1);
	assert_int_equal(die(page, crash_with_a_long_key), SIGILL);
	assert_false(crash_page_fault(page, SECOND, tell, &told));
	assert_int_equal(strlen(told.suspects[0].key), CRASH_KEY_SIZE - 1);
	assert_left(page, long_key, SECOND, QUARANTINE_MIN);
	/* More keys than there is room for: the oldest quarantines make it. */
	for (int64_t i = 0; i < 70; i++) {
		asked_now = i;
		assert_int_equal(die(page, crash_many), SIGFPE);
		(void)crash_page_fault(page, SECOND + i, NULL, NULL);
	}
	assert_left(page, long_key, SECOND, 0);
	assert_left(page, "default/web-69", SECOND + 69, QUARANTINE_MIN);
	crash_page_free(page);
}

static void *note_many(void *unused UNUSED)
{
	for (int i = 0; i < 10000; i++)
		crash_note_end(crash_note_begin("scheduler", STR("default/pod")));
	return NULL;
}

static void note_from_many_threads(void)
{
	pthread_t threads[8];

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_create(&threads[i], NULL, note_many, NULL);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	raise(SIGTRAP);
}

static void test_many_threads_leave_nothing(void **state UNUSED)
{
	struct crash_page *page = new_page();
	struct told told = {0};

	assert_int_equal(die(page, note_from_many_threads), SIGTRAP);
	assert_false(crash_page_fault(page, SECOND, tell, &told));
	assert_int_equal(told.len, 0);
	crash_page_free(page);
}

static void test_without_a_page_nothing_is_noted(void **state UNUSED)
{
	assert_null(crash_note_begin("scheduler", STR("default/pod")));
	crash_note_end(NULL);
	assert_int_equal(crash_quarantine_left("scheduler", STR("default/pod"), SECOND), 0);
	assert_int_equal(crash_hold_left(SECOND), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_crashed_thread_is_found),
		cmocka_unit_test(test_without_a_mark_all_are_suspects),
		cmocka_unit_test(test_a_kill_says_nothing),
		cmocka_unit_test(test_quarantine_doubles_ends_and_is_forgotten),
		cmocka_unit_test(test_three_in_a_minute_hold),
		cmocka_unit_test(test_long_keys_and_a_full_table),
		cmocka_unit_test(test_many_threads_leave_nothing),
		cmocka_unit_test(test_without_a_page_nothing_is_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
