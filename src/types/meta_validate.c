/* Checks of metadata; see meta_validate.h. */
#include "types/meta_validate.h"

#include "base/buf.h"
#include "base/limits.h"
#include "types/copy.h"

#define IMMUTABLE		"field is immutable"
#define FIELD_MANAGER_MAX	128
#define SUBRESOURCE_MAX		256
#define CONDITION_REASON_MAX	1024
#define CONDITION_MESSAGE_MAX	(32 * KIB)
#define FINALIZER_ORPHAN	"orphan"
#define FINALIZER_DELETE	"foregroundDeletion"
#define CONDITION_REASON_FORMAT "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"

struct str mask_trailing_dash(struct str name, struct arena *arena)
{
	if (name.len > 1 && name.data[name.len - 1] == '-')
		return arena_concat(arena, str_sub(name, 0, name.len - 2), STR("a"));
	return name;
}

void check_labels(struct field_errors *errors, const struct path *path, const struct str_map *labels)
{
	SLICE_FOREACH (pair, *labels) {
		check_name(errors, path, pair->key, name_is_qualified(pair->key));
		check_name(errors, path, pair->value, name_is_label_value(pair->value));
	}
}

/* Keys are qualified names in any case. */
void check_annotations(struct field_errors *errors, const struct path *path, const struct str_map *annotations)
{
	size_t size = 0;

	SLICE_FOREACH (pair, *annotations) {
		char *lower = UNCONST(char *, arena_str(errors->arena, pair->key).data); /* our own copy */
		struct name_problems problems;

		for (size_t i = 0; i < pair->key.len; i++)
			if (lower[i] >= 'A' && lower[i] <= 'Z')
				lower[i] = (char)(lower[i] - 'A' + 'a');
		problems = name_is_qualified((struct str){lower, pair->key.len});
		check_name(errors, path, pair->key, problems);
		size += pair->key.len + pair->value.len;
	}
	if (size > LIMIT_ANNOTATIONS)
		field_too_long(errors, path, LIMIT_ANNOTATIONS);
}

static bool list_has(const struct str_slice *list, struct str word)
{
	SLICE_FOREACH (item, *list)
		if (str_eq(*item, word))
			return true;
	return false;
}

void check_finalizers(struct field_errors *errors, const struct path *path, const struct str_slice *finalizers)
{
	SLICE_FOREACH (finalizer, *finalizers)
		check_name(errors, path, *finalizer, name_is_qualified(*finalizer));
	if (list_has(finalizers, STR(FINALIZER_ORPHAN)) && list_has(finalizers, STR(FINALIZER_DELETE)))
		field_invalid(errors, path, field_value_list(finalizers, errors->arena),
			      "finalizer " FINALIZER_ORPHAN " and " FINALIZER_DELETE " cannot be both set");
}

void check_kube_finalizers(struct field_errors *errors, const struct path *path, const struct str_slice *finalizers)
{
	for (size_t i = 0; i < finalizers->len; i++) {
		struct str name = finalizers->items[i];

		if (str_index(name, '/') < 0 && !str_eq_c(name, FINALIZER_ORPHAN) &&
		    !str_eq_c(name, FINALIZER_DELETE) && !str_eq_c(name, "kubernetes"))
			field_invalid(errors, INDEX(path, i), VALUE(name),
				      "name is neither a standard finalizer name nor is it fully qualified");
	}
}

static void write_owner(const struct meta_v1_owner_reference *owner, struct arena *arena, struct buf *out)
{
	struct str parts[] = {owner->api_version, owner->kind, owner->name, owner->uid};
	static const char *const names[] = {"apiVersion", "kind", "name", "uid"};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct str quoted = quote_go(parts[i], arena);

		buf_printf(out, "%c\"%s\":" STR_FMT, i ? ',' : '{', names[i], STR_ARG(quoted));
	}
	if (owner->controller)
		buf_printf(out, ",\"controller\":%s", *owner->controller ? "true" : "false");
	if (owner->block_owner_deletion)
		buf_printf(out, ",\"blockOwnerDeletion\":%s", *owner->block_owner_deletion ? "true" : "false");
	buf_char(out, '}');
}

static struct field_value owners_value(const struct meta_v1_owner_reference_slice *owners, struct arena *arena)
{
	cleanup_buf struct buf out;

