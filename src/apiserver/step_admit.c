/* Steps: admission, the part that changes and the part that judges; see admission.h. */
#include "apiserver/admission_plugins.h"
#include "apiserver/steps.h"

static const struct admission_plugin *const plugins[] = {
#define X(name) &admission_##name,
	ADMISSION_PLUGINS(X)
#undef X
};

enum step_result admission_mutate(struct request *request)
{
	for (size_t i = 0; i < ARRAY_LEN(plugins); i++) {
		enum step_result result;

		if (!plugins[i]->mutate || !(plugins[i]->operations & admission_operation(request)))
			continue;
		result = plugins[i]->mutate(request);
		if (result != STEP_NEXT)
			return result;
	}
	return STEP_NEXT;
}

enum step_result admission_validate(struct request *request)
{
	for (size_t i = 0; i < ARRAY_LEN(plugins); i++) {
		enum step_result result;

		if (!plugins[i]->validate || !(plugins[i]->operations & admission_operation(request)))
			continue;
		result = plugins[i]->validate(request);
		if (result != STEP_NEXT)
			return result;
	}
	return STEP_NEXT;
}

enum step_result step_admit(struct request *request)
{
	return admission_mutate(request);
}

enum step_result step_judge(struct request *request)
{
	return admission_validate(request);
}
