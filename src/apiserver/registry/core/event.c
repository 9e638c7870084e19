/* Events of the core group: stored for an hour, never collected by owner. */
#include "apiserver/registry/rule.h"
#include "types/gen/core_v1.h"

#define ACTION_MAX   128
#define INSTANCE_MAX 128
#define REASON_MAX   128
#define NOTE_MAX     1024

static void cell_object(struct table_row *row, const struct core_v1_object_reference *object)
{
	char *kind = arena_memdup(row->arena, object->kind.data, object->kind.len);

	for (size_t i = 0; i < object->kind.len; i++)
		if (kind[i] >= 'A' && kind[i] <= 'Z')
			kind[i] = (char)(kind[i] - 'A' + 'a');
	cell_printf(row, STR_FMT "%s" STR_FMT, STR_ARG(((struct str){kind, object->kind.len})),
		    object->name.len ? "/" : "", STR_ARG(object->name));
}

static void check_length(struct field_errors *errors, const char *name, struct str text, size_t max)
{
	if (text.len > max)
		field_invalid(errors, FIELD(NULL, name), VALUE(""), "can have at most %zu characters", max);
}

static void check_required(struct field_errors *errors, const char *name, struct str text)
{
	if (!text.len)
		field_required(errors, FIELD(NULL, name), NULL);
}

/* Rules of events with eventTime: they name who reported them and what was done. */
static void check_reported(struct field_errors *errors, const struct core_v1_event *event, bool core)
{
	const char *reporter = core ? "reportingComponent" : "reportingController";

	if (!event->involved_object.namespace.len &&
	    !is_one_of(event->metadata.namespace, "default", "kube-system", NULL))
		field_invalid(errors, FIELD(NULL, "involvedObject.namespace"), VALUE(event->involved_object.namespace),
			      "does not match event.namespace");
	check_required(errors, reporter, event->reporting_component);
	check_name(errors, FIELD(NULL, reporter), event->reporting_component,
		   name_is_qualified(event->reporting_component));
	check_required(errors, "reportingInstance", event->reporting_instance);
	check_length(errors, "reportingInstance", event->reporting_instance, INSTANCE_MAX);
	check_required(errors, "action", event->action);
	check_length(errors, "action", event->action, ACTION_MAX);
	check_required(errors, "reason", event->reason);
	check_length(errors, "reason", event->reason, REASON_MAX);
	check_length(errors, "message", event->message, NOTE_MAX);
}

static void check_place(struct field_errors *errors, const struct core_v1_event *event)
{
	struct str involved = event->involved_object.namespace, own = event->metadata.namespace;

	if (involved.len ? !str_eq(involved, own) : own.len && !str_eq_c(own, "default"))
		field_invalid(errors, FIELD(NULL, "involvedObject.namespace"), VALUE(involved),
			      "does not match event.namespace");
}

static void check_series(struct field_errors *errors, const struct core_v1_event_series *series)
{
	if (!series)
		return;
	if (series->count < 2)
		field_invalid(errors, FIELD(NULL, "series.count"), VALUE(""), "should be at least 2");
	if (!series->last_observed_time.is_set)
		field_required(errors, FIELD(NULL, "series.lastObservedTime"), NULL);
}

static void must_be_unset(struct field_errors *errors, const char *name, bool set)
{
	if (set)
		field_invalid(errors, FIELD(NULL, name), VALUE(""), "needs to be unset");
}

/* Written through events.k8s.io: none of the old members. */
static void check_new_form(struct field_errors *errors, const struct core_v1_event *event)
{
	check_series(errors, event->series);
	if (!event->event_time.is_set)
		field_required(errors, FIELD(NULL, "eventTime"), NULL);
	if (!is_one_of(event->type, "Normal", "Warning", NULL))
		field_invalid(errors, FIELD(NULL, "type"), VALUE(""), "has invalid value: " STR_FMT,
			      STR_ARG(event->type));
	must_be_unset(errors, "firstTimestamp", event->first_timestamp.is_set);
	must_be_unset(errors, "lastTimestamp", event->last_timestamp.is_set);
	must_be_unset(errors, "count", event->count);
	must_be_unset(errors, "source", event->source.component.len || event->source.host.len);
}

static void validate_create(struct strategy_context *context, const void *object, struct field_errors *errors)
{
	const struct core_v1_event *event = object;
	bool core = !context->resource->group.len;

	if (event->event_time.is_set)
		check_reported(errors, event, core);
	else
		check_place(errors, event);
	if (!core)
		check_new_form(errors, event);
}

static const struct rule first_kept[] = {
	RULE_IMMUTABLE("involvedObject"), RULE_IMMUTABLE("reason"),	    RULE_IMMUTABLE("message"),
	RULE_IMMUTABLE("source"),	  RULE_IMMUTABLE("firstTimestamp"), RULE_IMMUTABLE("lastTimestamp"),
	RULE_IMMUTABLE("count"),	  RULE_IMMUTABLE("type"),
};
static const struct rule time_kept[] = {RULE_IMMUTABLE("eventTime")};
static const struct rule last_kept[] = {RULE_IMMUTABLE("action"), RULE_IMMUTABLE("related")};

/* The stored form has other names for the last two. */
static void check_kept(struct field_errors *errors, const struct core_v1_event *now, const struct core_v1_event *old)
{
	const struct schema *schema = &schema_core_v1_event;

	CHECK_UPDATE_RULES(errors, NULL, schema, now, old, first_kept);
	/* Some clients cannot tell more than microseconds. */
	if (now->event_time.seconds != old->event_time.seconds ||
	    now->event_time.nanos / 1000 != old->event_time.nanos / 1000)
		CHECK_UPDATE_RULES(errors, NULL, schema, now, old, time_kept);
	CHECK_UPDATE_RULES(errors, NULL, schema, now, old, last_kept);
	check_immutable_str(errors, FIELD(NULL, "reportingController"), now->reporting_component,
			    old->reporting_component);
	check_immutable_str(errors, FIELD(NULL, "reportingInstance"), now->reporting_instance, old->reporting_instance);
}

