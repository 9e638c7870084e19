/* A kubelet's context without a kubelet; see node.h. */
#include "unit.h"

#include "node.h"

#include <fcntl.h>

#include "base/clock.h"
#include "kubelet/tokens.h"
#include "sys/path.h"
#include "types/codec.h"
#include "types/gen/authentication_v1.h"
#include "types/gen/core_v1.h"

static int give_token(struct test_node *node, struct api_response *ret)
{
	struct authentication_v1_token_request answer = {0};
	char text[32];

	snprintf(text, sizeof(text), "token-%u", ++node->tokens);
	answer.status.token = str_from(text);
	answer.status.expiration_timestamp = (struct timestamp){clock_wall_ns() / NS_PER_SEC + 3600, 0, true};
	ret->object = object_publish(&schema_authentication_v1_token_request, &answer);
	return 0;
}

static int answer(struct fake_transport *fake, const struct api_request *request, struct api_response *ret,
		  struct error *err)
{
	struct test_node *node = fake->cookie;

	node->calls++;
	if (node->unreachable)
		return error_set(err, ERR_CLOSED, "unreachable");
	*ret = (struct api_response){0};
	if (str_eq(request->subresource, STR("token")))
		return give_token(node, ret);
	for (size_t i = 0; i < node->objects_len; i++)
		if (node->objects[i]->schema == request->resource->schema &&
		    str_eq(node->objects[i]->meta->name, request->name)) {
			ret->object = object_ref(node->objects[i]);
			return 0;
		}
	return error_set(err, ERR_NOT_FOUND, STR_FMT " \"" STR_FMT "\" not found", STR_ARG(request->resource->plural),
			 STR_ARG(request->name));
}

static void services_of(void *cookie, struct str namespace UNUSED, struct arena *arena, struct object ***ret,
			size_t *ret_len)
{
	struct test_node *node = cookie;
	VEC_OF(struct object *) found = {0};

	for (size_t i = 0; i < node->objects_len; i++)
		if (node->objects[i]->schema == &schema_core_v1_service)
			vec_push(arena, &found, node->objects[i]);
	*ret = found.items;
	*ret_len = found.len;
}

void test_node_init(struct test_node *node)
{
	*node = (struct test_node){.folder = "/tmp/wherry-test-kubelet.XXXXXX"};
	assert_non_null(mkdtemp(node->folder));
	fake_transport_init(&node->transport);
	node->transport.answer = answer;
	node->transport.cookie = node;
	node->config.root_dir = str_from(node->folder);
	node->context = (struct kubelet_context){
		.config = &node->config,
		.client = {&node->transport.transport, STR("kubelet")},
		.tokens = tokens_new(),
		.configmaps = client_resource("", "v1", "configmaps"),
		.secrets = client_resource("", "v1", "secrets"),
		.serviceaccounts = client_resource("", "v1", "serviceaccounts"),
		.services_of = services_of,
		.cookie = node,
	};
}

void test_node_release(struct test_node *node)
{
	for (size_t i = 0; i < node->objects_len; i++)
		object_unref(node->objects[i]);
	tokens_free(node->context.tokens);
	arena_release(&node->arena);
	assert_int_equal(path_remove_tree(AT_FDCWD, node->folder), 0);
}

static void *decode(struct test_node *node, const struct schema *schema, const char *json)
{
	struct error err = {0};
	void *data;

	if (decode_json(schema, str_from(json), &node->arena, NULL, &data, &err) < 0)
		fail_msg("%s", err.message);
	return data;
}

void test_node_has(struct test_node *node, const struct schema *schema, const char *json)
{
	struct object *object = object_publish(schema, decode(node, schema, json));

	for (size_t i = 0; i < node->objects_len; i++)
		if (node->objects[i]->schema == schema && str_eq(node->objects[i]->meta->name, object->meta->name)) {
			object_unref(node->objects[i]);
			node->objects[i] = object;
			return;
		}
	assert_true(node->objects_len < NODE_OBJECTS);
	node->objects[node->objects_len++] = object;
}

const struct core_v1_pod *test_node_pod(struct test_node *node, const char *json)
{
	return decode(node, &schema_core_v1_pod, json);
}
