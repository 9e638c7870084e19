/* Containers of all three sorts; see pod_check.h. */
#include "apiserver/registry/core/pod_check.h"

STATIC_ASSERT(sizeof(struct core_v1_container) == sizeof(struct core_v1_ephemeral_container_common),
	      "an ephemeral container is a container with a target");

void visit_containers(struct pod_check *check, const struct path *path,
		      void (*visit)(struct pod_check *check, const struct path *path,
				    const struct core_v1_container *container))
{
	const struct core_v1_pod_spec *spec = check->spec;

	for (size_t i = 0; i < spec->init_containers.len; i++)
		visit(check, INDEX(FIELD(path, "initContainers"), i), &spec->init_containers.items[i]);
	for (size_t i = 0; i < spec->containers.len; i++)
		visit(check, INDEX(FIELD(path, "containers"), i), &spec->containers.items[i]);
	for (size_t i = 0; i < spec->ephemeral_containers.len; i++)
		visit(check, INDEX(FIELD(path, "ephemeralContainers"), i),
		      (const void *)&spec->ephemeral_containers.items[i].ephemeral_container_common);
}

static void check_ports(struct field_errors *errors, const struct path *path,
			const struct core_v1_container_port_slice *ports)
{
	for (size_t i = 0; i < ports->len; i++) {
		const struct core_v1_container_port *port = &ports->items[i];
		const struct path *at = INDEX(path, i);
		bool repeated = false;

		for (size_t j = 0; j < i; j++)
			repeated = repeated || str_eq(ports->items[j].name, port->name);
		if (port->name.len) {
			struct name_problems problems = name_is_port(port->name);

			check_name(errors, FIELD(at, "name"), port->name, problems);
			if (!problems.len && repeated)
				field_duplicate(errors, FIELD(at, "name"), VALUE(port->name));
		}
		if (!port->container_port)
			field_required(errors, FIELD(at, "containerPort"), NULL);
		else
			check_port_number(errors, FIELD(at, "containerPort"), port->container_port);
		if (port->host_port)
			check_port_number(errors, FIELD(at, "hostPort"), port->host_port);
		if (!port->protocol.len)
			field_required(errors, FIELD(at, "protocol"), NULL);
		else if (!field_in_enum(port->protocol, &schema_core_v1_container_port, "protocol"))
			field_not_in_enum(errors, FIELD(at, "protocol"), port->protocol, &schema_core_v1_container_port,
					  "protocol");
	}
}

/* The mountable volume called @name, NULL when there is none. */
static const struct core_v1_volume *find_volume(const struct pod_check *check, struct str name)
{
	for (size_t i = 0; i < check->spec->volumes.len; i++)
		if (check->volume_ok[i] && str_eq(check->spec->volumes.items[i].name, name))
			return &check->spec->volumes.items[i];
	return NULL;
}

static void check_propagation(struct field_errors *errors, const struct path *path,
			      const struct core_v1_volume_mount *mount, const struct core_v1_container *container)
{
	const struct core_v1_security_context *security = container->security_context;
	struct str mode = *mount->mount_propagation;

	if (!field_in_enum(mode, &schema_core_v1_volume_mount, "mountPropagation"))
		field_not_in_enum(errors, path, mode, &schema_core_v1_volume_mount, "mountPropagation");
	if (str_eq_c(mode, "Bidirectional") && !(security && security->privileged && *security->privileged))
		field_forbidden(errors, path,
				"Bidirectional mount propagation is available only to privileged containers");
}

static void check_recursive_read_only(struct field_errors *errors, const struct path *path,
				      const struct core_v1_volume_mount *mount)
{
	struct str mode = *mount->recursive_read_only;

	if (is_one_of(mode, "Enabled", "IfPossible", NULL)) {
		if (!mount->read_only)
			field_forbidden(errors, path, "may only be specified when readOnly is true");
		if (mount->mount_propagation && !str_eq_c(*mount->mount_propagation, "None"))
			field_forbidden(errors, path,
					"may only be specified when mountPropagation is None or not specified");
	} else if (!str_eq_c(mode, "Disabled")) {
		field_not_supported_c(errors, path, VALUE(mode), "Disabled", "Enabled", "IfPossible", NULL);
	}
}

