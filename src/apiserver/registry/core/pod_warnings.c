/* Warnings of pods and pod templates: deprecated parts, and what is written twice. */
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/warnings.h"

#define NO_PODS		    "a null labelSelector results in matching no pod"
#define SECCOMP_POD	    "seccomp.security.alpha.kubernetes.io/pod"
#define SECCOMP_CONTAINER   "container.seccomp.security.alpha.kubernetes.io/"
#define APPARMOR_CONTAINER  "container.apparmor.security.beta.kubernetes.io/"
#define USE_SECCOMP_PROFILE "non-functional in v1.27+; use the \"seccompProfile\" field instead"

struct seen_port {
	struct str path;
	const struct core_v1_container_port *port;
};

/* One look at a pod; visit_containers() hands it round as its check. */
struct look {
	struct pod_check check;
	struct strategy_context *context;
	const struct path *root;
	VEC_OF(struct seen_port) ports;
};

static void look_at_node_labels(const struct look *look, const struct path *path)
{
	const struct core_v1_pod_spec *spec = look->check.spec;
	const struct core_v1_node_affinity *affinity = spec->affinity ? spec->affinity->node_affinity : NULL;

	SLICE_FOREACH (pair, spec->node_selector) {
		const char *message = deprecated_node_label(pair->key);

		if (message)
			warn(look->context, KEY(FIELD(path, "nodeSelector"), pair->key), "%s", message);
	}
	if (affinity && affinity->required_during_scheduling_ignored_during_execution)
		warn_node_terms(look->context,
				FIELD(path, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
					    "nodeSelectorTerms"),
				&affinity->required_during_scheduling_ignored_during_execution->node_selector_terms);
}

static void look_at_spread(const struct look *look, const struct path *path)
{
	const struct core_v1_topology_spread_constraint_slice *all = &look->check.spec->topology_spread_constraints;

	for (size_t i = 0; i < all->len; i++) {
		const char *message = deprecated_node_label(all->items[i].topology_key);

		if (message)
			warn(look->context, FIELD(INDEX(path, i), "topologyKey"), STR_FMT " is %s",
			     STR_ARG(all->items[i].topology_key), message);
		if (!all->items[i].label_selector)
			warn(look->context, FIELD(INDEX(path, i), "labelSelector"), NO_PODS);
	}
}

static void look_at_annotations(const struct look *look)
{
	static const struct deprecated_annotation deprecated[] = {
		{"scheduler.alpha.kubernetes.io/critical-pod",
		 "non-functional in v1.16+; use the \"priorityClassName\" field instead"},
		{"security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"},
		{"security.alpha.kubernetes.io/unsafe-sysctls",
		 "non-functional in v1.11+; use the \"sysctls\" field instead"},
	};

	warn_annotations(look->context, look->root, &look->check.meta->annotations, deprecated, ARRAY_LEN(deprecated));
}

static void look_at_volumes(const struct look *look, const struct path *path)
{
	const struct core_v1_volume_slice *volumes = &look->check.spec->volumes;

	for (size_t i = 0; i < volumes->len; i++) {
		const struct core_v1_volume_source *source = &volumes->items[i].volume_source;
		const struct path *at = INDEX(path, i);
		const struct {
			const void *used;
			const char *name, *message;
		} deprecated[] = {
			{source->photon_persistent_disk, "photonPersistentDisk",
			 "deprecated in v1.11, non-functional in v1.16+"},
			{source->git_repo, "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"},
			{source->scale_io, "scaleIO", "deprecated in v1.16, non-functional in v1.22+"},
			{source->flocker, "flocker", "deprecated in v1.22, non-functional in v1.25+"},
			{source->storageos, "storageOS", "deprecated in v1.22, non-functional in v1.25+"},
			{source->quobyte, "quobyte", "deprecated in v1.22, non-functional in v1.25+"},
			{source->glusterfs, "glusterfs", "deprecated in v1.25, non-functional in v1.26+"},
			{source->cephfs, "cephfs", "deprecated in v1.28, non-functional in v1.31+"},
			{source->rbd, "rbd", "deprecated in v1.28, non-functional in v1.31+"},
		};

		for (size_t j = 0; j < ARRAY_LEN(deprecated); j++)
			if (deprecated[j].used)
				warn(look->context, FIELD(at, deprecated[j].name), "%s", deprecated[j].message);
		if (source->ephemeral && source->ephemeral->volume_claim_template)
			warn_claim_spec(look->context, FIELD(at, "ephemeral.volumeClaimTemplate.spec"),
					&source->ephemeral->volume_claim_template->spec);
	}
}

static void look_at_projections(const struct look *look)
{
	SLICE_FOREACH (volume, look->check.spec->volumes)
		if (volume->volume_source.projected)
			SLICE_FOREACH (source, volume->volume_source.projected->sources)
				if (empty_struct(&schema_core_v1_volume_projection, source))
					vec_push(look->context->arena, &look->context->warnings,
						 arena_printf(look->context->arena,
							      "volume \"" STR_FMT
							      "\" (Projected) has no sources provided",
							      STR_ARG(volume->name)));
}

