/* Step: an action takes the request; those that may block do so on a handler thread. */
#include "apiserver/action.h"
#include "apiserver/server.h"
#include "apiserver/steps.h"
#include "sys/thread.h"

static void act_on_handler(void *data)
{
	request_continue_on_handler(data);
}

enum step_result step_act(struct request *request)
{
	if (request->action->may_block && !request->on_handler && !request->local) {
		worker_pool_submit(request->server->workers, act_on_handler, request);
		return STEP_SUSPENDED;
	}
	return request->action->run(request);
}