static void check_against_devices(struct field_errors *errors, const struct path *path,
				  const struct core_v1_volume_mount *mount, const struct core_v1_container *container)
{
	SLICE_FOREACH (device, container->volume_devices)
		if (str_eq(device->name, mount->name))
			field_invalid(errors, FIELD(path, "name"), VALUE(mount->name),
				      "must not already exist in volumeDevices");
	SLICE_FOREACH (device, container->volume_devices)
		if (str_eq(device->device_path, mount->mount_path))
			field_invalid(errors, FIELD(path, "mountPath"), VALUE(mount->mount_path),
				      "must not already exist as a path in volumeDevices");
}

static void check_mounts(struct pod_check *check, const struct path *path, const struct core_v1_container *container)
{
	struct field_errors *errors = check->errors;

	for (size_t i = 0; i < container->volume_mounts.len; i++) {
		const struct core_v1_volume_mount *mount = &container->volume_mounts.items[i];
		const struct path *at = INDEX(path, i);

		if (!mount->name.len)
			field_required(errors, FIELD(at, "name"), NULL);
		if (!find_volume(check, mount->name))
			field_not_found(errors, FIELD(at, "name"), VALUE(mount->name));
		if (!mount->mount_path.len)
			field_required(errors, FIELD(at, "mountPath"), NULL);
		for (size_t j = 0; j < i; j++)
			if (str_eq(container->volume_mounts.items[j].mount_path, mount->mount_path)) {
				field_invalid(errors, FIELD(at, "mountPath"), VALUE(mount->mount_path),
					      "must be unique");
				break;
			}
		check_against_devices(errors, at, mount, container);
		if (mount->sub_path.len)
			check_descending_path(errors, FIELD(path, "subPath"), mount->sub_path);
		if (mount->sub_path_expr.len) {
			if (mount->sub_path.len)
				field_invalid(errors, FIELD(at, "subPathExpr"), VALUE(mount->sub_path_expr),
					      "subPathExpr and subPath are mutually exclusive");
			check_descending_path(errors, FIELD(path, "subPathExpr"), mount->sub_path_expr);
		}
		if (mount->mount_propagation)
			check_propagation(errors, FIELD(path, "mountPropagation"), mount, container);
		if (mount->recursive_read_only)
			check_recursive_read_only(errors, FIELD(path, "recursiveReadOnly"), mount);
	}
}

static bool steps_back(struct str path)
{
	struct str step;

	while (path.len) {
		str_cut(path, '/', &step, &path);
		if (str_eq_c(step, ".."))
			return true;
	}
	return false;
}

