/* Server-side apply; see apply.h. */
#include "apiserver/apply.h"

#include "apiserver/encode.h"
#include "apiserver/managed_fields.h"
#include "apiserver/status.h"
#include "base/limits.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "types/codec.h"
#include "types/field_merge.h"
#include "types/patch.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define KUBECTL	     "kubectl"
#define BEFORE_FIRST "before-first-apply"

bool request_applies(const struct request *request)
{
	return str_eq(request->method, STR("PATCH")) &&
	       str_eq(content_type_name(request->content_type), STR("application/apply-patch+yaml"));
}

/* --- The configuration ------------------------------------------------------------------------------------------ */

/* Repeated keys: refused, told, or let pass; what a schema does not know is an error anyway. */
static enum step_result judge_duplicates(struct request *request, const struct yaml_duplicates *duplicates)
{
	enum field_validation validation = request->options.field_validation;
	struct str text = yaml_duplicates_text(duplicates, &request->arena);

	if (!duplicates->lines.len || validation == FIELD_VALIDATION_IGNORE)
		return STEP_NEXT;
	if (validation == FIELD_VALIDATION_STRICT)
		return status_bad_request(
			request, "error strict decoding YAML: error converting YAML to JSON: " STR_FMT, STR_ARG(text));
	for (size_t i = 0; i < duplicates->lines.len; i++)
		vec_push(&request->arena, &request->context.warnings, duplicates->lines.items[i]);
	return STEP_NEXT;
}

static enum step_result read_config(struct request *request, struct value **ret, struct yaml_duplicates *duplicates)
{
	struct error err = {0};
	struct value *config;

	if (yaml_parse(request->body, &request->arena, duplicates, &config, &err) < 0) {
		if (err.code == ERR_TOO_LARGE)
			return status_from_error(request, &err);
		return status_bad_request(request, "error decoding YAML: error converting YAML to JSON: %s",
					  err.message);
	}
	if (value_is_null(config))
		config = value_object(&request->arena);
	if (config->kind != VALUE_OBJECT)
		return status_bad_request(request,
					  "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: "
					  "cannot unmarshal %s into Go value of type map[string]interface {}",
					  value_unmarshal_name(config));
	*ret = config;
	return STEP_NEXT;
}

/* "apps/v1, Kind=Deployment": a group and version that cannot be read are none. */
static struct str kind_shown(const struct value *config, struct arena *arena)
{
	struct str api_version = value_get_str(value_get(config, STR("apiVersion")), STR_EMPTY);
	struct str kind = value_get_str(value_get(config, STR("kind")), STR_EMPTY), group, version;

	if (!str_cut(api_version, '/', &group, &version)) {
		version = api_version;
		group = STR_EMPTY;
	} else if (str_index(version, '/') >= 0) {
		group = version = STR_EMPTY;
	}
	return arena_printf(arena, STR_FMT "/" STR_FMT ", Kind=" STR_FMT, STR_ARG(group), STR_ARG(version),
			    STR_ARG(kind));
}

/* "default/web; apps/v1, Kind=Deployment" */
static struct str config_shown(const struct value *config, struct arena *arena)
{
	struct str name_space = value_get_str(value_find(config, "metadata", "namespace", NULL), STR_EMPTY);
	struct str name = value_get_str(value_find(config, "metadata", "name", NULL), STR_EMPTY);
	struct str kind = kind_shown(config, arena);

	return arena_printf(arena, STR_FMT "/" STR_FMT "; " STR_FMT, STR_ARG(name_space), STR_ARG(name), STR_ARG(kind));
}

static enum step_result check_config(struct request *request, const struct schema *schema, const struct value *config)
{
	const struct value *managed = value_find(config, "metadata", "managedFields", NULL);
	struct str shown = kind_shown(config, &request->arena);
	struct error err = {0};

	if (!str_eq(value_get_str(value_get(config, STR("kind")), STR_EMPTY), schema->kind) ||
	    !str_eq(value_get_str(value_get(config, STR("apiVersion")), STR_EMPTY), schema->api_version))
		return status_bad_request(request, "invalid object type: " STR_FMT, STR_ARG(shown));
	if (managed && managed->kind == VALUE_ARRAY)
		return status_bad_request(request, "metadata.managedFields must be nil");
	if (field_merge_check(schema, config, &request->arena, &err) == 0)
		return STEP_NEXT;
	shown = config_shown(config, &request->arena);
	return status_plain(request, 500,
			    arena_printf(&request->arena, "failed to create typed patch object (" STR_FMT "): %s",
					 STR_ARG(shown), err.message));
}

/* --- Conflicts -------------------------------------------------------------------------------------------------- */

struct causes {
	VEC_OF(struct meta_v1_status_cause) list;
};

