/* Environment variables and what they refer to; see pod_check.h. */
#include "apiserver/registry/core/pod_check.h"

static const char *const env_expressions[] = {
	"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
	"status.hostIP", "status.hostIPs",     "status.podIP", "status.podIPs", NULL,
};

static bool is_listed(struct str word, const char *const *list)
{
	for (; *list; list++)
		if (str_eq_c(word, *list))
			return true;
	return false;
}

static void not_listed(struct field_errors *errors, const struct path *path, struct str word, const char *const *list)
{
	struct str values[16];
	size_t len = 0;

	while (list[len] && len < ARRAY_LEN(values)) {
		values[len] = str_from(list[len]);
		len++;
	}
	field_not_supported(errors, path, VALUE(word), values, len);
}

/* Field paths the v1 pod knows at all, with or without a key. */
static bool is_known_path(struct str path)
{
	return is_listed(path, env_expressions) || is_one_of(path, "metadata.annotations", "metadata.labels",
							     "spec.restartPolicy", "status.phase", "spec.host", NULL);
}

static void check_subscript(struct field_errors *errors, const struct path *path, struct str field, struct str key)
{
	char *lower;

	if (str_eq_c(field, "metadata.labels")) {
		check_name(errors, path, key, name_is_qualified(key));
	} else if (str_eq_c(field, "metadata.annotations")) {
		lower = UNCONST(char *, arena_str(errors->arena, key).data); /* our own copy */
		for (size_t i = 0; i < key.len; i++)
			if (lower[i] >= 'A' && lower[i] <= 'Z')
				lower[i] = (char)(lower[i] - 'A' + 'a');
		check_name(errors, path, (struct str){lower, key.len}, name_is_qualified((struct str){lower, key.len}));
	} else {
		field_invalid(errors, path, VALUE(field), "does not support subscript");
	}
}

void check_field_ref(struct field_errors *errors, const struct path *path,
		     const struct core_v1_object_field_selector *ref, const char *const *expressions)
{
	struct str field, key = STR_EMPTY;
	bool subscript;

	if (!ref->api_version.len) {
		field_required(errors, FIELD(path, "apiVersion"), NULL);
		return;
	}
	if (!ref->field_path.len) {
		field_required(errors, FIELD(path, "fieldPath"), NULL);
		return;
	}
	if (!str_eq_c(ref->api_version, "v1")) {
		field_invalid(errors, FIELD(path, "fieldPath"), VALUE(ref->field_path),
			      "error converting fieldPath: unsupported pod version: " STR_FMT,
			      STR_ARG(ref->api_version));
		return;
	}
	subscript = str_has_suffix(ref->field_path, STR("']")) && str_contains(ref->field_path, STR("['"));
	if (subscript) {
		str_cut(ref->field_path, '[', &field, &key);
		key = str_sub(key, 1, key.len - 3);
	} else {
		field = ref->field_path;
	}
	if (!is_known_path(field) || (subscript && !is_one_of(field, "metadata.labels", "metadata.annotations", NULL)))
		field_invalid(errors, FIELD(path, "fieldPath"), VALUE(ref->field_path),
			      "error converting fieldPath: field label not supported: " STR_FMT,
			      STR_ARG(ref->field_path));
	else if (subscript)
		check_subscript(errors, path, field, key);
	else if (!is_listed(field, expressions))
		not_listed(errors, FIELD(path, "fieldPath"), field, expressions);
}

static void check_divisor(struct field_errors *errors, const struct path *path,
			  const struct core_v1_resource_field_selector *ref)
{
	static const char *const sizes[] = {"1",   "1k",  "1M",	 "1G",	"1T",  "1P",  "1E",
					    "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei", NULL};
	static const char *const cpus[] = {"1m", "1", NULL};
	struct str resource = ref->resource, kind, rest;
	const char *what = NULL;

	if (quantity_sign(&ref->divisor) == 0)
		return;
	str_cut(resource, '.', &kind, &rest);
	if (str_eq_c(rest, "memory"))
		what = "memory resource";
	else if (str_eq_c(rest, "ephemeral-storage"))
		what = "local ephemeral storage resource";
	else if (str_has_prefix(rest, STR("hugepages-")))
		what = "hugepages resource";
	if (str_eq_c(rest, "cpu")) {
		if (!is_listed(quantity_format(&ref->divisor, errors->arena), cpus))
			field_invalid(errors, FIELD(path, "divisor"), VALUE(resource),
				      "only divisor's values 1m and 1 are supported with the cpu resource");
	} else if (what && !is_listed(quantity_format(&ref->divisor, errors->arena), sizes)) {
		field_invalid(errors, FIELD(path, "divisor"), VALUE(resource),
			      "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are "
			      "supported with the %s",
			      what);
	}
}

void check_resource_field_ref(struct field_errors *errors, const struct path *path,
			      const struct core_v1_resource_field_selector *ref, bool volume)
{
	static const char *const expressions[] = {"limits.cpu",
						  "limits.ephemeral-storage",
						  "limits.memory",
						  "requests.cpu",
						  "requests.ephemeral-storage",
						  "requests.memory",
						  NULL};

	if (volume && !ref->container_name.len)
		field_required(errors, FIELD(path, "containerName"), NULL);
	else if (!ref->resource.len)
		field_required(errors, FIELD(path, "resource"), NULL);
	else if (!is_listed(ref->resource, expressions) && !str_has_prefix(ref->resource, STR("requests.hugepages-")) &&
		 !str_has_prefix(ref->resource, STR("limits.hugepages-")))
		not_listed(errors, FIELD(path, "resource"), ref->resource, expressions);
	check_divisor(errors, path, ref);
}

