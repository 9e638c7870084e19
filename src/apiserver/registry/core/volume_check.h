/*
 * Validation of claims and of where volumes come from: pure functions over the structs, shared by pods, claims, volumes
 * and the kinds that have templates of them.
 */
#ifndef WHERRY_APISERVER_REGISTRY_CORE_VOLUME_CHECK_H
#define WHERRY_APISERVER_REGISTRY_CORE_VOLUME_CHECK_H

#include "apiserver/registry/common.h"

void check_claim_spec(struct field_errors *errors, const struct path *path,
		      const struct core_v1_persistent_volume_claim_spec *spec);
/* A volume's spec; one that stands @inline_ in an attachment names a CSI volume and little else. */
void check_volume_spec(struct field_errors *errors, const struct path *path,
		       const struct core_v1_persistent_volume_spec *spec, bool inline_);
/* One of the four; ReadWriteOncePod only alone. */
void check_access_modes(struct field_errors *errors, const struct path *path, const struct str_slice *modes);
/* Exactly one source, and what it needs (persistentvolume_source.c). */
void check_volume_source(struct field_errors *errors, const struct path *path,
			 const struct core_v1_persistent_volume_spec *spec);
/* Upper case is let pass. */
void check_csi_driver_name(struct field_errors *errors, const struct path *path, struct str name);
/* More than nothing. */
void check_positive_quantity(struct field_errors *errors, const struct path *path, const struct quantity *quantity);

/* Sources that pods have as well (pod_volume.c); @source is the struct named after it. */
void check_host_path(struct field_errors *errors, const struct path *path, const void *source);
void check_nfs(struct field_errors *errors, const struct path *path, const void *source);
void check_fc(struct field_errors *errors, const struct path *path, const void *source);
void check_azure_disk(struct field_errors *errors, const struct path *path, const void *source);

#endif