/* `"m" with subresource "status" using v1`: the version says which updates are meant. */
static struct str owner_shown(const struct field_owner *owner, struct arena *arena)
{
	struct str text = quote_go(owner->manager, arena);

	if (owner->subresource.len)
		text = arena_printf(arena, STR_FMT " with subresource \"" STR_FMT "\"", STR_ARG(text),
				    STR_ARG(owner->subresource));
	if (!owner->applied)
		text = arena_printf(arena, STR_FMT " using " STR_FMT, STR_ARG(text), STR_ARG(owner->api_version));
	return text;
}

/* Adds what one owner has: causes, and lines for the message. */
static void add_conflict(const struct field_conflict *conflict, struct arena *arena, struct causes *causes,
			 struct buf *lines)
{
	struct str shown = owner_shown(&conflict->owner, arena);
	struct field_paths paths = {0};

	field_set_paths(conflict->set, arena, &paths);
	buf_printf(lines, "%sconflicts with " STR_FMT ":", causes->list.len ? "\n" : "", STR_ARG(shown));
	for (size_t i = 0; i < paths.list.len; i++) {
		struct meta_v1_status_cause cause = {.reason = STR("FieldManagerConflict"),
						     .field = paths.list.items[i],
						     .message = arena_concat(arena, STR("conflict with "), shown)};

		vec_push(arena, &causes->list, cause);
		buf_printf(lines, "\n- " STR_FMT, STR_ARG(cause.field));
	}
}

static enum step_result report_conflicts(struct request *request, const struct field_conflicts *conflicts)
{
	struct arena *arena = &request->arena;
	struct causes causes = {0};
	struct buf cleanup_buf lines;
	struct str message;

	buf_init(&lines, LIMIT_RESPONSE_BODY);
	for (size_t i = 0; i < conflicts->list.len; i++)
		add_conflict(&conflicts->list.items[i], arena, &causes, &lines);
	if (causes.list.len == 1)
		message = arena_printf(arena, "Apply failed with 1 conflict: " STR_FMT ": " STR_FMT,
				       STR_ARG(causes.list.items[0].message), STR_ARG(causes.list.items[0].field));
	else
		message = arena_printf(arena, "Apply failed with %zu conflicts: " STR_FMT, causes.list.len,
				       STR_ARG(buf_view(&lines)));
	return status_apply_conflict(request, &(struct meta_v1_status_cause_slice){causes.list.items, causes.list.len},
				     message);
}

/* --- kubectl's client-side apply -------------------------------------------------------------------------------- */

static struct value *last_applied_of(const struct value *object)
{
	return value_get(value_find(object, "metadata", "annotations", NULL), STR(LAST_APPLIED));
}

/* Fields that were applied on the client's side and still are as they were then. */
static bool applied_before(const struct field_change *change, struct arena *arena, struct field_set **ret)
{
	struct str text = value_get_str(last_applied_of(change->live), STR_EMPTY);
	struct field_set *changed, *removed;
	struct error ignored = {0};
	struct value *config;

	if (!text.len || json_parse(text, arena, NULL, &config, &ignored) < 0 || config->kind != VALUE_OBJECT ||
	    !str_eq(value_get_str(value_get(config, STR("apiVersion")), STR_EMPTY), change->schema->api_version) ||
	    field_merge_check(change->schema, config, arena, &ignored) < 0)
		return false;
	field_set_compare(change->schema, config, change->live, NULL, arena, &changed, &removed);
	*ret = field_set_difference(field_set_of(change->schema, config, arena),
				    field_set_union(changed, removed, arena), arena);
	return true;
}

/* Takes from the conflicts what client-side apply explains. */
static void forgive(const struct field_change *change, struct arena *arena, struct field_conflicts *conflicts)
{
	struct field_set *allowed;
	size_t len = 0;

	if (!applied_before(change, arena, &allowed))
		return;
	for (size_t i = 0; i < conflicts->list.len; i++) {
		struct field_conflict conflict = conflicts->list.items[i];

		conflict.set = field_set_difference(conflict.set, allowed, arena);
		if (!field_set_empty(conflict.set))
			conflicts->list.items[len++] = conflict;
	}
	conflicts->list.len = len;
}

/* The configuration as the annotation has it: JSON without the annotation itself. */
static struct str last_applied_text(const struct value *config, struct arena *arena)
{
	struct value *copy = value_copy(arena, config),
		     *annotations = value_find(copy, "metadata", "annotations", NULL);
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_REQUEST_BODY);
	if (annotations)
		value_remove(annotations, STR(LAST_APPLIED));
	value_sort(copy);
	json_write(copy, &text);
	buf_char(&text, '\n');
	return arena_str(arena, buf_view(&text));
}

