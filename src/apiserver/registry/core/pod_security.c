/* Security contexts, operating systems and host namespaces; see pod_check.h. */
#include "apiserver/registry/core/pod_check.h"

#define LOCALHOST_PROFILE_MAX 4095 /* PATH_MAX - 1 */
#define SYSCTL_MAX	      253
#define SYSCTL_RE	      "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"

static void check_seccomp(struct field_errors *errors, const struct path *path,
			  const struct core_v1_seccomp_profile *profile)
{
	if (!profile)
		return;
	if (!profile->type.len)
		field_required(errors, FIELD(path, "type"), "type is required when seccompProfile is set");
	else if (!field_in_enum(profile->type, &schema_core_v1_seccomp_profile, "type"))
		field_not_in_enum(errors, FIELD(path, "type"), profile->type, &schema_core_v1_seccomp_profile, "type");
	if (str_eq_c(profile->type, "Localhost")) {
		if (!profile->localhost_profile)
			field_required(errors, FIELD(path, "localhostProfile"),
				       "must be set when seccomp type is Localhost");
		else
			check_descending_path(errors, FIELD(path, "localhostProfile"), *profile->localhost_profile);
	} else if (profile->localhost_profile) {
		struct str type = quote_go(profile->type, errors->arena);
		struct str file = quote_go(*profile->localhost_profile, errors->arena);

		field_invalid(errors, FIELD(path, "localhostProfile"),
			      field_value_json(arena_printf(errors->arena,
							    "{\"Type\":" STR_FMT ",\"LocalhostProfile\":" STR_FMT "}",
							    STR_ARG(type), STR_ARG(file))),
			      "can only be set when seccomp type is Localhost");
	}
}

static void check_app_armor(struct field_errors *errors, const struct path *path,
			    const struct core_v1_app_armor_profile *profile)
{
	const struct str *file = profile ? profile->localhost_profile : NULL;

	if (!profile)
		return;
	if (str_eq_c(profile->type, "Localhost")) {
		if (!file || !str_trim(*file).len)
			field_required(errors, FIELD(path, "localhostProfile"),
				       "must be set when AppArmor type is Localhost");
		else if (str_trim(*file).len != file->len)
			field_invalid(errors, FIELD(path, "localhostProfile"), VALUE(*file),
				      "must not be padded with whitespace");
		if (file && file->len > LOCALHOST_PROFILE_MAX)
			field_too_long(errors, FIELD(path, "localhostProfile"), LOCALHOST_PROFILE_MAX);
	} else if (is_one_of(profile->type, "RuntimeDefault", "Unconfined", NULL)) {
		if (file)
			field_invalid(errors, FIELD(path, "localhostProfile"), VALUE(*file),
				      "can only be set when AppArmor type is Localhost");
	} else if (!profile->type.len) {
		field_required(errors, FIELD(path, "type"), "type is required when appArmorProfile is set");
	} else {
		field_not_supported_c(errors, FIELD(path, "type"), VALUE(profile->type), "Localhost", "RuntimeDefault",
				      "Unconfined", NULL);
	}
}

static void check_windows_options(struct field_errors *errors, const struct path *path,
				  const struct core_v1_windows_security_context_options *options)
{
	if (!options)
		return;
	if (options->gmsa_credential_spec_name)
		check_name(errors, FIELD(path, "gmsaCredentialSpecName"), *options->gmsa_credential_spec_name,
			   name_is_dns_subdomain(*options->gmsa_credential_spec_name));
	if (options->gmsa_credential_spec && !options->gmsa_credential_spec->len)
		field_invalid(errors, FIELD(path, "gmsaCredentialSpec"), VALUE(*options->gmsa_credential_spec),
			      "gmsaCredentialSpec cannot be an empty string");
	if (options->run_as_user_name && !options->run_as_user_name->len)
		field_invalid(errors, FIELD(path, "runAsUserName"), VALUE(*options->run_as_user_name),
			      "runAsUserName cannot be an empty string");
}

/* Words of [a-z0-9_-] that begin and end alphanumeric, joined by "." or "/". */
static bool is_sysctl(struct str name)
{
	bool start = true;

	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		bool last = i + 1 == name.len || name.data[i + 1] == '.' || name.data[i + 1] == '/';

		if (c == '.' || c == '/') {
			if (start)
				return false;
			start = true;
			continue;
		}
		if (!alphanumeric && (start || last || (c != '-' && c != '_')))
			return false;
		start = false;
	}
	return !start && name.len <= SYSCTL_MAX;
}

