/*
 * A cluster in a cache, made from JSON: what the scheduler's tests decide about.
 *
 *	struct fixture f;
 *	fixture_init(&f);
 *	fixture_node(&f, "n0", "\"spec\":{\"unschedulable\":true}");
 *	struct sched_pod *pod = fixture_pod(&f, "p", "", "\"spec\":{...}");
 */
#ifndef WHERRY_TESTS_SCHEDULER_FIXTURE_H
#define WHERRY_TESTS_SCHEDULER_FIXTURE_H

#include "scheduler/decide.h"

struct fixture {
	struct cache cache;
	struct decider decider;
	struct sched_pod *pods[256];
	size_t len;
};

void fixture_init(struct fixture *fixture);
void fixture_release(struct fixture *fixture);
struct object *fixture_object(const struct schema *schema, const char *json);
/* A node of 4 processors, 8 GiB and 110 pods unless @members (JSON members, may be "") has a status. */
void fixture_node(struct fixture *fixture, const char *name, const char *members);
/* A pod, on @node unless that is empty; @members may be "". */
struct sched_pod *fixture_pod(struct fixture *fixture, const char *name, const char *node, const char *members);
/* The member "spec" of a pod of one container with these requests. */
#define REQUESTS(text) "\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{" text "}}}]}"

#endif
