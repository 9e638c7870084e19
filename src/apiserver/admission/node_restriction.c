/*
 * NodeRestriction: a node changes what is its own: its Node, its lease and CSINode, the status of pods that run on it;
 * it deletes only such pods, and makes only mirror pods.
 *
 * The node authorizer lets nodes write these kinds at all; here it is looked at which object.  Messages are upstream's.
 */
#include "apiserver/admission_plugins.h"
#include "apiserver/status.h"
#include "types/copy.h"
#include "types/field_error.h"
#include "types/gen/coordination_v1.h"
#include "types/gen/core_v1.h"
#include "types/gen/storage_v1.h"
#include "types/object.h"
#include "types/selector.h"

#define MIRROR "kubernetes.io/config.mirror"

static enum step_result refuse(struct request *request, struct str why)
{
	struct str name = request->info.name;

	if (name.len == 0 && request->object)
		name = object_meta_of(request->schema, request->object)->name;
	return status_forbidden(request, request->resource->group, request->resource->plural, name, why);
}

/* `node "n1" ...` */
static enum step_result refuse_node(struct request *request, struct str node, const char *why)
{
	struct str quoted = quote_go(node, &request->arena);

	return refuse(request, arena_printf(&request->arena, "node " STR_FMT " %s", STR_ARG(quoted), why));
}

/* --- Pods */

static bool owned_by_node(const struct core_v1_pod *pod, struct str node)
{
	const struct meta_v1_owner_reference *owner = pod->metadata.owner_references.items;

	return str_eq(owner->api_version, STR("v1")) && str_eq(owner->kind, STR("Node")) && str_eq(owner->name, node);
}

static enum step_result check_new_pod(struct request *request, struct str node)
{
	const struct core_v1_pod *pod = request->object;
	size_t owners = pod->metadata.owner_references.len;
	struct str quoted = quote_go(node, &request->arena);

	if (!str_map_get(&pod->metadata.annotations, STR(MIRROR)))
		return refuse(request, arena_printf(&request->arena,
						    "pod does not have \"" MIRROR "\" annotation, node " STR_FMT
						    " can only create mirror pods",
						    STR_ARG(quoted)));
	if (!str_eq(pod->spec.node_name, node))
		return refuse_node(request, node, "can only create pods with spec.nodeName set to itself");
	if (owners > 1)
		return refuse_node(request, node, "can only create pods with a single owner reference set to itself");
	if (owners == 0 || !owned_by_node(pod, node))
		return refuse_node(request, node, "can only create pods with an owner reference set to itself");
	return STEP_NEXT;
}

static enum step_result check_pod_status(struct request *request, struct str node)
{
	const struct core_v1_pod *pod = request->object, *old = OBJECT_AS(core_v1_pod, request->old);

	if (!str_eq(old->spec.node_name, node))
		return refuse_node(request, node,
				   "can only update pod status for pods with spec.nodeName set to itself");
	if (!equal_struct(&schema_meta_v1_object_meta, &(struct meta_v1_object_meta){.labels = pod->metadata.labels},
			  &(struct meta_v1_object_meta){.labels = old->metadata.labels}))
		return refuse_node(request, node, "cannot update labels through pod status");
	return STEP_NEXT;
}

static enum step_result check_pod(struct request *request, struct str node)
{
	if (request->subresource)
		return request->old ? check_pod_status(request, node) : STEP_NEXT;
	if (admission_operation(request) == OP_CREATE)
		return check_new_pod(request, node);
	if (request->operation == OP_DELETE) {
		if (request->old && !str_eq(OBJECT_AS(core_v1_pod, request->old)->spec.node_name, node))
			return refuse_node(request, node, "can only delete pods with spec.nodeName set to itself");
		return STEP_NEXT;
	}
	return refuse_node(request, node, "can only create and delete mirror pods");
}

/* --- Nodes */

static bool in_domain(struct str text, const char *domain)
{
	struct str suffix = str_from(domain);

	return str_eq(text, suffix) ||
	       (text.len > suffix.len && str_has_suffix(text, suffix) && text.data[text.len - suffix.len - 1] == '.');
}