static void check_device(struct pod_check *check, const struct path *at, const struct core_v1_container *container,
			 size_t index)
{
	const struct core_v1_volume_device *device = &container->volume_devices.items[index];
	const struct core_v1_volume *volume = find_volume(check, device->name);
	struct field_errors *errors = check->errors;

	if (!device->name.len)
		field_required(errors, FIELD(at, "name"), NULL);
	for (size_t j = 0; j < index; j++)
		if (str_eq(container->volume_devices.items[j].name, device->name))
			field_invalid(errors, FIELD(at, "name"), VALUE(device->name), "must be unique");
	if (!volume)
		field_not_found(errors, FIELD(at, "name"), VALUE(device->name));
	else if (!volume->volume_source.persistent_volume_claim && !volume->volume_source.ephemeral)
		field_invalid(errors, FIELD(at, "name"), VALUE(device->name),
			      "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
	if (!device->device_path.len)
		field_required(errors, FIELD(at, "devicePath"), NULL);
	for (size_t j = 0; j < index; j++)
		if (str_eq(container->volume_devices.items[j].device_path, device->device_path))
			field_invalid(errors, FIELD(at, "devicePath"), VALUE(device->device_path), "must be unique");
	if (steps_back(device->device_path))
		field_invalid(errors, FIELD(at, "devicePath"), VALUE(device->device_path),
			      "can not contain backsteps ('..')");
	SLICE_FOREACH (mount, container->volume_mounts) {
		if (str_eq(mount->name, device->name))
			field_invalid(errors, FIELD(at, "name"), VALUE(device->name),
				      "must not already exist in volumeMounts");
		if (str_eq(mount->mount_path, device->device_path))
			field_invalid(errors, FIELD(at, "devicePath"), VALUE(device->device_path),
				      "must not already exist as a path in volumeMounts");
	}
}

static void check_pull_policy(struct field_errors *errors, const struct path *path, struct str policy)
{
	if (!policy.len)
		field_required(errors, path, NULL);
	else if (!field_in_enum(policy, &schema_core_v1_container, "imagePullPolicy"))
		field_not_in_enum(errors, path, policy, &schema_core_v1_container, "imagePullPolicy");
}

static void check_container(struct pod_check *check, const struct path *path, const struct core_v1_container *container)
{
	struct field_errors *errors = check->errors;
	struct str message = container->termination_message_policy;

	if (!container->name.len)
		field_required(errors, FIELD(path, "name"), NULL);
	else
		check_name(errors, FIELD(path, "name"), container->name, name_is_dns_label(container->name));
	if (!container->image.len)
		field_required(errors, FIELD(path, "image"), NULL);
	if (!message.len)
		field_required(errors, FIELD(path, "terminationMessagePolicy"), NULL);
	else if (!is_one_of(message, "File", "FallbackToLogsOnError", NULL))
		field_not_supported_c(errors, FIELD(path, "terminationMessagePolicy"), VALUE(message), "File",
				      "FallbackToLogsOnError", NULL);
	check_ports(errors, FIELD(path, "ports"), &container->ports);
	check_env(errors, FIELD(path, "env"), &container->env);
	check_env_from(errors, FIELD(path, "envFrom"), &container->env_from);
	check_mounts(check, FIELD(path, "volumeMounts"), container);
	for (size_t i = 0; i < container->volume_devices.len; i++)
		check_device(check, INDEX(FIELD(path, "volumeDevices"), i), container, i);
	check_pull_policy(errors, FIELD(path, "imagePullPolicy"), container->image_pull_policy);
	check_container_resources(errors, FIELD(path, "resources"), &container->resources,
				  &check->spec->resource_claims);
	check_resize_policy(check, FIELD(path, "resizePolicy"), container);
	check_security_context(check, FIELD(path, "securityContext"), container->security_context);
}

/* A port of the host that an earlier port of these containers has taken. */
static void check_host_ports(struct field_errors *errors, const struct path *path,
			     const struct core_v1_container *containers, size_t len)
{
	VEC_OF(struct str) taken = {0};

	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; j < containers[i].ports.len; j++) {
			const struct core_v1_container_port *port = &containers[i].ports.items[j];
			struct str key;
			bool repeated = false;

			if (!port->host_port)
				continue;
			key = arena_printf(errors->arena, STR_FMT "/" STR_FMT "/%d", STR_ARG(port->protocol),
					   STR_ARG(port->host_ip), port->host_port);
			for (size_t k = 0; k < taken.len; k++)
				repeated = repeated || str_eq(taken.items[k], key);
			if (repeated)
				field_duplicate(errors, FIELD(INDEX(FIELD(INDEX(path, i), "ports"), j), "hostPort"),
						VALUE(key));
			else
				vec_push(errors->arena, &taken, key);
		}
}

