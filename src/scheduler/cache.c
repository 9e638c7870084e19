/* The scheduler's picture of the cluster; see cache.h. */
#include "scheduler/cache.h"

#include "logic/pod_requests.h"
#include "types/quantity.h"

struct image_spread {
	size_t nodes;
	char name[];
};

void cache_init(struct cache *cache)
{
	*cache = (struct cache){0};
	resource_names_init(&cache->names);
}

void node_row_release(struct node_row *row)
{
	free(row->extended_allocatable);
	free(row->extended_requested);
	free(row->pods);
	object_unref(row->object);
}

void cache_release(struct cache *cache)
{
	for (uint32_t i = 0; i < cache->rows_len; i++) {
		struct node_row *row = &cache->rows[i];

		for (size_t j = 0; j < row->pods_len; j++)
			row->pods[j]->node = NODE_NONE;
		node_row_release(row);
		free(UNCONST(char *, row->name.data)); /* made by row_for() */
	}
	MAP_FOREACH (it, &cache->images)
		free(it->value);
	map_release(&cache->images);
	MAP_FOREACH (it, &cache->namespaces)
		object_unref(it->value);
	map_release(&cache->namespaces);
	map_release(&cache->by_name);
	free(cache->rows);
	free(cache->nodes);
	free(cache->free);
	for (size_t i = 0; i < cache->nominated_len; i++)
		free(TAKE_PTR(cache->nominated[i]->nominated));
	free(cache->nominated);
	resource_names_release(&cache->names);
}

static void push(uint32_t **items, uint32_t *len, uint32_t *cap, uint32_t value)
{
	if (*len == *cap) {
		*cap = *cap ? *cap * 2 : 16;
		*items = xrealloc_array(*items, *cap, sizeof(**items));
	}
	(*items)[(*len)++] = value;
}

/* --- Sums ------------------------------------------------------------------------------------------------------ */

static void extended_reserve(struct node_row *row, size_t len)
{
	if (len <= row->extended_len)
		return;
	row->extended_allocatable = xrealloc_array(row->extended_allocatable, len, sizeof(*row->extended_allocatable));
	row->extended_requested = xrealloc_array(row->extended_requested, len, sizeof(*row->extended_requested));
	for (size_t i = row->extended_len; i < len; i++)
		row->extended_allocatable[i] = row->extended_requested[i] = 0;
	row->extended_len = len;
}

/* Where a row counts a resource; made when it is not there. */
static int64_t *requested_at(struct node_row *row, uint32_t number)
{
	if (number < SCHED_BASE_MAX)
		return &row->requested[number];
	extended_reserve(row, number - SCHED_BASE_MAX + 1);
	return &row->extended_requested[number - SCHED_BASE_MAX];
}

static void count(struct node_row *row, const struct sched_pod *pod, int sign)
{
	for (size_t i = 0; i < pod->requests_len; i++)
		*requested_at(row, pod->requests[i].number) += sign * pod->requests[i].amount;
	for (size_t i = 0; i < ARRAY_LEN(row->load); i++)
		row->load[i] += sign * pod->load[i];
	if (pod->affinities.apart.len)
		row->apart_len = sign > 0 ? row->apart_len + 1 : row->apart_len - 1;
	row->ports_len = sign > 0 ? row->ports_len + pod->ports_len : row->ports_len - pod->ports_len;
}

static uint32_t put(struct node_row *row, struct sched_pod *pod)
{
	if (row->pods_len == row->pods_cap) {
		row->pods_cap = row->pods_cap ? row->pods_cap * 2 : 8;
		row->pods = xrealloc_array(row->pods, row->pods_cap, sizeof(struct sched_pod *));
	}
	row->pods[row->pods_len] = pod;
	count(row, pod, 1);
	return (uint32_t)row->pods_len++;
}

