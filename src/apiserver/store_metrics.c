/* What the store holds and has done; see store_metrics.h. */
#include "apiserver/store_metrics.h"

#include "apiserver/stored.h"
#include "component/metrics.h"
#include "store/store.h"
#include "types/resource.h"

/* The store's own figures, under names of their own: upstream's store is etcd, which tells for itself. */
#define COUNTED(member) offsetof(struct store_stats, member)
static const struct figure {
	const char *name, *help;
	size_t at; /* of a uint64_t */
	bool counter;
} figures[] = {
	{"wherry_store_records", "Keys in the store", COUNTED(keys), false},
	{"wherry_store_commits", "Writes that succeeded since the start", COUNTED(commits), false},
	{"wherry_store_syncs", "Times the store waited for the disk", COUNTED(syncs), false},
	{"wherry_store_versions", "Versions kept for watches and old pages of lists", COUNTED(history), false},
	{"wherry_store_decoded_objects", "Decoded objects the store holds", COUNTED(objects), false},
	{"wherry_store_segments", "Files of the store's log", COUNTED(segments), false},
	{"wherry_store_written_bytes_total", "Bytes writes have put into the log", COUNTED(bytes), true},
	{"wherry_store_compactions_total", "Times segments were merged", COUNTED(compactions), true},
	{"wherry_store_compacted_bytes_total", "Bytes written by merging segments", COUNTED(compacted), true},
	{"wherry_store_freed_bytes_total", "Bytes given back by merging segments", COUNTED(freed), true},
};

struct store_metrics {
	struct store *store;
	struct metric_family *objects, *objects_by_group;
	struct metric *size, *compaction_failed;
	struct metric *figures[ARRAY_LEN(figures)];
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
	metric_set(metrics->compaction_failed, stats.compaction_failed);
	for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
		const void *value = (const char *)&stats + figures[i].at;

		metric_set(metrics->figures[i], (int64_t) * (const uint64_t *)value);
	}
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
	made->compaction_failed =
		metric_get(metrics_gauge(metrics, "wherry_store_compaction_failed",
					 "1: segments are not merged any more, until a restart", NULL));
	for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
		const struct figure *figure = &figures[i];
		struct metric_family *family = figure->counter
						       ? metrics_counter(metrics, figure->name, figure->help, NULL)
						       : metrics_gauge(metrics, figure->name, figure->help, NULL);

		made->figures[i] = metric_get(family);
	}
	metrics_refresh(metrics, refresh, made);
	return made;
}

struct store_metrics *store_metrics_free(struct store_metrics *metrics)
{
	free(metrics);
	return NULL;
}
