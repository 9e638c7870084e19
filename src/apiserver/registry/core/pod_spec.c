/* The pod spec as a whole, and templates; see pod_check.h. */
#include "apiserver/registry/core/pod_check.h"

#define NAMESERVERS_MAX 3
#define SEARCHES_MAX	32
#define SEARCH_LIST_MAX 2048
#define HOSTNAME_MAX	64

static void check_dns(struct field_errors *errors, const struct path *path, const struct core_v1_pod_spec *spec)
{
	const struct core_v1_pod_dns_config *config = spec->dns_config;
	size_t total = 0;

	if (str_eq_c(spec->dns_policy, "None") && (!config || !config->nameservers.len)) {
		if (!config)
			field_required(errors, path, "must provide `dnsConfig` when `dnsPolicy` is None");
		else
			field_required(errors, FIELD(path, "nameservers"),
				       "must provide at least one DNS nameserver when `dnsPolicy` is None");
		return;
	}
	if (!config)
		return;
	if (config->nameservers.len > NAMESERVERS_MAX)
		field_invalid(errors, FIELD(path, "nameservers"), field_value_list(&config->nameservers, errors->arena),
			      "must not have more than %d nameservers", NAMESERVERS_MAX);
	for (size_t i = 0; i < config->nameservers.len; i++)
		check_legacy_ip(errors, INDEX(FIELD(path, "nameservers"), i), config->nameservers.items[i]);
	SLICE_FOREACH (search, config->searches)
		total += search->len + 1;
	if (config->searches.len > SEARCHES_MAX)
		field_invalid(errors, FIELD(path, "searches"), field_value_list(&config->searches, errors->arena),
			      "must not have more than %d search paths", SEARCHES_MAX);
	if (total > SEARCH_LIST_MAX + 1)
		field_invalid(errors, FIELD(path, "searches"), field_value_list(&config->searches, errors->arena),
			      "must not have more than %d characters (including spaces) in the search list",
			      SEARCH_LIST_MAX);
	for (size_t i = 0; i < config->searches.len; i++) {
		struct str search = config->searches.items[i];

		if (str_eq_c(search, "."))
			continue;
		if (str_has_suffix(search, STR(".")))
			search = str_sub(search, 0, search.len - 1);
		check_name(errors, INDEX(FIELD(path, "searches"), i), search, name_is_dns_subdomain_underscore(search));
	}
	for (size_t i = 0; i < config->options.len; i++)
		if (!config->options.items[i].name.len)
			field_required(errors, INDEX(FIELD(path, "options"), i), "must not be empty");
}

static void check_gates(struct field_errors *errors, const struct path *path, const struct core_v1_pod_spec *spec)
{
	for (size_t i = 0; i < spec->readiness_gates.len; i++) {
		struct str type = spec->readiness_gates.items[i].condition_type;

		check_name(errors, FIELD(INDEX(FIELD(path, "readinessGates"), i), "conditionType"), type,
			   name_is_qualified(type));
	}
	for (size_t i = 0; i < spec->scheduling_gates.len; i++) {
		struct str name = spec->scheduling_gates.items[i].name;
		const struct path *at = INDEX(FIELD(path, "schedulingGates"), i);

		check_name(errors, at, name, name_is_qualified(name));
		for (size_t j = 0; j < i; j++)
			if (str_eq(spec->scheduling_gates.items[j].name, name)) {
				field_duplicate(errors, at, VALUE(name));
				break;
			}
	}
}

static void check_host_network(struct pod_check *check, const struct path *path)
{
	const struct core_v1_container_slice *containers = &check->spec->containers;

	for (size_t i = 0; check->spec->host_network && i < containers->len; i++)
		for (size_t j = 0; j < containers->items[i].ports.len; j++) {
			const struct core_v1_container_port *port = &containers->items[i].ports.items[j];

			if ((check->is_pod || port->host_port) && port->host_port != port->container_port)
				field_invalid(check->errors,
					      FIELD(INDEX(FIELD(INDEX(path, i), "ports"), j), "hostPort"),
					      VALUE(port->host_port),
					      "must match `containerPort` when `hostNetwork` is true");
		}
}

