/* Reconcilers on a fake API: keys become changes once, see their own writes, and come back after failures. */
#include "unit.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "client/reconciler.h"
#include "fake_transport.h"
#include "sys/loop.h"
#include "sys/thread.h"
#include "types/gen/core_v1.h"

#define DEADLINE_NS (30 * NS_PER_SEC)

struct fixture {
	struct loop *loop;
	struct worker_pool *pool;
	struct fake_transport fake;
	struct informer *informer;
	struct reconciler *reconciler;
	struct loop_timer poll;
	int64_t deadline;
	unsigned wanted, wanted_plans;
	atomic_uint plans, calls, failures; /* failures: how many calls are to fail */
	atomic_uint told;		    /* failures that plans were told of */
	uint64_t revision;		    /* what the next write answers */
	struct {
		int queued, taken, done, retried;
	} seen; /* by the observer */
};

static struct fixture *current;

static void *gather(void *cookie UNUSED, struct str key, struct arena *arena)
{
	struct object *object = informer_get(current->informer, key);

	return object ? reconciler_hold(arena, object) : NULL;
}

/* Writes "done" into every map that does not say so, and deletes those that ask for it. */
static void plan_map(void *cookie UNUSED, const void *inputs, int64_t now UNUSED, struct plan *plan)
{
	const struct core_v1_config_map *map = OBJECT_AS(core_v1_config_map, (const struct object *)inputs);

	atomic_fetch_add(&current->plans, 1);
	SLICE_FOREACH (failure, plan->failures)
		if (failure->operation == API_PATCH && str_eq(failure->message, STR("not this time")))
			atomic_fetch_add(&current->told, 1);
	if (!str_eq(map->data.items[0].value, STR("done")))
		plan_patch(plan, client_resource("", "v1", "configmaps"), map->metadata.namespace, map->metadata.name,
			   NULL, PATCH_TYPE_MERGE, STR("{\"data\":{\"data\":\"done\"}}"));
	if (str_eq(map->data.items[0].value, STR("delete")))
		plan_delete(plan, client_resource("", "v1", "configmaps"), &map->metadata);
}

static int answer(struct fake_transport *fake UNUSED, const struct api_request *request UNUSED,
		  struct api_response *ret, struct error *err)
{
	atomic_fetch_add(&current->calls, 1);
	if (atomic_load(&current->failures)) {
		atomic_fetch_sub(&current->failures, 1);
		return error_set(err, ERR_INTERNAL, "not this time");
	}
	ret->revision = current->revision;
	return 0;
}

static void see_queued(void *data)
{
	struct fixture *f = data;

	f->seen.queued++;
}

static void see_taken(void *data, int64_t waited_ns)
{
	struct fixture *f = data;

	assert_true(waited_ns >= 0);
	f->seen.taken++;
}

static void see_done(void *data, int64_t worked_ns)
{
	struct fixture *f = data;

	assert_true(worked_ns > 0);
	f->seen.done++;
}

static void see_retried(void *data)
{
	struct fixture *f = data;

	f->seen.retried++;
}

static void setup(struct fixture *f)
{
	static const struct reconciler_observer observer = {see_queued, see_taken, see_done, see_retried};
	static const struct reconciler_ops ops = {.name = "test", .gather = gather, .plan = plan_map, .workers = 2};

	*f = (struct fixture){.loop = loop_new(), .pool = worker_pool_new("test", 4), .revision = 20};
	current = f;
	fake_transport_init(&f->fake);
	f->fake.answer = answer;
	f->informer = informer_new(&(struct informer_config){
		.loop = f->loop, .transport = &f->fake.transport, .resource = client_resource("", "v1", "configmaps")});
	f->reconciler = reconciler_new(&(struct reconciler_config){.ops = &ops,
								   .loop = f->loop,
								   .pool = f->pool,
								   .transport = &f->fake.transport,
								   .observer = &observer,
								   .observer_data = f});
	reconciler_add_source(f->reconciler, f->informer, NULL);
	informer_start(f->informer);
	fake_send(&f->fake, WATCH_ADDED, fake_config_map("ns", "a", "x", 3), 3, false);
	fake_send(&f->fake, WATCH_BOOKMARK, NULL, 10, true);
}

static void teardown(struct fixture *f)
{
	reconciler_stop(f->reconciler);
	informer_free(f->informer);
	worker_pool_free(f->pool);
	loop_free(f->loop);
	reconciler_free(f->reconciler);
}

static void on_poll(struct loop_timer *timer)
{
	struct fixture *f = CONTAINER_OF(timer, struct fixture, poll);

	if ((atomic_load(&f->calls) >= f->wanted && reconciler_busy(f->reconciler) == 0) ||
	    clock_monotonic_ns() > f->deadline)
		loop_stop(f->loop);
}

