/* A cluster in a cache; see fixture.h. */
#include "unit.h"

#include "fixture.h"
#include "types/codec.h"

void fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){0};
	cache_init(&fixture->cache);
	fixture->decider = (struct decider){.cache = &fixture->cache, .random = {1}};
}

void fixture_release(struct fixture *fixture)
{
	for (size_t i = 0; i < fixture->len; i++) {
		cache_nominate(&fixture->cache, fixture->pods[i], STR_EMPTY);
		cache_remove_pod(&fixture->cache, fixture->pods[i]);
		sched_pod_free(fixture->pods[i]);
	}
	cache_release(&fixture->cache);
	decider_release(&fixture->decider);
}

struct object *fixture_object(const struct schema *schema, const char *json)
{
	struct arena cleanup_arena arena = {0};
	struct error err = {0};
	void *data;

	if (decode_json(schema, str_from(json), &arena, NULL, &data, &err) < 0)
		fail_msg("%s: %s", err.message, json);
	return object_publish(schema, data);
}

void fixture_node(struct fixture *fixture, const char *name, const char *members)
{
	static const char status[] = "\"status\":{\"allocatable\":{\"cpu\":\"4\",\"memory\":\"8Gi\",\"pods\":\"110\"}}";
	struct arena cleanup_arena arena = {0};
	bool own = strstr(members, "\"allocatable\"");
	struct str json = arena_printf(
		&arena, "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"disk\":\"%s\",\"size\":\"5\"}}%s%s%s%s}", name,
		name, own ? "" : ",", own ? "" : status, members[0] ? "," : "", members);
	struct object *object = fixture_object(&schema_core_v1_node, str_c(json));

	cache_set_node(&fixture->cache, object);
	object_unref(object);
}

struct sched_pod *fixture_pod(struct fixture *fixture, const char *name, const char *node, const char *members)
{
	struct arena cleanup_arena arena = {0};
	struct str json = arena_printf(
		&arena, "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"labels\":{\"app\":\"%s\"}}%s%s}", name,
		name, members[0] ? "," : "", members);
	struct object *object = fixture_object(&schema_core_v1_pod, str_c(json));
	struct sched_pod *pod = sched_pod_new(&fixture->cache.names, object);

	object_unref(object);
	assert_true(fixture->len < ARRAY_LEN(fixture->pods));
	fixture->pods[fixture->len++] = pod;
	if (node[0])
		cache_add_pod(&fixture->cache, pod, str_from(node));
	return pod;
}
