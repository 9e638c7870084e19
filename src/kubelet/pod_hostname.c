/* What a pod's machine is called; see pod_hostname.h. */
#include "kubelet/pod_hostname.h"

#define NAME_MAX_LEN   63
#define KERNEL_MAX_LEN 64

static struct str cut(struct str name, struct arena *arena)
{
	if (name.len <= NAME_MAX_LEN)
		return name;
	name.len = NAME_MAX_LEN;
	while (name.len && (name.data[name.len - 1] == '-' || name.data[name.len - 1] == '.'))
		name.len--;
	return arena_str(arena, name);
}

struct pod_hostname pod_hostname(const struct core_v1_pod *pod, struct str cluster_domain, struct arena *arena)
{
	struct pod_hostname out = {0};

	if (pod->spec.hostname_override) {
		out.name = cut(*pod->spec.hostname_override, arena);
		return out;
	}
	out.name = cut(pod->spec.hostname.len ? pod->spec.hostname : pod->metadata.name, arena);
	if (pod->spec.subdomain.len)
		out.domain = arena_printf(arena, STR_FMT "." STR_FMT ".svc." STR_FMT, STR_ARG(pod->spec.subdomain),
					  STR_ARG(pod->metadata.namespace), STR_ARG(cluster_domain));
	return out;
}

int pod_kernel_hostname(const struct core_v1_pod *pod, struct str cluster_domain, struct arena *arena, struct str *ret,
			struct error *err)
{
	struct pod_hostname host = pod_hostname(pod, cluster_domain, arena);
	struct str full;

	if (!pod->spec.set_hostname_as_fqdn || !*pod->spec.set_hostname_as_fqdn || !host.domain.len) {
		*ret = host.name;
		return 0;
	}
	full = arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(host.name), STR_ARG(host.domain));
	if (full.len > KERNEL_MAX_LEN)
		return error_set(err, ERR_INVALID,
				 "failed to construct FQDN from pod hostname and cluster domain, FQDN " STR_FMT
				 " is too long (%d characters is the max, %zu characters requested)",
				 STR_ARG(full), KERNEL_MAX_LEN, full.len);
	*ret = full;
	return 0;
}
