/* /version: who we are, in the fields upstream has. */
#include "logic/version.h"
#include "apiserver/encode.h"
#include "apiserver/paths.h"
#include "apiserver/server.h"
#include "component/host.h"

enum step_result path_version(struct request *request)
{
	buf_printf(
		&request->response.body,
		"{\"major\":\"" KUBERNETES_MAJOR "\",\"minor\":\"" KUBERNETES_MINOR
		"\",\"emulationMajor\":\"" KUBERNETES_MAJOR "\",\"emulationMinor\":\"" KUBERNETES_MINOR "\","
		"\"minCompatibilityMajor\":\"1\",\"minCompatibilityMinor\":\"35\",\"gitVersion\":\"" KUBERNETES_VERSION
		"+wherry-" WHERRY_VERSION "\",\"gitCommit\":\"\",\"gitTreeState\":\"clean\",\"buildDate\":"
		"\"1970-01-01T00:00:00Z\",\"goVersion\":\"\",\"compiler\":\"cc\",\"platform\":\"%s\"}",
		host_platform());
	request->accepted = (struct answer_form){.negotiated = true, .pretty = true};
	return respond_json_body(request, 200);
}

struct str apiserver_address(struct request *request)
{
	const struct apiserver_config *config = &request->server->config;

	return arena_printf(&request->arena, STR_FMT ":%u", STR_ARG(config->advertise_address), config->secure_port);
}
