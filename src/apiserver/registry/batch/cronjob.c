/* Cron jobs. */
#include "apiserver/registry/apps/workload.h"
#include "apiserver/registry/batch/job_check.h"
#include "apiserver/registry/rule.h"
#include "apiserver/registry/warnings.h"
#include "logic/cron_schedule.h"

static void default_object(struct strategy_context *context, void *object)
{
	default_pod_spec(context->arena, &((struct batch_v1_cron_job *)object)->spec.job_template.spec.template.spec);
}

#define NAME_MAX_LEN	  52 /* the controller appends a time to it */
#define ZONE_PART_MAX_LEN 14

/* A time zone in the schedule itself is let pass only where an older object has one. */
static void check_schedule(struct field_errors *errors, const struct path *path,
			   const struct batch_v1_cron_job_spec *spec, const struct batch_v1_cron_job_spec *old)
{
	bool zone = str_contains(spec->schedule, STR("TZ")), allowed = old && str_contains(old->schedule, STR("TZ"));
	struct str schedule = spec->schedule, prefix, rest;
	struct cron_schedule parsed;
	struct error err = {0};

	if (!schedule.len) {
		field_required(errors, path, NULL);
		return;
	}
	if ((str_has_prefix(schedule, STR("TZ=")) || str_has_prefix(schedule, STR("CRON_TZ="))) &&
	    str_cut(schedule, ' ', &prefix, &rest))
		schedule = str_trim(rest);
	if (cron_schedule_parse(schedule, &parsed, &err) < 0)
		field_invalid(errors, path, VALUE(spec->schedule), "%s", err.message);
	if (zone && !allowed)
		field_invalid(errors, path, VALUE(spec->schedule),
			      "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
	else if (zone && spec->time_zone)
		field_invalid(errors, path, VALUE(spec->schedule),
			      "cannot use both timeZone field and TZ or CRON_TZ in schedule");
}

static bool is_zone_part(struct str part)
{
	if (!part.len || part.len > ZONE_PART_MAX_LEN || part.data[0] == '-' || str_eq_c(part, ".") ||
	    str_eq_c(part, ".."))
		return false;
	for (size_t i = 0; i < part.len; i++) {
		char c = part.data[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("._-+", c)))
			return false;
	}
	return true;
}

/* Which zones there are is known where the times are reckoned; here it must look like the name of one. */
static void check_zone(struct field_errors *errors, const struct path *path, struct str zone)
{
	struct str rest = zone, part;

	if (!zone.len) {
		field_invalid(errors, path, VALUE(zone), "timeZone must be nil or non-empty string");
		return;
	}
	for (bool more = true; more;) {
		more = str_cut(rest, '/', &part, &rest);
		if (!is_zone_part(part)) {
			field_invalid(errors, path, VALUE(zone), "unknown time zone " STR_FMT, STR_ARG(zone));
			return;
		}
	}
	if (str_eq_nocase(zone, STR("Local")))
		field_invalid(errors, path, VALUE(zone),
			      "timeZone must be an explicit time zone as defined in "
			      "https://www.iana.org/time-zones");
}

static void check_template(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct batch_v1_job_spec *spec = &((const struct batch_v1_job_template_spec *)value)->spec;

	check_job_template_spec(errors, FIELD(path, "spec"), spec);
	if (spec->selector)
		field_invalid(errors, FIELD(path, "spec.selector"),
			      field_value_struct(&schema_meta_v1_label_selector, spec->selector, errors->arena),
			      "`selector` will be auto-generated");
	if (spec->manual_selector && *spec->manual_selector)
		field_not_supported_c(errors, FIELD(path, "spec.manualSelector"), field_value_bool(true), "nil",
				      "false", NULL);
}

static const struct rule deadline_rules[] = {RULE_NOT_NEGATIVE("startingDeadlineSeconds")};
static const struct rule rules[] = {
	RULE_REQUIRED_ONE_OF("concurrencyPolicy", "Allow", "Forbid", "Replace"),
	RULE_CHECK("jobTemplate", check_template),
	RULE_NOT_NEGATIVE("successfulJobsHistoryLimit"),
	RULE_NOT_NEGATIVE("failedJobsHistoryLimit"),
};

static void check_spec(struct field_errors *errors, const struct batch_v1_cron_job_spec *spec,
		       const struct batch_v1_cron_job_spec *old)
{
	const struct str *zone = spec->time_zone, *old_zone = old ? old->time_zone : NULL;

	check_schedule(errors, FIELD(SPEC, "schedule"), spec, old);
	CHECK_RULES(errors, SPEC, &schema_batch_v1_cron_job_spec, spec, deadline_rules);
	if (zone && !(old_zone && str_eq(*zone, *old_zone)))
		check_zone(errors, FIELD(SPEC, "timeZone"), *zone);
	CHECK_RULES(errors, SPEC, &schema_batch_v1_cron_job_spec, spec, rules);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct batch_v1_cron_job *job = object;

	check_spec(errors, &job->spec, NULL);
	if (job->metadata.name.len > NAME_MAX_LEN)
		field_invalid(errors, FIELD(NULL, "metadata.name"), VALUE(job->metadata.name),
			      "must be no more than %d characters", NAME_MAX_LEN);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old,
			    struct field_errors *errors)
{
	check_spec(errors, &((const struct batch_v1_cron_job *)object)->spec,
		   &((const struct batch_v1_cron_job *)old)->spec);
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

static void warnings(struct strategy_context *context, const void *object, const void *old)
{
	const struct batch_v1_cron_job *now = object, *before = old;

	if (!old)
		warn_of_name(context, now->metadata.name);
	warn_changed_template(context, FIELD(NULL, "spec.jobTemplate.spec.template"),
			      &now->spec.job_template.spec.template, &now->metadata, before ? &before->metadata : NULL);
	if (old && str_contains(now->spec.schedule, STR("TZ")))
		vec_push(context->arena, &context->warnings,
			 STR("cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
			     "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"));
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
	.validate_create = validate_create,
	.validate_update = validate_update,
	.warnings = warnings,
	COLUMNS(columns),
	.cells = cells,
};