static void check_restart_rules(struct field_errors *errors, const struct path *path,
				const struct core_v1_container *container)
{
	const struct core_v1_container_restart_rule_slice *rules = &container->restart_policy_rules;

	if (!container->restart_policy) {
		if (rules->len)
			field_required(errors, FIELD(path, "restartPolicy"),
				       "must specify restartPolicy when restart rules are used");
	} else if (!is_one_of(*container->restart_policy, "Always", "Never", "OnFailure", NULL)) {
		field_not_supported_c(errors, FIELD(path, "restartPolicy"), VALUE(*container->restart_policy), "Always",
				      "Never", "OnFailure", NULL);
	}
	if (rules->len > 20)
		field_too_many(errors, FIELD(path, "restartPolicyRules"), rules->len, 20);
	for (size_t i = 0; i < rules->len; i++) {
		const struct core_v1_container_restart_rule *rule = &rules->items[i];
		const struct path *at = INDEX(FIELD(path, "restartPolicyRules"), i);

		if (!is_one_of(rule->action, "Restart", "RestartAllContainers", NULL))
			field_not_supported_c(errors, FIELD(at, "action"), VALUE(rule->action), "Restart",
					      "RestartAllContainers", NULL);
		if (!rule->exit_codes) {
			field_required(errors, FIELD(at, "exitCodes"), "must be specified");
			continue;
		}
		if (!is_one_of(rule->exit_codes->operator, "In", "NotIn", NULL))
			field_not_supported_c(errors, FIELD(at, "exitCodes.operator"),
					      VALUE(rule->exit_codes->operator), "In", "NotIn", NULL);
		if (rule->exit_codes->values.len > 255)
			field_too_many(errors, FIELD(at, "exitCodes.values"), rule->exit_codes->values.len, 255);
	}
}

static bool has_name_before(const struct core_v1_container_slice *containers, size_t end, struct str name)
{
	for (size_t i = 0; i < end; i++)
		if (str_eq(containers->items[i].name, name))
			return true;
	return false;
}

void check_containers(struct pod_check *check, const struct path *path)
{
	const struct core_v1_container_slice *containers = &check->spec->containers;

	if (!containers->len) {
		field_required(check->errors, path, NULL);
		return;
	}
	for (size_t i = 0; i < containers->len; i++) {
		const struct core_v1_container *container = &containers->items[i];

		check_container(check, INDEX(path, i), container);
		if (has_name_before(containers, i, container->name))
			field_duplicate(check->errors, FIELD(INDEX(path, i), "name"), VALUE(container->name));
		check_probes(check, INDEX(path, i), container);
		check_restart_rules(check->errors, INDEX(path, i), container);
	}
	check_host_ports(check->errors, path, containers->items, containers->len);
}

static void forbid_handlers(struct field_errors *errors, const struct path *path,
			    const struct core_v1_container *container)
{
	static const char text[] = "may not be set for init containers without restartPolicy=Always";

	if (container->lifecycle)
		field_forbidden(errors, FIELD(path, "lifecycle"), text);
	if (container->liveness_probe)
		field_forbidden(errors, FIELD(path, "livenessProbe"), text);
	if (container->readiness_probe)
		field_forbidden(errors, FIELD(path, "readinessProbe"), text);
	if (container->startup_probe)
		field_forbidden(errors, FIELD(path, "startupProbe"), text);
}

void check_init_containers(struct pod_check *check, const struct path *path)
{
	const struct core_v1_container_slice *containers = &check->spec->init_containers;

	for (size_t i = 0; i < containers->len; i++) {
		const struct core_v1_container *container = &containers->items[i];
		const struct path *at = INDEX(path, i);
		bool restartable = container->restart_policy && str_eq_c(*container->restart_policy, "Always");

		check_container(check, at, container);
		check_restart_rules(check->errors, at, container);
		if (has_name_before(&check->spec->containers, check->spec->containers.len, container->name) ||
		    (container->name.len && has_name_before(containers, i, container->name)))
			field_duplicate(check->errors, FIELD(at, "name"), VALUE(container->name));
		check_host_ports(check->errors, path, container, 1);
		if (restartable)
			check_probes(check, at, container);
		else
			forbid_handlers(check->errors, at, container);
		for (size_t j = 0; !restartable && j < container->resize_policy.len; j++)
			if (str_eq_c(container->resize_policy.items[j].restart_policy, "RestartContainer"))
				field_invalid(check->errors,
					      FIELD(INDEX(FIELD(at, "resizePolicy"), j), "restartPolicy"),
					      VALUE(container->resize_policy.items[j].restart_policy),
					      "must not be set to 'RestartContainer' for non-sidecar initContainers");
	}
}

