/* Step: an action takes the request; those that may block do so on a handler thread. */
#include "apiserver/action.h"
#include "apiserver/steps.h"

enum step_result step_act(struct request *request)
{
	if (request->action->may_block && !request->on_handler && !request->local)
		return request_move_to_handler(request);
	return request->action->run(request);
}
