/* /healthz, /livez, /readyz and their single checks; /metrics. */
#include "component/health.h"
#include "apiserver/encode.h"
#include "apiserver/paths.h"
#include "apiserver/server.h"
#include "component/metrics.h"

#define TEXT STR("text/plain; charset=utf-8")

enum step_result path_health(struct request *request)
{
	struct str path = request->info.path, endpoint, check;
	struct health_query query = {0};
	struct buf text;
	int code;

	str_cut(str_from_at(path, 1), '/', &endpoint, &check);
	query.kind = str_eq(endpoint, STR("livez"))    ? HEALTH_LIVE
		     : str_eq(endpoint, STR("readyz")) ? HEALTH_READY
						       : HEALTH_ANY;
	query.name = endpoint;
	query.check = check;
	query.verbose = query_has(&request->query, STR("verbose"));
	query.params = &request->query;
	buf_init(&text, 64 * 1024);
	code = health_report(request->server->health, &query, &text);
	if (code == 404) {
		buf_release(&text);
		return path_not_found(request);
	}
	response_header(request, STR("x-content-type-options"), STR("nosniff"));
	respond_text(request, code, TEXT, buf_view(&text));
	buf_release(&text);
	return STEP_DONE;
}

/* A long text: no I/O thread is kept with it. */
enum step_result path_metrics(struct request *request)
{
	if (!request->on_handler)
		return request_move_to_handler(request);
	buf_clear(&request->response.body);
	metrics_write(request->server->metrics, &request->response.body);
	request->response.code = 200;
	request->response.content_type = STR("text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
	return STEP_DONE;
}
