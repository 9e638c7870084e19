/*
 * ImageLocality: better where the pod's images are already, by their size; an image counts by the share of nodes that
 * have it, so that a pod is not drawn back to the one node that ran it first.
 */
#include "scheduler/framework.h"

#define LEAST (INT64_C(23) * 1024 * 1024)
#define MOST  (INT64_C(1000) * 1024 * 1024) /* for each container */

static struct str with_tag(struct str image, struct arena *arena)
{
	return str_last_index(image, ':') <= str_last_index(image, '/') ? arena_concat(arena, image, STR(":latest"))
									: image;
}

static int64_t size_on(const struct core_v1_node *node, struct str image)
{
	SLICE_FOREACH (there, node->status.images)
		SLICE_FOREACH (name, there->names)
			if (str_eq(*name, image))
				return there->size_bytes;
	return 0;
}

static int64_t image_score(struct cycle *cycle, const struct node_row *node, struct str image)
{
	struct str name = with_tag(image, &cycle->arena);
	int64_t size = size_on(node->node, name);

	if (size == 0)
		return 0;
	return (int64_t)((double)size *
			 ((double)cache_image_nodes(cycle->cache, name) / (double)cycle->cache->nodes_len));
}

static int64_t score(struct cycle *cycle, const struct node_row *node)
{
	const struct core_v1_pod_spec *spec = &cycle->pod->pod->spec;
	int64_t sum = 0, images = (int64_t)(spec->containers.len + spec->init_containers.len), most;

	if (node->node->status.images.len == 0)
		return 0;
	SLICE_FOREACH (container, spec->init_containers)
		sum += image_score(cycle, node, container->image);
	SLICE_FOREACH (container, spec->containers)
		sum += image_score(cycle, node, container->image);
	SLICE_FOREACH (volume, spec->volumes)
		if (volume->volume_source.image) {
			sum += image_score(cycle, node, volume->volume_source.image->reference);
			images++;
		}
	most = MOST * images;
	sum = MIN(MAX(sum, LEAST), most);
	return SCORE_MAX * (sum - LEAST) / (most - LEAST);
}

const struct plugin plugin_image_locality = {
	.name = "ImageLocality",
	.weight = 1,
	.score = score,
};
