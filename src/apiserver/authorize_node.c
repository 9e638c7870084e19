/*
 * The authorizer of nodes: users system:node:NAME of the group system:nodes.
 *
 * A node may read what its own pods use, its own Node, lease and CSINode, and list pods that are its own; everything
 * else is decided by the rules of ClusterRole system:node, as the bootstrap policy has them.  Reasons are upstream's.
 * What a node writes of objects it may write at all is limited by admission.
 */
#include "apiserver/authorizer.h"
#include "apiserver/node_relations.h"
#include "apiserver/policy/bootstrap_policy.h"
#include "apiserver/rbac_rules.h"
#include "types/field_error.h"
#include "types/selector.h"

#define ALLOW	   AUTHORIZATION_ALLOW
#define NO_OPINION AUTHORIZATION_NO_OPINION

struct node_authorizer {
	struct authorizer authorizer;
	struct store *store;
	const struct rbac_v1_policy_rule_slice *rules;
};

struct node_question {
	const struct node_authorizer *self;
	const struct authorization_attributes *asked;
	struct str node;
	struct arena *arena;
	struct str reason;
};

static enum authorization_decision refuse(struct node_question *question, const char *reason)
{
	question->reason = str_from(reason);
	return NO_OPINION;
}

static bool verb_is(const struct node_question *question, const char *verbs)
{
	struct str rest = str_from(verbs), verb;

	while (rest.len) {
		str_cut(rest, ' ', &verb, &rest);
		if (str_eq(verb, question->asked->verb))
			return true;
	}
	return false;
}

/* Is the field selected to be exactly the node? */
static bool selects_node(const struct node_question *question, const char *field)
{
	struct selector selector;
	struct error ignored = {0};

	if (selector_parse_fields(question->asked->field_selector, question->arena, &selector, &ignored) < 0)
		return false;
	for (size_t i = 0; i < selector.len; i++) {
		const struct selector_requirement *item = &selector.items[i];

		if (str_eq_c(item->key, field) && item->op == SELECT_EQUALS && item->values.len == 1 &&
		    str_eq(item->values.items[0], question->node))
			return true;
	}
	return false;
}

static enum authorization_decision related(struct node_question *question, enum node_relation relation)
{
	const struct authorization_attributes *asked = question->asked;

	if (asked->name.len == 0)
		return refuse(question, "No Object name found");
	if (node_is_related(question->self->store, question->node, relation, asked->name_space, asked->name))
		return ALLOW;
	question->reason =
		arena_printf(question->arena, "no relationship found between node '" STR_FMT "' and this object",
			     STR_ARG(question->node));
	return NO_OPINION;
}

static enum authorization_decision get_related(struct node_question *question, enum node_relation relation)
{
	if (!verb_is(question, "get"))
		return refuse(question, "can only get individual resources of this type");
	if (question->asked->subresource.len)
		return refuse(question, "cannot get subresource");
	return related(question, relation);
}

static enum authorization_decision read_related(struct node_question *question, enum node_relation relation)
{
	if (!verb_is(question, "get list watch"))
		return refuse(question, "can only read resources of this type");
	if (question->asked->subresource.len)
		return refuse(question, "cannot read subresource");
	if (question->asked->name_space.len == 0)
		return refuse(question, "can only read namespaced object of this type");
	return related(question, relation);
}

/* --- Resources */

static enum authorization_decision decide_secret(struct node_question *question)
{
	return read_related(question, NODE_RELATION_SECRET);
}

static enum authorization_decision decide_config_map(struct node_question *question)
{
	return read_related(question, NODE_RELATION_CONFIG_MAP);
}

static enum authorization_decision decide_claim(struct node_question *question)
{
	if (!str_eq(question->asked->subresource, STR("status")))
		return get_related(question, NODE_RELATION_CLAIM);
	if (!verb_is(question, "update patch"))
		return refuse(question, "can only get/update/patch this type");
	return related(question, NODE_RELATION_CLAIM);
}

static enum authorization_decision decide_volume(struct node_question *question)
{
	return get_related(question, NODE_RELATION_VOLUME);
}

static enum authorization_decision decide_resource_claim(struct node_question *question)
{
	return get_related(question, NODE_RELATION_RESOURCE_CLAIM);
}

static enum authorization_decision decide_attachment(struct node_question *question)
{
	return get_related(question, NODE_RELATION_ATTACHMENT);
}

static enum authorization_decision decide_account(struct node_question *question)
{
	if (verb_is(question, "get") && question->asked->subresource.len == 0)
		return read_related(question, NODE_RELATION_ACCOUNT);
	if (!verb_is(question, "create") || question->asked->name.len == 0)
		return refuse(question, "can only create tokens for individual service accounts");
	if (!str_eq(question->asked->subresource, STR("token")))
		return refuse(question, "can only create token subresource of serviceaccount");
	return related(question, NODE_RELATION_ACCOUNT);
}

static enum authorization_decision decide_lease(struct node_question *question)
{
	if (!verb_is(question, "get create update patch delete"))
		return refuse(question, "can only get, create, update, patch, or delete a node lease");
	if (!str_eq(question->asked->name_space, STR("kube-node-lease")))
		return refuse(question, "can only access leases in the \"kube-node-lease\" system namespace");
	/* Who creates names the object in the body. */
	if (!verb_is(question, "create") && !str_eq(question->asked->name, question->node))
		return refuse(question, "can only access node lease with the same name as the requesting node");
	return ALLOW;
}

