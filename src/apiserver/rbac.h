/*
 * Role based access control: who holds which rules, as roles and bindings in the store say.
 *
 * One thread watches the store's roles and bindings and, when something changed, builds a new snapshot: an immutable
 * index from subjects to rules, which keeps references to the objects it points into.  Those who ask take the snapshot
 * that is current, without a lock (rbac.c says why that is right), so a change counts a moment after its write, as
 * upstream's informers have it.
 *
 * Cluster roles that gather others (aggregationRule) hold here what they gather at once, whether or not a controller
 * has written the rules into them yet.
 *
 *	struct rbac_snapshot *snapshot = rbac_acquire(rbac);
 *	rbac_visit(snapshot, user, name_space, visit, data);
 *	rbac_release(rbac, snapshot);
 */
#ifndef WHERRY_APISERVER_RBAC_H
#define WHERRY_APISERVER_RBAC_H

#include "apiserver/authorizer.h"
#include "base/error.h"
#include "types/gen/rbac_v1.h"

struct rbac;
struct rbac_snapshot;
struct store;

/* A subject's hold on the rules of one role. */
struct rbac_grant {
	struct str name_space; /* of the binding; empty: everywhere */
	bool is_group;
	struct str who; /* user or group; a service account by its user's name */
	const struct rbac_v1_subject *subject;
	struct str binding;
	const struct rbac_v1_role_ref *role;
	bool missing; /* there is no such role */
	struct rbac_v1_policy_rule_slice rules;
};

/* With the first snapshot of @store, which outlives it. */
int rbac_new(struct store *store, struct rbac **ret, struct error *err) MUST_CHECK;
/* Nobody holds a snapshot any more.  Takes NULL; returns NULL. */
struct rbac *rbac_free(struct rbac *rbac);
/* Waits until snapshots show every write that was acknowledged before. */
void rbac_sync(struct rbac *rbac);

struct rbac_snapshot *rbac_acquire(struct rbac *rbac);
void rbac_release(struct rbac *rbac, struct rbac_snapshot *snapshot);

/*
 * Shows all grants of @user: those that hold everywhere, then those in @name_space (empty: none).  Until @visit says
 * false.
 */
void rbac_visit(const struct rbac_snapshot *snapshot, const struct user_info *user, struct str name_space,
		bool (*visit)(void *data, const struct rbac_grant *grant), void *data);
/* The rules of the role a binding in @name_space refers to; false: there is none. */
bool rbac_role_rules(const struct rbac_snapshot *snapshot, const struct rbac_v1_role_ref *role, struct str name_space,
		     struct rbac_v1_policy_rule_slice *ret);
/* `clusterrole.rbac.authorization.k8s.io "x" not found`. */
struct str rbac_missing_text(const struct rbac_v1_role_ref *role, struct arena *arena);
/* All rules the user holds in @name_space and everywhere; they live as long as the snapshot. */
struct rbac_v1_policy_rule_slice rbac_rules_of(const struct rbac_snapshot *snapshot, const struct user_info *user,
					       struct str name_space, struct arena *arena);

/* Allows what the rules allow; @rbac outlives it. */
struct authorizer *authorizer_new_rbac(struct rbac *rbac);

#endif
