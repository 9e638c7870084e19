/* What a Job's status says, as every component reads it. */
#ifndef WHERRY_LOGIC_JOB_H
#define WHERRY_LOGIC_JOB_H

#include "types/gen/batch_v1.h"

/* The condition of that type when its status is "True", or NULL. */
const struct batch_v1_job_condition *job_condition(const struct batch_v1_job *job, const char *type);
/* The condition that ended it, Complete or Failed; NULL: it has not ended. */
const struct batch_v1_job_condition *job_end(const struct batch_v1_job *job);

#endif
