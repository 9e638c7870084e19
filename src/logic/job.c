/* What a Job's status says; see job.h. */
#include "logic/job.h"

#include "base/arena.h"

const struct batch_v1_job_condition *job_condition(const struct batch_v1_job *job, const char *type)
{
	SLICE_FOREACH (condition, job->status.conditions)
		if (str_eq_c(condition->type, type))
			return str_eq_c(condition->status, "True") ? condition : NULL;
	return NULL;
}

const struct batch_v1_job_condition *job_end(const struct batch_v1_job *job)
{
	const struct batch_v1_job_condition *complete = job_condition(job, "Complete");

	return complete ? complete : job_condition(job, "Failed");
}
