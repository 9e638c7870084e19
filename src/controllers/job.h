/*
 * The Job controller's parts: what a plan works on, shared by its files only.
 *
 * job.c gathers and orders the steps; job_policy.c judges: failed pods, back-off, when the job is over; job_pods.c
 * makes and deletes pods; job_status.c counts and writes down.
 *
 * How pods are counted once, however often the controller dies.  A pod carries the finalizer JOB_TRACKING for as long
 * as it is not counted.  A plan that finds it finished first writes its UID to status.uncountedTerminatedPods (a
 * succeeded index: to status.completedIndexes), and then takes the finalizer away; a later plan that finds a UID there
 * whose pod has no finalizer any more (or is gone) moves it from the list to the counter, in one write.  Status writes
 * name the version they were made from, so that what is stale is refused.  So at any moment a finished pod has the
 * finalizer and is not in the list (not counted), has it and is (counted; the list is a set), has none and is in the
 * list (counted), or has none and is in the counter.
 */
#ifndef WHERRY_CONTROLLERS_JOB_H
#define WHERRY_CONTROLLERS_JOB_H

#include "client/reconciler.h"
#include "controllers/job_indexes.h"
#include "types/gen/batch_v1.h"
#include "types/gen/core_v1.h"

#define JOB_TRACKING	  "batch.kubernetes.io/job-tracking"
#define JOB_INDEX	  "batch.kubernetes.io/job-completion-index" /* annotation and label */
#define JOB_FAILURES	  "batch.kubernetes.io/job-index-failure-count"
#define JOB_IGNORED	  "batch.kubernetes.io/job-index-ignored-failure-count"
#define JOB_BURST	  500 /* pods made or deleted in one plan */
#define JOB_UNCOUNTED_MAX 500 /* finished pods taken up in one plan: keeps the status small */

struct job_inputs {
	const struct resource *jobs, *pods;
	struct object *object;		/* NULL: gone */
	struct object_slice candidates; /* pods that are or may become its own */
	struct object_slice strays;	/* pods with the finalizer whose job is gone */
};

struct job_pod {
	struct object *object;
	const struct core_v1_pod *pod;
	int64_t index; /* -1: none, or none the job has */
	bool tracked, active, terminating;
	bool failed;			    /* also one that goes away before it has ended, where such are replaced */
	bool counts;			    /* as a failure, says the failure policy */
	bool ends_index;		    /* so says the failure policy */
	bool noted_failed, noted_succeeded; /* in status.uncountedTerminatedPods */
	bool kept;			    /* its failures are still to be handed on to its index' next pod */
};

/* Is the job over, and how?  What is recorded was decided by a plan before this one, and stands. */
struct job_verdict {
	bool reached, success, recorded;
	struct str reason, message;
};

struct job_round {
	struct plan *plan;
	const struct job_inputs *inputs;
	const struct batch_v1_job *job;
	int64_t now;
	bool indexed, per_index, suspended;
	bool replaces_failed; /* pods are replaced when they have failed, not when they begin to go */
	struct job_pod *pods; /* indexed: by index */
	size_t pods_len;
	/* With what is finished and not counted yet. */
	int64_t succeeded, failed;
	struct index_set counted_indexes; /* as the status has them */
	struct index_set succeeded_indexes, failed_indexes;
	/* As they are when the plan is carried out, new pods aside. */
	int32_t active, ready, terminating;
	struct job_verdict verdict;
	struct object_slice removals; /* pods to delete */
	struct batch_v1_job_status status;
};

/* job.c */
void job_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);

/* job_policy.c */
/* Sets what the failure policy says of the pod. */
void job_judge_pod(const struct job_round *round, struct job_pod *pod);
/* Sets the verdict for all reasons but enough completions. */
void job_judge(struct job_round *round);
void job_verdict_set(struct job_round *round, bool success, const char *reason, struct str message);
/* When the pod ended, in seconds since 1970. */
int64_t job_pod_end(const struct core_v1_pod *pod);
/* How long after @failures, the last at @last (seconds), no pod is made yet. */
int64_t job_backoff_left(int64_t failures, int64_t last, int64_t now);
/* The same of the whole job, from its pods. */
int64_t job_backoff_of_all(const struct job_round *round);
/* A count from an annotation of a pod; 0 when it is none. */
int64_t job_pod_count(const struct core_v1_pod *pod, const char *annotation);

/* job_pods.c */
/* Sorts out whose the candidates are and what they are; counts. */
void job_take_pods(struct job_round *round);
/* Decides which pods go, now that the verdict is known; adjusts the counts. */
void job_decide_removals(struct job_round *round);
void job_plan_removals(struct job_round *round);
void job_plan_creations(struct job_round *round);
/* Lets the pod go: its finalizer is taken away. */
void job_untrack(struct plan *plan, const struct resource *pods, const struct object *pod);

/* job_status.c */
/* Writes the status and, after that, lets the pods go that are noted in it. */
void job_plan_status(struct job_round *round);

#endif
