/* SelfSubjectRulesReview: all that the user may do in a namespace, as far as roles and bindings say. */
#include "apiserver/actions.h"
#include "apiserver/encode.h"
#include "apiserver/rbac.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "types/gen/authorization_v1.h"

struct listing {
	struct arena *arena;
	VEC_OF(struct authorization_v1_resource_rule) resources;
	VEC_OF(struct authorization_v1_non_resource_rule) paths;
	struct str missing;
};

static void list_rule(struct listing *listing, const struct rbac_v1_policy_rule *rule)
{
	if (rule->resources.len)
		vec_push(listing->arena, &listing->resources,
			 (struct authorization_v1_resource_rule){.verbs = rule->verbs,
								 .api_groups = rule->api_groups,
								 .resources = rule->resources,
								 .resource_names = rule->resource_names});
	if (rule->non_resource_urls.len)
		vec_push(listing->arena, &listing->paths,
			 (struct authorization_v1_non_resource_rule){.verbs = rule->verbs,
								     .non_resource_urls = rule->non_resource_urls});
}

static bool visit(void *data, const struct rbac_grant *grant)
{
	struct listing *listing = data;

	if (grant->missing) {
		struct str text = rbac_missing_text(grant->role, listing->arena);

		listing->missing = arena_printf(listing->arena, STR_FMT "%s" STR_FMT, STR_ARG(listing->missing),
						listing->missing.len ? ", " : "", STR_ARG(text));
	}
	for (size_t i = 0; i < grant->rules.len; i++)
		list_rule(listing, &grant->rules.items[i]);
	return true;
}

static enum step_result run(struct request *request)
{
	const struct authorization_v1_self_subject_rules_review *asked = request->decoded;
	struct authorization_v1_self_subject_rules_review review = {0};
	struct listing listing = {.arena = &request->arena};
	struct rbac_snapshot *snapshot;
	enum step_result result;

	if (asked->spec.namespace.len == 0)
		return status_bad_request(request, "no namespace on request");
	snapshot = rbac_acquire(request->server->rbac);
	rbac_visit(snapshot, &request->user, asked->spec.namespace, visit, &listing);
	review.status.resource_rules =
		(struct authorization_v1_resource_rule_slice){listing.resources.items, listing.resources.len};
	review.status.non_resource_rules =
		(struct authorization_v1_non_resource_rule_slice){listing.paths.items, listing.paths.len};
	review.status.evaluation_error = listing.missing;
	/* The rules are the snapshot's: encoded before it is given back. */
	result = respond_struct(request, 201, &schema_authorization_v1_self_subject_rules_review, &review);
	rbac_release(request->server->rbac, snapshot);
	return result;
}

const struct action action_self_subject_rules_review = {
	.group = STR_INIT("authorization.k8s.io"),
	.plural = STR_INIT("selfsubjectrulesreviews"),
	.verbs = VERB_CREATE,
	.run = run,
};
