/* Step: method, path and query become the request's info. */
#include "apiserver/status.h"
#include "apiserver/steps.h"

enum step_result step_identify(struct request *request)
{
	struct str path;

	/* In process the caller has named everything already. */
	if (request->local)
		return STEP_NEXT;
	/* Pairs that cannot be decoded are left out, as Go does. */
	(void)query_parse(request->raw_query, &request->arena, &request->query);
	if (url_decode_path(request->raw_path, &request->arena, &path) < 0)
		return status_bad_request(request, "the path has a broken escape");
	request_info_parse(request->method, path, &request->query, &request->arena, &request->info);
	return STEP_NEXT;
}
