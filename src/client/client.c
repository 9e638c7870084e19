/* The API in calls; see client.h. */
#include "client/client.h"

#include "base/log.h"

void api_response_release(struct api_response *response)
{
	object_unref(response->object);
	for (size_t i = 0; i < response->items_len; i++)
		object_unref(response->items[i]);
	free(response->items);
	*response = (struct api_response){0};
}

const struct resource *client_resource(const char *group, const char *version, const char *plural)
{
	const struct resource *resource = resource_find(str_from(group), str_from(version), str_from(plural));

	if (!resource) {
		log_error("no such resource", "group=%s version=%s resource=%s", group, version, plural);
		abort();
	}
	return resource;
}

static int call(const struct client *client, struct api_request *request, struct object **ret, struct error *err)
{
	struct api_response response = {0};
	int r;

	request->field_manager = client->field_manager;
	r = client->transport->ops->call(client->transport, request, &response, err);
	if (r < 0)
		return r;
	if (ret)
		*ret = TAKE_PTR(response.object);
	api_response_release(&response);
	return 0;
}

int client_get(const struct client *client, const struct resource *resource, struct str namespace, struct str name,
	       struct object **ret, struct error *err)
{
	struct api_request request = {.operation = API_GET, .resource = resource, .namespace = namespace, .name = name};

	return call(client, &request, ret, err);
}

int client_list(const struct client *client, const struct resource *resource, struct str namespace,
		struct str label_selector, struct str field_selector, struct api_response *ret, struct error *err)
{
	struct api_request request = {.operation = API_LIST,
				      .resource = resource,
				      .namespace = namespace,
				      .label_selector = label_selector,
				      .field_selector = field_selector,
				      .field_manager = client->field_manager};
	struct api_response response = {0};
	int r = client->transport->ops->call(client->transport, &request, &response, err);

	if (r < 0)
		return r;
	*ret = response;
	return 0;
}

int client_create(const struct client *client, const struct resource *resource, const void *data, struct object **ret,
		  struct error *err)
{
	const struct meta_v1_object_meta *meta = object_meta_of(resource->schema, data);
	struct api_request request = {.operation = API_CREATE,
				      .resource = resource,
				      .namespace = meta->namespace,
				      .body_schema = resource->schema,
				      .body = data};

	return call(client, &request, ret, err);
}

int client_update(const struct client *client, const struct resource *resource, struct str subresource,
		  const void *data, struct object **ret, struct error *err)
{
	const struct meta_v1_object_meta *meta = object_meta_of(resource->schema, data);
	struct api_request request = {.operation = API_UPDATE,
				      .resource = resource,
				      .namespace = meta->namespace,
				      .name = meta->name,
				      .subresource = subresource,
				      .body_schema = resource->schema,
				      .body = data};

	return call(client, &request, ret, err);
}

int client_patch(const struct client *client, const struct resource *resource, struct str namespace, struct str name,
		 struct str subresource, enum patch_type type, struct str patch, struct object **ret, struct error *err)
{
	struct api_request request = {.operation = API_PATCH,
				      .resource = resource,
				      .namespace = namespace,
				      .name = name,
				      .subresource = subresource,
				      .patch_type = type,
				      .patch = patch};

	return call(client, &request, ret, err);
}

int client_delete(const struct client *client, const struct resource *resource, struct str namespace, struct str name,
		  struct str uid, const int64_t *grace_period_seconds, struct error *err)
{
	struct api_request request = {.operation = API_DELETE,
				      .resource = resource,
				      .namespace = namespace,
				      .name = name,
				      .precondition_uid = uid,
				      .grace_period_seconds = grace_period_seconds};

	return call(client, &request, NULL, err);
}
