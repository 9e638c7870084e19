/* Conversion between versions: what goes there and back is what it was, and names are where they belong. */
#include "unit.h"

#include "apiserver/convert.h"
#include "types/codec.h"
#include "types/copy.h"
#include "types/gen/autoscaling_v1.h"
#include "types/gen/autoscaling_v2.h"
#include "types/gen/core_v1.h"
#include "types/gen/events_v1.h"

static const void *decoded(const struct schema *schema, const char *json, struct arena *arena)
{
	struct error err = {0};
	void *data;

	if (decode_json(schema, str_from(json), arena, NULL, &data, &err) < 0)
		fail_msg("%s: %s", json, err.message);
	return data;
}

static const char *encoded(const struct schema *schema, const void *data, struct arena *arena)
{
	struct buf cleanup_buf text;

	buf_init(&text, 64 * 1024);
	encode_json(schema, data, 0, &text);
	return str_c(arena_str(arena, buf_view(&text)));
}

#define V1    &schema_autoscaling_v1_horizontal_pod_autoscaler
#define V2    &schema_autoscaling_v2_horizontal_pod_autoscaler

#define ABOUT "{\"kind\":\"K\",\"name\":\"n\",\"apiVersion\":\"v\"}"
#define SPEC(x)                                                                                                        \
	"{\"metadata\":{\"annotations\":{\"a\":\"b\"}},\"spec\":{\"scaleTargetRef\":" ABOUT ",\"maxReplicas\":3" x "}" \
	"}"

static void test_autoscalers_go_there_and_back(void **state UNUSED)
{
	static const char *const objects[] = {
		SPEC(""),
		SPEC(",\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":"
		     "\"Utilization\",\"averageUtilization\":70}}}]"),
		SPEC(",\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"target\":{\"type\":"
		     "\"AverageValue\",\"averageValue\":\"1Gi\"}}},"
		     "{\"type\":\"ContainerResource\",\"containerResource\":{\"name\":\"cpu\",\"container\":\"c\","
		     "\"target\":{\"type\":\"Utilization\",\"averageUtilization\":7}}},"
		     "{\"type\":\"Pods\",\"pods\":{\"metric\":{\"name\":\"m\",\"selector\":{\"matchLabels\":{\"a\":"
		     "\"b\"}}},\"target\":{\"type\":\"AverageValue\",\"averageValue\":\"2\"}}},"
		     "{\"type\":\"Object\",\"object\":{\"describedObject\":" ABOUT ",\"metric\":{\"name\":\"m\"},"
		     "\"target\":{\"type\":\"Value\",\"value\":\"3\"}}},"
		     "{\"type\":\"Object\",\"object\":{\"describedObject\":" ABOUT ",\"metric\":{\"name\":\"m\"},"
		     "\"target\":{\"type\":\"AverageValue\",\"averageValue\":\"3\"}}},"
		     "{\"type\":\"External\",\"external\":{\"metric\":{\"name\":\"m\"},\"target\":{\"type\":\"Value\","
		     "\"value\":\"4\"}}}]"),
		SPEC(",\"behavior\":{\"scaleUp\":{\"stabilizationWindowSeconds\":0,\"selectPolicy\":\"Max\","
		     "\"policies\":[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15}]}}"),
		"{\"spec\":{\"scaleTargetRef\":" ABOUT ",\"maxReplicas\":3},\"status\":{\"desiredReplicas\":2,"
		"\"currentMetrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"current\":{"
		"\"averageValue\":\"1\",\"averageUtilization\":12}}}],\"conditions\":[{\"type\":\"AbleToScale\","
		"\"status\":\"True\"}]}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		struct arena arena = {0};
		const void *there, *back, *first = decoded(V2, objects[i], &arena);

		there = convert_struct(V2, V1, first, &arena);
		/* Through JSON, as clients of version 1 send it back. */
		there = decoded(V1, encoded(V1, there, &arena), &arena);
		back = convert_struct(V1, V2, there, &arena);
		if (!equal_struct(V2, first, back))
			fail_msg("%s\n%s\n%s", encoded(V2, first, &arena), encoded(V1, there, &arena),
				 encoded(V2, back, &arena));
		arena_release(&arena);
	}
}

static void test_version_1_shows_the_cpu_target(void **state UNUSED)
{
	struct arena arena = {0};
	const struct autoscaling_v1_horizontal_pod_autoscaler *v1 = convert_struct(
		V2, V1,
		decoded(V2,
			"{\"spec\":{\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"target\":{"
			"\"type\":\"AverageValue\",\"averageValue\":\"1\"}}},{\"type\":\"Resource\",\"resource\":{"
			"\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\",\"averageUtilization\":70}}}]}}",
			&arena),
		&arena);

	assert_int_equal(*v1->spec.target_cpu_utilization_percentage, 70);
	assert_string_equal(
		str_c(v1->metadata.annotations.items[0].value),
		"[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"targetAverageValue\":\"1\"}}]");
	arena_release(&arena);
}

static void test_annotations_that_are_no_json_say_nothing(void **state UNUSED)
{
	struct arena arena = {0};
	const struct autoscaling_v2_horizontal_pod_autoscaler *v2 = convert_struct(
		V1, V2,
		decoded(V1,
			"{\"metadata\":{\"annotations\":{\"autoscaling.alpha.kubernetes.io/metrics\":\"[{\","
			"\"autoscaling.alpha.kubernetes.io/behavior\":\"[]\","
			"\"autoscaling.alpha.kubernetes.io/conditions\":\"{}\"}}}",
			&arena),
		&arena);

	assert_int_equal(v2->spec.metrics.len, 0);
	assert_null(v2->spec.behavior);
	assert_int_equal(v2->status.conditions.len, 0);
	assert_int_equal(v2->metadata.annotations.len, 0);
	arena_release(&arena);
}

static void test_events_of_both_groups(void **state UNUSED)
{
	struct arena arena = {0};
	const struct schema *core = &schema_core_v1_event, *events = &schema_events_v1_event;
	const void *made = convert_struct(
		core, events,
		decoded(core,
			"{\"involvedObject\":{\"name\":\"p\"},\"reason\":\"R\",\"message\":\"m\",\"source\":{\"host\":"
			"\"h\"},"
			"\"count\":3,\"type\":\"Normal\",\"series\":{\"count\":2},\"reportingComponent\":\"c\"}",
			&arena),
		&arena);
	const struct events_v1_event *event = made;

	assert_string_equal(str_c(event->regarding.name), "p");
	assert_string_equal(str_c(event->note), "m");
	assert_string_equal(str_c(event->deprecated_source.host), "h");
	assert_int_equal(event->deprecated_count, 3);
	assert_int_equal(event->series->count, 2);
	assert_string_equal(str_c(event->reporting_controller), "c");
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_autoscalers_go_there_and_back),
		cmocka_unit_test(test_version_1_shows_the_cpu_target),
		cmocka_unit_test(test_annotations_that_are_no_json_say_nothing),
		cmocka_unit_test(test_events_of_both_groups),
	};

	return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}