static void check_policies(struct field_errors *errors, const struct path *path, const struct core_v1_pod_spec *spec)
{
	if (!spec->restart_policy.len)
		field_required(errors, FIELD(path, "restartPolicy"), NULL);
	else if (!is_one_of(spec->restart_policy, "Always", "OnFailure", "Never", NULL))
		field_not_supported_c(errors, FIELD(path, "restartPolicy"), VALUE(spec->restart_policy), "Always",
				      "OnFailure", "Never", NULL);
	if (!spec->dns_policy.len)
		field_required(errors, FIELD(path, "dnsPolicy"), NULL);
	else if (!is_one_of(spec->dns_policy, "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None", NULL))
		field_not_supported_c(errors, FIELD(path, "dnsPolicy"), VALUE(spec->dns_policy),
				      "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None", NULL);
}

static void check_host_name(struct field_errors *errors, const struct path *path, const struct core_v1_pod_spec *spec)
{
	const struct path *at = FIELD(path, "hostnameOverride");

	if (!spec->hostname_override)
		return;
	if (spec->set_hostname_as_fqdn && *spec->set_hostname_as_fqdn)
		field_forbidden(errors, at, "may not be specified when setHostnameAsFQDN is true");
	if (spec->host_network)
		field_forbidden(errors, at, "may not be specified when hostNetwork is true");
	if (spec->hostname_override->len > HOSTNAME_MAX)
		field_too_long(errors, at, HOSTNAME_MAX);
	check_name(errors, at, *spec->hostname_override, name_is_dns_subdomain(*spec->hostname_override));
}

static void check_names(struct field_errors *errors, const struct path *path, const struct core_v1_pod_spec *spec)
{
	if (spec->service_account_name.len)
		check_name(errors, FIELD(path, "serviceAccountName"), spec->service_account_name,
			   name_is_dns_subdomain(spec->service_account_name));
	if (spec->node_name.len)
		check_name(errors, FIELD(path, "nodeName"), spec->node_name, name_is_dns_subdomain(spec->node_name));
	if (spec->active_deadline_seconds)
		check_range(errors, FIELD(path, "activeDeadlineSeconds"), *spec->active_deadline_seconds, 1, INT32_MAX);
	if (spec->hostname.len)
		check_name(errors, FIELD(path, "hostname"), spec->hostname, name_is_dns_label(spec->hostname));
	if (spec->subdomain.len)
		check_name(errors, FIELD(path, "subdomain"), spec->subdomain, name_is_dns_label(spec->subdomain));
}

static void check_host_aliases(struct field_errors *errors, const struct path *path,
			       const struct core_v1_host_alias_slice *aliases)
{
	for (size_t i = 0; i < aliases->len; i++) {
		const struct core_v1_host_alias *alias = &aliases->items[i];

		check_legacy_ip(errors, FIELD(INDEX(path, i), "ip"), alias->ip);
		for (size_t j = 0; j < alias->hostnames.len; j++)
			check_name(errors, INDEX(FIELD(INDEX(path, i), "hostnames"), j), alias->hostnames.items[j],
				   name_is_dns_subdomain(alias->hostnames.items[j]));
	}
}

static void check_classes(struct field_errors *errors, const struct path *path, const struct core_v1_pod_spec *spec)
{
	struct core_v1_resource_requirements overhead = {.limits = spec->overhead};

	if (spec->priority_class_name.len)
		check_name(errors, FIELD(path, "priorityClassName"), spec->priority_class_name,
			   name_is_dns_subdomain(spec->priority_class_name));
	if (spec->runtime_class_name)
		check_name(errors, FIELD(path, "runtimeClassName"), *spec->runtime_class_name,
			   name_is_dns_subdomain(*spec->runtime_class_name));
	if (spec->preemption_policy && !is_one_of(*spec->preemption_policy, "PreemptLowerPriority", "Never", NULL))
		field_not_supported_c(errors, FIELD(path, "preemptionPolicy"), VALUE(*spec->preemption_policy),
				      "PreemptLowerPriority", "Never", NULL);
	check_container_resources(errors, FIELD(path, "overhead"), &overhead, NULL);
}

