/* What the store holds and has done; see store_metrics.h. */
#include "apiserver/store_metrics.h"

#include "apiserver/stored.h"
#include "component/metrics.h"
#include "store/store.h"
#include "types/resource.h"

struct store_metrics {
	struct store *store;
	struct metric_family *objects, *objects_by_group;
	struct metric *size, *records, *commits, *syncs;
};

/* A resource is counted in the version it is stored in. */
static void count_objects(struct store_metrics *metrics)
{
	struct arena cleanup_arena arena = {0};
	struct store_view *view = store_view_acquire(metrics->store);

	for (size_t i = 0; i < resources_len; i++) {
		const struct resource *resource = &resources[i];
		struct str name = resource->plural;
		int64_t count;

		if (!resource->schema || !resource->list_schema ||
		    !str_eq(resource->api_version, resource->storage_version))
			continue;
		count = (int64_t)store_view_count(view, stored_key(resource, STR_EMPTY, STR_EMPTY, &arena));
		if (resource->group.len)
			name = arena_printf(&arena, STR_FMT "." STR_FMT, STR_ARG(resource->plural),
					    STR_ARG(resource->group));
		metric_set(metric_find(metrics->objects, &name), count);
		metric_set(
			metric_find(metrics->objects_by_group, (const struct str[]){resource->group, resource->plural}),
			count);
	}
	store_view_release(view);
}

static void refresh(void *data)
{
	struct store_metrics *metrics = data;
	struct store_stats stats;

	store_stats(metrics->store, &stats);
	metric_set(metrics->size, (int64_t)stats.segment_size);
	metric_set(metrics->records, (int64_t)stats.keys);
	metric_set(metrics->commits, (int64_t)stats.commits);
	metric_set(metrics->syncs, (int64_t)stats.syncs);
	count_objects(metrics);
}

struct store_metrics *store_metrics_new(struct metrics *metrics, struct store *store)
{
	struct store_metrics *made = XNEW(struct store_metrics);
	struct metric_family *size = metrics_gauge(metrics, "apiserver_storage_size_bytes",
						   "Disk space of the store's files", "storage_cluster_id", NULL);

	made->store = store;
	made->objects = metrics_gauge(metrics, "apiserver_storage_objects", "Objects in the store", "resource", NULL);
	made->objects_by_group =
		metrics_gauge(metrics, "apiserver_resource_objects", "Objects in the store", "group", "resource", NULL);
	made->size = metric_get(size, "etcd-0"); /* upstream's name for a server's first store */
	made->records = metric_get(metrics_gauge(metrics, "wherry_store_records", "Keys in the store", NULL));
	made->commits = metric_get(
		metrics_gauge(metrics, "wherry_store_commits", "Writes that succeeded since the start", NULL));
	made->syncs =
		metric_get(metrics_gauge(metrics, "wherry_store_syncs", "Times the store waited for the disk", NULL));
	metrics_refresh(metrics, refresh, made);
	return made;
}

struct store_metrics *store_metrics_free(struct store_metrics *metrics)
{
	free(metrics);
	return NULL;
}