static void validate_update(struct strategy_context *context, const void *object, const void *old,
			    struct field_errors *errors)
{
	const struct core_v1_event *event = object, *before = old;
	bool core = !context->resource->group.len;

	if (event->event_time.is_set)
		check_reported(errors, event, core);
	else
		check_place(errors, event);
	if (core)
		return;
	if (event->series &&
	    !(before->series && equal_struct(&schema_core_v1_event_series, event->series, before->series)))
		check_series(errors, event->series);
	check_kept(errors, event, before);
}

static struct str select_field(const void *object, struct str path, struct arena *arena UNUSED)
{
	const struct core_v1_event *event = object;
	const struct core_v1_object_reference *about = &event->involved_object;
	struct str component = event->source.component.len ? event->source.component : event->reporting_component;
	const struct {
		const char *path;
		struct str value;
	} values[] = {
		{"involvedObject.kind", about->kind},
		{"involvedObject.namespace", about->namespace},
		{"involvedObject.name", about->name},
		{"involvedObject.uid", about->uid},
		{"involvedObject.apiVersion", about->api_version},
		{"involvedObject.resourceVersion", about->resource_version},
		{"involvedObject.fieldPath", about->field_path},
		{"reason", event->reason},
		{"reportingComponent", event->reporting_component},
		{"source", component},
		{"type", event->type},
	};

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (str_eq_c(path, values[i].path))
			return values[i].value;
	return STR_EMPTY;
}

static const struct str fields[] = {
	STR_INIT("involvedObject.kind"),
	STR_INIT("involvedObject.namespace"),
	STR_INIT("involvedObject.name"),
	STR_INIT("involvedObject.uid"),
	STR_INIT("involvedObject.apiVersion"),
	STR_INIT("involvedObject.resourceVersion"),
	STR_INIT("involvedObject.fieldPath"),
	STR_INIT("reason"),
	STR_INIT("reportingComponent"),
	STR_INIT("source"),
	STR_INIT("type"),
};

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_event *event = object;

	struct str component = event->source.component.len ? event->source.component : event->reporting_component;
	struct str instance = event->source.host.len ? event->source.host : event->reporting_instance;
	struct timestamp first = event->first_timestamp.is_set ? event->first_timestamp : event->event_time;

	table_cell_age(row, event->series		   ? event->series->last_observed_time
			    : event->last_timestamp.is_set ? event->last_timestamp
							   : first);
	table_cell_str(row, event->type);
	table_cell_str(row, event->reason);
	cell_object(row, &event->involved_object);
	table_cell_str(row, event->involved_object.field_path);
	cell_printf(row, STR_FMT "%s" STR_FMT, STR_ARG(component), instance.len ? ", " : "", STR_ARG(instance));
	table_cell_str(row, str_trim(event->message));
	table_cell_age(row, first);
	table_cell_int(row, event->series ? event->series->count : event->count ? event->count : 1);
	table_cell_str(row, event->metadata.name);
}

static const struct table_column columns[] = {
	COLUMN("Last Seen", "string", 0),
	COLUMN("Type", "string", 0),
	COLUMN("Reason", "string", 0),
	COLUMN("Object", "string", 0),
	COLUMN("Subobject", "string", 1),
	COLUMN("Source", "string", 1),
	COLUMN("Message", "string", 0),
	COLUMN("First Seen", "string", 1),
	COLUMN("Count", "string", 1),
	{STR_INIT("Name"), STR_INIT("string"), STR_INIT("name"), STR_INIT("Unique in its namespace"), 1},
};

/* The same stored objects through the other group, which has names of its own for what is stored. */
static const struct str new_names[][2] = {
	{STR_INIT("regarding.kind"), STR_INIT("involvedObject.kind")},
	{STR_INIT("regarding.namespace"), STR_INIT("involvedObject.namespace")},
	{STR_INIT("regarding.name"), STR_INIT("involvedObject.name")},
	{STR_INIT("regarding.uid"), STR_INIT("involvedObject.uid")},
	{STR_INIT("regarding.apiVersion"), STR_INIT("involvedObject.apiVersion")},
	{STR_INIT("regarding.resourceVersion"), STR_INIT("involvedObject.resourceVersion")},
	{STR_INIT("regarding.fieldPath"), STR_INIT("involvedObject.fieldPath")},
	{STR_INIT("reportingController"), STR_INIT("reportingComponent")},
	{STR_INIT("reason"), STR_INIT("reason")},
	{STR_INIT("type"), STR_INIT("type")},
};

const struct strategy strategy_core_events = {
	.group = STR_INIT(""),
	.plural = STR_INIT("events"),
	.allow_create_on_update = true,
	.collection_default = COLLECT_UNSUPPORTED,
	.expires_after = 3600,
	.validate_create = validate_create,
	.validate_update = validate_update,
	FIELDS(fields),
	.select_field = select_field,
	COLUMNS(columns),
	.cells = cells,
};

const struct strategy strategy_events_events = {
	.group = STR_INIT("events.k8s.io"),
	.plural = STR_INIT("events"),
	.allow_create_on_update = true,
	.collection_default = COLLECT_UNSUPPORTED,
	.expires_after = 3600,
	.validate_create = validate_create,
	.validate_update = validate_update,
	FIELDS(fields),
	.select_field = select_field,
	.field_aliases = new_names,
	.field_aliases_len = ARRAY_LEN(new_names),
	.aliases_only = true,
	COLUMNS(columns),
	.cells = cells,
};
