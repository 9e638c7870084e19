/* Defaults of pod specs that depend on other members; see pod_check.h. */
#include "apiserver/registry/core/pod_check.h"

/* Always for the tag latest, said or implied; a digest names one image for good. */
static struct str pull_policy(struct str image)
{
	ptrdiff_t slash = str_last_index(image, '/'), colon = str_last_index(image, ':'), at = str_index(image, '@');
	struct str tag = STR("latest");

	if (at >= 0 || !image.len)
		return STR("IfNotPresent");
	if (colon > slash)
		tag = str_from_at(image, (size_t)colon + 1);
	return str_eq_c(tag, "latest") ? STR("Always") : STR("IfNotPresent");
}

/* Thousandths are the finest there is. */
static void round_list(struct arena *arena, const struct quantity_map *map)
{
	for (size_t i = 0; i < map->len; i++) {
		struct quantity *quantity = EDIT(struct quantity, &map->items[i].value);

		*quantity = quantity_round_up(quantity, -3, arena);
	}
}

/* A limit without a request asks for as much. */
static void requests_from_limits(struct arena *arena, struct core_v1_resource_requirements *needs)
{
	struct quantity_pair *requests;
	size_t len = 0;

	if (!needs->limits.items)
		return;
	requests = ARENA_NEW_N(arena, struct quantity_pair, needs->requests.len + needs->limits.len);
	for (size_t i = 0, j = 0; i < needs->requests.len || j < needs->limits.len;) {
		int order = i == needs->requests.len ? 1
			    : j == needs->limits.len
				    ? -1
				    : str_cmp(needs->requests.items[i].key, needs->limits.items[j].key);

		requests[len++] = order <= 0 ? needs->requests.items[i] : needs->limits.items[j];
		i += order <= 0;
		j += order >= 0;
	}
	needs->requests = (struct quantity_map){requests, len};
}

static void default_container(struct arena *arena, struct core_v1_container *container)
{
	if (!container->image_pull_policy.len)
		container->image_pull_policy = pull_policy(container->image);
	round_list(arena, &container->resources.limits);
	round_list(arena, &container->resources.requests);
}

static void default_volume(struct arena *arena, struct core_v1_volume *volume)
{
	struct core_v1_image_volume_source *image =
		EDIT(struct core_v1_image_volume_source, volume->volume_source.image);

	if (empty_struct(&schema_core_v1_volume_source, &volume->volume_source))
		volume->volume_source.empty_dir = ARENA_NEW(arena, struct core_v1_empty_dir_volume_source);
	if (image && !image->pull_policy.len)
		image->pull_policy = pull_policy(image->reference);
}

void default_pod_spec(struct arena *arena, struct core_v1_pod_spec *spec)
{
	for (size_t i = 0; i < spec->volumes.len; i++)
		default_volume(arena, EDIT(struct core_v1_volume, &spec->volumes.items[i]));
	for (size_t i = 0; i < spec->init_containers.len; i++)
		default_container(arena, EDIT(struct core_v1_container, &spec->init_containers.items[i]));
	for (size_t i = 0; i < spec->containers.len; i++)
		default_container(arena, EDIT(struct core_v1_container, &spec->containers.items[i]));
	for (size_t i = 0; i < spec->ephemeral_containers.len; i++)
		default_container(arena, EDIT(struct core_v1_container,
					      &spec->ephemeral_containers.items[i].ephemeral_container_common));
	/* The old name of the same member: what is written to either is read from both. */
	if (!spec->service_account_name.len)
		spec->service_account_name = spec->service_account;
	spec->service_account = spec->service_account_name;
	round_list(arena, &spec->overhead);
}

static void default_host_ports(const struct core_v1_container_slice *containers)
{
	SLICE_FOREACH (container, *containers)
		SLICE_FOREACH (port, container->ports)
			if (!port->host_port)
				EDIT(struct core_v1_container_port, port)->host_port = port->container_port;
}

void default_pod(struct strategy_context *context, void *object)
{
	const int64_t shortest = 1;
	struct core_v1_pod *pod = object;
	bool *yes;

	default_pod_spec(context->arena, &pod->spec);
	if (pod->spec.termination_grace_period_seconds && *pod->spec.termination_grace_period_seconds < 0)
		pod->spec.termination_grace_period_seconds = ARENA_DUP(context->arena, int64_t, &shortest);
	for (size_t i = 0; i < pod->spec.containers.len; i++)
		requests_from_limits(context->arena, EDIT(struct core_v1_resource_requirements,
							  &pod->spec.containers.items[i].resources));
	for (size_t i = 0; i < pod->spec.init_containers.len; i++)
		requests_from_limits(context->arena, EDIT(struct core_v1_resource_requirements,
							  &pod->spec.init_containers.items[i].resources));
	if (!pod->spec.enable_service_links) {
		yes = ARENA_NEW(context->arena, bool);
		*yes = true;
		pod->spec.enable_service_links = yes;
	}
	/* Upstream's conversion, of pods alone: templates keep what they say and are warned of. */
	if (pod->spec.termination_grace_period_seconds && *pod->spec.termination_grace_period_seconds < 0)
		pod->spec.termination_grace_period_seconds = ARENA_DUP(context->arena, int64_t, &(int64_t){1});
	if (pod->spec.host_network) {
		default_host_ports(&pod->spec.containers);
		default_host_ports(&pod->spec.init_containers);
	}
}
