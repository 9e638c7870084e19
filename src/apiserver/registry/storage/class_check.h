/* What storage classes and volume attributes classes share in validation. */
#ifndef WHERRY_APISERVER_REGISTRY_STORAGE_CLASS_CHECK_H
#define WHERRY_APISERVER_REGISTRY_STORAGE_CLASS_CHECK_H

#include "apiserver/registry/common.h"

/* The name of who provides volumes; @value is a struct str.  Shown in lower case, as it is compared. */
void check_provisioner(struct field_errors *errors, const struct path *path, const void *value);
/* @value is a struct str_map. */
void check_parameters(struct field_errors *errors, const struct path *path, const void *value);

#endif
