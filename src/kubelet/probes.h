/*
 * The probes of running containers: one timer for each, on the kubelet's loop; asking is done by workers.
 *
 * A pod's turn says which containers run (probes_set) and reads what their probes add up to (probes_look); when a
 * result changes the pod is woken.  Pods without probes cost nothing.  A probe belongs to one container id: a restarted
 * container begins anew.
 *
 * Readiness and liveness wait until the startup probe has succeeded.  After a failed startup or liveness the
 * container's probes rest: it is about to be replaced.
 */
#ifndef WHERRY_KUBELET_PROBES_H
#define WHERRY_KUBELET_PROBES_H

#include "kubelet/pod_view.h"

struct loop;
struct probes;
struct worker_pool;

struct probes *probes_new(const struct kubelet_context *context, struct loop *loop, struct worker_pool *pool);
/* After the loop has ended: no probe begins any more. */
void probes_stop(struct probes *probes);
/* After the pool's threads and the loop are gone; NULL is fine; returns NULL. */
struct probes *probes_free(struct probes *probes);

/* Any thread: @view's running containers are to be probed, and no others of its pod. */
void probes_set(struct probes *probes, const struct pod_view *view);
/* Any thread: the pod @uid is to be left alone. */
void probes_forget(struct probes *probes, struct str uid);
/* Any thread: fills in `verdict` of each container. */
void probes_look(struct probes *probes, struct pod_view *view);

/* Where a pod is reached: its address, or the node's when it has the host's network; empty before it has one. */
struct str probe_host(const struct kubelet_context *context, const struct pod_view *view, struct arena *arena);

#endif
