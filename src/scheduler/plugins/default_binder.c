/* DefaultBinder: tells the API server, which binds the pod (pods/binding). */
#include "scheduler/framework.h"

#include "client/client.h"

static int bind_pod(struct binding *binding, struct error *err)
{
	const struct meta_v1_object_meta *meta = binding->pod->meta;
	struct core_v1_binding body = {
		.metadata = {.name = meta->name, .namespace = meta->namespace, .uid = meta->uid},
		.target = {.kind = STR("Node"), .name = binding->node},
	};
	struct api_request request = {.operation = API_CREATE,
				      .resource = client_resource("", "v1", "pods"),
				      .namespace = meta->namespace,
				      .name = meta->name,
				      .subresource = STR("binding"),
				      .body_schema = &schema_core_v1_binding,
				      .body = &body,
				      .field_manager = STR("kube-scheduler")};
	struct api_response response = {0};

	if (binding->transport->ops->call(binding->transport, &request, &response, err) < 0)
		return -(int)err->code;
	api_response_release(&response);
	return 0;
}

const struct plugin plugin_default_binder = {
	.name = "DefaultBinder",
	.bind = bind_pod,
};