void node_row_copy(const struct node_row *row, struct node_row *ret)
{
	*ret = *row;
	ret->object = object_ref(row->object);
	ret->pods = NULL;
	ret->pods_cap = ret->pods_len = 0;
	ret->extended_allocatable = ret->extended_requested = NULL;
	ret->extended_len = 0;
	extended_reserve(ret, row->extended_len);
	for (size_t i = 0; i < row->extended_len; i++) {
		ret->extended_allocatable[i] = row->extended_allocatable[i];
		ret->extended_requested[i] = row->extended_requested[i];
	}
	ret->pods = xcalloc(MAX(row->pods_len, (size_t)1), sizeof(struct sched_pod *));
	ret->pods_cap = MAX(row->pods_len, (size_t)1);
	ret->pods_len = row->pods_len;
	for (size_t i = 0; i < row->pods_len; i++)
		ret->pods[i] = row->pods[i];
}

void node_row_take(struct node_row *row, const struct sched_pod *pod)
{
	for (size_t i = 0; i < row->pods_len; i++)
		if (row->pods[i] == pod) {
			row->pods[i] = row->pods[--row->pods_len];
			count(row, pod, -1);
			return;
		}
}

void node_row_put(struct node_row *row, struct sched_pod *pod)
{
	(void)put(row, pod);
}

/* --- Nodes ----------------------------------------------------------------------------------------------------- */

static struct node_row *find_row(const struct cache *cache, struct str name)
{
	uintptr_t slot = (uintptr_t)map_get(&cache->by_name, name);

	return slot ? &cache->rows[slot - 1] : NULL;
}

struct node_row *cache_node(const struct cache *cache, struct str name)
{
	struct node_row *row = find_row(cache, name);

	return row && row->object ? row : NULL;
}

static struct node_row *row_for(struct cache *cache, struct str name)
{
	struct node_row *row = find_row(cache, name);
	uint32_t slot;

	if (row)
		return row;
	if (cache->free_len) {
		slot = cache->free[--cache->free_len];
	} else {
		if (cache->rows_len == cache->rows_cap) {
			cache->rows_cap = cache->rows_cap ? cache->rows_cap * 2 : 16;
			cache->rows = xrealloc_array(cache->rows, cache->rows_cap, sizeof(*cache->rows));
		}
		slot = cache->rows_len++;
	}
	row = &cache->rows[slot];
	*row = (struct node_row){.name = {xmemdup(name.data, name.len), name.len}, .slot = slot};
	map_set(&cache->by_name, row->name, (void *)(uintptr_t)(slot + 1));
	return row;
}

static void drop_if_empty(struct cache *cache, struct node_row *row)
{
	if (row->object || row->pods_len)
		return;
	map_remove(&cache->by_name, row->name);
	node_row_release(row);
	free(UNCONST(char *, row->name.data)); /* made by row_for() */
	push(&cache->free, &cache->free_len, &cache->free_cap, row->slot);
	*row = (struct node_row){0};
}

static void count_images(struct cache *cache, const struct core_v1_node *node, bool add)
{
	SLICE_FOREACH (image, node->status.images)
		SLICE_FOREACH (name, image->names) {
			struct image_spread *spread = map_get(&cache->images, *name);

			if (!spread && add) {
				spread = xcalloc(1, sizeof(*spread) + name->len + 1);
				memcpy(spread->name, name->data, name->len);
				map_set(&cache->images, (struct str){spread->name, name->len}, spread);
			}
			if (spread && add)
				spread->nodes++;
			else if (spread && --spread->nodes == 0)
				free(map_remove(&cache->images, *name));
		}
}

size_t cache_image_nodes(const struct cache *cache, struct str name)
{
	const struct image_spread *spread = map_get(&cache->images, name);

	return spread ? spread->nodes : 0;
}

