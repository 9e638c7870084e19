/* The kinds of volumes, one file each; volumes.c picks. */
#ifndef WHERRY_KUBELET_VOLUMES_KINDS_H
#define WHERRY_KUBELET_VOLUMES_KINDS_H

#include "kubelet/volumes.h"

extern const struct volume_kind volume_empty_dir, volume_host_path, volume_config_map, volume_secret,
	volume_downward_api, volume_projected;

/* The pod's fsGroup, or NULL. */
static inline const int64_t *volume_fs_group(const struct core_v1_pod *pod)
{
	return pod->spec.security_context ? pod->spec.security_context->fs_group : NULL;
}

/* Makes the folders above @path; 0 or an error. */
int volume_make_parent(struct str path, struct arena *arena, struct error *err) MUST_CHECK;

#endif
