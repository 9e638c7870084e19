/* What pods no longer need; see pod_garbage.h. */
#include "kubelet/pod_garbage.h"

#include <dirent.h>
#include <fcntl.h>

#include "base/log.h"
#include "kubelet/log_rotate.h"
#include "sys/path.h"

/* --- Containers and sandboxes ------------------------------------------------------------------------------------- */

static bool is_kept(const struct pod_view *view, const struct runtime_container_status *status)
{
	if (status->state == RUNTIME_CONTAINER_RUNNING)
		return true;
	for (size_t i = 0; i < view->len; i++)
		if (view->containers[i].latest == status || view->containers[i].previous == status)
			return true;
	return false;
}

static void remove_container(const struct kubelet_context *context, const struct runtime_container_status *status)
{
	struct error err = {0};

	if (RUNTIME_CALL(context->runtime, remove_container, status->id, &err) < 0 ||
	    (status->log_path.len && log_remove(status->log_path, &err) < 0))
		log_warn("cannot remove a container that ended", "container=" STR_FMT " error=\"%s\"",
			 STR_ARG(status->id), err.message);
}

static bool is_needed(const struct pod_view *view, const struct runtime_sandbox_status *sandbox)
{
	if (sandbox == view->sandbox || sandbox->state == RUNTIME_SANDBOX_READY)
		return true;
	for (size_t i = 0; i < view->all_containers.len; i++)
		if (str_eq(view->all_containers.items[i].sandbox_id, sandbox->id) &&
		    is_kept(view, &view->all_containers.items[i]))
			return true;
	return false;
}

void pod_garbage_remove(const struct kubelet_context *context, const struct pod_view *view)
{
	for (size_t i = 0; i < view->all_containers.len; i++)
		if (!is_kept(view, &view->all_containers.items[i]))
			remove_container(context, &view->all_containers.items[i]);
	for (size_t i = 0; i < view->all_sandboxes.len; i++) {
		struct error err = {0};

		if (!is_needed(view, &view->all_sandboxes.items[i]) &&
		    RUNTIME_CALL(context->runtime, remove_pod_sandbox, view->all_sandboxes.items[i].id, &err) < 0)
			log_warn("cannot remove a sandbox that is over", "sandbox=" STR_FMT " error=\"%s\"",
				 STR_ARG(view->all_sandboxes.items[i].id), err.message);
	}
}

/* --- Logs: a folder NAMESPACE_NAME_UID for each pod --------------------------------------------------------------- */

struct str pod_log_dir(const struct kubelet_config *config, const struct core_v1_pod *pod, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "/" STR_FMT "_" STR_FMT "_" STR_FMT, STR_ARG(config->pod_logs_dir),
			    STR_ARG(pod->metadata.namespace), STR_ARG(pod->metadata.name), STR_ARG(pod->metadata.uid));
}

static int list_folders(const struct kubelet_context *context, struct arena *arena, struct runtime_strs *ret,
			struct error *err)
{
	struct str path = context->config->pod_logs_dir;
	DIR *stream = path.len ? opendir(str_c(path)) : NULL;
	VEC_OF(struct str) names = {0};
	struct dirent *entry;

	if (!stream && path.len && errno != ENOENT)
		return error_set_errno(err, errno, "list " STR_FMT, STR_ARG(path));
	while (stream && (entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			vec_push(arena, &names, arena_str_c(arena, entry->d_name));
	if (stream)
		closedir(stream);
	*ret = (struct runtime_strs){names.items, names.len};
	return 0;
}

static struct str uid_of(struct str folder)
{
	ptrdiff_t last = str_last_index(folder, '_');

	return last < 0 ? STR_EMPTY : str_from_at(folder, (size_t)last + 1);
}

int pod_logs_list(const struct kubelet_context *context, struct arena *arena, struct runtime_strs *ret,
		  struct error *err)
{
	struct runtime_strs folders;
	struct str *uids;

	if (list_folders(context, arena, &folders, err) < 0)
		return -(int)err->code;
	uids = ARENA_NEW_N(arena, struct str, folders.len + 1);
	for (size_t i = 0; i < folders.len; i++)
		uids[i] = uid_of(folders.items[i]);
	*ret = (struct runtime_strs){uids, folders.len};
	return 0;
}

int pod_logs_remove(const struct kubelet_context *context, struct str uid, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct runtime_strs folders;

	if (list_folders(context, &arena, &folders, err) < 0)
		return -(int)err->code;
	SLICE_FOREACH (folder, folders) {
		struct str path = arena_printf(&arena, STR_FMT "/" STR_FMT, STR_ARG(context->config->pod_logs_dir),
					       STR_ARG(*folder));
		int r = uid.len && str_eq(uid_of(*folder), uid) ? path_remove_tree(AT_FDCWD, str_c(path)) : 0;

		if (r < 0)
			return error_set_errno(err, -r, "remove " STR_FMT, STR_ARG(path));
	}
	return 0;
}
