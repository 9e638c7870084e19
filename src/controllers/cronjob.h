/*
 * The CronJob controller's parts, shared by its files only: cronjob.c gathers and reads time zones, cronjob_plan.c
 * decides.
 *
 * A job's name is its CronJob's and the minute it was to start at, and it carries that time as an annotation.  A plan
 * makes it last of all; that it was made is written to the CronJob's status by the next plan, which sees it.  So it
 * does not matter when the controller dies: a job that was made is found again, and none is made twice for one time.
 */
#ifndef WHERRY_CONTROLLERS_CRONJOB_H
#define WHERRY_CONTROLLERS_CRONJOB_H

#include "client/reconciler.h"
#include "logic/time_zone.h"
#include "types/gen/batch_v1.h"

#define CRONJOB_SCHEDULED "batch.kubernetes.io/cronjob-scheduled-timestamp"

struct cronjob_inputs {
	const struct resource *cronjobs, *jobs;
	struct object *object;
	struct object_slice owned;    /* jobs */
	const struct time_zone *zone; /* of spec.timeZone; NULL: UTC, or it is not known */
	bool zone_unknown;
};

void cronjob_plan(void *cookie, const void *inputs, int64_t now, struct plan *plan);
/* How long from @now (nanoseconds) until its schedule comes next; 0: it does not, or starts nothing. */
int64_t cronjob_time_to_next(const struct cronjob_inputs *inputs, int64_t now, struct arena *arena);

#endif
