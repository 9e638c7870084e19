/* The cells of a pod's row. */
#ifndef WHERRY_APISERVER_REGISTRY_CORE_POD_TABLE_H
#define WHERRY_APISERVER_REGISTRY_CORE_POD_TABLE_H

#include "apiserver/registry/common.h"

void cells_of_pod(struct table_row *row, const void *object);

#endif
