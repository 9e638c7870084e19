/* /version: who we are, in the fields upstream has. */
#include <sys/utsname.h>

#include "apiserver/encode.h"
#include "apiserver/paths.h"
#include "apiserver/server.h"
#include "logic/version.h"

enum step_result path_version(struct request *request)
{
	struct utsname machine;
	const char *arch = "amd64";

	if (uname(&machine) == 0 && strcmp(machine.machine, "aarch64") == 0)
		arch = "arm64";
	buf_printf(
		&request->response.body,
		"{\"major\":\"" KUBERNETES_MAJOR "\",\"minor\":\"" KUBERNETES_MINOR
		"\",\"emulationMajor\":\"" KUBERNETES_MAJOR "\",\"emulationMinor\":\"" KUBERNETES_MINOR "\","
		"\"minCompatibilityMajor\":\"1\",\"minCompatibilityMinor\":\"35\",\"gitVersion\":\"" KUBERNETES_VERSION
		"+wherry-" WHERRY_VERSION "\",\"gitCommit\":\"\",\"gitTreeState\":\"clean\",\"buildDate\":"
		"\"1970-01-01T00:00:00Z\",\"goVersion\":\"\",\"compiler\":\"cc\",\"platform\":\"linux/%s\"}",
		arch);
	request->accepted = (struct answer_form){.negotiated = true, .pretty = true};
	return respond_json_body(request, 200);
}

struct str apiserver_address(struct request *request)
{
	const struct apiserver_config *config = &request->server->config;

	return arena_printf(&request->arena, STR_FMT ":%u", STR_ARG(config->advertise_address), config->secure_port);
}
