/*
 * Validation that webhooks and admission policies share: what they match, on which conditions, with which parameters.
 * Pure functions over the structs.  Expressions are judged as text only: that they are there.
 */
#ifndef WHERRY_APISERVER_REGISTRY_ADMISSIONREGISTRATION_ADMISSION_CHECK_H
#define WHERRY_APISERVER_REGISTRY_ADMISSIONREGISTRATION_ADMISSION_CHECK_H

#include "apiserver/registry/rule.h"
#include "types/gen/admissionregistration_v1.h"

/* For rows of tables: @value is a slice of rules with operations, of match conditions, or match resources. */
void check_operation_rules(struct field_errors *errors, const struct path *path, const void *value);
void check_match_conditions(struct field_errors *errors, const struct path *path, const void *value);
void check_match_resources(struct field_errors *errors, const struct path *path, const void *value);
void check_param_ref(struct field_errors *errors, const struct path *path, const void *value);
void check_variables(struct field_errors *errors, const struct path *path, const void *value);
/* What a policy of either kind is about, by the names its fields have in both schemas: what it matches, with what. */
void check_policy_scope(struct field_errors *errors, const struct path *path, const struct schema *schema,
			const void *spec);
/* Policies that change objects are not asked about deletions; @path is the match resources'. */
void check_no_deletions(struct field_errors *errors, const struct path *path,
			const struct admissionregistration_v1_match_resources *resources_);

/* A webhook of either kind, by the names its fields have in both schemas. */
void check_webhook(struct field_errors *errors, const struct path *path, const struct schema *schema,
		   const void *webhook, bool mutating);

#endif
