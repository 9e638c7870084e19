/* Which objects a node may read because of its pods; see node_relations.h. */
#include "apiserver/node_relations.h"

#include "apiserver/stored.h"
#include "types/gen/core_v1.h"
#include "types/gen/storage_v1.h"
#include "types/object.h"
#include "types/resource.h"
#include "types/selector.h"

#define MIRROR "kubernetes.io/config.mirror"

/* --- What a pod refers to */

static bool is(const struct core_v1_local_object_reference *reference, struct str name)
{
	return reference && str_eq(reference->name, name);
}

static bool env_uses(const struct core_v1_env_var_slice *env, const struct core_v1_env_from_source_slice *env_from,
		     bool secret, struct str name)
{
	SLICE_FOREACH (from, *env_from) {
		if (secret && from->secret_ref && is(&from->secret_ref->local_object_reference, name))
			return true;
		if (!secret && from->config_map_ref && is(&from->config_map_ref->local_object_reference, name))
			return true;
	}
	SLICE_FOREACH (variable, *env) {
		const struct core_v1_env_var_source *source = variable->value_from;

		if (!source)
			continue;
		if (secret && source->secret_key_ref && is(&source->secret_key_ref->local_object_reference, name))
			return true;
		if (!secret && source->config_map_key_ref &&
		    is(&source->config_map_key_ref->local_object_reference, name))
			return true;
	}
	return false;
}

static bool containers_use(const struct core_v1_pod_spec *spec, bool secret, struct str name)
{
	SLICE_FOREACH (container, spec->init_containers)
		if (env_uses(&container->env, &container->env_from, secret, name))
			return true;
	SLICE_FOREACH (container, spec->containers)
		if (env_uses(&container->env, &container->env_from, secret, name))
			return true;
	SLICE_FOREACH (container, spec->ephemeral_containers)
		if (env_uses(&container->ephemeral_container_common.env,
			     &container->ephemeral_container_common.env_from, secret, name))
			return true;
	return false;
}

static bool projected_uses(const struct core_v1_projected_volume_source *projected, bool secret, struct str name)
{
	SLICE_FOREACH (source, projected->sources) {
		if (secret && source->secret && is(&source->secret->local_object_reference, name))
			return true;
		if (!secret && source->config_map && is(&source->config_map->local_object_reference, name))
			return true;
	}
	return false;
}

static bool volume_uses_secret(const struct core_v1_volume_source *source, struct str name)
{
	return (source->secret && str_eq(source->secret->secret_name, name)) ||
	       (source->projected && projected_uses(source->projected, true, name)) ||
	       (source->iscsi && is(source->iscsi->secret_ref, name)) ||
	       (source->rbd && is(source->rbd->secret_ref, name)) ||
	       (source->cephfs && is(source->cephfs->secret_ref, name)) ||
	       (source->cinder && is(source->cinder->secret_ref, name)) ||
	       (source->flex_volume && is(source->flex_volume->secret_ref, name)) ||
	       (source->scale_io && is(source->scale_io->secret_ref, name)) ||
	       (source->storageos && is(source->storageos->secret_ref, name)) ||
	       (source->azure_file && str_eq(source->azure_file->secret_name, name)) ||
	       (source->csi && is(source->csi->node_publish_secret_ref, name));
}

static bool uses_secret(const struct core_v1_pod *pod, struct str name)
{
	SLICE_FOREACH (reference, pod->spec.image_pull_secrets)
		if (is(reference, name))
			return true;
	SLICE_FOREACH (volume, pod->spec.volumes)
		if (volume_uses_secret(&volume->volume_source, name))
			return true;
	return containers_use(&pod->spec, true, name);
}

static bool uses_config_map(const struct core_v1_pod *pod, struct str name)
{
	SLICE_FOREACH (volume, pod->spec.volumes) {
		const struct core_v1_volume_source *source = &volume->volume_source;

		if (source->config_map && is(&source->config_map->local_object_reference, name))
			return true;
		if (source->projected && projected_uses(source->projected, false, name))
			return true;
	}
	return containers_use(&pod->spec, false, name);
}

/* "POD-VOLUME", the claim made for a volume of the pod's own. */
static bool is_ephemeral_claim(const struct core_v1_pod *pod, struct str volume, struct str claim)
{
	struct str owner = pod->metadata.name;

	return claim.len == owner.len + 1 + volume.len && str_has_prefix(claim, owner) &&
	       claim.data[owner.len] == '-' && str_has_suffix(claim, volume);
}

static bool uses_claim(const struct core_v1_pod *pod, struct str name)
{
	SLICE_FOREACH (volume, pod->spec.volumes) {
		const struct core_v1_volume_source *source = &volume->volume_source;

		if (source->persistent_volume_claim && str_eq(source->persistent_volume_claim->claim_name, name))
			return true;
		if (source->ephemeral && is_ephemeral_claim(pod, volume->name, name))
			return true;
	}
	return false;
}

