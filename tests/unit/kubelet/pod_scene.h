/*
 * A pod as the runtime has it, written as text: what tables about planning and status are made of.
 *
 * One word for each thing that exists; NAME is a container of the pod's spec, the later word the later made:
 *
 *	"S"		a ready sandbox; "s" one that is over; containers after it are its own
 *	"a"		a runs, started and ready; "a~" not started yet, "a-" started and not ready
 *	"a!"		its liveness probe has failed; "a?" its startup probe has
 *	"a#"		it runs and was made from another definition
 *	"a=1"		a ended with 1
 *	"a:created"	a was made and never began; "a:unknown" nobody can tell
 *
 * Times are seconds: the word at place n (from 0) was made at 100 * n + 1 and, if it ended, did so at 100 * n + 50; so
 * all has happened by SCENE_NOW.
 */
#ifndef WHERRY_TESTS_UNIT_KUBELET_POD_SCENE_H
#define WHERRY_TESTS_UNIT_KUBELET_POD_SCENE_H

#include "kubelet/node.h"
#include "kubelet/pod_memory.h"
#include "kubelet/pod_view.h"

#define SCENE_NOW (INT64_C(10000) * 1000000000)

struct pod_scene {
	struct pod_view view;
	struct pod_memory memory;
};

/* @pod: JSON of a whole pod. */
void pod_scene_init(struct pod_scene *scene, struct test_node *node, const char *pod, const char *words);
void pod_scene_release(struct pod_scene *scene);
const struct container_view *pod_scene_container(const struct pod_scene *scene, const char *name);

#endif