static void on_poll_plans(struct loop_timer *timer)
{
	struct fixture *f = CONTAINER_OF(timer, struct fixture, poll);

	if (atomic_load(&f->plans) >= f->wanted_plans || clock_monotonic_ns() > f->deadline)
		loop_stop(f->loop);
}

/* Turns the loop until so many calls were made and nothing is under way. */
static void run_until_calls(struct fixture *f, unsigned calls)
{
	f->wanted = calls;
	f->deadline = clock_monotonic_ns() + DEADLINE_NS;
	loop_timer_init(&f->poll, f->loop, on_poll);
	loop_timer_start(&f->poll, NS_PER_MS, NS_PER_MS);
	loop_run(f->loop);
	loop_timer_stop(&f->poll);
	assert_int_equal(atomic_load(&f->calls), calls);
}

static void test_waits_for_its_own_write(void **state UNUSED)
{
	struct fixture f;

	setup(&f);
	run_until_calls(&f, 1);
	/* An event from before the write: the key is queued, but must not be planned from the old state again. */
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "y", 15), 15, false);
	f.deadline = clock_monotonic_ns() + 50 * NS_PER_MS;
	f.wanted = 2;
	loop_timer_start(&f.poll, NS_PER_MS, NS_PER_MS);
	loop_run(f.loop);
	loop_timer_stop(&f.poll);
	assert_int_equal(atomic_load(&f.plans), 1);
	/* Its own write shows: now it is planned, and wants nothing. */
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "done", 20), 20, false);
	run_until_calls(&f, 1);
	assert_int_equal(atomic_load(&f.plans), 2);
	teardown(&f);
}

/* Turns the loop until so many plans were made, or until it has had time to make one too many. */
static void run_until_plans(struct fixture *f, unsigned plans, int64_t patience)
{
	f->wanted_plans = plans;
	f->deadline = clock_monotonic_ns() + patience;
	loop_timer_init(&f->poll, f->loop, on_poll_plans);
	loop_timer_start(&f->poll, NS_PER_MS, NS_PER_MS);
	loop_run(f->loop);
	loop_timer_stop(&f->poll);
}

/* What was deleted must be gone or going before its key is planned again; a write and a deletion are both waited for.
 */
static void test_waits_for_its_own_deletion(void **state UNUSED)
{
	struct fixture f;

	setup(&f);
	run_until_calls(&f, 1);
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "delete", 20), 20, false);
	run_until_calls(&f, 3); /* the patch and the deletion */
	assert_int_equal(atomic_load(&f.plans), 2);
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "delete", 21), 21, false);
	run_until_plans(&f, 3, 50 * NS_PER_MS);
	assert_int_equal(atomic_load(&f.plans), 2);
	fake_send(&f.fake, WATCH_DELETED, fake_config_map("ns", "a", "delete", 22), 22, false);
	fake_send(&f.fake, WATCH_ADDED, fake_config_map("ns", "a", "done", 23), 23, false);
	run_until_plans(&f, 3, DEADLINE_NS);
	assert_int_equal(atomic_load(&f.plans), 3);
	teardown(&f);
}

static void test_failures_come_back(void **state UNUSED)
{
	struct fixture f;

	setup(&f);
	atomic_store(&f.failures, 2);
	run_until_calls(&f, 3);
	assert_int_equal(atomic_load(&f.plans), 3);
	assert_int_equal(f.seen.queued, 3);
	assert_int_equal(f.seen.taken, 3);
	assert_int_equal(f.seen.done, 3);
	assert_int_equal(f.seen.retried, 2);
	teardown(&f);
}

/* A plan is told what failed before it, once. */
static void test_failures_are_told(void **state UNUSED)
{
	struct fixture f;

	setup(&f);
	atomic_store(&f.failures, 1);
	run_until_calls(&f, 2);
	assert_int_equal(atomic_load(&f.told), 1);
	fake_send(&f.fake, WATCH_MODIFIED, fake_config_map("ns", "a", "y", 20), 20, false);
	run_until_calls(&f, 3);
	assert_int_equal(atomic_load(&f.told), 1);
	teardown(&f);
}

static void test_ends_with_work_under_way(void **state UNUSED)
{
	struct fixture f;

	setup(&f);
	atomic_store(&f.failures, 1000000);
	f.wanted = 1;
	f.deadline = clock_monotonic_ns() + DEADLINE_NS;
	loop_timer_init(&f.poll, f.loop, on_poll);
	loop_timer_start(&f.poll, NS_PER_MS, NS_PER_MS);
	loop_run(f.loop);
	loop_timer_stop(&f.poll);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_its_own_write),	 cmocka_unit_test(test_waits_for_its_own_deletion),
		cmocka_unit_test(test_failures_come_back),	 cmocka_unit_test(test_failures_are_told),
		cmocka_unit_test(test_ends_with_work_under_way),
	};

	return cmocka_run_group_tests_name("reconciler", tests, NULL, NULL);
}
