/* Step: a delete becomes the removal of the object, or the last change of one that has to stay a while. */
#include "apiserver/fields.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"

#define FINALIZER_ORPHAN     STR("orphan")
#define FINALIZER_FOREGROUND STR("foregroundDeletion")

static enum step_result precondition_failed(struct request *request, const char *what, struct str asked,
					    struct str found, const char *maybe)
{
	struct str why = arena_printf(&request->arena,
				      "the %s in the precondition (" STR_FMT
				      ") does not match the %s in record (" STR_FMT "). The object might have been %s",
				      what, STR_ARG(asked), what, STR_ARG(found), maybe);

	/* Upstream names the kind here, not the resource. */
	return status_conflict_kind(request, request->info.name, str_c(why));
}

static enum step_result check_preconditions(struct request *request)
{
	const struct meta_v1_preconditions *wanted = request->delete_options->preconditions;
	const struct meta_v1_object_meta *meta = request->old->meta;

	if (!wanted)
		return STEP_NEXT;
	if (wanted->uid && !str_eq(*wanted->uid, meta->uid) && request->strategy->prepare_delete)
		return status_conflict(request, request->info.name,
				       str_c(arena_printf(&request->arena,
							  "Precondition failed: UID in precondition: " STR_FMT
							  ", UID in object meta: " STR_FMT,
							  STR_ARG(*wanted->uid), STR_ARG(meta->uid))));
	if (wanted->uid && !str_eq(*wanted->uid, meta->uid))
		return precondition_failed(request, "UID", *wanted->uid, meta->uid, "deleted and then recreated");
	if (wanted->resource_version && !str_eq(*wanted->resource_version, meta->resource_version))
		return precondition_failed(request, "ResourceVersion", *wanted->resource_version,
					   meta->resource_version, "modified");
	return STEP_NEXT;
}

/* Whether the two finalizers of the garbage collector are to be there. */
static void wanted_finalizers(const struct request *request, bool *ret_orphan, bool *ret_foreground)
{
	const struct meta_v1_delete_options *options = request->delete_options;
	const struct meta_v1_object_meta *meta = request->old->meta;

	*ret_orphan = *ret_foreground = false;
	if (request->strategy->collection_default == COLLECT_UNSUPPORTED)
		return;
	if (options->orphan_dependents) {
		*ret_orphan = *options->orphan_dependents;
		return;
	}
	if (options->propagation_policy) {
		*ret_orphan = str_eq(*options->propagation_policy, STR("Orphan"));
		*ret_foreground = str_eq(*options->propagation_policy, STR("Foreground"));
		return;
	}
	SLICE_FOREACH (finalizer, meta->finalizers) {
		if (str_eq(*finalizer, FINALIZER_ORPHAN)) {
			*ret_orphan = true;
			return;
		}
		if (str_eq(*finalizer, FINALIZER_FOREGROUND)) {
			*ret_foreground = true;
			return;
		}
	}
	*ret_orphan = request->strategy->collection_default == COLLECT_ORPHAN;
}

static bool set_finalizers(struct request *request, struct meta_v1_object_meta *meta)
{
	const struct str_slice *old = &request->old->meta->finalizers;
	struct str *items = ARENA_NEW_N(&request->arena, struct str, old->len + 2);
	bool orphan, foreground;
	size_t len = 0;

	wanted_finalizers(request, &orphan, &foreground);
	SLICE_FOREACH (finalizer, *old)
		if (!str_eq(*finalizer, FINALIZER_ORPHAN) && !str_eq(*finalizer, FINALIZER_FOREGROUND))
			items[len++] = *finalizer;
	if (orphan)
		items[len++] = FINALIZER_ORPHAN;
	if (foreground)
		items[len++] = FINALIZER_FOREGROUND;
	meta->finalizers = (struct str_slice){len ? items : NULL, len};
	return len > 0;
}

static void set_deletion_time(struct request *request, struct meta_v1_object_meta *meta, int64_t grace)
{
	struct timestamp when = {request->now.seconds + grace, 0, true};

	meta->deletion_timestamp = ARENA_DUP(&request->arena, struct timestamp, &when);
}

static void set_deletion(struct request *request, struct meta_v1_object_meta *meta, int64_t grace)
{
	set_deletion_time(request, meta, grace);
	meta->deletion_grace_period_seconds = ARENA_DUP(&request->arena, int64_t, &grace);
	if (meta->generation > 0)
		meta->generation++;
}

/* A second delete may shorten the time that is left, never lengthen it. */
static bool shorten(struct request *request, struct meta_v1_object_meta *meta, int64_t grace)
{
	const struct meta_v1_object_meta *old = request->old->meta;
	int64_t had = old->deletion_grace_period_seconds ? *old->deletion_grace_period_seconds : 0;
	struct timestamp when = {old->deletion_timestamp->seconds - had + grace, 0, true};

	if (grace >= had)
		return false;
	if (grace > 0 && when.seconds < request->now.seconds) {
		when.seconds = request->now.seconds;
		grace = 1;
	}
	meta->deletion_timestamp = ARENA_DUP(&request->arena, struct timestamp, &when);
	meta->deletion_grace_period_seconds = ARENA_DUP(&request->arena, int64_t, &grace);
	return true;
}

static int64_t grace_of(struct request *request)
{
	const int64_t *asked = request->delete_options->grace_period_seconds;
	int64_t one = 1;

	if (!request->strategy->graceful_period)
		return 0;
	if (asked && *asked < 0)
		asked = &one;
	return request->strategy->graceful_period(&request->context, request->old->data, asked);
}

enum step_result step_delete(struct request *request)
{
	struct meta_v1_object_meta *meta;
	enum step_result result = check_preconditions(request);
	bool finalizers, stays, was_deleted = request->old->meta->deletion_timestamp != NULL;
	int64_t grace;

	if (result != STEP_NEXT)
		return result;
	request->object = arena_memdup(&request->arena, request->old->data, request->schema->size);
	meta = EDIT(struct meta_v1_object_meta, object_meta_of(request->schema, request->object));
	finalizers = set_finalizers(request, meta);
	grace = grace_of(request);
	stays = request->strategy->prepare_delete &&
		request->strategy->prepare_delete(&request->context, request->object, request->old->data);
	if (was_deleted && grace > 0) {
		if (!shorten(request, meta, grace))
			request->unchanged = true;
		return STEP_NEXT;
	}
	/* Who watches sees the end of the grace before the object goes. */
	if (was_deleted && !finalizers && !stays && !request->options.dry_run && shorten(request, meta, 0)) {
		request->delete_next = true;
		return STEP_NEXT;
	}
	if (!finalizers && !stays && grace == 0) {
		request->delete_now = true;
		/* What is answered shows the end of a graceful deletion. */
		if (request->strategy->graceful_period && !was_deleted)
			set_deletion(request, meta, 0);
		return STEP_NEXT;
	}
	if (!was_deleted && stays)
		set_deletion_time(request, meta, 0); /* emptied first, and neither counted nor timed */
	else if (!was_deleted)
		set_deletion(request, meta, grace);
	else if (grace == 0)
		shorten(request, meta, 0);
	return STEP_NEXT;
}
