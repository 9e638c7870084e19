/* Steps: admission, the part that changes and the part that judges; see admission.h. */
#include "apiserver/admission_plugins.h"
#include "apiserver/steps.h"
#include "base/clock.h"

static const struct admission_plugin *const plugins[] = {
#define X(name) &admission_##name,
	ADMISSION_PLUGINS(X)
#undef X
};

static enum step_result run(struct request *request, bool validate)
{
	const char *step = validate ? "validate" : "admit";
	int64_t began = clock_monotonic_ns(), now = began;
	enum step_result result = STEP_NEXT;

	for (size_t i = 0; i < ARRAY_LEN(plugins) && result == STEP_NEXT; i++) {
		enum step_result (*ask)(struct request * request) =
			validate ? plugins[i]->validate : plugins[i]->mutate;

		if (!ask || !(plugins[i]->operations & admission_operation(request)))
			continue;
		result = ask(request);
		/* Others have the request until the plug-in is asked again. */
		if (result == STEP_SUSPENDED)
			return result;
		now = request_metrics_admitted(request, plugins[i]->name, step, result == STEP_DONE, now);
	}
	request_metrics_admitted(request, NULL, step, result == STEP_DONE, began);
	return result;
}

enum step_result admission_mutate(struct request *request)
{
	return run(request, false);
}

enum step_result admission_validate(struct request *request)
{
	return run(request, true);
}

enum step_result step_admit(struct request *request)
{
	return admission_mutate(request);
}

enum step_result step_judge(struct request *request)
{
	return admission_validate(request);
}
