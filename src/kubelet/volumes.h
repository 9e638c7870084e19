/*
 * Volumes: from a pod's spec to folders that containers mount.
 *
 * A kind of volume is one file and a vtable (struct volume_kind).  All functions run on the pod's worker, may block,
 * and can be repeated: setting up what is set up refreshes it (ConfigMaps and Secrets change), tearing down what is
 * gone succeeds.  Taking down needs no kinds: everything of a pod is at or below its folder.
 *
 * Folders, as upstream's: ROOT/pods/<uid>/volumes/kubernetes.io~<plugin>/<volume>.  ConfigMap-like volumes are written
 * by the atomic writer (..data -> ..<timestamp>), so that a container sees all of an update or none.  A memory-backed
 * emptyDir is a tmpfs.  Users' paths (subPath, keys) are resolved beneath their volume with openat2.
 */
#ifndef WHERRY_KUBELET_VOLUMES_H
#define WHERRY_KUBELET_VOLUMES_H

#include "kubelet/context.h"

struct volume_context {
	const struct kubelet_context *kubelet;
	const struct core_v1_pod *pod;
	const struct core_v1_volume *volume;
	struct str path; /* where it is to be */
	struct arena *arena;
	int64_t now;
	int64_t refresh_at; /* out: when it must be set up again although nothing changed; 0: never */
};

struct volume_kind {
	const char *plugin; /* "kubernetes.io/configmap" */
	/* Is @volume of this kind? */
	bool (*matches)(const struct core_v1_volume *volume);
	/* Makes or refreshes it; *ret_host_path is what containers mount (path itself unless the kind says otherwise).
	 */
	int (*set_up)(struct volume_context *context, struct str *ret_host_path, struct error *err);
	bool read_only; /* whatever the mount says */
};

/* One of a pod's volumes, set up. */
struct mounted_volume {
	struct str name, host_path;
	bool read_only;
};
struct mounted_volumes {
	struct mounted_volume *items;
	size_t len;
	int64_t refresh_at; /* the earliest of their kinds'; 0: never */
};

/*
 * Sets up every volume of the pod.  On failure err's message is what upstream's FailedMount event says:
 * `MountVolume.SetUp failed for volume "x" : ...`.
 */
int volumes_set_up(const struct kubelet_context *context, const struct core_v1_pod *pod, struct arena *arena,
		   struct mounted_volumes *ret, struct error *err) MUST_CHECK;
/* Removes the pod's folder and everything mounted below it; @uid names it, the pod may be long gone. */
int volumes_tear_down(const struct kubelet_context *context, struct str uid, struct error *err) MUST_CHECK;
/* The mounts of one container: its volumeMounts with subPath and subPathExpr (@envs expands it) resolved. */
int volumes_container_mounts(const struct kubelet_context *context, const struct core_v1_pod *pod,
			     const struct core_v1_container *container, const struct mounted_volumes *volumes,
			     struct runtime_pairs envs, struct arena *arena, struct runtime_mount **ret,
			     size_t *ret_len, struct error *err) MUST_CHECK;
/* ROOT/pods/<uid>, in @arena. */
struct str pod_dir(const struct kubelet_context *context, struct str uid, struct arena *arena);
/* Where a volume of a kind is: @plugin as "kubernetes.io/empty-dir". */
struct str volume_dir(const struct kubelet_context *context, struct str uid, const char *plugin, struct str name,
		      struct arena *arena);

#endif
