/* A container's security context in the runtime's words; see security.h. */
#include "kubelet/security.h"

#include "kubelet/pod_view.h"

static const struct core_v1_security_context no_container_context;
static const struct core_v1_pod_security_context no_pod_context;

static bool is_true(const bool *b)
{
	return b && *b;
}

static struct runtime_security_profile seccomp_of(const struct core_v1_pod_security_context *pod,
						  const struct core_v1_security_context *own)
{
	const struct core_v1_seccomp_profile *profile =
		own->seccomp_profile ? own->seccomp_profile : pod->seccomp_profile;
	struct runtime_security_profile out = {.type = RUNTIME_PROFILE_UNCONFINED};

	if (!profile)
		return out;
	if (str_eq(profile->type, STR("RuntimeDefault"))) {
		out.type = RUNTIME_PROFILE_RUNTIME_DEFAULT;
	} else if (str_eq(profile->type, STR("Localhost")) && profile->localhost_profile) {
		out.type = RUNTIME_PROFILE_LOCALHOST;
		out.localhost_ref = *profile->localhost_profile;
	}
	return out;
}

static struct runtime_ints groups_of(const struct core_v1_pod_security_context *pod, struct arena *arena)
{
	VEC_OF(int64_t) groups = {0};

	if (pod->fs_group)
		vec_push(arena, &groups, *pod->fs_group);
	SLICE_FOREACH (group, pod->supplemental_groups)
		vec_push(arena, &groups, *group);
	return (struct runtime_ints){groups.items, groups.len};
}

static struct runtime_namespace_options namespaces_of(const struct core_v1_pod_spec *spec)
{
	return (struct runtime_namespace_options){
		.network = spec->host_network ? RUNTIME_NAMESPACE_NODE : RUNTIME_NAMESPACE_POD,
		.pid = spec->host_pid				? RUNTIME_NAMESPACE_NODE
		       : is_true(spec->share_process_namespace) ? RUNTIME_NAMESPACE_POD
								: RUNTIME_NAMESPACE_CONTAINER,
		.ipc = spec->host_ipc ? RUNTIME_NAMESPACE_NODE : RUNTIME_NAMESPACE_POD,
	};
}

void container_security(const struct core_v1_pod *pod, const struct core_v1_container *container, struct arena *arena,
			struct runtime_security_context *ret)
{
	const struct core_v1_pod_security_context *shared =
		pod->spec.security_context ? pod->spec.security_context : &no_pod_context;
	const struct core_v1_security_context *own =
		container->security_context ? container->security_context : &no_container_context;
	const int64_t *user = own->run_as_user ? own->run_as_user : shared->run_as_user;
	const int64_t *group = own->run_as_group ? own->run_as_group : shared->run_as_group;

	*ret = (struct runtime_security_context){
		.privileged = is_true(own->privileged),
		.namespaces = namespaces_of(&pod->spec),
		.has_run_as_user = user != NULL,
		.run_as_user = user ? *user : 0,
		.has_run_as_group = group != NULL,
		.run_as_group = group ? *group : 0,
		.supplemental_groups = groups_of(shared, arena),
		.strict_groups = shared->supplemental_groups_policy &&
				 str_eq(*shared->supplemental_groups_policy, STR("Strict")),
		.readonly_rootfs = is_true(own->read_only_root_filesystem),
		.no_new_privs = own->allow_privilege_escalation && !*own->allow_privilege_escalation,
		.seccomp = seccomp_of(shared, own),
	};
	if (own->capabilities) {
		ret->capabilities_add = (struct runtime_strs){own->capabilities->add.items, own->capabilities->add.len};
		ret->capabilities_drop =
			(struct runtime_strs){own->capabilities->drop.items, own->capabilities->drop.len};
	}
}

int container_verify_non_root(const struct core_v1_pod *pod, const struct core_v1_container *container,
			      const struct runtime_image *image, struct arena *arena, struct error *err)
{
	const struct core_v1_pod_security_context *shared =
		pod->spec.security_context ? pod->spec.security_context : &no_pod_context;
	const struct core_v1_security_context *own =
		container->security_context ? container->security_context : &no_container_context;
	const int64_t *user = own->run_as_user ? own->run_as_user : shared->run_as_user;
	struct str where;

	if (!is_true(own->run_as_non_root ? own->run_as_non_root : shared->run_as_non_root))
		return 0;
	where = arena_printf(arena, "(pod: \"" STR_FMT "\", container: " STR_FMT ")", STR_ARG(pod_text(pod, arena)),
			     STR_ARG(container->name));
	if (user)
		return *user ? 0
			     : error_set(err, ERR_INVALID, "container's runAsUser breaks non-root policy " STR_FMT,
					 STR_ARG(where));
	if (image->has_uid && image->uid == 0)
		return error_set(err, ERR_INVALID, "container has runAsNonRoot and image will run as root " STR_FMT,
				 STR_ARG(where));
	if (!image->has_uid && image->username.len)
		return error_set(err, ERR_INVALID,
				 "container has runAsNonRoot and image has non-numeric user (" STR_FMT
				 "), cannot verify user is non-root " STR_FMT,
				 STR_ARG(image->username), STR_ARG(where));
	if (!image->has_uid)
		return error_set(err, ERR_INVALID, "container has runAsNonRoot and image will run as root " STR_FMT,
				 STR_ARG(where));
	return 0;
}
