/* References of pods: asked for once, watched from then on, their users woken. */
#include "unit.h"

#include "kubelet/references.h"
#include "node.h"
#include "sys/loop.h"
#include "types/gen/core_v1.h"

static struct test_node node;
static struct loop *loop;
static unsigned wakes;
static char woken[64];

static void wake(void *cookie UNUSED, struct str uid)
{
	wakes++;
	snprintf(woken, sizeof(woken), STR_FMT, STR_ARG(uid));
}

static int setup(void **state UNUSED)
{
	test_node_init(&node);
	wakes = 0;
	loop = loop_new();
	node.context.wake = wake;
	node.context.references = references_new(&node.context, loop);
	return 0;
}

static int teardown(void **state UNUSED)
{
	references_stop(node.context.references);
	loop_free(loop);
	references_free(node.context.references);
	test_node_release(&node);
	return 0;
}

static void on_turned(void *data)
{
	loop_stop(data);
}

/* Runs what has been posted. */
static void turn(void)
{
	loop_post(loop, on_turned, loop);
	loop_run(loop);
}

/* The value the pod sees; "" when there is no such ConfigMap. */
static void assert_sees(const char *uid, const char *expected)
{
	struct core_v1_pod pod = {.metadata = {.name = STR("p"), .namespace = STR("n"), .uid = str_from(uid)}};
	const struct core_v1_config_map *map;
	struct error err = {0};

	if (reference_config_map(&node.context, &pod, STR("m"), &node.arena, &map, &err) == 0) {
		assert_str_equal(map->data.items[0].value, expected);
		return;
	}
	assert_string_equal(expected, "");
	assert_string_equal(err.message, "configmap \"m\" not found");
}

static void api_has(const char *value, uint64_t revision)
{
	if (node.objects_len)
		object_unref(node.objects[0]);
	node.objects[0] = fake_config_map("n", "m", value, revision);
	node.objects_len = 1;
}

static void test_asks_once(void **state UNUSED)
{
	api_has("1", 5);
	assert_sees("u", "1");
	assert_int_equal(node.calls, 1);
	turn();
	assert_int_equal(node.transport.watches, 1);
	fake_send(&node.transport, WATCH_ADDED, fake_config_map("n", "m", "1", 5), 5, false);
	fake_send(&node.transport, WATCH_BOOKMARK, NULL, 9, true);
	turn();
	assert_int_equal(wakes, 0); /* it is what the pod has */
	assert_sees("u", "1");
	assert_sees("other", "1");
	assert_int_equal(node.calls, 1);

	fake_send(&node.transport, WATCH_MODIFIED, fake_config_map("n", "m", "2", 10), 10, false);
	turn();
	assert_int_equal(wakes, 2);
	assert_sees("u", "2");

	references_forget(node.context.references, STR("other"));
	fake_send(&node.transport, WATCH_DELETED, fake_config_map("n", "m", "2", 11), 11, false);
	turn();
	assert_int_equal(wakes, 3);
	assert_string_equal(woken, "u");
	assert_sees("u", "");

	references_forget(node.context.references, STR("u"));
	turn();
	assert_null(node.transport.sink);
}

static void test_sees_what_changed_before_the_watch(void **state UNUSED)
{
	api_has("1", 5);
	assert_sees("u", "1");
	turn();
	fake_send(&node.transport, WATCH_ADDED, fake_config_map("n", "m", "2", 6), 6, false);
	fake_send(&node.transport, WATCH_BOOKMARK, NULL, 6, true);
	turn();
	assert_int_equal(wakes, 1);
	assert_sees("u", "2");
}

static void test_answers_that_differ(void **state UNUSED)
{
	api_has("1", 5);
	assert_sees("a", "1");
	api_has("2", 6);
	assert_sees("b", "2");
	turn();
	fake_send(&node.transport, WATCH_ADDED, fake_config_map("n", "m", "2", 6), 6, false);
	fake_send(&node.transport, WATCH_BOOKMARK, NULL, 6, true);
	turn();
	assert_int_equal(wakes, 2);
}

static void test_waits_for_what_is_missing(void **state UNUSED)
{
	assert_sees("u", "");
	turn();
	fake_send(&node.transport, WATCH_BOOKMARK, NULL, 6, true);
	turn();
	assert_int_equal(wakes, 0);
	fake_send(&node.transport, WATCH_ADDED, fake_config_map("n", "m", "1", 7), 7, false);
	turn();
	assert_int_equal(wakes, 1);
	assert_sees("u", "1");
	assert_int_equal(node.calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_asks_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sees_what_changed_before_the_watch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_that_differ, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_what_is_missing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
