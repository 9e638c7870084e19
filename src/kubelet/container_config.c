/* From API objects to the runtime's words; see container_config.h. */
#include "kubelet/container_config.h"

#include "base/limits.h"
#include "kubelet/dns_config.h"
#include "kubelet/env.h"
#include "kubelet/pod_cgroup.h"
#include "kubelet/pod_garbage.h"
#include "kubelet/pod_hostname.h"
#include "kubelet/resources.h"
#include "kubelet/security.h"

static struct runtime_pairs pod_labels(const struct core_v1_pod *pod, struct str container, struct arena *arena)
{
	struct runtime_pair *pairs = ARENA_NEW_N(arena, struct runtime_pair, 4);
	size_t len = 0;

	pairs[len++] = (struct runtime_pair){STR(LABEL_POD_NAME), pod->metadata.name};
	pairs[len++] = (struct runtime_pair){STR(LABEL_POD_NAMESPACE), pod->metadata.namespace};
	pairs[len++] = (struct runtime_pair){STR(LABEL_POD_UID), pod->metadata.uid};
	if (container.len)
		pairs[len++] = (struct runtime_pair){STR(LABEL_CONTAINER), container};
	return (struct runtime_pairs){pairs, len};
}

static enum runtime_protocol protocol_of(struct str protocol)
{
	return str_eq(protocol, STR("UDP"))    ? RUNTIME_PROTOCOL_UDP
	       : str_eq(protocol, STR("SCTP")) ? RUNTIME_PROTOCOL_SCTP
					       : RUNTIME_PROTOCOL_TCP;
}

static void add_ports(const struct core_v1_container_slice *containers, struct arena *arena,
		      struct runtime_sandbox_config *out)
{
	VEC_OF(struct runtime_port_mapping) ports = {0};

	SLICE_FOREACH (container, *containers)
		SLICE_FOREACH (port, container->ports) {
			struct runtime_port_mapping mapping = {.protocol = protocol_of(port->protocol),
							       .container_port = (uint16_t)port->container_port,
							       .host_port = (uint16_t)port->host_port};

			/* Validated: an address that does not parse is none. */
			if (ip_parse(port->host_ip, &mapping.host_ip) < 0)
				mapping.host_ip = (struct ip_address){0};
			if (port->host_port)
				vec_push(arena, &ports, mapping);
		}
	out->port_mappings = ports.items;
	out->port_mappings_len = ports.len;
}

static struct runtime_pairs sysctls_of(const struct core_v1_pod *pod, struct arena *arena)
{
	VEC_OF(struct runtime_pair) pairs = {0};

	if (pod->spec.security_context)
		SLICE_FOREACH (sysctl, pod->spec.security_context->sysctls)
			vec_push(arena, &pairs, (struct runtime_pair){sysctl->name, sysctl->value});
	return (struct runtime_pairs){pairs.items, pairs.len};
}

static struct runtime_strs extra_hosts(const struct core_v1_pod *pod, struct arena *arena)
{
	VEC_OF(struct str) lines = {0};

	SLICE_FOREACH (alias, pod->spec.host_aliases) {
		struct str line = alias->ip;

		SLICE_FOREACH (name, alias->hostnames)
			line = arena_printf(arena, STR_FMT "\t" STR_FMT, STR_ARG(line), STR_ARG(*name));
		vec_push(arena, &lines, line);
	}
	return (struct runtime_strs){lines.items, lines.len};
}

int sandbox_config(const struct kubelet_context *context, const struct pod_view *view, struct arena *arena,
		   struct runtime_sandbox_config *ret, struct error *err)
{
	const struct core_v1_pod *pod = view->pod;
	struct runtime_security_context security;
	struct runtime_sandbox_config out = {
		.metadata = {pod->metadata.name, pod->metadata.uid, pod->metadata.namespace, view->sandbox_attempts},
		.log_directory = pod_log_dir(context->config, pod, arena),
		.labels = pod_labels(pod, STR_EMPTY, arena),
		.cgroup_parent = pod_cgroup_path(context->config, pod, arena),
		.sysctls = sysctls_of(pod, arena),
		.extra_hosts = extra_hosts(pod, arena),
	};

