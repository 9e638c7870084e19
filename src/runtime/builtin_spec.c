/* What an OCI configuration is made from, gathered; see builtin_internal.h. */
#include <fcntl.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/random.h"
#include "runtime/builtin_internal.h"
#include "sys/path.h"

static int load_seccomp(const struct runtime_security_context *security, struct arena *arena, struct str *ret,
			struct error *err)
{
	struct buf cleanup_buf text;
	int r;

	buf_init(&text, MIB);
	*ret = STR_EMPTY;
	if (security->privileged || security->seccomp.type == RUNTIME_PROFILE_UNCONFINED)
		return 0;
	if (security->seccomp.type == RUNTIME_PROFILE_RUNTIME_DEFAULT) {
		*ret = oci_default_seccomp();
		return 0;
	}
	r = path_read(AT_FDCWD, str_c(security->seccomp.localhost_ref), &text);
	if (r < 0)
		return error_set_errno(err, -r, "seccomp profile %s", str_c(security->seccomp.localhost_ref));
	*ret = arena_str(arena, buf_view(&text));
	return 0;
}

int container_spec_load(struct builtin *b, struct container *container, struct container_spec *ret, struct error *err)
{
	const struct runtime_security_context *security = &container->record.config.security;
	struct arena *arena = &ret->arena;
	struct str rootfs;
	cleanup_close int root = -1;
	int r;

	*ret = (struct container_spec){0};
	rootfs = arena_printf(arena, "%s/rootfs", container->run_dir);
	root = open(str_c(rootfs), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_set_errno(err, errno, "open %s", str_c(rootfs));
	ret->oci = (struct oci_spec){.sandbox = &container->sandbox->record,
				     .container = &container->record,
				     .image = &ret->image,
				     .user = &ret->user,
				     .run_dir = arena_str_c(arena, container->sandbox->run_dir),
				     .hostname = sandbox_hostname(container->sandbox, arena),
				     .bounding = b->bounding,
				     .oom_score_floor = b->oom_score_floor,
				     .unified_cgroups = cgroup_is_unified(&b->cgroups)};
	r = image_store_config(b->images, container->record.image_id, arena, &ret->image, err);
	if (r == 0)
		r = user_resolve(root, security, ret->image.user, arena, &ret->user, err);
	if (r == 0)
		r = load_seccomp(security, arena, &ret->oci.seccomp_profile, err);
	if (r == 0 && security->namespaces.pid == RUNTIME_NAMESPACE_TARGET) {
		MUTEX_GUARD(&b->lock);
		struct container *target = container_get(b, security->namespaces.target_id);

		if (!target || target->record.state != RUNTIME_CONTAINER_RUNNING)
			r = error_set(err, ERR_INVALID, "target container " STR_FMT " is not running",
				      STR_ARG(security->namespaces.target_id));
		else
			ret->oci.target_pid_path =
				arena_printf(arena, "/proc/%d/ns/pid", (int)target->record.process.pid);
	}
	return r;
}

void container_spec_release(struct container_spec *spec)
{
	arena_release(&spec->arena);
}

void builtin_put_oci_argv(struct builtin *b, struct shim_call *call, struct str log, const char *verb)
{
	struct buf *out = &call->out;

	wire_put_str(out, SHIM_TAG_ARGV, b->oci_path);
	wire_put_str(out, SHIM_TAG_ARGV, STR("--root"));
	wire_put_str(out, SHIM_TAG_ARGV, b->oci_root);
	if (b->is_crun)
		wire_put_str(out, SHIM_TAG_ARGV, STR("--cgroup-manager=cgroupfs"));
	wire_put_str(out, SHIM_TAG_ARGV, STR("--log"));
	wire_put_str(out, SHIM_TAG_ARGV, log);
	wire_put_str(out, SHIM_TAG_ARGV, str_from(verb));
	wire_put_str(out, SHIM_TAG_ARGV, STR("--detach"));
}

struct str builtin_console_path(struct builtin *b, struct arena *arena)
{
	/* Short: a socket's address takes 107 bytes. */
	return arena_printf(arena, STR_FMT "/%08x.tty", STR_ARG(b->config.run_dir), (unsigned)random_below(UINT32_MAX));
}
