/* The queue: order, backoff, who is woken by what, gates. */
#include "unit.h"

#include "base/clock.h"
#include "fixture.h"
#include "scheduler/queue.h"

#define SECOND NS_PER_SEC

struct world {
	struct fixture f;
	struct queue queue;
};

static void setup(struct world *world)
{
	fixture_init(&world->f);
	queue_init(&world->queue);
}

static void teardown(struct world *world)
{
	for (size_t i = 0; i < world->f.len; i++)
		queue_remove(&world->queue, world->f.pods[i]);
	queue_release(&world->queue);
	fixture_release(&world->f);
}

static void by_priority_then_time(void **state UNUSED)
{
	struct world w;
	struct sched_pod *a, *b, *c;

	setup(&w);
	a = fixture_pod(&w.f, "a", "", "");
	b = fixture_pod(&w.f, "b", "", "");
	c = fixture_pod(&w.f, "c", "", "\"spec\":{\"priority\":7}");
	queue_add(&w.queue, a, 1);
	queue_add(&w.queue, b, 1);
	queue_add(&w.queue, c, 2);
	assert_ptr_equal(queue_pop(&w.queue, 3), c);
	assert_ptr_equal(queue_pop(&w.queue, 3), a);
	assert_ptr_equal(queue_pop(&w.queue, 3), b);
	assert_null(queue_pop(&w.queue, 3));
	teardown(&w);
}

static void waits_for_what_helps(void **state UNUSED)
{
	struct world w;
	struct sched_pod *pod;
	struct object *node;
	struct cluster_event event = {.what = EVENT_POD_ADD};

	setup(&w);
	node = fixture_object(&schema_core_v1_node, "{\"metadata\":{\"name\":\"n\",\"labels\":{\"a\":\"b\"}}}");
	pod = fixture_pod(&w.f, "p", "", "\"spec\":{\"nodeSelector\":{\"a\":\"c\"}}");
	queue_add(&w.queue, pod, 0);
	assert_ptr_equal(queue_pop(&w.queue, 0), pod);
	queue_reject(&w.queue, pod, PLUGIN_BIT(PLUGIN_node_affinity), 0);
	assert_null(queue_pop(&w.queue, 20 * SECOND));
	assert_int_equal(queue_event(&w.queue, &event, 20 * SECOND), 0);
	event = (struct cluster_event){.what = EVENT_NODE_ADD, .node = OBJECT_AS(core_v1_node, node)};
	assert_int_equal(queue_event(&w.queue, &event, 20 * SECOND), 0); /* a node, but not one it may go to */
	object_unref(node);
	node = fixture_object(&schema_core_v1_node, "{\"metadata\":{\"name\":\"n\",\"labels\":{\"a\":\"c\"}}}");
	event.node = OBJECT_AS(core_v1_node, node);
	assert_int_equal(queue_event(&w.queue, &event, 20 * SECOND), 1);
	assert_ptr_equal(queue_pop(&w.queue, 20 * SECOND), pod);
	/* Rejected by nobody in particular: whatever happens may help. */
	queue_reject(&w.queue, pod, 0, 20 * SECOND);
	event = (struct cluster_event){.what = EVENT_POD_ADD};
	assert_int_equal(queue_event(&w.queue, &event, 20 * SECOND), 1);
	object_unref(node);
	teardown(&w);
}

static void forgotten_for_five_minutes_at_most(void **state UNUSED)
{
	struct world w;
	struct sched_pod *pod;

	setup(&w);
	pod = fixture_pod(&w.f, "p", "", "");
	queue_add(&w.queue, pod, 0);
	assert_ptr_equal(queue_pop(&w.queue, 0), pod);
	queue_reject(&w.queue, pod, PLUGIN_BIT(PLUGIN_node_name), 0);
	assert_int_equal(queue_next_tick(&w.queue), 300 * SECOND);
	assert_null(queue_pop(&w.queue, 299 * SECOND));
	assert_ptr_equal(queue_pop(&w.queue, 300 * SECOND), pod);
	teardown(&w);
}

/* Errors wait 1, 2, 4, 8, 10, 10 seconds. */
static void errors_back_off(void **state UNUSED)
{
	static const int64_t seconds[] = {1, 2, 4, 8, 10, 10};
	struct world w;
	struct sched_pod *pod;
	int64_t now = 100 * SECOND;

	setup(&w);
	pod = fixture_pod(&w.f, "p", "", "");
	queue_add(&w.queue, pod, now);
	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		assert_ptr_equal(queue_pop(&w.queue, now), pod);
		queue_fail(&w.queue, pod, now);
		assert_int_equal(queue_next_tick(&w.queue), now + seconds[i] * SECOND);
		now += seconds[i] * SECOND;
		assert_null(queue_pop(&w.queue, now - 1));
	}
	teardown(&w);
}

/* What plugins rejected is taken before its time when there is nothing else to do. */
static void backoff_is_cut_short(void **state UNUSED)
{
	struct world w;
	struct sched_pod *woken, *other;
	const struct cluster_event event = {.what = EVENT_NODE_ADD};

	setup(&w);
	woken = fixture_pod(&w.f, "woken", "", "\"spec\":{\"priority\":9}");
	other = fixture_pod(&w.f, "other", "", "");
	queue_add(&w.queue, woken, 0);
	assert_ptr_equal(queue_pop(&w.queue, 0), woken);
	queue_reject(&w.queue, woken, 0, 0);
	assert_int_equal(queue_event(&w.queue, &event, 1), 1);
	assert_int_equal(woken->place, POD_BACKOFF);
	queue_add(&w.queue, other, 2);
	assert_ptr_equal(queue_pop(&w.queue, 3), other);
	assert_ptr_equal(queue_pop(&w.queue, 3), woken);
	teardown(&w);
}

static void gates(void **state UNUSED)
{
	struct world w;
	struct sched_pod *pod;
	struct object *open;
	struct cluster_event event = {.what = EVENT_OWN_GATES};

	setup(&w);
	pod = fixture_pod(&w.f, "p", "", "\"spec\":{\"schedulingGates\":[{\"name\":\"g\"}]}");
	queue_add(&w.queue, pod, 0);
	assert_int_equal(pod->place, POD_GATED);
	assert_null(queue_pop(&w.queue, 1000 * SECOND));
	open = fixture_object(&schema_core_v1_pod, "{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\"}}");
	sched_pod_update(pod, &w.f.cache.names, open);
	queue_update(&w.queue, pod, &event, 1000 * SECOND);
	assert_ptr_equal(queue_pop(&w.queue, 1000 * SECOND), pod);
	object_unref(open);
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_priority_then_time),
		cmocka_unit_test(waits_for_what_helps),
		cmocka_unit_test(forgotten_for_five_minutes_at_most),
		cmocka_unit_test(errors_back_off),
		cmocka_unit_test(backoff_is_cut_short),
		cmocka_unit_test(gates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
