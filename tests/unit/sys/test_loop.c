/* Loops: posting from other threads, timers, deferred calls, watches; and what is left when a loop is freed. */
#include "unit.h"

#include <fcntl.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "sys/loop.h"
#include "sys/thread.h"

#define POSTS 1000

struct fixture {
	struct loop *loop;
	int posts, last;
	bool in_order;
};

struct numbered {
	struct fixture *fixture;
	int number;
};

static void count_post(void *data)
{
	struct numbered *n = data;

	assert_true(loop_is_current(n->fixture->loop));
	n->fixture->in_order &= n->number == n->fixture->last + 1;
	n->fixture->last = n->number;
	if (++n->fixture->posts == POSTS)
		loop_stop(n->fixture->loop);
	free(n);
}

static void post_many(void *data)
{
	struct fixture *fixture = data;

	for (int i = 1; i <= POSTS; i++) {
		struct numbered *n = XNEW(struct numbered);

		*n = (struct numbered){fixture, i};
		loop_post(fixture->loop, count_post, n);
	}
}

static void test_post_keeps_order(void **state UNUSED)
{
	struct fixture fixture = {.loop = loop_new(), .in_order = true};
	struct thread *thread = NULL;
	struct error err = {0};

	assert_int_equal(thread_start("poster", post_many, &fixture, &thread, &err), 0);
	loop_run(fixture.loop);
	thread_join(thread);
	assert_true(fixture.in_order);
	assert_false(loop_is_current(fixture.loop));
	loop_free(fixture.loop);
}

static void set_flag(void *data)
{
	*(bool *)data = true;
}

static void test_free_runs_what_was_posted(void **state UNUSED)
{
	struct loop *loop = loop_new();
	bool ran = false;

	loop_post(loop, set_flag, &ran);
	loop_free(loop);
	assert_true(ran);
}

struct timers {
	struct loop *loop;
	struct loop_timer once, periodic, never;
	int64_t started;
	int once_runs, periodic_runs;
};

static void on_once(struct loop_timer *timer)
{
	struct timers *t = CONTAINER_OF(timer, struct timers, once);

	assert_true(clock_monotonic_ns() - t->started >= 5 * NS_PER_MS);
	t->once_runs++;
	loop_timer_stop(&t->never);
}

static void on_periodic(struct loop_timer *timer)
{
	struct timers *t = CONTAINER_OF(timer, struct timers, periodic);

	if (++t->periodic_runs == 8) {
		loop_timer_stop(timer);
		loop_stop(t->loop);
	}
}

static void on_never(struct loop_timer *timer UNUSED)
{
	fail();
}

static void test_timers(void **state UNUSED)
{
	struct timers t = {.loop = loop_new(), .started = clock_monotonic_ns()};

	loop_timer_init(&t.once, t.loop, on_once);
	loop_timer_init(&t.periodic, t.loop, on_periodic);
	loop_timer_init(&t.never, t.loop, on_never);
	loop_timer_start(&t.never, 8 * NS_PER_MS, 0);
	loop_timer_start(&t.periodic, 2 * NS_PER_MS, 2 * NS_PER_MS);
	loop_timer_start(&t.once, 5 * NS_PER_MS, 0);
	loop_run(t.loop);
	assert_int_equal(t.once_runs, 1);
	assert_int_equal(t.periodic_runs, 8);
	assert_false(loop_timer_active(&t.never));
	loop_free(t.loop);
}

struct moved {
	struct loop *loop;
	struct loop_timer timer;
};

static void on_moved(struct loop_timer *timer)
{
	loop_stop(CONTAINER_OF(timer, struct moved, timer)->loop);
}

/* A timer that is the first already, and is set to an earlier time, does not wait for the later one. */
static void test_timer_moves_forward(void **state UNUSED)
{
	struct moved moved = {.loop = loop_new()};
	int64_t started = clock_monotonic_ns();

	loop_timer_init(&moved.timer, moved.loop, on_moved);
	loop_timer_start(&moved.timer, 20 * NS_PER_SEC, 0);
	loop_timer_start(&moved.timer, NS_PER_MS, 0);
	loop_run(moved.loop);
	assert_true(clock_monotonic_ns() - started < 15 * NS_PER_SEC);
	loop_free(moved.loop);
}

struct slices {
	struct loop *loop;
	struct loop_defer defer;
	struct loop_timer timer;
	int runs;
	bool timer_ran;
};

static void on_slice(struct loop_defer *defer)
{
	struct slices *s = CONTAINER_OF(defer, struct slices, defer);

	s->runs++;
	if (s->timer_ran)
		loop_stop(s->loop);
	else
		loop_defer(defer);
}

static void on_slice_timer(struct loop_timer *timer)
{
	CONTAINER_OF(timer, struct slices, timer)->timer_ran = true;
}

/* A call that defers itself again and again lets timers in. */
static void test_defer_does_not_starve(void **state UNUSED)
{
	struct slices s = {.loop = loop_new()};

	loop_defer_init(&s.defer, s.loop, on_slice);
	loop_timer_init(&s.timer, s.loop, on_slice_timer);
	loop_timer_start(&s.timer, 2 * NS_PER_MS, 0);
	loop_defer(&s.defer);
	loop_defer(&s.defer);
	loop_run(s.loop);
	assert_true(s.runs > 2);
	loop_free(s.loop);
}

struct pipe_end {
	struct loop *loop;
	struct loop_watch *watch;
	int fd;
	char got[8];
};

static void on_pipe(void *data, unsigned events)
{
	struct pipe_end *end = data;

	assert_true(events & LOOP_READ);
	assert_int_equal(read(end->fd, end->got, sizeof(end->got)), 2);
	end->watch = loop_watch_free(end->watch);
	end->fd = close_fd(end->fd);
	loop_stop(end->loop);
}

static void test_watch(void **state UNUSED)
{
	struct pipe_end end = {.loop = loop_new()};
	int fds[2], failure = 0;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	end.fd = fds[0];
	end.watch = loop_watch_new(end.loop, end.fd, LOOP_READ, on_pipe, &end, &failure);
	assert_non_null(end.watch);
	assert_int_equal(write(fds[1], "hi", 2), 2);
	loop_run(end.loop);
	assert_memory_equal(end.got, "hi", 2);
	assert_null(loop_watch_new(end.loop, -1, LOOP_READ, on_pipe, &end, &failure));
	assert_int_equal(failure, EBADF);
	close_fd(fds[1]);
	loop_free(end.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post_keeps_order),
		cmocka_unit_test(test_free_runs_what_was_posted),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_timer_moves_forward),
		cmocka_unit_test(test_defer_does_not_starve),
		cmocka_unit_test(test_watch),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