static void read_allocatable(struct cache *cache, struct node_row *row)
{
	for (size_t i = 0; i < SCHED_BASE_MAX; i++)
		row->allocatable[i] = 0;
	for (size_t i = 0; i < row->extended_len; i++)
		row->extended_allocatable[i] = 0;
	row->pods_allowed = 0;
	SLICE_FOREACH (pair, row->node->status.allocatable) {
		int64_t amount = resource_amount_of(pair->key, &pair->value);
		uint32_t number;

		if (str_eq(pair->key, STR("pods"))) {
			row->pods_allowed = amount;
		} else if (resource_names_number(&cache->names, pair->key, &number)) {
			(void)requested_at(row, number);
			if (number < SCHED_BASE_MAX)
				row->allocatable[number] = amount;
			else
				row->extended_allocatable[number - SCHED_BASE_MAX] = amount;
		}
	}
}

void cache_set_node(struct cache *cache, struct object *object)
{
	struct node_row *row = row_for(cache, object->meta->name);
	struct object *old = row->object;

	if (old) {
		count_images(cache, row->node, false);
	} else {
		row->place = cache->nodes_len;
		push(&cache->nodes, &cache->nodes_len, &cache->nodes_cap, row->slot);
	}
	row->object = object_ref(object);
	row->node = OBJECT_AS(core_v1_node, object);
	read_allocatable(cache, row);
	count_images(cache, row->node, true);
	object_unref(old);
}

void cache_remove_node(struct cache *cache, struct str name)
{
	struct node_row *row = cache_node(cache, name), *moved;

	if (!row)
		return;
	count_images(cache, row->node, false);
	moved = &cache->rows[cache->nodes[--cache->nodes_len]];
	cache->nodes[row->place] = moved->slot;
	moved->place = row->place;
	row->object = object_unref(row->object);
	row->node = NULL;
	drop_if_empty(cache, row);
}

void cache_set_namespace(struct cache *cache, struct object *object)
{
	/* The key is in the object: the new one's replaces the old one's. */
	object_unref(map_set(&cache->namespaces, object->meta->name, object_ref(object)));
}

void cache_remove_namespace(struct cache *cache, struct str name)
{
	object_unref(map_remove(&cache->namespaces, name));
}

/* --- Pods ------------------------------------------------------------------------------------------------------ */

void cache_assume(struct cache *cache, struct sched_pod *pod, uint32_t slot)
{
	assert(pod->node == NODE_NONE);
	pod->node_place = put(&cache->rows[slot], pod);
	pod->node = slot;
	pod->assumed = true;
	cache->apart_len += pod->affinities.apart.len ? 1 : 0;
	cache->drawn_len += pod->affinities.with.len || pod->affinities.preferred.len ? 1 : 0;
}

void cache_add_pod(struct cache *cache, struct sched_pod *pod, struct str node)
{
	cache_assume(cache, pod, row_for(cache, node)->slot);
	pod->assumed = false;
}

void cache_remove_pod(struct cache *cache, struct sched_pod *pod)
{
	struct node_row *row;
	struct sched_pod *moved;

	if (pod->node == NODE_NONE)
		return;
	row = &cache->rows[pod->node];
	moved = row->pods[--row->pods_len];
	row->pods[pod->node_place] = moved;
	moved->node_place = pod->node_place;
	count(row, pod, -1);
	cache->apart_len -= pod->affinities.apart.len ? 1 : 0;
	cache->drawn_len -= pod->affinities.with.len || pod->affinities.preferred.len ? 1 : 0;
	pod->node = NODE_NONE;
	pod->assumed = false;
	drop_if_empty(cache, row);
}

void cache_nominate(struct cache *cache, struct sched_pod *pod, struct str node)
{
	if (node.len == 0 && !pod->nominated)
		return;
	if (node.len && pod->nominated && str_eq_c(node, pod->nominated))
		return;
	if (pod->nominated) {
		size_t i = 0;

		while (cache->nominated[i] != pod)
			i++;
		cache->nominated[i] = cache->nominated[--cache->nominated_len];
		free(TAKE_PTR(pod->nominated));
	}
	if (node.len) {
		pod->nominated = xmemdup(node.data, node.len);
		cache->nominated =
			xrealloc_array(cache->nominated, cache->nominated_len + 1, sizeof(struct sched_pod *));
		cache->nominated[cache->nominated_len++] = pod;
	}
}
