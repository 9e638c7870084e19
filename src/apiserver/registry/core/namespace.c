/*
 * Namespaces: a label with their own name, and a finalizer in the spec that only the finalize subresource changes.
 */
#include "apiserver/registry/common.h"

#define NAME_LABEL	 "kubernetes.io/metadata.name"
#define FINALIZER	 "kubernetes"
#define PSS_LABEL_PREFIX "pod-security.kubernetes.io/"

static void set_name_label(struct strategy_context *context, void *object)
{
	struct core_v1_namespace *namespace = object;
	const struct str *label = str_map_get(&namespace->metadata.labels, STR(NAME_LABEL));

	if (namespace->metadata.name.len && (!label || !str_eq(*label, namespace->metadata.name)))
	namespace->metadata.labels =
		str_map_set(&namespace->metadata.labels, STR(NAME_LABEL), namespace->metadata.name, context->arena);
}

static void prepare_create(struct strategy_context *context, void *object)
{
	struct core_v1_namespace *namespace = object;
	struct str *finalizers;
	size_t len = namespace->spec.finalizers.len;

	namespace->status = (struct core_v1_namespace_status){.phase = STR("Active")};
	SLICE_FOREACH (finalizer, namespace->spec.finalizers)
		if (str_eq_c(*finalizer, FINALIZER))
			return;
	finalizers = ARENA_NEW_N(context->arena, struct str, len + 1);
	for (size_t i = 0; i < len; i++)
		finalizers[i] = namespace->spec.finalizers.items[i];
	finalizers[len] = STR(FINALIZER);
	namespace->spec.finalizers = (struct str_slice){finalizers, len + 1};
}

static void prepare_update(struct strategy_context *context UNUSED, void *object, const void *old)
{
	((struct core_v1_namespace *)object)->spec.finalizers =
		((const struct core_v1_namespace *)old)->spec.finalizers;
}

/* `enforce: strict`: the words of the pod security labels. */
static void check_pod_security(const struct str_map *labels, struct field_errors *errors)
{
	static const char *const modes[] = {"enforce", "audit", "warn"};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct str key = arena_printf(errors->arena, PSS_LABEL_PREFIX "%s", modes[i]);
		const struct str *level = str_map_get(labels, key);

		if (level && !is_one_of(*level, "privileged", "baseline", "restricted", NULL))
			field_invalid(errors, KEY(FIELD(NULL, "metadata.labels"), key), VALUE(*level),
				      "must be one of privileged, baseline, restricted");
	}
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct core_v1_namespace *namespace = object;
	const struct path *path = FIELD(SPEC, "finalizers");

	SLICE_FOREACH (finalizer, namespace->spec.finalizers) {
		check_name(errors, path, *finalizer, name_is_qualified(*finalizer));
		if (str_index(*finalizer, '/') < 0 &&
		    !is_one_of(*finalizer, FINALIZER, "orphan", "foregroundDeletion", NULL))
			field_invalid(errors, path, VALUE(*finalizer),
				      "name is neither a standard finalizer name nor is it fully qualified");
	}
	check_pod_security(&namespace->metadata.labels, errors);
}

static void validate_update(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	check_pod_security(&((const struct core_v1_namespace *)object)->metadata.labels, errors);
}

static void validate_status(struct strategy_context *context UNUSED, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	const struct core_v1_namespace *namespace = object;
	const char *wanted = namespace->metadata.deletion_timestamp ? "Terminating" : "Active";

	if (!str_eq_c(namespace->status.phase, wanted))
		field_invalid(errors, FIELD(NULL, "status.Phase"), VALUE(namespace->status.phase),
			      namespace->metadata.deletion_timestamp
				      ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
				      : "may only be 'Active' if `deletionTimestamp` is empty");
}

/* The finalize subresource changes spec.finalizers and nothing else of the spec and status. */
static void prepare_finalize(struct strategy_context *context UNUSED, void *object, const void *old)
{
	((struct core_v1_namespace *)object)->status = ((const struct core_v1_namespace *)old)->status;
}

static void validate_finalize(struct strategy_context *context, const void *object, const void *old UNUSED,
			      struct field_errors *errors)
{
	validate_create(context, object, errors);
}

static const struct strategy_subresource subresources[] = {
	{STR_INIT("finalize"), prepare_finalize, validate_finalize},
};

/* The namespace controller empties it first, and takes the finalizers away when nothing is left. */
static bool must_stay(const void *object)
{
	return ((const struct core_v1_namespace *)object)->spec.finalizers.len > 0;
}

static bool prepare_delete(struct strategy_context *context UNUSED, void *object, const void *old)
{
	((struct core_v1_namespace *)object)->status.phase = STR("Terminating");
	return must_stay(old);
}

static struct str select_field(const void *object, struct str path UNUSED, struct arena *arena UNUSED)
{
	return ((const struct core_v1_namespace *)object)->status.phase;
}

static const struct str fields[] = {STR_INIT("status.phase")};

static void cells(struct table_row *row, const void *object)
{
	const struct core_v1_namespace *namespace = object;

	table_cell_str(row, namespace->metadata.name);
	table_cell_str(row, namespace->status.phase);
	table_cell_age(row, namespace->metadata.creation_timestamp);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Status", "string", 0), COLUMN_AGE};

const struct strategy strategy_core_namespaces = {
	.group = STR_INIT(""),
	.plural = STR_INIT("namespaces"),
	.delete_returns_object = true,
	.validate_name = name_is_dns_label,
	.default_object = set_name_label,
	.prepare_create = prepare_create,
	.prepare_update = prepare_update,
	.canonicalize = set_name_label,
	.prepare_delete = prepare_delete,
	.must_stay = must_stay,
	.validate_create = validate_create,
	.validate_update = validate_update,
	.validate_status = validate_status,
	.subresources = subresources,
	.subresources_len = ARRAY_LEN(subresources),
	FIELDS(fields),
	.select_field = select_field,
	COLUMNS(columns),
	.cells = cells,
};