	buf_init(&out, LIMIT_OBJECT);
	buf_char(&out, '[');
	SLICE_FOREACH (owner, *owners) {
		buf_c(&out, owner == owners->items ? "" : ",");
		write_owner(owner, arena, &out);
	}
	buf_char(&out, ']');
	return field_value_json(arena_str(arena, buf_view(&out)));
}

static void check_owner(struct field_errors *errors, const struct path *path,
			const struct meta_v1_owner_reference *owner)
{
	struct str group, version;

	if (!str_cut(owner->api_version, '/', &group, &version))
		version = owner->api_version;
	if (!version.len)
		field_invalid(errors, FIELD(path, "apiVersion"), VALUE(owner->api_version),
			      "version must not be empty");
	if (!owner->kind.len)
		field_invalid(errors, FIELD(path, "kind"), VALUE(owner->kind), "must not be empty");
	if (!owner->name.len)
		field_invalid(errors, FIELD(path, "name"), VALUE(owner->name), "must not be empty");
	if (!owner->uid.len)
		field_invalid(errors, FIELD(path, "uid"), VALUE(owner->uid), "must not be empty");
	if (str_eq_c(owner->api_version, "v1") && str_eq_c(owner->kind, "Event")) {
		cleanup_buf struct buf out;

		buf_init(&out, LIMIT_OBJECT);
		write_owner(owner, errors->arena, &out);
		field_invalid(errors, path, field_value_json(buf_view(&out)),
			      "/v1, Kind=Event is disallowed from being an owner");
	}
}

static void check_owners(struct field_errors *errors, const struct path *path,
			 const struct meta_v1_owner_reference_slice *owners)
{
	const struct meta_v1_owner_reference *first = NULL;

	SLICE_FOREACH (owner, *owners) {
		check_owner(errors, path, owner);
		if (!owner->controller || !*owner->controller)
			continue;
		if (first)
			field_invalid(errors, path, owners_value(owners, errors->arena),
				      "Only one reference can have Controller set to true. Found \"true\" in "
				      "references for " STR_FMT "/" STR_FMT " and " STR_FMT "/" STR_FMT,
				      STR_ARG(first->kind), STR_ARG(first->name), STR_ARG(owner->kind),
				      STR_ARG(owner->name));
		else
			first = owner;
	}
}

static void check_field_manager(struct field_errors *errors, const struct path *path, struct str manager)
{
	if (manager.len > FIELD_MANAGER_MAX)
		field_too_long(errors, path, FIELD_MANAGER_MAX);
	for (size_t i = 0; i < manager.len; i++) {
		unsigned char c = (unsigned char)manager.data[i];

		if (c < ' ' || c == 0x7f)
			field_invalid(errors, path, VALUE(manager), "invalid character U+%04X (at position %zu)", c, i);
	}
}

static void check_managed_fields(struct field_errors *errors, const struct path *path,
				 const struct meta_v1_managed_fields_entry_slice *entries)
{
	SLICE_FOREACH (entry, *entries) {
		const struct path *at = INDEX(path, (size_t)(entry - entries->items));

		if (!str_eq_c(entry->operation, "Apply") && !str_eq_c(entry->operation, "Update"))
			field_invalid(errors, FIELD(at, "operation"), VALUE(entry->operation),
				      "must be `Apply` or `Update`");
		if (entry->fields_type.len && !str_eq_c(entry->fields_type, "FieldsV1"))
			field_invalid(errors, FIELD(at, "fieldsType"), VALUE(entry->fields_type), "must be `FieldsV1`");
		check_field_manager(errors, FIELD(at, "manager"), entry->manager);
		if (entry->subresource.len > SUBRESOURCE_MAX)
			field_too_long(errors, FIELD(at, "subresource"), SUBRESOURCE_MAX);
	}
}

static void check_namespace(struct field_errors *errors, const struct path *path, struct str name_space,
			    bool namespaced)
{
	if (!namespaced) {
		if (name_space.len)
			field_forbidden(errors, path, "not allowed on this type");
	} else if (!name_space.len) {
		field_required(errors, path, NULL);
	} else {
		check_name(errors, path, name_space, name_is_dns_label(name_space));
	}
}

