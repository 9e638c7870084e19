/* What pods left that the API no longer knows; see orphans.h. */
#include "kubelet/orphans.h"

#include <dirent.h>

#include "base/log.h"
#include "client/informer.h"
#include "kubelet/pod_cgroup.h"
#include "kubelet/pod_garbage.h"
#include "kubelet/pod_view.h"
#include "kubelet/volumes.h"
#include "sys/thread.h"

struct orphans {
	const struct kubelet_context *context;
	struct arena arena;
	VEC_OF(struct str) uids;
};

static bool has(const struct orphans *orphans, struct str uid)
{
	for (size_t i = 0; i < orphans->uids.len; i++)
		if (str_eq(orphans->uids.items[i], uid))
			return true;
	return false;
}

static void note(struct orphans *orphans, struct str uid)
{
	if (uid.len && !has(orphans, uid))
		vec_push(&orphans->arena, &orphans->uids, arena_str(&orphans->arena, uid));
}

static void cannot_look(const char *where, const char *why)
{
	log_warn("cannot look for what old pods left", "where=%s error=\"%s\"", where, why);
}

static void note_sandboxes(struct orphans *orphans)
{
	struct runtime_sandbox_list list;
	struct error err = {0};

	if (RUNTIME_CALL(orphans->context->runtime, list_pod_sandboxes, &(struct runtime_filter){0}, &orphans->arena,
			 &list, &err) < 0) {
		cannot_look("sandboxes", err.message);
		return;
	}
	for (size_t i = 0; i < list.len; i++)
		note(orphans, runtime_pairs_get(list.items[i].labels, STR(LABEL_POD_UID)));
}

static void note_folders(struct orphans *orphans)
{
	struct str path = arena_concat(&orphans->arena, orphans->context->config->root_dir, STR("/pods"));
	DIR *stream = opendir(str_c(path));
	struct dirent *entry;

	if (!stream) {
		if (errno != ENOENT)
			cannot_look(str_c(path), strerror(errno));
		return;
	}
	while ((entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			note(orphans, str_from(entry->d_name));
	closedir(stream);
}

static void note_listed(struct orphans *orphans, const char *where,
			int (*list)(const struct kubelet_context *context, struct arena *arena,
				    struct runtime_strs *ret, struct error *err))
{
	struct runtime_strs uids;
	struct error err = {0};

	if (list(orphans->context, &orphans->arena, &uids, &err) < 0) {
		cannot_look(where, err.message);
		return;
	}
	SLICE_FOREACH (uid, uids)
		note(orphans, *uid);
}

struct orphans *orphans_find(const struct kubelet_context *context)
{
	struct orphans *orphans = XNEW(struct orphans);

	orphans->context = context;
	note_sandboxes(orphans);
	note_folders(orphans);
	note_listed(orphans, "cgroups", pod_cgroup_list);
	note_listed(orphans, "logs", pod_logs_list);
	return orphans;
}

/* --- Removing ----------------------------------------------------------------------------------------------------- */

static int remove_sandboxes(const struct kubelet_context *context, struct str uid, struct arena *arena,
			    struct error *err)
{
	struct runtime_pair label = {STR(LABEL_POD_UID), uid};
	const struct runtime_filter filter = {.label_selector = {&label, 1}};
	struct runtime_sandbox_list list;

	if (RUNTIME_CALL(context->runtime, list_pod_sandboxes, &filter, arena, &list, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < list.len; i++)
		if (RUNTIME_CALL(context->runtime, stop_pod_sandbox, list.items[i].id, err) < 0 ||
		    RUNTIME_CALL(context->runtime, remove_pod_sandbox, list.items[i].id, err) < 0)
			return -(int)err->code;
	return 0;
}

static void remove_all(void *data)
{
	struct orphans *orphans = data;

	log_set_component("kubelet");
	SLICE_FOREACH (uid, orphans->uids) {
		struct error err = {0};

		if (remove_sandboxes(orphans->context, *uid, &orphans->arena, &err) < 0 ||
		    volumes_tear_down(orphans->context, *uid, &err) < 0 ||
		    pod_cgroup_remove(orphans->context, *uid, &err) < 0 ||
		    pod_logs_remove(orphans->context, *uid, &err) < 0)
			log_warn("cannot remove what an unknown pod left", "uid=" STR_FMT " error=\"%s\"",
				 STR_ARG(*uid), err.message);
		else
			log_info("removed what an unknown pod left", "uid=" STR_FMT, STR_ARG(*uid));
	}
	orphans_free(orphans);
}

void orphans_remove(struct orphans *orphans, struct informer *pods)
{
	size_t kept = 0;

	for (size_t i = 0; i < orphans->uids.len; i++) {
		bool known = false;

		INFORMER_FOREACH(it, pods)
		known = known || str_eq(it->object->meta->uid, orphans->uids.items[i]);
		if (!known)
			orphans->uids.items[kept++] = orphans->uids.items[i];
	}
	orphans->uids.len = kept;
	worker_pool_submit(orphans->context->pool, remove_all, orphans);
}

struct orphans *orphans_free(struct orphans *orphans)
{
	if (!orphans)
		return NULL;
	arena_release(&orphans->arena);
	free(orphans);
	return NULL;
}
