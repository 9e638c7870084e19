/*
 * What a policy rule allows, and whether some rules allow all that others do.
 *
 * Pure functions on structs of types/gen/rbac_v1.h; upstream's semantics: a rule is for resources or for URLs; "*"
 * stands for everything in verbs, groups and resources; a resource of "*" includes subresources, one of "*" "/" and a
 * word is that subresource of any resource; no resourceNames are all names; a URL may end in "*".
 */
#ifndef WHERRY_APISERVER_RBAC_RULES_H
#define WHERRY_APISERVER_RBAC_RULES_H

#include "apiserver/authorizer.h"
#include "types/gen/rbac_v1.h"

bool rbac_rule_allows(const struct rbac_v1_policy_rule *rule, const struct authorization_attributes *asked);
bool rbac_rules_allow(const struct rbac_v1_policy_rule_slice *rules, const struct authorization_attributes *asked);

/*
 * Do @owned rules allow all that @wanted do?  Otherwise *ret_missing is what they do not, one rule for each single
 * permission, in @arena.  Each single permission must be in one owned rule.
 */
bool rbac_rules_cover(const struct rbac_v1_policy_rule_slice *owned, const struct rbac_v1_policy_rule_slice *wanted,
		      struct arena *arena, struct rbac_v1_policy_rule_slice *ret_missing);
/* Are all members of the rules equal, in the same order? */
bool rbac_rule_equal(const struct rbac_v1_policy_rule *a, const struct rbac_v1_policy_rule *b);
/* Single permissions that differ in their verbs alone become one rule. */
struct rbac_v1_policy_rule_slice rbac_rules_compact(const struct rbac_v1_policy_rule_slice *rules, struct arena *arena);
/* `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
struct str rbac_rule_text(const struct rbac_v1_policy_rule *rule, struct arena *arena);

#endif