static void check_key_ref(struct field_errors *errors, const struct path *path, struct str name, struct str key)
{
	check_name(errors, FIELD(path, "name"), name, name_is_dns_subdomain(name));
	if (!key.len)
		field_required(errors, FIELD(path, "key"), NULL);
	else
		check_name(errors, FIELD(path, "key"), key, name_is_config_key(key));
}

static void check_file_ref(struct field_errors *errors, const struct path *path,
			   const struct core_v1_file_key_selector *ref)
{
	if (!ref->key.len)
		field_required(errors, FIELD(path, "key"), NULL);
	else
		check_name(errors, FIELD(path, "key"), ref->key, name_is_env_var(ref->key));
	if (!ref->volume_name.len)
		field_required(errors, FIELD(path, "volumeName"), NULL);
	else
		check_name(errors, FIELD(path, "volumeName"), ref->volume_name, name_is_dns_label(ref->volume_name));
	if (!ref->path.len)
		field_required(errors, FIELD(path, "path"), NULL);
	else
		check_no_backsteps(errors, FIELD(path, "path"), ref->path);
}

static void check_value_from(struct field_errors *errors, const struct path *path, const struct core_v1_env_var *env)
{
	const struct core_v1_env_var_source *from = env->value_from;
	int sources = 0;

	if (from->field_ref) {
		sources++;
		check_field_ref(errors, FIELD(path, "fieldRef"), from->field_ref, env_expressions);
	}
	if (from->resource_field_ref) {
		sources++;
		check_resource_field_ref(errors, FIELD(path, "resourceFieldRef"), from->resource_field_ref, false);
	}
	if (from->config_map_key_ref) {
		sources++;
		check_key_ref(errors, FIELD(path, "configMapKeyRef"),
			      from->config_map_key_ref->local_object_reference.name, from->config_map_key_ref->key);
	}
	if (from->secret_key_ref) {
		sources++;
		check_key_ref(errors, FIELD(path, "secretKeyRef"), from->secret_key_ref->local_object_reference.name,
			      from->secret_key_ref->key);
	}
	if (from->file_key_ref) {
		sources++;
		check_file_ref(errors, FIELD(path, "fileKeyRef"), from->file_key_ref);
	}
	if (!sources)
		field_invalid(
			errors, path, VALUE(""),
			"must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or "
			"`fileKeyRef`");
	else if (env->value.len)
		field_invalid(errors, path, VALUE(""), "may not be specified when `value` is not empty");
	else if (sources > 1)
		field_invalid(errors, path, VALUE(""), "may not have more than one field specified at a time");
}

void check_env(struct field_errors *errors, const struct path *path, const struct core_v1_env_var_slice *env)
{
	for (size_t i = 0; i < env->len; i++) {
		const struct core_v1_env_var *var = &env->items[i];

		if (!var->name.len)
			field_required(errors, FIELD(INDEX(path, i), "name"), NULL);
		else
			check_name(errors, FIELD(INDEX(path, i), "name"), var->name, name_is_env_var(var->name));
		if (var->value_from)
			check_value_from(errors, FIELD(INDEX(path, i), "valueFrom"), var);
	}
}

static void check_source_name(struct field_errors *errors, const struct path *path, struct str name)
{
	if (!name.len)
		field_required(errors, FIELD(path, "name"), NULL);
	else
		check_name(errors, FIELD(path, "name"), name,
			   name_is_dns_subdomain(mask_trailing_dash(name, errors->arena)));
}

void check_env_from(struct field_errors *errors, const struct path *path,
		    const struct core_v1_env_from_source_slice *env)
{
	for (size_t i = 0; i < env->len; i++) {
		const struct core_v1_env_from_source *from = &env->items[i];

		if (from->prefix.len)
			check_name(errors, FIELD(INDEX(path, i), "prefix"), from->prefix,
				   name_is_env_var(from->prefix));
		if (from->config_map_ref)
			check_source_name(errors, FIELD(INDEX(path, i), "configMapRef"),
					  from->config_map_ref->local_object_reference.name);
		if (from->secret_ref)
			check_source_name(errors, FIELD(INDEX(path, i), "secretRef"),
					  from->secret_ref->local_object_reference.name);
		if (!from->config_map_ref && !from->secret_ref)
			field_invalid(errors, path, VALUE(""), "must specify one of: `configMapRef` or `secretRef`");
		else if (from->config_map_ref && from->secret_ref)
			field_invalid(errors, path, VALUE(""), "may not have more than one field specified at a time");
	}
}

static void check_env_files_of(struct pod_check *check, const struct path *path,
			       const struct core_v1_container *container)
{
	for (size_t i = 0; i < container->env.len; i++) {
		const struct core_v1_env_var_source *from = container->env.items[i].value_from;
		const struct core_v1_volume *found = NULL;
		const struct path *at = FIELD(INDEX(FIELD(path, "env"), i), "valueFrom.fileKeyRef.volumeName");

		if (!from || !from->file_key_ref)
			continue;
		SLICE_FOREACH (volume, check->spec->volumes)
			if (str_eq(volume->name, from->file_key_ref->volume_name))
				found = volume;
		if (!found)
			field_not_found(check->errors, at, VALUE(from->file_key_ref->volume_name));
		else if (!found->volume_source.empty_dir)
			field_invalid(check->errors, at, VALUE(from->file_key_ref->volume_name),
				      "referenced volume must be of type emptyDir");
	}
}

void check_env_files(struct pod_check *check, const struct path *path)
{
	visit_containers(check, path, check_env_files_of);
}
