/* Step: what is no resource: one table of paths. */
#include "apiserver/encode.h"
#include "apiserver/paths.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"

/* A path, or all below it when it ends in '/'; the first that fits answers. */
static const struct {
	struct str path;
	enum step_result (*serve)(struct request *request);
} paths[] = {
	{STR_INIT("/api"), path_api},
	{STR_INIT("/api/"), path_api},
	{STR_INIT("/apis"), path_apis},
	{STR_INIT("/apis/"), path_apis},
	{STR_INIT("/version"), path_version},
	{STR_INIT("/version/"), path_version},
	{STR_INIT("/healthz"), path_health},
	{STR_INIT("/healthz/"), path_health},
	{STR_INIT("/livez"), path_health},
	{STR_INIT("/livez/"), path_health},
	{STR_INIT("/readyz"), path_health},
	{STR_INIT("/readyz/"), path_health},
	{STR_INIT("/metrics"), path_metrics},
	{STR_INIT("/openapi/v3"), path_openapi},
	{STR_INIT("/openapi/v3/"), path_openapi},
	{STR_INIT("/.well-known/openid-configuration"), path_openid_configuration},
	{STR_INIT("/.well-known/openid-configuration/"), path_openid_configuration},
	{STR_INIT("/openid/v1/jwks"), path_openid_keys},
	{STR_INIT("/openid/v1/jwks/"), path_openid_keys},
	{STR_INIT("/"), path_root},
};

enum step_result path_not_found(struct request *request)
{
	response_header(request, STR("x-content-type-options"), STR("nosniff"));
	return respond_text(request, 404, STR("text/plain; charset=utf-8"), STR("404 page not found\n"));
}

/* The root: every path there is. */
enum step_result path_root(struct request *request)
{
	struct buf *out = &request->response.body;

	if (request->info.path.len > 1)
		return path_not_found(request);
	buf_c(out, "{\"paths\":[");
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		if (paths[i].path.data[paths[i].path.len - 1] == '/')
			continue;
		buf_printf(out, "%s\"" STR_FMT "\"", i ? "," : "", STR_ARG(paths[i].path));
	}
	for (size_t i = 0; i < api_group_versions_len; i++)
		if (api_group_versions[i].group.len)
			buf_printf(out, ",\"/apis/" STR_FMT "\",\"/apis/" STR_FMT "/" STR_FMT "\"",
				   STR_ARG(api_group_versions[i].group), STR_ARG(api_group_versions[i].group),
				   STR_ARG(api_group_versions[i].version));
	buf_c(out, "]}");
	request->accepted = (struct answer_form){.negotiated = true};
	return respond_json_body(request, 200);
}

/* The entry that serves @path; the last, which is the root, stands for what nobody does. */
static size_t find_path(struct str path)
{
	size_t i = 0;

	for (; i < ARRAY_LEN(paths) - 1; i++) {
		bool below = paths[i].path.data[paths[i].path.len - 1] == '/';

		if (below ? str_has_prefix(path, paths[i].path) : str_eq(path, paths[i].path))
			break;
	}
	return i;
}

const char *path_served(struct str path)
{
	size_t i = find_path(path);

	if (i == ARRAY_LEN(paths) - 1)
		return path.len == 1 ? paths[i].path.data : NULL;
	/* Before the one for all below a path comes the path itself. */
	return paths[i].path.data[paths[i].path.len - 1] == '/' ? paths[i - 1].path.data : paths[i].path.data;
}

enum step_result step_path(struct request *request)
{
	return paths[find_path(request->info.path)].serve(request);
}
