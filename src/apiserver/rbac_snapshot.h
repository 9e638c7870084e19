/* One state of all roles and bindings, indexed; between rbac_snapshot.c, which builds it, and rbac.c. */
#ifndef WHERRY_APISERVER_RBAC_SNAPSHOT_H
#define WHERRY_APISERVER_RBAC_SNAPSHOT_H

#include <stdatomic.h>

#include "apiserver/rbac.h"
#include "store/store.h"

struct rbac_role {
	struct str name_space, name;
	struct rbac_v1_policy_rule_slice rules;
	const struct rbac_v1_cluster_role *cluster_role; /* NULL: a Role */
};

struct rbac_snapshot {
	atomic_llong refs; /* see rbac.c */
	uint64_t revision;
	struct arena arena;
	VEC_OF(struct object *) objects;  /* references */
	VEC_OF(struct rbac_role) roles;	  /* sorted by namespace and name; cluster roles have no namespace */
	VEC_OF(struct rbac_grant) grants; /* sorted by namespace, kind of subject, and subject */
};

/* What cannot be decoded is left out. */
struct rbac_snapshot *rbac_snapshot_build(struct store *store);
/* Returns NULL. */
struct rbac_snapshot *rbac_snapshot_free(struct rbac_snapshot *snapshot);

/* The resources a snapshot is made of. */
enum { RBAC_CLUSTER_ROLES, RBAC_ROLES, RBAC_CLUSTER_ROLE_BINDINGS, RBAC_ROLE_BINDINGS, RBAC_RESOURCES };
const struct resource *rbac_resource(unsigned which);

#endif
