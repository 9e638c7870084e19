/* Jobs. */
#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/batch/job_check.h"
#include "apiserver/registry/warnings.h"

#define UID_LABEL "batch.kubernetes.io/controller-uid"

static const int32_t *number(struct arena *arena, int32_t value)
{
	int32_t *out = ARENA_NEW(arena, int32_t);

	*out = value;
	return out;
}

static const bool *no(struct arena *arena)
{
	return ARENA_NEW(arena, bool);
}

static const struct str *text(struct arena *arena, const char *value)
{
	struct str *out = ARENA_NEW(arena, struct str);

	*out = str_from(value);
	return out;
}

static void default_object(struct strategy_context *context, void *object)
{
	struct batch_v1_job *job = object;
	struct batch_v1_job_spec *spec = &job->spec;
	struct arena *arena = context->arena;

	if (!spec->completions && !spec->parallelism)
		spec->completions = number(arena, 1);
	if (!spec->parallelism)
		spec->parallelism = number(arena, 1);
	if (!spec->backoff_limit)
		spec->backoff_limit = number(arena, spec->backoff_limit_per_index ? INT32_MAX : 6);
	if (spec->template.metadata.labels.items && !job->metadata.labels.len)
		job->metadata.labels = spec->template.metadata.labels;
	if (!spec->completion_mode)
		spec->completion_mode = text(arena, "NonIndexed");
	if (!spec->suspend)
		spec->suspend = no(arena);
	if (!spec->pod_replacement_policy)
		spec->pod_replacement_policy = text(arena, spec->pod_failure_policy ? "Failed" : "TerminatingOrFailed");
	if (!spec->manual_selector)
		spec->manual_selector = no(arena);
	default_pod_spec(arena, &spec->template.spec);
}

static void label_if_absent(struct arena *arena, struct str_map *labels, const char *key, struct str value)
{
	if (!str_map_get(labels, str_from(key)))
		*labels = str_map_set(labels, str_from(key), value, arena);
}

/* Pods of a job are told from others by its uid, unless the client selects by itself. */
static void prepare_create(struct strategy_context *context, void *object)
{
	struct batch_v1_job *job = object;
	struct str_map *labels = &job->spec.template.metadata.labels;
	/* Labels that were defaulted from the template's are one with them. */
	bool shared = labels->items && job->metadata.labels.items == labels->items;
	struct meta_v1_label_selector *selector;

	if (job->spec.manual_selector && *job->spec.manual_selector)
		return;
	label_if_absent(context->arena, labels, "job-name", job->metadata.name);
	label_if_absent(context->arena, labels, "batch.kubernetes.io/job-name", job->metadata.name);
	label_if_absent(context->arena, labels, "controller-uid", job->metadata.uid);
	label_if_absent(context->arena, labels, UID_LABEL, job->metadata.uid);
	if (shared)
		job->metadata.labels = *labels;
	selector = job->spec.selector ? ARENA_DUP(context->arena, struct meta_v1_label_selector, job->spec.selector)
				      : ARENA_NEW(context->arena, struct meta_v1_label_selector);
	label_if_absent(context->arena, &selector->match_labels, UID_LABEL, job->metadata.uid);
	job->spec.selector = selector;
}

/* What a job without labels is read as: with those of its template. */
static void canonicalize(struct strategy_context *context UNUSED, void *object)
{
	struct batch_v1_job *job = object;

	if (!job->metadata.labels.len)
		job->metadata.labels = job->spec.template.metadata.labels;
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	check_job(errors, object);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	check_job_update(errors, object, old);
}

static bool has_condition(const struct batch_v1_job *job, const char *type)
{
	SLICE_FOREACH (condition, job->status.conditions)
		if (str_eq_c(condition->type, type))
			return str_eq_c(condition->status, "True");
	return false;
}

static void cell_status(struct table_row *row, const struct batch_v1_job *job)
{
	static const char *const types[] = {"Complete",	 "Failed",	  "",
					    "Suspended", "FailureTarget", "SuccessCriteriaMet"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (!*types[i] && job->metadata.deletion_timestamp) {
			table_cell_str(row, STR("Terminating"));
			return;
		}
		if (*types[i] && has_condition(job, types[i])) {
			table_cell_str(row, str_from(types[i]));
			return;
		}
	}
	table_cell_str(row, STR("Running"));
}

static void cell_completions(struct table_row *row, const struct batch_v1_job *job)
{
	int32_t parallelism = job->spec.parallelism ? *job->spec.parallelism : 0;

	if (job->spec.completions)
		cell_printf(row, "%d/%d", job->status.succeeded, *job->spec.completions);
	else if (parallelism > 1)
		cell_printf(row, "%d/1 of %d", job->status.succeeded, parallelism);
	else
		cell_printf(row, "%d/1", job->status.succeeded);
}

static void cell_duration(struct table_row *row, const struct batch_v1_job_status *status)
{
	int64_t end = status->completion_time ? status->completion_time->seconds : row->now.seconds;

	table_cell_str(row,
		       status->start_time ? human_duration(end - status->start_time->seconds, row->arena) : STR_EMPTY);
}

static struct str select_field(const void *object, struct str path UNUSED, struct arena *arena)
{
	return arena_printf(arena, "%d", ((const struct batch_v1_job *)object)->status.succeeded);
}

static const struct str fields[] = {STR_INIT("status.successful")};

static void cells(struct table_row *row, const void *object)
{
	const struct batch_v1_job *job = object;

	table_cell_str(row, job->metadata.name);
	cell_status(row, job);
	cell_completions(row, job);
	cell_duration(row, &job->status);
	table_cell_age(row, job->metadata.creation_timestamp);
	cell_containers(row, &job->spec.template.spec.containers);
	cell_selector(row, job->spec.selector, "<none>");
}

static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	const struct batch_v1_job *now = object, *before = old;

	warn_workload(context, &now->spec.template, &now->metadata, before ? &before->metadata : NULL);
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Status", "string", 0),
	COLUMN("Completions", "string", 0),
	COLUMN("Duration", "string", 0),
	COLUMN_AGE,
	COLUMN("Containers", "string", 1),
	COLUMN("Images", "string", 1),
	COLUMN("Selector", "string", 1),
};

const struct strategy strategy_batch_jobs = {
	.group = STR_INIT("batch"),
	.plural = STR_INIT("jobs"),
	.generation = GENERATION_SPEC,
	.collection_default = COLLECT_ORPHAN,
	.orphan_warning =
		STR_INIT("child pods are preserved by default when jobs are deleted; set propagationPolicy=Background "
			 "to remove them or set propagationPolicy=Orphan to suppress this warning"),
	.default_object = default_object,
	.prepare_create = prepare_create,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.canonicalize = canonicalize,
	.warnings = warnings,
	FIELDS(fields),
	.select_field = select_field,
	COLUMNS(columns),
	.cells = cells,
};