static enum authorization_decision decide_csi_node(struct node_question *question)
{
	if (!verb_is(question, "get create update patch delete"))
		return refuse(question, "can only get, create, update, patch, or delete a CSINode");
	if (question->asked->subresource.len)
		return refuse(question, "cannot authorize CSINode subresources");
	if (!verb_is(question, "create") && !str_eq(question->asked->name, question->node))
		return refuse(question, "can only access CSINode with the same name as the requesting node");
	return ALLOW;
}

static enum authorization_decision decide_node(struct node_question *question)
{
	struct str name = question->asked->name, subresource = question->asked->subresource;

	if (str_eq(subresource, STR("status")) && verb_is(question, "update patch"))
		return ALLOW;
	if (subresource.len)
		return NO_OPINION;
	if (verb_is(question, "create update patch"))
		return ALLOW;
	if (!verb_is(question, "get list watch"))
		return NO_OPINION;
	if (str_eq(name, question->node))
		return ALLOW;
	if (name.len == 0)
		question->reason = arena_printf(question->arena,
						"node '" STR_FMT "' cannot read all nodes, only its own Node object",
						STR_ARG(question->node));
	else
		question->reason = arena_printf(
			question->arena, "node '" STR_FMT "' cannot read '" STR_FMT "', only its own Node object",
			STR_ARG(question->node), STR_ARG(name));
	return NO_OPINION;
}

static enum authorization_decision decide_pod(struct node_question *question)
{
	struct str subresource = question->asked->subresource;

	if (str_eq(subresource, STR("status")))
		return verb_is(question, "update patch") ? ALLOW : NO_OPINION;
	if (str_eq(subresource, STR("eviction")))
		return verb_is(question, "create") ? ALLOW : NO_OPINION;
	if (subresource.len)
		return NO_OPINION;
	if (verb_is(question, "create delete"))
		return ALLOW;
	if (verb_is(question, "get"))
		return get_related(question, NODE_RELATION_POD);
	if (!verb_is(question, "list watch"))
		return NO_OPINION;
	if (selects_node(question, "spec.nodeName"))
		return ALLOW;
	if (question->asked->name.len)
		return related(question, NODE_RELATION_POD);
	return refuse(question, "can only list/watch pods with spec.nodeName field selector");
}

static const struct {
	struct str group, resource;
	enum authorization_decision (*decide)(struct node_question *question);
} subdivided[] = {
	{STR_INIT(""), STR_INIT("secrets"), decide_secret},
	{STR_INIT(""), STR_INIT("configmaps"), decide_config_map},
	{STR_INIT(""), STR_INIT("persistentvolumeclaims"), decide_claim},
	{STR_INIT(""), STR_INIT("persistentvolumes"), decide_volume},
	{STR_INIT("resource.k8s.io"), STR_INIT("resourceclaims"), decide_resource_claim},
	{STR_INIT("storage.k8s.io"), STR_INIT("volumeattachments"), decide_attachment},
	{STR_INIT(""), STR_INIT("serviceaccounts"), decide_account},
	{STR_INIT("coordination.k8s.io"), STR_INIT("leases"), decide_lease},
	{STR_INIT("storage.k8s.io"), STR_INIT("csinodes"), decide_csi_node},
	{STR_INIT(""), STR_INIT("nodes"), decide_node},
	{STR_INIT(""), STR_INIT("pods"), decide_pod},
};

static enum authorization_decision decide(struct node_question *question)
{
	const struct authorization_attributes *asked = question->asked;

	for (size_t i = 0; asked->is_resource && i < ARRAY_LEN(subdivided); i++)
		if (str_eq(asked->resource, subdivided[i].resource) && str_eq(asked->group, subdivided[i].group))
			return subdivided[i].decide(question);
	return rbac_rules_allow(question->self->rules, asked) ? ALLOW : NO_OPINION;
}

static enum authorization_decision authorize(struct authorizer *authorizer,
					     const struct authorization_attributes *asked, struct arena *arena,
					     struct str *ret_reason)
{
	static const struct str prefix = STR_INIT("system:node:");
	struct node_question question = {
		.self = CONTAINER_OF(authorizer, struct node_authorizer, authorizer), .asked = asked, .arena = arena};
	enum authorization_decision decision;

	*ret_reason = STR_EMPTY;
	if (!str_has_prefix(asked->user->name, prefix) || !user_in_group(asked->user, STR("system:nodes")))
		return NO_OPINION;
	question.node = str_from_at(asked->user->name, prefix.len);
	if (question.node.len == 0) {
		struct str user = quote_go(asked->user->name, arena);

		*ret_reason = arena_printf(arena, "unknown node for user " STR_FMT, STR_ARG(user));
		return NO_OPINION;
	}
	decision = decide(&question);
	*ret_reason = question.reason;
	return decision;
}

static void free_it(struct authorizer *authorizer)
{
	free(CONTAINER_OF(authorizer, struct node_authorizer, authorizer));
}

struct authorizer *authorizer_new_node(struct store *store)
{
	struct node_authorizer *self = XNEW(struct node_authorizer);

	self->authorizer = (struct authorizer){.name = "node", .type = "Node", .authorize = authorize, .free = free_it};
	self->store = store;
	for (size_t i = 0; i < policy_cluster_roles_len; i++)
		if (str_eq(policy_cluster_roles[i].metadata.name, STR("system:node")))
			self->rules = &policy_cluster_roles[i].rules;
	assert(self->rules);
	return &self->authorizer;
}