void check_object_meta(struct field_errors *errors, const struct path *path, const struct meta_v1_object_meta *meta,
		       bool namespaced, struct name_problems (*is_name)(struct str name))
{
	if (!is_name)
		is_name = name_is_dns_subdomain;
	if (meta->generate_name.len)
		check_name(errors, FIELD(path, "generateName"), meta->generate_name,
			   is_name(mask_trailing_dash(meta->generate_name, errors->arena)));
	if (!meta->name.len)
		field_required(errors, FIELD(path, "name"), "name or generateName is required");
	else
		check_name(errors, FIELD(path, "name"), meta->name, is_name(meta->name));
	check_namespace(errors, FIELD(path, "namespace"), meta->namespace, namespaced);
	check_not_negative(errors, FIELD(path, "generation"), meta->generation);
	check_labels(errors, FIELD(path, "labels"), &meta->labels);
	check_annotations(errors, FIELD(path, "annotations"), &meta->annotations);
	check_owners(errors, FIELD(path, "ownerReferences"), &meta->owner_references);
	check_finalizers(errors, FIELD(path, "finalizers"), &meta->finalizers);
	check_managed_fields(errors, FIELD(path, "managedFields"), &meta->managed_fields);
	check_kube_finalizers(errors, FIELD(path, "finalizers"), &meta->finalizers);
}

/* Go's %#v of the finalizers that @old has not. */
static void check_no_new_finalizers(struct field_errors *errors, const struct path *path, const struct str_slice *now,
				    const struct str_slice *old)
{
	struct str extra = STR_EMPTY;

	SLICE_FOREACH (finalizer, *now)
		if (!list_has(old, *finalizer)) {
			struct str quoted = quote_go(*finalizer, errors->arena);

			extra = arena_printf(errors->arena, STR_FMT "%s" STR_FMT, STR_ARG(extra), extra.len ? ", " : "",
					     STR_ARG(quoted));
		}
	if (extra.len)
		field_forbidden(errors, path,
				"no new finalizers can be added if the object is being deleted, found new finalizers "
				"[]string{" STR_FMT "}",
				STR_ARG(extra));
}

void check_immutable_str(struct field_errors *errors, const struct path *path, struct str now, struct str old)
{
	if (!str_eq(now, old))
		field_invalid(errors, path, VALUE(now), IMMUTABLE);
}

void check_immutable_bool(struct field_errors *errors, const struct path *path, const bool *now, const bool *old)
{
	if (!now != !old || (now && *now != *old))
		field_invalid(errors, path, now ? VALUE(*now) : VALUE_NULL, IMMUTABLE);
}

static bool same_optional_time(const struct timestamp *a, const struct timestamp *b)
{
	if (!a || !b)
		return a == b;
	return a->seconds == b->seconds && a->nanos == b->nanos && a->is_set == b->is_set;
}

static void check_immutable_times(struct field_errors *errors, const struct path *path,
				  const struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *old)
{
	const int64_t *grace = meta->deletion_grace_period_seconds, *old_grace = old->deletion_grace_period_seconds;

	if (!same_optional_time(meta->deletion_timestamp, old->deletion_timestamp))
		field_invalid(errors, FIELD(path, "deletionTimestamp"),
			      field_value_time(meta->deletion_timestamp, errors->arena), IMMUTABLE);
	if (!grace != !old_grace || (grace && *grace != *old_grace))
		field_invalid(errors, FIELD(path, "deletionGracePeriodSeconds"), grace ? VALUE(*grace) : VALUE_NULL,
			      IMMUTABLE);
}

void check_object_meta_update(struct field_errors *errors, const struct path *path,
			      const struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *old)
{
	if (old->deletion_timestamp)
		check_no_new_finalizers(errors, FIELD(path, "finalizers"), &meta->finalizers, &old->finalizers);
	if (!meta->resource_version.len)
		field_invalid(errors, FIELD(path, "resourceVersion"), VALUE(meta->resource_version),
			      "must be specified for an update");
	if (meta->generation < old->generation)
		field_invalid(errors, FIELD(path, "generation"), VALUE(meta->generation), "must not be decremented");
	check_immutable_str(errors, FIELD(path, "name"), meta->name, old->name);
	check_immutable_str(errors, FIELD(path, "namespace"), meta->namespace, old->namespace);
	check_immutable_str(errors, FIELD(path, "uid"), meta->uid, old->uid);
	if (!same_optional_time(&meta->creation_timestamp, &old->creation_timestamp))
		field_invalid(errors, FIELD(path, "creationTimestamp"),
			      field_value_time(&meta->creation_timestamp, errors->arena), IMMUTABLE);
	check_immutable_times(errors, path, meta, old);
	check_labels(errors, FIELD(path, "labels"), &meta->labels);
	check_annotations(errors, FIELD(path, "annotations"), &meta->annotations);
	check_owners(errors, FIELD(path, "ownerReferences"), &meta->owner_references);
	check_managed_fields(errors, FIELD(path, "managedFields"), &meta->managed_fields);
	check_kube_finalizers(errors, FIELD(path, "finalizers"), &meta->finalizers);
}

