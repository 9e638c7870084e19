/* Cron jobs. */
#include "apiserver/registry/apps/workload.h"
#include "types/gen/batch_v1.h"

static void default_object(struct strategy_context *context, void *object)
{
	default_pod_spec(context->arena, &((struct batch_v1_cron_job *)object)->spec.job_template.spec.template.spec);
}

static void cells(struct table_row *row, const void *object)
{
	const struct batch_v1_cron_job *job = object;

	table_cell_str(row, job->metadata.name);
	table_cell_str(row, job->spec.schedule);
	table_cell_str(row, job->spec.time_zone ? *job->spec.time_zone : STR("<none>"));
	table_cell_str(row, !job->spec.suspend ? STR("<unset>") : *job->spec.suspend ? STR("True") : STR("False"));
	table_cell_int(row, (int64_t)job->status.active.len);
	if (job->status.last_schedule_time)
		table_cell_age(row, *job->status.last_schedule_time);
	else
		table_cell_str(row, STR("<none>"));
	table_cell_age(row, job->metadata.creation_timestamp);
	cell_containers(row, &job->spec.job_template.spec.template.spec.containers);
	cell_selector(row, job->spec.job_template.spec.selector, "<none>");
}

static const struct table_column columns[] = {
	COLUMN_NAME,
	COLUMN("Schedule", "string", 0),
	COLUMN("Timezone", "string", 0),
	COLUMN("Suspend", "boolean", 0),
	COLUMN("Active", "integer", 0),
	COLUMN("Last Schedule", "string", 0),
	COLUMN_AGE,
	COLUMN("Containers", "string", 1),
	COLUMN("Images", "string", 1),
	COLUMN("Selector", "string", 1),
};

const struct strategy strategy_batch_cronjobs = {
	.group = STR_INIT("batch"),
	.plural = STR_INIT("cronjobs"),
	.generation = GENERATION_SPEC,
	.default_object = default_object,
	COLUMNS(columns),
	.cells = cells,
};