static void forbid_for_ephemeral(struct field_errors *errors, const struct path *path,
				 const struct core_v1_container *container)
{
	const struct {
		bool set;
		const char *name;
	} fields[] = {
		{container->ports.len, "ports"},
		{container->resources.limits.len || container->resources.requests.len ||
			 container->resources.claims.len,
		 "resources"},
		{container->resize_policy.len, "resizePolicy"},
		{container->restart_policy, "restartPolicy"},
		{container->restart_policy_rules.len, "restartPolicyRules"},
		{container->liveness_probe, "livenessProbe"},
		{container->readiness_probe, "readinessProbe"},
		{container->startup_probe, "startupProbe"},
		{container->lifecycle, "lifecycle"},
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].set)
			field_forbidden(errors, FIELD(path, fields[i].name),
					"cannot be set for an Ephemeral Container");
	for (size_t i = 0; i < container->volume_mounts.len; i++) {
		if (container->volume_mounts.items[i].sub_path.len)
			field_forbidden(errors, FIELD(INDEX(FIELD(path, "volumeMounts"), i), "subPath"),
					"cannot be set for an Ephemeral Container");
		if (container->volume_mounts.items[i].sub_path_expr.len)
			field_forbidden(errors, FIELD(INDEX(FIELD(path, "volumeMounts"), i), "subPathExpr"),
					"cannot be set for an Ephemeral Container");
	}
}

void check_ephemeral_containers(struct pod_check *check, const struct path *path)
{
	const struct core_v1_pod_spec *spec = check->spec;

	for (size_t i = 0; i < spec->ephemeral_containers.len; i++) {
		const struct core_v1_ephemeral_container *ephemeral = &spec->ephemeral_containers.items[i];
		const struct core_v1_container *container = (const void *)&ephemeral->ephemeral_container_common;
		struct core_v1_container_slice one = {container, 1};
		struct str target = ephemeral->target_container_name;
		bool repeated = has_name_before(&spec->containers, spec->containers.len, container->name) ||
				has_name_before(&spec->init_containers, spec->init_containers.len, container->name);

		for (size_t j = 0; j < i; j++)
			repeated =
				repeated || str_eq(spec->ephemeral_containers.items[j].ephemeral_container_common.name,
						   container->name);
		check_container(check, INDEX(path, i), container);
		check_images_of_pod(check->errors, path, &one);
		if (repeated)
			field_duplicate(check->errors, FIELD(INDEX(path, i), "name"), VALUE(container->name));
		if (target.len && !has_name_before(&spec->containers, spec->containers.len, target) &&
		    !has_name_before(&spec->init_containers, spec->init_containers.len, target))
			field_not_found(check->errors, FIELD(INDEX(path, i), "targetContainerName"), VALUE(target));
		forbid_for_ephemeral(check->errors, INDEX(path, i), container);
	}
}

void check_images_of_pod(struct field_errors *errors, const struct path *path,
			 const struct core_v1_container_slice *containers)
{
	for (size_t i = 0; i < containers->len; i++) {
		struct str image = containers->items[i].image;

		if (str_trim(image).len != image.len)
			field_invalid(errors, FIELD(INDEX(path, i), "image"), VALUE(image),
				      "must not have leading or trailing whitespace");
	}
}
