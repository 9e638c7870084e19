/* Checks that Role and ClusterRole, and their bindings, share. */
#ifndef WHERRY_APISERVER_REGISTRY_RBAC_RULES_H
#define WHERRY_APISERVER_REGISTRY_RBAC_RULES_H

#include "apiserver/registry/common.h"
#include "types/gen/rbac_v1.h"

void check_policy_rules(struct field_errors *errors, const struct rbac_v1_policy_rule_slice *rules, bool namespaced);
/* @kinds is "Role" and "ClusterRole", or the latter alone. */
void check_role_ref(struct field_errors *errors, const struct rbac_v1_role_ref *ref, bool namespaced);
/* What a binding refers to never changes. */
void check_same_role_ref(struct field_errors *errors, const struct rbac_v1_role_ref *now,
			 const struct rbac_v1_role_ref *old);
void check_subjects(struct field_errors *errors, const struct rbac_v1_subject_slice *subjects);
/* A subject's apiGroup follows from its kind. */
void default_subjects(struct arena *arena, struct rbac_v1_subject_slice *subjects);
/* Cells of both kinds of binding. */
void cells_of_binding(struct table_row *row, const struct meta_v1_object_meta *meta, const struct rbac_v1_role_ref *ref,
		      const struct rbac_v1_subject_slice *subjects);
#define BINDING_COLUMNS                                                                                                \
	COLUMN_NAME, COLUMN("Role", "string", 0), COLUMN_AGE, COLUMN("Users", "string", 1),                            \
		COLUMN("Groups", "string", 1), COLUMN("ServiceAccounts", "string", 1)

#endif
