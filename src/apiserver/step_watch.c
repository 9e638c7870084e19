/* Step: a watch becomes a watcher, which the way the request came in takes over. */
#include "apiserver/encode.h"
#include "apiserver/steps.h"
#include "apiserver/watch.h"

enum step_result step_watch(struct request *request)
{
	request->response.code = 200;
	/* Streams are JSON, or what was asked for said "stream=watch". */
	request->accepted.format = MEDIA_JSON;
	request->accepted.pretty = false;
	request->response.content_type = response_content_type(request);
	request->response.watcher = watcher_new(request);
	return STEP_DONE;
}