/* Labels of Kubernetes' own that say where and what a node is; all others are the administrator's. */
static bool may_label(struct str key)
{
	static const char *const known[] = {
		"kubernetes.io/hostname",
		"kubernetes.io/os",
		"kubernetes.io/arch",
		"beta.kubernetes.io/os",
		"beta.kubernetes.io/arch",
		"beta.kubernetes.io/instance-type",
		"node.kubernetes.io/instance-type",
		"topology.kubernetes.io/zone",
		"topology.kubernetes.io/region",
		"failure-domain.beta.kubernetes.io/zone",
		"failure-domain.beta.kubernetes.io/region",
	};
	struct str domain, rest;

	if (!str_cut(key, '/', &domain, &rest))
		return true;
	if (in_domain(domain, "node-restriction.kubernetes.io"))
		return false;
	if (!in_domain(domain, "kubernetes.io") && !in_domain(domain, "k8s.io"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq_c(key, known[i]))
			return true;
	return in_domain(domain, "kubelet.kubernetes.io") || in_domain(domain, "node.kubernetes.io");
}

/* The labels of @a that @b has not, or has otherwise, and that a node may not set. */
static struct str forbidden_labels(const struct str_map *a, const struct str_map *b, struct str text,
				   struct arena *arena)
{
	for (size_t i = 0; i < a->len; i++) {
		const struct str *other = str_map_get(b, a->items[i].key);

		if ((other && str_eq(*other, a->items[i].value)) || may_label(a->items[i].key))
			continue;
		text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), text.len ? ", " : "",
				    STR_ARG(a->items[i].key));
	}
	return text;
}

static enum step_result check_node_change(struct request *request, struct str node)
{
	static const struct core_v1_node none;
	const struct core_v1_node *now = request->object;
	const struct core_v1_node *old = request->old ? OBJECT_AS(core_v1_node, request->old) : &none;
	struct str labels = forbidden_labels(&now->metadata.labels, &old->metadata.labels, STR_EMPTY, &request->arena);
	struct core_v1_node_spec spec = now->spec;

	spec.taints = old->spec.taints;
	if (request->old && !equal_struct(&schema_core_v1_node_spec, &spec, &now->spec))
		return refuse_node(request, node, "is not allowed to modify taints");
	for (size_t i = 0; i < old->metadata.labels.len; i++)
		if (!str_map_get(&now->metadata.labels, old->metadata.labels.items[i].key))
			labels = forbidden_labels(&(struct str_map){&old->metadata.labels.items[i], 1},
						  &now->metadata.labels, labels, &request->arena);
	if (labels.len && !request->old)
		return refuse_node(request, node,
				   str_c(arena_concat(&request->arena,
						      STR("is not allowed to set the following labels: "), labels)));
	if (labels.len)
		return refuse(request, arena_concat(&request->arena, STR("is not allowed to modify labels: "), labels));
	return STEP_NEXT;
}

static enum step_result check_node(struct request *request, struct str node)
{
	struct str name = request->info.name;

	if (name.len == 0 && request->object)
		name = object_meta_of(request->schema, request->object)->name;
	if (!str_eq(name, node)) {
		struct str mine = quote_go(node, &request->arena), other = quote_go(name, &request->arena);

		return refuse(request,
			      arena_printf(&request->arena, "node " STR_FMT " is not allowed to modify node " STR_FMT,
					   STR_ARG(mine), STR_ARG(other)));
	}
	return request->object && request->operation != OP_DELETE ? check_node_change(request, node) : STEP_NEXT;
}

/* --- What is named like the node */

static enum step_result check_namesake(struct request *request, struct str node, const char *why)
{
	if (admission_operation(request) != OP_CREATE ||
	    str_eq(object_meta_of(request->schema, request->object)->name, node))
		return STEP_NEXT;
	return refuse(request, str_from(why));
}

static enum step_result mutate(struct request *request)
{
	static const struct str prefix = STR_INIT("system:node:");
	struct str node;

	if (!str_has_prefix(request->user.name, prefix) || !user_in_group(&request->user, STR("system:nodes")) ||
	    request->trusted)
		return STEP_NEXT;
	node = str_from_at(request->user.name, prefix.len);
	if (request->schema == &schema_core_v1_pod)
		return check_pod(request, node);
	if (request->schema == &schema_core_v1_node)
		return check_node(request, node);
	if (request->schema == &schema_coordination_v1_lease)
		return check_namesake(request, node,
				      "can only access node lease with the same name as the requesting node");
	if (request->schema == &schema_storage_v1_csi_node)
		return check_namesake(request, node,
				      "can only access CSINode with the same name as the requesting node");
	return STEP_NEXT;
}

const struct admission_plugin admission_node_restriction = {
	.name = "NodeRestriction",
	.operations = OP_CREATE | OP_UPDATE | OP_PATCH | OP_DELETE,
	.mutate = mutate,
};
