/* Validation of jobs and of the templates of cron jobs: pure functions over the structs. */
#ifndef WHERRY_APISERVER_REGISTRY_BATCH_JOB_CHECK_H
#define WHERRY_APISERVER_REGISTRY_BATCH_JOB_CHECK_H

#include "apiserver/registry/common.h"
#include "types/gen/batch_v1.h"

/* All but the selector, which a template has not got yet. */
void check_job_template_spec(struct field_errors *errors, const struct path *path,
			     const struct batch_v1_job_spec *spec);
void check_job(struct field_errors *errors, const struct batch_v1_job *job);
void check_job_update(struct field_errors *errors, const struct batch_v1_job *job, const struct batch_v1_job *old);

#endif
