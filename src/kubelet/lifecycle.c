/* Hooks of a container's life; see lifecycle.h. */
#include "kubelet/lifecycle.h"

#include "base/clock.h"
#include "kubelet/probe_run.h"
#include "kubelet/probes.h"

#define DEFAULT_GRACE	      30 /* seconds: the API's default */
#define HTTP_TIMEOUT_NS	      (60 * NS_PER_SEC)
#define POST_START_TIMEOUT_MS 0 /* as long as it takes: the container is not ready before */

static void sleep_for(int64_t seconds)
{
	struct timespec left = {.tv_sec = seconds};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		continue;
}

static int run_http(const struct kubelet_context *context, const struct pod_view *view,
		    const struct container_view *container, const struct core_v1_http_get_action *action,
		    int64_t timeout_ms, struct arena *arena, struct error *err)
{
	struct probe_target target = {.container = container->spec, .host = probe_host(context, view, arena)};
	struct str body = STR_EMPTY;
	int status = 0;

	if (probe_http(context, action, &target, timeout_ms ? timeout_ms * NS_PER_MS : HTTP_TIMEOUT_NS, arena, &status,
		       &body, err) < 0)
		return -(int)err->code;
	return status >= 200 && status < 400 ? 0 : error_set(err, ERR_INTERNAL, "the answer was %d", status);
}

/* 0, or the error of a hook that did not do well. */
static int run(const struct kubelet_context *context, const struct pod_view *view,
	       const struct container_view *container, const struct core_v1_lifecycle_handler *handler, struct str id,
	       int64_t timeout_ms, struct arena *arena, struct error *err)
{
	if (handler->http_get)
		return run_http(context, view, container, handler->http_get, timeout_ms, arena, err);
	if (handler->exec) {
		struct runtime_exec_request request = {
			.container_id = id,
			.command = {handler->exec->command.items, handler->exec->command.len},
			.stdout = true,
			.stderr = true,
		};
		struct runtime_exec_result result;

		if (RUNTIME_CALL(context->runtime, exec_sync, &request, timeout_ms, arena, &result, err) < 0)
			return -(int)err->code;
		return result.exit_code ? error_set(err, ERR_INTERNAL, "command exited with %d: " STR_FMT,
						    result.exit_code, STR_ARG(result.stderr))
					: 0;
	}
	if (handler->sleep)
		sleep_for(timeout_ms ? MIN(handler->sleep->seconds, timeout_ms / 1000) : handler->sleep->seconds);
	return 0;
}

static void pre_stop(const struct kubelet_context *context, const struct pod_view *view,
		     const struct container_view *container, struct str id, int64_t grace_s)
{
	const struct core_v1_lifecycle *lifecycle = container->spec->lifecycle;
	struct arena cleanup_arena arena = {0};
	struct error err = {0};

	if (!lifecycle || !lifecycle->pre_stop || grace_s <= 0 ||
	    run(context, view, container, lifecycle->pre_stop, id, grace_s * 1000, &arena, &err) == 0)
		return;
	pod_event(context, view->object, str_c(container->field), container->spec->name, "Warning", "FailedPreStopHook",
		  "PreStopHook failed");
}

static int stop(const struct kubelet_context *context, const struct pod_view *view,
		const struct container_view *container, struct str id, int64_t grace_s, struct error *err)
{
	int64_t began = clock_monotonic_ns(), left;

	pre_stop(context, view, container, id, grace_s);
	left = grace_s - (clock_monotonic_ns() - began) / NS_PER_SEC;
	return RUNTIME_CALL(context->runtime, stop_container, id, MAX(left, INT64_C(0)), err);
}

int lifecycle_stop(const struct kubelet_context *context, const struct pod_view *view,
		   const struct container_view *container, int64_t grace_s, struct error *err)
{
	return stop(context, view, container, container->latest->id, grace_s, err);
}

int64_t lifecycle_grace(const struct core_v1_pod *pod)
{
	return pod->spec.termination_grace_period_seconds ? *pod->spec.termination_grace_period_seconds : DEFAULT_GRACE;
}

void lifecycle_post_start(const struct kubelet_context *context, const struct pod_view *view,
			  const struct container_view *container, struct str id, struct arena *arena)
{
	const struct core_v1_lifecycle *lifecycle = container->spec->lifecycle;
	struct error err = {0}, ignored = {0};

	if (!lifecycle || !lifecycle->post_start ||
	    run(context, view, container, lifecycle->post_start, id, POST_START_TIMEOUT_MS, arena, &err) == 0)
		return;
	pod_event(context, view->object, str_c(container->field), container->spec->name, "Warning",
		  "FailedPostStartHook", "PostStartHook failed");
	pod_event(context, view->object, str_c(container->field), container->spec->name, "Normal", "Killing",
		  "FailedPostStartHook");
	/* What goes on running is seen, and restarted when it ends. */
	(void)!stop(context, view, container, id, lifecycle_grace(view->pod), &ignored);
}
