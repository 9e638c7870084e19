/* nodes/NAME/proxy/...: any request to the node's kubelet, its answer as it is. */
#include "apiserver/actions.h"
#include "apiserver/kubelet_proxy.h"
#include "apiserver/status.h"

/* What follows "/api/v1/nodes/NAME/proxy" in the path as it was sent. */
static struct str rest_of_path(struct str path)
{
	for (int parts = 0; parts < 5; parts++) {
		ptrdiff_t slash = str_index(str_from_at(path, 1), '/');

		if (slash < 0)
			return STR("/");
		path = str_from_at(path, (size_t)slash + 1);
	}
	return path;
}

static enum step_result run(struct request *request)
{
	struct str name = request->info.name, base, url;

	if (kubelet_proxy_locate(request, name, &base) != STEP_NEXT)
		return STEP_DONE;
	url = arena_concat(&request->arena, base, rest_of_path(request->raw_path));
	if (request->raw_query.len)
		url = arena_printf(&request->arena, STR_FMT "?" STR_FMT, STR_ARG(url), STR_ARG(request->raw_query));
	return kubelet_proxy_forward(request, KUBELET_PROXY_RAW, url);
}

const struct action action_node_proxy = {
	.plural = STR_INIT("nodes"),
	.subresource = STR_INIT("proxy"),
	.any_method = true,
	.run = run,
};