static void look_at_names(const struct look *look, const struct path *path)
{
	const struct core_v1_host_alias_slice *aliases = &look->check.spec->host_aliases;
	const struct core_v1_local_object_reference_slice *secrets = &look->check.spec->image_pull_secrets;

	for (size_t i = 1; i < aliases->len; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(aliases->items[i].ip, aliases->items[j].ip)) {
				warn(look->context, FIELD(INDEX(FIELD(path, "hostAliases"), i), "ip"),
				     "duplicate ip \"" STR_FMT "\"", STR_ARG(aliases->items[i].ip));
				break;
			}
	for (size_t i = 1; i < secrets->len; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(secrets->items[i].name, secrets->items[j].name)) {
				warn(look->context, FIELD(INDEX(FIELD(path, "imagePullSecrets"), i), "name"),
				     "duplicate name \"" STR_FMT "\"", STR_ARG(secrets->items[i].name));
				break;
			}
	for (size_t i = 0; i < secrets->len; i++)
		if (!secrets->items[i].name.len)
			warn(look->context, FIELD(INDEX(FIELD(path, "imagePullSecrets"), i), "name"),
			     "invalid empty name \"\"");
}

/* A variable that stands there twice is fine only where the second is made of the first. */
static void look_at_env(const struct look *look, const struct path *path, const struct core_v1_env_var_slice *env)
{
	for (size_t i = 1; i < env->len; i++) {
		const struct core_v1_env_var *variable = &env->items[i];
		struct str reference = arena_printf(look->context->arena, "$(" STR_FMT ")", STR_ARG(variable->name));
		bool repeated = false;

		for (size_t j = 0; j < i; j++)
			repeated = repeated || str_eq(env->items[j].name, variable->name);
		if (repeated && (variable->value_from || str_eq(variable->value, reference) ||
				 !str_contains(variable->value, reference)))
			warn(look->context, INDEX(path, i),
			     "hides previous definition of \"" STR_FMT "\", which may be dropped when using apply",
			     STR_ARG(variable->name));
	}
}

static void look_at_container(struct pod_check *check, const struct path *path,
			      const struct core_v1_container *container)
{
	const struct look *look = CONTAINER_OF(check, struct look, check);
	const struct core_v1_security_context *security = container->security_context;
	struct strategy_context *context = look->context;
	struct str seccomp = arena_concat(context->arena, STR(SECCOMP_CONTAINER), container->name);
	struct str apparmor = arena_concat(context->arena, STR(APPARMOR_CONTAINER), container->name);
	const struct str_map *annotations = &check->meta->annotations;

	if (!(security && security->seccomp_profile) && str_map_get(annotations, seccomp))
		warn(context, KEY(FIELD(look->root, "metadata.annotations"), seccomp), USE_SECCOMP_PROFILE);
	if (!check->is_pod && !(security && security->app_armor_profile) && str_map_get(annotations, apparmor))
		warn(context, KEY(FIELD(look->root, "metadata.annotations"), apparmor),
		     "deprecated since v1.30; use the \"appArmorProfile\" field instead");
	warn_of_fraction(context, FIELD(path, "resources.limits"), &container->resources.limits, "memory");
	warn_of_fraction(context, FIELD(path, "resources.requests"), &container->resources.requests, "memory");
	warn_of_fraction(context, FIELD(path, "resources.limits"), &container->resources.limits, "ephemeral-storage");
	warn_of_fraction(context, FIELD(path, "resources.requests"), &container->resources.requests,
			 "ephemeral-storage");
	look_at_env(look, FIELD(path, "env"), &container->env);
}

static const char *how_ports_meet(const struct core_v1_container_port *a, const struct core_v1_container_port *b)
{
	if (str_eq(a->host_ip, b->host_ip) && a->host_port == b->host_port)
		return "duplicate";
	if (!a->host_port || !b->host_port)
		return "overlapping";
	return a->host_port == b->host_port && !a->host_ip.len != !b->host_ip.len ? "dangerously ambiguous" : NULL;
}

static void look_at_ports(struct pod_check *check, const struct path *path, const struct core_v1_container *container)
{
	struct look *look = CONTAINER_OF(check, struct look, check);
	struct arena *arena = look->context->arena;

	for (size_t i = 0; i < container->ports.len; i++) {
		const struct core_v1_container_port *port = &container->ports.items[i];
		const struct path *at = INDEX(FIELD(path, "ports"), i);

		for (size_t j = 0; j < look->ports.len; j++) {
			const struct seen_port *other = &look->ports.items[j];
			const char *how = how_ports_meet(port, other->port);

			if (how && port->container_port == other->port->container_port &&
			    str_eq(port->protocol, other->port->protocol))
				warn(look->context, at, "%s port definition with " STR_FMT, how, STR_ARG(other->path));
		}
		vec_push(arena, &look->ports, ((struct seen_port){path_format(at, arena), port}));
	}
}