void check_pod_spec(struct field_errors *errors, const struct path *path, const struct core_v1_pod_spec *spec,
		    const struct meta_v1_object_meta *meta, bool is_pod)
{
	struct pod_check check = {.errors = errors, .spec = spec, .meta = meta, .is_pod = is_pod};

	check.volume_ok = ARENA_NEW_N(errors->arena, bool, spec->volumes.len);
	if (!spec->termination_grace_period_seconds)
		field_required(errors, FIELD(path, "terminationGracePeriodSeconds"), NULL);
	check_volumes(&check, FIELD(path, "volumes"));
	check_pod_resource_claims(&check, FIELD(path, "resourceClaims"));
	check_containers(&check, FIELD(path, "containers"));
	check_init_containers(&check, FIELD(path, "initContainers"));
	check_ephemeral_containers(&check, FIELD(path, "ephemeralContainers"));
	check_pod_resources(&check, FIELD(path, "resources"));
	check_host_network(&check, FIELD(path, "containers"));
	check_policies(errors, path, spec);
	check_labels(errors, FIELD(path, "nodeSelector"), &spec->node_selector);
	check_pod_security(&check, FIELD(path, "securityContext"));
	check_affinity(errors, FIELD(path, "affinity"), spec->affinity);
	check_dns(errors, FIELD(path, "dnsConfig"), spec);
	check_gates(errors, path, spec);
	check_spread_constraints(errors, FIELD(path, "topologySpreadConstraints"), &spec->topology_spread_constraints);
	check_host_process(&check, path);
	check_host_users(&check, path);
	check_host_name(errors, path, spec);
	check_names(errors, path, spec);
	check_tolerations(errors, FIELD(path, "tolerations"), &spec->tolerations);
	check_host_aliases(errors, FIELD(path, "hostAliases"), &spec->host_aliases);
	check_classes(errors, path, spec);
	check_pod_os(&check, path);
	check_env_files(&check, path);
}

void check_pod_template(struct field_errors *errors, const struct path *path,
			const struct core_v1_pod_template_spec *template)
{
	check_labels(errors, FIELD(path, "labels"), &template->metadata.labels);
	check_annotations(errors, FIELD(path, "annotations"), &template->metadata.annotations);
	check_pod_spec(errors, FIELD(path, "spec"), &template->spec, NULL, false);
	if (template->spec.ephemeral_containers.len)
		field_forbidden(errors, FIELD(path, "spec.ephemeralContainers"),
				"ephemeral containers not allowed in pod template");
}

void check_workload_template(struct field_errors *errors, const struct path *path,
			     const struct core_v1_pod_template_spec *template,
			     const struct meta_v1_label_selector *selector, const char *kind)
{
	struct selector parsed = {0};
	struct error err = {0};
	struct str policy = template->spec.restart_policy;
	bool empty = !selector || !(selector->match_labels.len + selector->match_expressions.len);

	/* An empty selector was refused by itself; without one nothing matches. */
	if ((!selector || !empty) && selector_from_label_selector(selector, errors->arena, &parsed, &err) == 0 &&
	    !selector_matches(&parsed, &template->metadata.labels))
		field_invalid(errors, FIELD(path, "metadata.labels"),
			      field_value_map(&template->metadata.labels, errors->arena),
			      "`selector` does not match template `labels`");
	check_pod_template(errors, path, template);
	if (!str_eq_c(policy, "Always"))
		field_not_supported_c(errors, FIELD(path, "spec.restartPolicy"), VALUE(policy), "Always", NULL);
	if (template->spec.active_deadline_seconds)
		field_forbidden(errors, FIELD(path, "spec.activeDeadlineSeconds"),
				"activeDeadlineSeconds in %s is not Supported", kind);
}