static void check_sysctls(struct pod_check *check, const struct path *path, const struct core_v1_sysctl_slice *sysctls)
{
	struct field_errors *errors = check->errors;

	for (size_t i = 0; i < sysctls->len; i++) {
		struct str name = sysctls->items[i].name;
		const struct path *at = FIELD(INDEX(path, i), "name");
		bool repeated = false;

		for (size_t j = 0; j < i; j++)
			repeated = repeated || str_eq(sysctls->items[j].name, name);
		if (!name.len)
			field_required(errors, at, NULL);
		else if (!is_sysctl(name))
			field_invalid(errors, at, VALUE(name), "must have at most %d characters and match regex %s",
				      SYSCTL_MAX, SYSCTL_RE);
		else if (repeated)
			field_duplicate(errors, at, VALUE(name));
		if (check->spec->host_network && str_has_prefix(name, STR("net.")))
			field_invalid(errors, at, VALUE(name), "may not be specified when 'hostNetwork' is true");
		if (check->spec->host_ipc &&
		    (str_has_prefix(name, STR("kernel.shm")) || str_has_prefix(name, STR("kernel.msg")) ||
		     str_has_prefix(name, STR("fs.mqueue.")) || str_eq_c(name, "kernel.sem")))
			field_invalid(errors, at, VALUE(name), "may not be specified when 'hostIPC' is true");
	}
}

static void check_enum(struct field_errors *errors, const struct path *path, const struct str *value, const char *name)
{
	const struct path *at = FIELD(path, name);

	if (value && !field_in_enum(*value, &schema_core_v1_pod_security_context, name))
		field_not_in_enum(errors, at, *value, &schema_core_v1_pod_security_context, name);
}

static void check_optional_id(struct field_errors *errors, const struct path *path, const int64_t *id)
{
	if (id)
		check_id(errors, path, *id);
}

void check_pod_security(struct pod_check *check, const struct path *path)
{
	const struct core_v1_pod_security_context *context = check->spec->security_context;
	const bool *share = check->spec->share_process_namespace;
	struct field_errors *errors = check->errors;

	if (context) {
		check_optional_id(errors, FIELD(path, "fsGroup"), context->fs_group);
		check_optional_id(errors, FIELD(path, "runAsUser"), context->run_as_user);
		check_optional_id(errors, FIELD(path, "runAsGroup"), context->run_as_group);
		for (size_t i = 0; i < context->supplemental_groups.len; i++)
			check_id(errors, INDEX(FIELD(path, "supplementalGroups"), i),
				 context->supplemental_groups.items[i]);
	}
	if (share && *share && check->spec->host_pid)
		field_invalid(errors, FIELD(path, "shareProcessNamespace"), VALUE(*share),
			      "ShareProcessNamespace and HostPID cannot both be enabled");
	if (!context)
		return;
	check_sysctls(check, FIELD(path, "sysctls"), &context->sysctls);
	check_enum(errors, path, context->fs_group_change_policy, "fsGroupChangePolicy");
	check_seccomp(errors, FIELD(path, "seccompProfile"), context->seccomp_profile);
	check_windows_options(errors, FIELD(path, "windowsOptions"), context->windows_options);
	check_app_armor(errors, FIELD(path, "appArmorProfile"), context->app_armor_profile);
	check_enum(errors, path, context->supplemental_groups_policy, "supplementalGroupsPolicy");
	if (context->se_linux_change_policy &&
	    !is_one_of(*context->se_linux_change_policy, "MountOption", "Recursive", NULL))
		field_not_supported_c(errors, FIELD(path, "seLinuxChangePolicy"),
				      VALUE(*context->se_linux_change_policy), "MountOption", "Recursive", NULL);
}

static const char *bool_text(const bool *value)
{
	return !value ? "null" : *value ? "true" : "false";
}

/* As upstream prints its internal struct: capitals, every member. Only what can go with this error is filled in. */
static struct field_value context_value(const struct core_v1_security_context *context, struct arena *arena)
{
	struct str capabilities = STR("null"), ids[2] = {STR("null"), STR("null")};
	const int64_t *numbers[] = {context->run_as_user, context->run_as_group};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i])
			ids[i] = arena_printf(arena, "%lld", (long long)*numbers[i]);
	if (context->capabilities) {
		struct field_value added = field_value_list(&context->capabilities->add, arena);
		struct field_value dropped = field_value_list(&context->capabilities->drop, arena);

		capabilities = arena_printf(arena, "{\"Add\":" STR_FMT ",\"Drop\":" STR_FMT "}", STR_ARG(added.text),
					    STR_ARG(dropped.text));
	}
	return field_value_json(arena_printf(
		arena,
		"{\"Capabilities\":" STR_FMT ",\"Privileged\":%s,\"SELinuxOptions\":null,\"WindowsOptions\":null,"
		"\"RunAsUser\":" STR_FMT ",\"RunAsGroup\":" STR_FMT
		",\"RunAsNonRoot\":%s,\"ReadOnlyRootFilesystem\":%s,"
		"\"AllowPrivilegeEscalation\":%s,\"ProcMount\":null,\"SeccompProfile\":null,\"AppArmorProfile\":null}",
		STR_ARG(capabilities), bool_text(context->privileged), STR_ARG(ids[0]), STR_ARG(ids[1]),
		bool_text(context->run_as_non_root), bool_text(context->read_only_root_filesystem),
		bool_text(context->allow_privilege_escalation)));
}