static bool uses_resource_claim(const struct core_v1_pod *pod, struct str name)
{
	SLICE_FOREACH (claim, pod->spec.resource_claims)
		if (claim->resource_claim_name && str_eq(*claim->resource_claim_name, name))
			return true;
	SLICE_FOREACH (claim, pod->status.resource_claim_statuses)
		if (claim->resource_claim_name && str_eq(*claim->resource_claim_name, name))
			return true;
	return false;
}

static bool uses_account(const struct core_v1_pod *pod, struct str name)
{
	return str_eq(pod->spec.service_account_name, name);
}

/* --- The pods of a node */

struct scan {
	const struct resource *pods;
	struct str node, name;
	bool (*uses)(const struct core_v1_pod *pod, struct str name);
	bool found;
};

static bool is_on_node(const struct store_record *record, struct str node)
{
	struct stored_header header;
	struct str value;

	return stored_header_parse(store_record_header(record), &header) &&
	       stored_header_field(&header, STR("spec.nodeName"), &value) && str_eq(value, node);
}

static enum store_visit look_at(void *data, const struct store_record *record)
{
	struct scan *scan = data;
	struct error ignored = {0};
	struct object *object;

	if (!is_on_node(record, scan->node) || stored_object(record, stored_schema(scan->pods), &object, &ignored) < 0)
		return STORE_VISIT_PASSED;
	/* A mirror pod, which a node makes by itself, opens nothing to it. */
	scan->found = !str_map_get(&object->meta->annotations, STR(MIRROR)) &&
		      scan->uses(OBJECT_AS(core_v1_pod, object), scan->name);
	object_unref(object);
	return scan->found ? STORE_VISIT_STOP : STORE_VISIT_PASSED;
}

static bool some_pod_uses(struct store *store, struct str node, struct str name_space, struct str name,
			  bool (*uses)(const struct core_v1_pod *pod, struct str name))
{
	struct arena cleanup_arena arena = {0};
	struct scan scan = {
		.pods = resource_find(STR_EMPTY, STR("v1"), STR("pods")), .node = node, .name = name, .uses = uses};
	struct store_range range = {.scope = stored_key(scan.pods, name_space, STR_EMPTY, &arena)};
	struct store_view *view = store_view_acquire(store);
	struct store_range_result result;
	struct error ignored = {0};

	if (store_view_scan(view, &range, look_at, &scan, &result, &ignored) < 0)
		scan.found = false;
	store_view_release(view);
	return scan.found;
}

/* --- Objects that say it themselves */

static struct object *get(struct store *store, struct str group, const char *plural, struct str name_space,
			  struct str name)
{
	struct arena cleanup_arena arena = {0};
	const struct resource *resource = resource_find(group, STR("v1"), str_from(plural));
	const struct store_record *record = store_get(store, stored_key(resource, name_space, name, &arena));
	struct object *object = NULL;
	struct error ignored = {0};

	if (record && stored_object(record, stored_schema(resource), &object, &ignored) < 0)
		object = NULL;
	store_record_unref(record);
	return object;
}

static bool is_pod_on_node(struct store *store, struct str node, struct str name_space, struct str name)
{
	struct object *object = get(store, STR_EMPTY, "pods", name_space, name);
	bool found = object && str_eq(OBJECT_AS(core_v1_pod, object)->spec.node_name, node);

	if (object)
		object_unref(object);
	return found;
}

static bool is_volume_in_use(struct store *store, struct str node, struct str name)
{
	struct object *object = get(store, STR_EMPTY, "persistentvolumes", STR_EMPTY, name);
	const struct core_v1_object_reference *claim;
	bool found;

	if (!object)
		return false;
	claim = OBJECT_AS(core_v1_persistent_volume, object)->spec.claim_ref;
	found = claim && some_pod_uses(store, node, claim->namespace, claim->name, uses_claim);
	object_unref(object);
	return found;
}

static bool is_attached(struct store *store, struct str node, struct str name)
{
	struct object *object = get(store, STR("storage.k8s.io"), "volumeattachments", STR_EMPTY, name);
	bool found = object && str_eq(OBJECT_AS(storage_v1_volume_attachment, object)->spec.node_name, node);

	if (object)
		object_unref(object);
	return found;
}

bool node_is_related(struct store *store, struct str node, enum node_relation relation, struct str name_space,
		     struct str name)
{
	static bool (*const by_pod[NODE_RELATION_MAX])(const struct core_v1_pod *pod, struct str name) = {
		[NODE_RELATION_SECRET] = uses_secret,
		[NODE_RELATION_CONFIG_MAP] = uses_config_map,
		[NODE_RELATION_CLAIM] = uses_claim,
		[NODE_RELATION_ACCOUNT] = uses_account,
		[NODE_RELATION_RESOURCE_CLAIM] = uses_resource_claim,
	};

	if (relation == NODE_RELATION_POD)
		return is_pod_on_node(store, node, name_space, name);
	if (relation == NODE_RELATION_VOLUME)
		return is_volume_in_use(store, node, name);
	if (relation == NODE_RELATION_ATTACHMENT)
		return is_attached(store, node, name);
	return name_space.len && some_pod_uses(store, node, name_space, name, by_pod[relation]);
}
