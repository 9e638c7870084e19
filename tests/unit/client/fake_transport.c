/* A transport without a server; see fake_transport.h. */
#include "fake_transport.h"

#include "types/gen/core_v1.h"

static int fake_call(struct transport *transport, const struct api_request *request, struct api_response *ret,
		     struct error *err)
{
	struct fake_transport *fake = CONTAINER_OF(transport, struct fake_transport, transport);

	return fake->answer(fake, request, ret, err);
}

static int fake_watch(struct transport *transport, const struct api_request *request, uint64_t revision,
		      struct watch_sink *sink, struct transport_watch **ret, struct error *err UNUSED)
{
	struct fake_transport *fake = CONTAINER_OF(transport, struct fake_transport, transport);

	fake->sink = sink;
	fake->watch_revision = revision;
	fake->metadata_only = request->metadata_only;
	fake->watches++;
	*ret = (struct transport_watch *)(void *)fake;
	return 0;
}

static void fake_watch_close(struct transport_watch *watch)
{
	((struct fake_transport *)(void *)watch)->sink = NULL;
}

static void fake_free(struct transport *transport UNUSED)
{
}

void fake_transport_init(struct fake_transport *fake)
{
	static const struct transport_ops ops = {fake_call, fake_watch, fake_watch_close, fake_free};

	*fake = (struct fake_transport){.transport = {&ops}};
}

struct object *fake_config_map(const char *namespace, const char *name, const char *data, uint64_t revision)
{
	struct str_pair pair = {STR("data"), str_from(data)};
	struct core_v1_config_map map = {
		.metadata = {.namespace = str_from(namespace), .name = str_from(name), .uid = str_from(name)},
		.data = {&pair, 1}};
	struct object *object = object_publish(&schema_core_v1_config_map, &map);

	object_set_revision(object, revision);
	return object;
}

void fake_send(struct fake_transport *fake, enum watch_event_type type, struct object *object, uint64_t revision,
	       bool initial_end)
{
	fake->sink->event(fake->sink, type, object, revision, initial_end);
	object_unref(object);
}

void fake_close(struct fake_transport *fake, enum error_code code)
{
	struct error err = {.code = code};

	fake->sink->closed(fake->sink, &err);
}