static void look_at_port_names(const struct look *look)
{
	for (size_t i = 1; i < look->ports.len; i++)
		for (size_t j = 0; j < i; j++) {
			const struct seen_port *port = &look->ports.items[i], *other = &look->ports.items[j];

			if (!port->port->name.len || !str_eq(port->port->name, other->port->name))
				continue;
			vec_push(look->context->arena, &look->context->warnings,
				 arena_printf(look->context->arena,
					      STR_FMT
					      ": duplicate port name \"" STR_FMT "\" with " STR_FMT
					      ", services and probes that select ports by name will use " STR_FMT,
					      STR_ARG(port->path), STR_ARG(port->port->name), STR_ARG(other->path),
					      STR_ARG(other->path)));
			break;
		}
}

static void look_at_terms(const struct look *look, const struct path *path,
			  const struct core_v1_pod_affinity_term_slice *required,
			  const struct core_v1_weighted_pod_affinity_term_slice *preferred)
{
	for (size_t i = 0; i < required->len; i++)
		if (!required->items[i].label_selector)
			warn(look->context,
			     FIELD(INDEX(FIELD(path, "requiredDuringSchedulingIgnoredDuringExecution"), i),
				   "labelSelector"),
			     NO_PODS);
	for (size_t i = 0; i < preferred->len; i++)
		if (!preferred->items[i].pod_affinity_term.label_selector)
			warn(look->context,
			     FIELD(INDEX(FIELD(path, "preferredDuringSchedulingIgnoredDuringExecution"), i),
				   "podAffinityTerm.labelSelector"),
			     NO_PODS);
}

static void look_at_affinity(const struct look *look, const struct path *path)
{
	const struct core_v1_affinity *affinity = look->check.spec->affinity;

	if (affinity && affinity->pod_affinity)
		look_at_terms(look, FIELD(path, "podAffinity"),
			      &affinity->pod_affinity->required_during_scheduling_ignored_during_execution,
			      &affinity->pod_affinity->preferred_during_scheduling_ignored_during_execution);
	if (affinity && affinity->pod_anti_affinity)
		look_at_terms(look, FIELD(path, "podAntiAffinity"),
			      &affinity->pod_anti_affinity->required_during_scheduling_ignored_during_execution,
			      &affinity->pod_anti_affinity->preferred_during_scheduling_ignored_during_execution);
}

static void look_at_pod(struct look *look)
{
	const struct core_v1_pod_spec *spec = look->check.spec;
	const struct path *path = FIELD(look->root, "spec");
	bool profiled = spec->security_context && spec->security_context->seccomp_profile;

	look_at_node_labels(look, path);
	look_at_spread(look, FIELD(path, "topologySpreadConstraints"));
	look_at_annotations(look);
	look_at_volumes(look, FIELD(path, "volumes"));
	look_at_projections(look);
	look_at_names(look, path);
	warn_of_fraction(look->context, FIELD(path, "overhead"), &spec->overhead, "memory");
	warn_of_fraction(look->context, FIELD(path, "overhead"), &spec->overhead, "ephemeral-storage");
	if (!profiled && str_map_get(&look->check.meta->annotations, STR(SECCOMP_POD)))
		warn(look->context, KEY(FIELD(look->root, "metadata.annotations"), STR(SECCOMP_POD)),
		     USE_SECCOMP_PROFILE);
	visit_containers(&look->check, path, look_at_container);
	visit_containers(&look->check, path, look_at_ports);
	look_at_port_names(look);
	if (spec->termination_grace_period_seconds && *spec->termination_grace_period_seconds < 0)
		warn(look->context, FIELD(path, "terminationGracePeriodSeconds"),
		     "must be >= 0; negative values are invalid and will be treated as 1");
	look_at_affinity(look, FIELD(path, "affinity"));
}

void warn_pod(struct strategy_context *context, const struct core_v1_pod *pod)
{
	struct look look = {.check = {.spec = &pod->spec, .meta = &pod->metadata, .is_pod = true}, .context = context};

	look_at_pod(&look);
}

void warn_template(struct strategy_context *context, const struct path *path,
		   const struct core_v1_pod_template_spec *template)
{
	struct look look = {
		.check = {.spec = &template->spec, .meta = &template->metadata}, .context = context, .root = path};

	look_at_pod(&look);
}

void warn_changed_template(struct strategy_context *context, const struct path *path,
			   const struct core_v1_pod_template_spec *template, const struct meta_v1_object_meta *meta,
			   const struct meta_v1_object_meta *old)
{
	if (!old || meta->generation != old->generation)
		warn_template(context, path, template);
}
