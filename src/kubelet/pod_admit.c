/* What the node itself asks of a pod; see pod_admit.h. */
#include "kubelet/pod_admit.h"

#include "kubelet/pod_fit.h"

/* Safe ones: of a pod's own namespace, and no trouble for other pods (upstream's list). */
static const char *const safe[] = {
	"kernel.shm_rmid_forced",
	"net.ipv4.ip_local_port_range",
	"net.ipv4.tcp_syncookies",
	"net.ipv4.ping_group_range",
	"net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ip_local_reserved_ports",
	"net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_fin_timeout",
	"net.ipv4.tcp_keepalive_intvl",
	"net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_rmem",
	"net.ipv4.tcp_wmem",
};

/* Those of the IPC namespace that do not begin with fs.mqueue; shm and msg stand for what begins so. */
static const char *const ipc_names[] = {
	"kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
	"kernel.shm", "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.msg"};

enum sysctl_namespace { NAMESPACE_NONE, NAMESPACE_NET, NAMESPACE_IPC };

static enum sysctl_namespace namespace_of(struct str name)
{
	if (str_has_prefix(name, STR("net.")))
		return NAMESPACE_NET;
	if (str_has_prefix(name, STR("fs.mqueue.")))
		return NAMESPACE_IPC;
	for (size_t i = 0; i < ARRAY_LEN(ipc_names); i++)
		if (str_eq_c(name, ipc_names[i]))
			return NAMESPACE_IPC;
	return NAMESPACE_NONE;
}

/* The part before the star, if there is one. */
static bool cut_star(struct str pattern, struct str *ret_prefix)
{
	struct str after;

	return str_cut(pattern, '*', ret_prefix, &after);
}

bool pod_admit_is_sysctl_pattern(struct str pattern)
{
	struct str prefix;

	cut_star(pattern, &prefix);
	return namespace_of(prefix) != NAMESPACE_NONE;
}

/* "net/ipv4/conf/eth0.1/x" names the same as "net.ipv4.conf.eth0/1.x": the first separator says which is which. */
static struct str with_dots(struct str name, struct arena *arena)
{
	ptrdiff_t slash = str_index(name, '/'), dot = str_index(name, '.');
	char *out;

	if (slash < 0 || (dot >= 0 && dot < slash))
		return name;
	out = arena_memdup(arena, name.data, name.len + 1);
	for (size_t i = 0; i < name.len; i++)
		out[i] = name.data[i] == '/' ? '.' : name.data[i] == '.' ? '/' : name.data[i];
	return (struct str){out, name.len};
}

/* What allows @name: itself, or a pattern; data NULL: nothing. */
static struct str allowing(const struct kubelet_config *config, struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(safe); i++)
		if (str_eq_c(name, safe[i]))
			return name;
	SLICE_FOREACH (pattern, config->allowed_unsafe_sysctls) {
		struct str prefix;

		if (cut_star(*pattern, &prefix) ? str_has_prefix(name, prefix) : str_eq(name, *pattern))
			return prefix;
	}
	return (struct str){0};
}

static bool forbid(struct str name, const char *why, struct arena *arena, struct pod_rejection *ret)
{
	*ret = (struct pod_rejection){"SysctlForbidden",
				      arena_printf(arena, "forbidden sysctl: \"" STR_FMT "\" %s", STR_ARG(name), why)};
	return false;
}

static bool admit_sysctl(const struct kubelet_config *config, const struct core_v1_pod *pod, struct str name,
			 struct arena *arena, struct pod_rejection *ret)
{
	struct str allowed = allowing(config, name);
	enum sysctl_namespace namespace = namespace_of(allowed);

	if (!allowed.data)
		return forbid(name, "not allowlisted", arena, ret);
	if (namespace == NAMESPACE_NET && pod->spec.host_network)
		return forbid(name, "not allowed with host Net enabled", arena, ret);
	if (namespace == NAMESPACE_IPC && pod->spec.host_ipc)
		return forbid(name, "not allowed with host IPC enabled", arena, ret);
	return true;
}

bool pod_admit(const struct kubelet_config *config, const struct pod_neighbours *neighbours,
	       const struct core_v1_pod *pod, struct arena *arena, struct pod_rejection *ret)
{
	if (pod->spec.security_context)
		SLICE_FOREACH (sysctl, pod->spec.security_context->sysctls)
			if (!admit_sysctl(config, pod, with_dots(sysctl->name, arena), arena, ret))
				return false;
	if (pod->spec.os && !str_eq(pod->spec.os->name, STR("linux"))) {
		*ret = (struct pod_rejection){"PodOSNotSupported",
					      STR("Failed to admit pod as the OS field doesn't match node OS")};
		return false;
	}
	return pod_fits(neighbours, pod, arena, ret);
}