	container_security(pod, &pod->spec.containers.items[0], arena, &security);
	out.namespaces = security.namespaces;
	if ((!pod->spec.host_network &&
	     pod_kernel_hostname(pod, context->config->cluster_domain, arena, &out.hostname, err) < 0) ||
	    dns_config(context, pod, arena, &out.dns_config, err) < 0)
		return -(int)err->code;
	if (!pod->spec.host_network)
		add_ports(&pod->spec.containers, arena, &out);
	*ret = out;
	return 0;
}

static struct runtime_strs expand_all(const struct str_slice *texts, struct runtime_pairs envs, struct arena *arena)
{
	struct str *items = ARENA_NEW_N(arena, struct str, texts->len + 1);

	for (size_t i = 0; i < texts->len; i++)
		items[i] = env_expand(texts->items[i], envs, arena);
	return (struct runtime_strs){items, texts->len};
}

static struct runtime_pairs annotations_of(const struct container_inputs *inputs, struct arena *arena)
{
	struct runtime_pair *pairs = ARENA_NEW_N(arena, struct runtime_pair, 2);

	pairs[0] = (struct runtime_pair){STR(ANNOTATION_HASH), container_hash(inputs->container->spec, arena)};
	pairs[1] =
		(struct runtime_pair){STR(ANNOTATION_RESTARTS), arena_printf(arena, "%d", inputs->container->attempts)};
	return (struct runtime_pairs){pairs, 2};
}

/* With a container of the pod that runs, by its name. */
static int share_processes(const struct pod_view *view, struct str target, struct runtime_namespace_options *ret,
			   struct error *err)
{
	for (size_t i = 0; i < view->len; i++) {
		const struct runtime_container_status *status = view->containers[i].latest;

		if (!str_eq(view->containers[i].spec->name, target) || !status ||
		    status->state != RUNTIME_CONTAINER_RUNNING)
			continue;
		ret->pid = RUNTIME_NAMESPACE_TARGET;
		ret->target_id = status->id;
		return 0;
	}
	return error_set(err, ERR_INVALID, "unable to find target container " STR_FMT, STR_ARG(target));
}

int container_config(const struct kubelet_context *context, const struct container_inputs *inputs, struct arena *arena,
		     struct runtime_container_config *ret, struct error *err)
{
	const struct core_v1_container *spec = inputs->container->spec;
	struct runtime_container_config out = {
		.metadata = {spec->name, (uint32_t)inputs->container->attempts},
		.image = inputs->image_ref,
		.user_image = spec->image,
		.command = expand_all(&spec->command, inputs->envs, arena),
		.args = expand_all(&spec->args, inputs->envs, arena),
		.working_dir = spec->working_dir,
		.envs = inputs->envs,
		.mounts = inputs->mounts,
		.mounts_len = inputs->mounts_len,
		.labels = pod_labels(inputs->view->pod, spec->name, arena),
		.annotations = annotations_of(inputs, arena),
		.log_path = arena_printf(arena, STR_FMT "/%d.log", STR_ARG(spec->name), inputs->container->attempts),
		.stdin = spec->stdin,
		.stdin_once = spec->stdin_once,
		.tty = spec->tty,
		.resources = container_resources(context->config, inputs->view->pod, spec, machine_memory()),
	};

	container_security(inputs->view->pod, spec, arena, &out.security);
	if (inputs->container->target.len &&
	    share_processes(inputs->view, inputs->container->target, &out.security.namespaces, err) < 0)
		return -(int)err->code;
	if (spec->lifecycle && spec->lifecycle->stop_signal)
		out.stop_signal = *spec->lifecycle->stop_signal;
	*ret = out;
	return 0;
}