static size_t annotations_size(const struct value *annotations)
{
	size_t size = 0;

	for (size_t i = 0; i < annotations->object.len; i++)
		size += annotations->object.members[i].key.len +
			value_get_str(annotations->object.members[i].value, STR_EMPTY).len;
	return size;
}

/* The annotation says what was applied last, so that client-side apply can go on from there; unless it is too long. */
static void keep_last_applied(struct arena *arena, const struct value *config, struct value *object)
{
	struct value *meta, *annotations;

	if (!value_get_str(last_applied_of(object), STR_EMPTY).len)
		return;
	/* The object shares its branches with the live one. */
	meta = value_copy(arena, value_get(object, STR("metadata")));
	annotations = value_get(meta, STR("annotations"));
	value_set(arena, annotations, STR(LAST_APPLIED), value_string(arena, last_applied_text(config, arena)));
	if (annotations_size(annotations) > LIMIT_ANNOTATIONS)
		value_remove(annotations, STR(LAST_APPLIED));
	value_set(arena, object, STR("metadata"), meta);
}

/* --- Applying --------------------------------------------------------------------------------------------------- */

static enum step_result merge(struct request *request, const struct field_change *change, struct field_owners *owners,
			      struct value *config, struct value **ret)
{
	struct field_actor actor = managed_actor(request, change->schema->api_version);
	bool kubectl = str_eq(actor.manager, STR(KUBECTL));
	struct field_conflicts conflicts = {0};

	if (field_owners_apply(owners, change, config, &actor, request->options.force, ret, &conflicts) < 0) {
		if (kubectl)
			forgive(change, &request->arena, &conflicts);
		if (conflicts.list.len)
			return report_conflicts(request, &conflicts);
		(void)!field_owners_apply(owners, change, config, &actor, true, ret, &conflicts);
	}
	if (kubectl)
		keep_last_applied(&request->arena, config, *ret);
	return STEP_NEXT;
}

/* What is there of an object that nobody kept account of was there before. */
static void start_account(struct request *request, const struct field_change *change, struct field_owners *owners)
{
	struct field_change first = managed_change(request, change->schema, NULL);
	struct field_actor actor = managed_actor(request, change->schema->api_version);

	actor.manager = STR(BEFORE_FIRST);
	field_owners_update(owners, &first, change->live, &actor);
}

enum step_result apply_struct(struct request *request, const struct field_change *change, struct field_owners *owners,
			      void **ret)
{
	struct yaml_duplicates duplicates = {0};
	struct value *config = NULL, *object = NULL;
	enum step_result result;
	struct error err = {0};
	struct str shown;

	if (!request->created && !owners->list.len)
		start_account(request, change, owners);
	result = read_config(request, &config, &duplicates);
	if (result == STEP_NEXT)
		result = check_config(request, change->schema, config);
	if (result == STEP_NEXT)
		result = merge(request, change, owners, config, &object);
	if (result == STEP_NEXT)
		result = judge_duplicates(request, &duplicates);
	if (result != STEP_NEXT)
		return result;
	if (decode_value(change->schema, object, &request->arena, NULL, ret, &err) == 0)
		return STEP_NEXT;
	if (err.code == ERR_TOO_LARGE)
		return status_from_error(request, &err);
	shown = config_shown(config, &request->arena);
	return status_plain(request, 500,
			    arena_printf(&request->arena,
					 "failed to convert new typed object (" STR_FMT ") to object: %s",
					 STR_ARG(shown), err.message));
}

enum step_result apply_object(struct request *request)
{
	const struct schema *schema = request->resource->schema;
	const struct meta_v1_object_meta *meta;
	struct field_owners owners = {.arena = &request->arena};
	struct field_change change;
	enum step_result result;
	struct error err = {0};

	request->body_schema = schema;
	change = managed_change(request, schema, request->old ? request_version_of(request, request->old->data) : NULL);
	if (request->old && field_owners_read(&request->old->meta->managed_fields, &request->arena, &owners, &err) < 0)
		return status_plain(request, 500,
				    arena_printf(&request->arena, "failed to decode managed fields: %s", err.message));
	result = apply_struct(request, &change, &owners, &request->decoded);
	if (result != STEP_NEXT)
		return result;
	meta = object_meta_of(schema, request->decoded);
	if (!request->old && meta->uid.len)
		return status_conflict(request, request->info.name,
				       str_c(arena_printf(&request->arena,
							  "uid mismatch: the provided object specified uid " STR_FMT
							  ", and no existing object was found",
							  STR_ARG(meta->uid))));
	request->managed_fields = field_owners_write(&owners);
	request->managed = true;
	return STEP_NEXT;
}
