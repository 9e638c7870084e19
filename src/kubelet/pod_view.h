/*
 * A pod as the runtime has it, beside what its spec wants: what planning and status are made from.
 *
 * Read anew for each job, in the job's arena; nothing in it outlives the job.
 */
#ifndef WHERRY_KUBELET_POD_VIEW_H
#define WHERRY_KUBELET_POD_VIEW_H

#include "kubelet/context.h"

/* CRI labels and annotations the kubelet writes and reads. */
#define LABEL_POD_NAME	    "io.kubernetes.pod.name"
#define LABEL_POD_NAMESPACE "io.kubernetes.pod.namespace"
#define LABEL_POD_UID	    "io.kubernetes.pod.uid"
#define LABEL_CONTAINER	    "io.kubernetes.container.name"
#define ANNOTATION_HASH	    "io.kubernetes.container.hash"
#define ANNOTATION_RESTARTS "io.kubernetes.container.restartCount"

enum container_role { CONTAINER_INIT, CONTAINER_REGULAR, CONTAINER_EPHEMERAL };

/* What a running container's probes say (probes.h); all false for one that does not run. */
struct probe_verdict {
	bool started, ready;
	bool failed_startup, failed_liveness;
};

struct container_view {
	const struct core_v1_container *spec;
	enum container_role role;
	bool sidecar;	   /* an init container with restartPolicy Always */
	struct str field;  /* "spec.containers" */
	struct str target; /* of an ephemeral one: the container whose processes it sees; empty: none */
	/* Of the pod's present sandbox, newest first; NULL when there is none. */
	const struct runtime_container_status *latest;
	/* The newest that has ended, of any sandbox, latest excluded. */
	const struct runtime_container_status *previous;
	/* A container ended with an exit code that begins all of the pod's anew, and this one is of before that. */
	bool reset;
	struct probe_verdict verdict;
	int32_t attempts; /* how many were made in all: the next one's number */
};

struct pod_view {
	const struct object *object;
	const struct core_v1_pod *pod;
	const struct runtime_sandbox_status *sandbox; /* the newest, ready or not; NULL */
	uint32_t sandbox_attempts;
	struct runtime_sandbox_list all_sandboxes;
	struct container_view *containers; /* init, regular, ephemeral, in the order of the spec */
	size_t len;
	struct runtime_container_list all_containers; /* of all sandboxes */
};

/*
 * Pure: @view's pod beside @sandboxes and @containers, in any order; they are sorted in place and live as long as it.
 * A container that is `reset` keeps its `latest` while that runs; what has ended is its `previous`.
 */
void pod_view_arrange(struct pod_view *view, struct runtime_sandbox_list sandboxes,
		      struct runtime_container_list containers, struct arena *arena);
int pod_view_read(const struct kubelet_context *context, const struct object *pod, struct arena *arena,
		  struct pod_view *ret, struct error *err) MUST_CHECK;
/* What there was last of it, in whichever sandbox; NULL: nothing yet. */
const struct runtime_container_status *container_newest(const struct container_view *container);
bool container_runs(const struct container_view *container);
/* Is there a ready sandbox? */
bool pod_view_has_sandbox(const struct pod_view *view);
/* "1f3a...": changes when the container must be made anew (its image). */
struct str container_hash(const struct core_v1_container *container, struct arena *arena);

#endif
