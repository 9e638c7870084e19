/* What is there: sandboxes, containers and their statistics, copied out under the lock; see builtin_internal.h. */
#include <stdio.h>

#include "base/clock.h"
#include "runtime/builtin_internal.h"

/* ---- copies into the caller's arena ---- */

static struct runtime_pairs copy_pairs(struct runtime_pairs from, struct arena *arena)
{
	struct runtime_pair *pairs = ARENA_NEW_N(arena, struct runtime_pair, from.len);

	for (size_t i = 0; i < from.len; i++)
		pairs[i] = (struct runtime_pair){arena_str(arena, from.items[i].key),
						 arena_str(arena, from.items[i].value)};
	return (struct runtime_pairs){pairs, from.len};
}

static void fill_sandbox(const struct sandbox *sandbox, struct arena *arena, struct runtime_sandbox_status *ret)
{
	const struct sandbox_record *record = &sandbox->record;
	const struct runtime_sandbox_config *config = &record->config;

	*ret = (struct runtime_sandbox_status){
		.id = arena_str(arena, record->id),
		.metadata = {.name = arena_str(arena, config->metadata.name),
			     .uid = arena_str(arena, config->metadata.uid),
			     .namespace_ = arena_str(arena, config->metadata.namespace_),
			     .attempt = config->metadata.attempt},
		.state = record->state,
		.created_at = record->created_at,
		.ips = {arena_memdup(arena, record->ips.items, record->ips.len * sizeof(*record->ips.items)),
			record->ips.len},
		.namespaces = config->namespaces,
		.labels = copy_pairs(config->labels, arena),
		.annotations = copy_pairs(config->annotations, arena),
		.netns_path = config->namespaces.network == RUNTIME_NAMESPACE_NODE
				      ? STR_EMPTY
				      : arena_printf(arena, "%s/net", sandbox->run_dir),
		.cgroup_parent = arena_str(arena, record->cgroup),
	};
	ret->namespaces.target_id = arena_str(arena, config->namespaces.target_id);
}

static struct str log_path(const struct container *container, struct arena *arena)
{
	struct str folder = container->sandbox->record.config.log_directory, name = container->record.config.log_path;

	if (name.len == 0)
		return STR_EMPTY;
	return folder.len ? arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(folder), STR_ARG(name))
			  : arena_str(arena, name);
}

static void fill_resources(const struct runtime_linux_resources *from, struct arena *arena,
			   struct runtime_linux_resources *ret)
{
	*ret = *from;
	ret->cpuset_cpus = arena_str(arena, from->cpuset_cpus);
	ret->cpuset_mems = arena_str(arena, from->cpuset_mems);
	ret->hugepage_limits = NULL;
	ret->hugepage_limits_len = 0;
	ret->unified = copy_pairs(from->unified, arena);
}

static void fill_container(const struct container *container, struct arena *arena, struct runtime_container_status *ret)
{
	const struct container_record *record = &container->record;
	const struct runtime_container_config *config = &record->config;

	*ret = (struct runtime_container_status){
		.id = arena_str(arena, record->id),
		.sandbox_id = arena_str(arena, record->sandbox_id),
		.metadata = {.name = arena_str(arena, config->metadata.name), .attempt = config->metadata.attempt},
		.state = record->state,
		.created_at = record->created_at,
		.started_at = record->started_at,
		.finished_at = record->finished_at,
		.exit_code = record->exit_code,
		.image = arena_str(arena, config->user_image.len ? config->user_image : config->image),
		.image_ref = arena_str(arena, record->image_ref),
		.image_id = arena_str(arena, record->image_id),
		.reason = arena_str(arena, record->reason),
		.message = arena_str(arena, record->message),
		.labels = copy_pairs(config->labels, arena),
		.annotations = copy_pairs(config->annotations, arena),
		.log_path = log_path(container, arena),
		.pid = record->process.pid,
		.has_user = record->has_user,
		.user_uid = record->user_uid,
		.user_gid = record->user_gid,
		.user_groups = {arena_memdup(arena, record->user_groups.items,
					     record->user_groups.len * sizeof(*record->user_groups.items)),
				record->user_groups.len},
	};
	fill_resources(&config->resources, arena, &ret->resources);
}

/* ---- filters ---- */

static bool has_labels(struct runtime_pairs labels, struct runtime_pairs wanted)
{
	SLICE_FOREACH (pair, wanted) {
		struct str value = runtime_pairs_get(labels, pair->key);

		if (!value.data || !str_eq(value, pair->value))
			return false;
	}
	return true;
}

static bool matches(const struct runtime_filter *filter, struct str id, struct str sandbox_id,
		    struct runtime_pairs labels)
{
	return !filter || ((filter->id.len == 0 || str_eq(filter->id, id)) &&
			   (filter->sandbox_id.len == 0 || str_eq(filter->sandbox_id, sandbox_id)) &&
			   has_labels(labels, filter->label_selector));
}

