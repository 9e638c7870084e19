/* Threads and worker pools: bounds, order of shutting down, jobs that submit jobs. */
#include "unit.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "sys/thread.h"

struct gate {
	struct mutex lock;
	struct cond changed;
	int inside, peak, done;
	bool open;
	struct worker_pool *pool;
};

static void gate_init(struct gate *gate, struct worker_pool *pool)
{
	*gate = (struct gate){.pool = pool};
	mutex_init(&gate->lock);
	cond_init(&gate->changed);
}

static void pass_gate(void *data)
{
	struct gate *gate = data;
	MUTEX_GUARD(&gate->lock);

	gate->inside++;
	gate->peak = MAX(gate->peak, gate->inside);
	cond_broadcast(&gate->changed);
	while (!gate->open)
		cond_wait(&gate->changed, &gate->lock);
	gate->inside--;
	gate->done++;
}

static void test_pool_is_bounded(void **state UNUSED)
{
	struct worker_pool *pool = worker_pool_new("test", 3);
	struct gate gate;

	gate_init(&gate, pool);
	for (int i = 0; i < 10; i++)
		worker_pool_submit(pool, pass_gate, &gate);
	mutex_lock(&gate.lock);
	while (gate.inside < 3)
		cond_wait(&gate.changed, &gate.lock);
	mutex_unlock(&gate.lock);
	assert_int_equal(worker_pool_threads(pool), 3);
	assert_int_equal(worker_pool_try_submit(pool, 7, pass_gate, &gate), -ERR_AGAIN);
	assert_int_equal(worker_pool_try_submit(pool, 8, pass_gate, &gate), 0);
	mutex_lock(&gate.lock);
	gate.open = true;
	cond_broadcast(&gate.changed);
	mutex_unlock(&gate.lock);
	worker_pool_free(pool);
	assert_int_equal(gate.done, 11);
	assert_int_equal(gate.peak, 3);
}

static atomic_int leaves;

static void leaf(void *data UNUSED)
{
	atomic_fetch_add(&leaves, 1);
}

static void branch(void *data)
{
	for (int i = 0; i < 10; i++)
		worker_pool_submit(data, leaf, NULL);
}

static void test_jobs_submit_jobs(void **state UNUSED)
{
	struct worker_pool *pool = worker_pool_new("test", 4);

	for (int i = 0; i < 10; i++)
		worker_pool_submit(pool, branch, pool);
	worker_pool_free(pool);
	assert_int_equal(atomic_load(&leaves), 100);
}

static void test_wait_has_a_deadline(void **state UNUSED)
{
	struct gate gate;

	gate_init(&gate, NULL);
	mutex_lock(&gate.lock);
	while (cond_wait_until(&gate.changed, &gate.lock, clock_monotonic_ns() + NS_PER_MS))
		;
	mutex_unlock(&gate.lock);
	cond_release(&gate.changed);
	mutex_release(&gate.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_is_bounded),
		cmocka_unit_test(test_jobs_submit_jobs),
		cmocka_unit_test(test_wait_has_a_deadline),
	};

	return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