static void check_escalation(struct field_errors *errors, const struct path *path,
			     const struct core_v1_security_context *context)
{
	if (!context->allow_privilege_escalation || *context->allow_privilege_escalation)
		return;
	if (context->privileged && *context->privileged)
		field_invalid(errors, path, context_value(context, errors->arena),
			      "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
	for (size_t i = 0; context->capabilities && i < context->capabilities->add.len; i++)
		if (str_eq_c(context->capabilities->add.items[i], "CAP_SYS_ADMIN"))
			field_invalid(
				errors, path, context_value(context, errors->arena),
				"cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
}

void check_security_context(struct pod_check *check, const struct path *path,
			    const struct core_v1_security_context *context)
{
	struct field_errors *errors = check->errors;
	bool host_users = !check->spec->host_users || *check->spec->host_users;

	if (!context)
		return;
	check_optional_id(errors, FIELD(path, "runAsUser"), context->run_as_user);
	check_optional_id(errors, FIELD(path, "runAsGroup"), context->run_as_group);
	if (context->proc_mount) {
		if (!field_in_enum(*context->proc_mount, &schema_core_v1_security_context, "procMount"))
			field_not_in_enum(errors, FIELD(path, "procMount"), *context->proc_mount,
					  &schema_core_v1_security_context, "procMount");
		if (host_users && str_eq_c(*context->proc_mount, "Unmasked"))
			field_invalid(errors, FIELD(path, "procMount"), VALUE(*context->proc_mount),
				      "`hostUsers` must be false to use `Unmasked`");
	}
	check_seccomp(errors, FIELD(path, "seccompProfile"), context->seccomp_profile);
	check_escalation(errors, path, context);
	check_windows_options(errors, FIELD(path, "windowsOptions"), context->windows_options);
	check_app_armor(errors, FIELD(path, "appArmorProfile"), context->app_armor_profile);
}

static void forbid_set(struct field_errors *errors, const struct path *path, bool set, const char *name)
{
	if (set)
		field_forbidden(errors, FIELD(path, name), "cannot be set for a windows pod");
}

static void forbid_linux_of_container(struct pod_check *check, const struct path *path,
				      const struct core_v1_container *container)
{
	const struct core_v1_security_context *c = container->security_context;
	const struct path *at = FIELD(path, "securityContext");
	struct field_errors *errors = check->errors;

	if (!c)
		return;
	forbid_set(errors, at, c->app_armor_profile, "appArmorProfile");
	forbid_set(errors, at, c->se_linux_options, "seLinuxOptions");
	forbid_set(errors, at, c->seccomp_profile, "seccompProfile");
	forbid_set(errors, at, c->capabilities, "capabilities");
	forbid_set(errors, at, c->read_only_root_filesystem, "readOnlyRootFilesystem");
	forbid_set(errors, at, c->privileged, "privileged");
	forbid_set(errors, at, c->allow_privilege_escalation, "allowPrivilegeEscalation");
	forbid_set(errors, at, c->proc_mount, "procMount");
	forbid_set(errors, at, c->run_as_user, "runAsUser");
	forbid_set(errors, at, c->run_as_group, "runAsGroup");
}

static void check_windows_pod(struct pod_check *check, const struct path *path)
{
	const struct core_v1_pod_spec *spec = check->spec;
	const struct core_v1_pod_security_context none = {0},
						  *c = spec->security_context ? spec->security_context : &none;
	const struct path *at = FIELD(path, "securityContext");
	struct field_errors *errors = check->errors;

	forbid_set(errors, at, c->app_armor_profile, "appArmorProfile");
	forbid_set(errors, at, c->se_linux_options, "seLinuxOptions");
	forbid_set(errors, path, spec->host_users, "hostUsers");
	forbid_set(errors, path, spec->host_pid, "hostPID");
	forbid_set(errors, path, spec->host_ipc, "hostIPC");
	forbid_set(errors, at, c->seccomp_profile, "seccompProfile");
	forbid_set(errors, at, c->fs_group, "fsGroup");
	forbid_set(errors, at, c->fs_group_change_policy, "fsGroupChangePolicy");
	forbid_set(errors, at, c->sysctls.len, "sysctls");
	forbid_set(errors, path, spec->share_process_namespace, "shareProcessNamespace");
	forbid_set(errors, at, c->run_as_user, "runAsUser");
	forbid_set(errors, at, c->run_as_group, "runAsGroup");
	forbid_set(errors, at, c->supplemental_groups.items, "supplementalGroups");
	forbid_set(errors, at, c->supplemental_groups_policy, "supplementalGroupsPolicy");
	forbid_set(errors, at, c->se_linux_change_policy, "seLinuxChangePolicy");
	visit_containers(check, path, forbid_linux_of_container);
}

static void forbid_windows_of_container(struct pod_check *check, const struct path *path,
					const struct core_v1_container *container)
{
	if (container->security_context && container->security_context->windows_options)
		field_forbidden(check->errors, FIELD(path, "securityContext.windowsOptions"),
				"windows options cannot be set for a linux pod");
}

void check_pod_os(struct pod_check *check, const struct path *path)
{
	const struct core_v1_pod_spec *spec = check->spec;

	if (!spec->os)
		return;
	if (!spec->os->name.len) {
		field_required(check->errors, FIELD(path, "os.name"), NULL);
	} else if (str_eq_c(spec->os->name, "linux")) {
		if (spec->security_context && spec->security_context->windows_options)
			field_forbidden(check->errors, FIELD(path, "securityContext.windowsOptions"),
					"windows options cannot be set for a linux pod");
		visit_containers(check, path, forbid_windows_of_container);
	} else if (str_eq_c(spec->os->name, "windows")) {
		check_windows_pod(check, path);
	} else {
		field_not_supported_c(check->errors, FIELD(path, "os"), VALUE(spec->os->name), "linux", "windows",
				      NULL);
	}
}

static const bool *pod_host_process(const struct core_v1_pod_spec *spec)
{
	const struct core_v1_pod_security_context *context = spec->security_context;

	return context && context->windows_options ? context->windows_options->host_process : NULL;
}

static const bool *container_host_process(const struct core_v1_container *container)
{
	const struct core_v1_security_context *context = container->security_context;

	return context && context->windows_options ? context->windows_options->host_process : NULL;
}

static void check_same_host_process(struct pod_check *check, const struct path *path,
				    const struct core_v1_container *container)
{
	const bool *pod = pod_host_process(check->spec), *own = container_host_process(container);

	if (pod && own && *pod != *own)
		field_invalid(check->errors, FIELD(path, "securityContext.windowsOptions.hostProcess"), VALUE(*own),
			      "pod hostProcess value must be identical if both are specified, was %s", bool_text(pod));
}

static size_t count_host_process(const struct core_v1_pod_spec *spec, const struct core_v1_container_slice *containers)
{
	const bool *pod = pod_host_process(spec);
	size_t count = 0;

	SLICE_FOREACH (container, *containers) {
		const bool *own = container_host_process(container);

		count += own ? *own : pod && *pod;
	}
	return count;
}

void check_host_process(struct pod_check *check, const struct path *path)
{
	const struct core_v1_pod_spec *spec = check->spec;
	size_t count = count_host_process(spec, &spec->init_containers) + count_host_process(spec, &spec->containers);

	visit_containers(check, path, check_same_host_process);
	if (!count)
		return;
	if (count != spec->init_containers.len + spec->containers.len)
		field_invalid(check->errors, path, VALUE(""),
			      "If pod contains any hostProcess containers then all containers must be HostProcess "
			      "containers");
	if (!spec->host_network)
		field_invalid(check->errors, FIELD(path, "hostNetwork"), VALUE(spec->host_network),
			      "hostNetwork must be true if pod contains any hostProcess containers");
}

static void forbid_devices(struct pod_check *check, const struct path *path, const struct core_v1_container *container)
{
	if (container->volume_devices.len)
		field_forbidden(check->errors, FIELD(path, "volumeDevices"), "when `hostUsers` is false");
}

void check_host_users(struct pod_check *check, const struct path *path)
{
	const struct core_v1_pod_spec *spec = check->spec;

	if (!spec->host_users || *spec->host_users)
		return;
	if (spec->host_network)
		field_forbidden(check->errors, FIELD(path, "hostNetwork"), "when `hostUsers` is false");
	if (spec->host_pid)
		field_forbidden(check->errors, FIELD(path, "HostPID"), "when `hostUsers` is false");
	if (spec->host_ipc)
		field_forbidden(check->errors, FIELD(path, "HostIPC"), "when `hostUsers` is false");
	visit_containers(check, path, forbid_devices);
}