/* ---- operations ---- */

int builtin_pod_sandbox_status(struct runtime *rt, struct str id, struct arena *arena,
			       struct runtime_sandbox_status *ret, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct sandbox *sandbox;

	MUTEX_GUARD(&b->lock);
	sandbox = sandbox_get(b, id);
	if (!sandbox)
		return error_set(err, ERR_NOT_FOUND, "sandbox \"" STR_FMT "\" not found", STR_ARG(id));
	fill_sandbox(sandbox, arena, ret);
	return 0;
}

int builtin_list_pod_sandboxes(struct runtime *rt, const struct runtime_filter *filter, struct arena *arena,
			       struct runtime_sandbox_list *ret, struct error *err UNUSED)
{
	struct builtin *b = builtin_of(rt);
	VEC_OF(struct runtime_sandbox_status) all = {0};
	struct runtime_sandbox_status one;

	MUTEX_GUARD(&b->lock);
	LIST_FOREACH (struct sandbox, sandbox, &b->sandboxes, link)
		if (matches(filter, sandbox->record.id, sandbox->record.id, sandbox->record.config.labels)) {
			fill_sandbox(sandbox, arena, &one);
			vec_push(arena, &all, one);
		}
	*ret = (struct runtime_sandbox_list){all.items, all.len};
	return 0;
}

int builtin_container_status(struct runtime *rt, struct str id, struct arena *arena,
			     struct runtime_container_status *ret, struct error *err)
{
	struct builtin *b = builtin_of(rt);
	struct container *container;

	MUTEX_GUARD(&b->lock);
	container = container_get(b, id);
	if (!container)
		return error_set(err, ERR_NOT_FOUND, "container \"" STR_FMT "\" not found", STR_ARG(id));
	fill_container(container, arena, ret);
	return 0;
}

int builtin_list_containers(struct runtime *rt, const struct runtime_filter *filter, struct arena *arena,
			    struct runtime_container_list *ret, struct error *err UNUSED)
{
	struct builtin *b = builtin_of(rt);
	VEC_OF(struct runtime_container_status) all = {0};
	struct runtime_container_status one;

	MUTEX_GUARD(&b->lock);
	LIST_FOREACH (struct sandbox, sandbox, &b->sandboxes, link)
		LIST_FOREACH (struct container, container, &sandbox->containers, link)
			if (matches(filter, container->record.id, sandbox->record.id,
				    container->record.config.labels)) {
				fill_container(container, arena, &one);
				vec_push(arena, &all, one);
			}
	*ret = (struct runtime_container_list){all.items, all.len};
	return 0;
}

/* The control files are read outside the lock: a group may be gone by then, and its container is left out. */
int builtin_list_container_stats(struct runtime *rt, const struct runtime_filter *filter, struct arena *arena,
				 struct runtime_container_stats_list *ret, struct error *err UNUSED)
{
	struct builtin *b = builtin_of(rt);
	VEC_OF(struct runtime_container_stats) all = {0};
	VEC_OF(struct str) groups = {0};
	size_t kept = 0;

	mutex_lock(&b->lock);
	LIST_FOREACH (struct sandbox, sandbox, &b->sandboxes, link)
		LIST_FOREACH (struct container, container, &sandbox->containers, link) {
			const struct container_record *record = &container->record;

			if (record->state != RUNTIME_CONTAINER_RUNNING ||
			    !matches(filter, record->id, sandbox->record.id, record->config.labels))
				continue;
			vec_push(arena, &groups, arena_str(arena, record->cgroup));
			vec_push(arena, &all,
				 (struct runtime_container_stats){
					 .id = arena_str(arena, record->id),
					 .sandbox_id = arena_str(arena, record->sandbox_id),
					 .metadata = {arena_str(arena, record->config.metadata.name),
						      record->config.metadata.attempt},
					 .labels = copy_pairs(record->config.labels, arena)});
		}
	mutex_unlock(&b->lock);
	for (size_t i = 0; i < all.len; i++) {
		struct runtime_container_stats stats = all.items[i];
		struct cgroup_usage usage;
		struct error gone = {0};

		if (cgroup_usage(&b->cgroups, groups.items[i], &usage, &gone) < 0)
			continue;
		stats.timestamp = clock_wall_ns();
		stats.cpu_usage_ns = usage.cpu_usage_ns;
		stats.memory_usage = usage.memory_usage;
		stats.memory_working_set = usage.memory_working_set;
		stats.memory_rss = usage.memory_rss;
		stats.pids = usage.pids;
		all.items[kept++] = stats;
	}
	*ret = (struct runtime_container_stats_list){all.items, kept};
	return 0;
}