void check_label_selector_requirement(struct field_errors *errors, const struct path *path,
				      const struct meta_v1_label_selector_requirement *requirement)
{
	struct str op = requirement->operator;

	if (str_eq_c(op, "In") || str_eq_c(op, "NotIn")) {
		if (!requirement->values.len)
			field_required(errors, FIELD(path, "values"),
				       "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (str_eq_c(op, "Exists") || str_eq_c(op, "DoesNotExist")) {
		if (requirement->values.len)
			field_forbidden(errors, FIELD(path, "values"),
					"may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	} else {
		field_invalid(errors, FIELD(path, "operator"), VALUE(op), "not a valid selector operator");
	}
	check_name(errors, FIELD(path, "key"), requirement->key, name_is_qualified(requirement->key));
	for (size_t i = 0; i < requirement->values.len; i++)
		check_name(errors, INDEX(FIELD(path, "values"), i), requirement->values.items[i],
			   name_is_label_value(requirement->values.items[i]));
}

void check_label_selector(struct field_errors *errors, const struct path *path,
			  const struct meta_v1_label_selector *selector)
{
	if (!selector)
		return;
	check_labels(errors, FIELD(path, "matchLabels"), &selector->match_labels);
	for (size_t i = 0; i < selector->match_expressions.len; i++)
		check_label_selector_requirement(errors, INDEX(FIELD(path, "matchExpressions"), i),
						 &selector->match_expressions.items[i]);
}

static bool is_condition_reason(struct str reason)
{
	for (size_t i = 0; i < reason.len; i++) {
		char c = reason.data[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		bool inner = letter || (c >= '0' && c <= '9') || c == '_';

		if (i == 0 ? !letter : !inner && (i + 1 == reason.len || (c != ',' && c != ':')))
			return false;
	}
	return reason.len > 0;
}

static void check_condition(struct field_errors *errors, const struct path *path,
			    const struct meta_v1_condition *condition)
{
	check_name(errors, FIELD(path, "type"), condition->type, name_is_qualified(condition->type));
	if (!str_eq_c(condition->status, "True") && !str_eq_c(condition->status, "False") &&
	    !str_eq_c(condition->status, "Unknown"))
		field_not_supported_c(errors, FIELD(path, "status"), VALUE(condition->status), "False", "True",
				      "Unknown", NULL);
	if (condition->observed_generation < 0)
		field_invalid(errors, FIELD(path, "observedGeneration"), VALUE(condition->observed_generation),
			      "must be greater than or equal to zero");
	if (!condition->last_transition_time.is_set)
		field_required(errors, FIELD(path, "lastTransitionTime"), NULL);
	if (!condition->reason.len)
		field_required(errors, FIELD(path, "reason"), NULL);
	else if (!is_condition_reason(condition->reason))
		field_invalid(errors, FIELD(path, "reason"), VALUE(condition->reason),
			      "a condition reason must start with alphabetic character, optionally followed by a "
			      "string of alphanumeric characters or '_,:', and must end with an alphanumeric "
			      "character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or "
			      "'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
			      "'" CONDITION_REASON_FORMAT "')");
	if (condition->reason.len > CONDITION_REASON_MAX)
		field_too_long(errors, FIELD(path, "reason"), CONDITION_REASON_MAX);
	if (condition->message.len > CONDITION_MESSAGE_MAX)
		field_too_long(errors, FIELD(path, "message"), CONDITION_MESSAGE_MAX);
}

void check_conditions(struct field_errors *errors, const struct path *path,
		      const struct meta_v1_condition_slice *conditions)
{
	for (size_t i = 0; i < conditions->len; i++) {
		const struct meta_v1_condition *condition = &conditions->items[i];

		for (size_t j = 0; j < i; j++)
			if (str_eq(conditions->items[j].type, condition->type)) {
				field_duplicate(errors, FIELD(INDEX(path, i), "type"), VALUE(condition->type));
				break;
			}
		check_condition(errors, INDEX(path, i), condition);
	}
}
