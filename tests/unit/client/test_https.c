/* What the HTTPS transport asks for and makes of the answers, against a server that tells; see also test_credentials.c.
 */
#include "unit.h"

#include <stdatomic.h>
#include <unistd.h>

#include "client/client.h"
#include "client/https.h"
#include "net/net_fixture.h"

struct world {
	struct http_server *server;
	struct transport *transport;
	struct http_stream *stream; /* a reference: the watch */
	char accept[128];	    /* of the watch; before `asked` */
	atomic_bool asked;
	struct watch_sink sink;
	struct object *object; /* the last; before `events` */
	atomic_int events;
};

static const struct http_stream_ops stream_ops = {0};

static void handle(void *cookie, struct http_request *request)
{
	struct world *world = cookie;
	struct http_response ok = {.status = 200,
				   .headers = HTTP_HEADERS({STR("content-type"), STR("application/json")})};

	snprintf(world->accept, sizeof(world->accept), STR_FMT, STR_ARG(http_request_header(request, STR("accept"))));
	world->stream = http_stream_ref(http_stream_start(request, &ok, &stream_ops, world));
	atomic_store(&world->asked, true);
}

static void on_event(struct watch_sink *sink, enum watch_event_type type, struct object *object,
		     uint64_t revision UNUSED, bool initial_end UNUSED)
{
	struct world *world = CONTAINER_OF(sink, struct world, sink);

	assert_int_equal(type, WATCH_ADDED);
	object_unref(world->object);
	world->object = object_ref(object);
	atomic_fetch_add(&world->events, 1);
}

static void on_closed(struct watch_sink *sink UNUSED, const struct error *err UNUSED)
{
}

static int set_up(void **state)
{
	struct world *world = XNEW(struct world);
	struct http_server_config config = {
		.address = {.family = IP_V4, .bytes = {127, 0, 0, 1}}, .threads = 1, .handle = handle, .cookie = world};
	struct arena cleanup_arena arena = {0};
	struct error err = {0};

	must(http_server_new(&config, &world->server, &err), &err);
	must(https_transport_new(&(struct https_config){.server = arena_printf(&arena, "http://127.0.0.1:%u",
									       http_server_port(world->server))},
				 &world->transport, &err),
	     &err);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	transport_free(world->transport);
	http_server_free(world->server);
	http_stream_unref(world->stream);
	object_unref(world->object);
	free(world);
	return 0;
}

/* One event of a watch: the object, which is the world's. */
static const struct object *watch_one(struct world *world, bool metadata_only, const char *event)
{
	struct api_request request = {.operation = API_LIST,
				      .resource = client_resource("", "v1", "configmaps"),
				      .metadata_only = metadata_only};
	int64_t end = clock_monotonic_ns() + DEADLINE;
	struct transport_watch *watch = NULL;
	struct error err = {0};

	world->sink = (struct watch_sink){.event = on_event, .closed = on_closed};
	must(world->transport->ops->watch(world->transport, &request, 1, &world->sink, &watch, &err), &err);
	for (; !atomic_load(&world->asked); usleep(1000))
		assert_true(clock_monotonic_ns() < end);
	http_stream_write_post(world->stream, PAYLOAD(str_from(event)));
	for (; !atomic_load(&world->events); usleep(1000))
		assert_true(clock_monotonic_ns() < end);
	world->transport->ops->watch_close(watch);
	return world->object;
}

static void test_watch_of_objects(void **state)
{
	struct world *world = *state;
	const struct object *object =
		watch_one(world, false,
			  "{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\","
			  "\"metadata\":{\"name\":\"a\"}}}\n");

	assert_string_equal(world->accept, "application/json");
	assert_ptr_equal(object->schema, client_resource("", "v1", "configmaps")->schema);
	assert_str_equal(object->meta->name, "a");
}

static void test_watch_of_metadata(void **state)
{
	struct world *world = *state;
	const struct object *object = watch_one(
		world, true,
		"{\"type\":\"ADDED\",\"object\":{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":"
		"\"meta.k8s.io/v1\",\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"7\"}}}\n");

	assert_string_equal(world->accept, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
	assert_ptr_equal(object->schema, &schema_meta_v1_partial_object_metadata);
	assert_str_equal(object->meta->uid, "u");
	assert_int_equal(object->revision, 7);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_watch_of_objects),
		CASE(test_watch_of_metadata),
	};

	return cmocka_run_group_tests_name("https", tests, NULL, NULL);
}
