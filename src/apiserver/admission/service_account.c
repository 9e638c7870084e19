/*
 * ServiceAccount: every pod runs as an account that exists, and finds its token mounted unless it does not want to.
 *
 * A new namespace's account "default" is made by a controller, a moment after the namespace: who comes too early waits
 * for it a while.
 */
#include "apiserver/admission/service_account.h"

#include "apiserver/admission_plugins.h"
#include "apiserver/await.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/stored.h"
#include "base/clock.h"
#include "base/random.h"
#include "types/object.h"
#include "types/selector.h"

#define VOLUME_PREFIX "kube-api-access-"
#define MOUNT_PATH    "/var/run/secrets/kubernetes.io/serviceaccount"
#define SUFFIX_LEN    5
#define TOKEN_SECONDS 3607
#define FILE_MODE     0644
#define MIRROR	      "kubernetes.io/config.mirror"
#define WAIT_NS	      (1 * NS_PER_SEC)

static enum step_result refuse(struct request *request, struct str why)
{
	const struct meta_v1_object_meta *meta = object_meta_of(request->schema, request->object);
	struct str name = request->info.name;

	if (name.len == 0)
		name = meta->name.len ? meta->name : meta->generate_name;
	if (name.len == 0)
		name = STR("Unknown");
	return status_forbidden(request, STR_EMPTY, STR("pods"), name, why);
}

/* --- The account */

static const struct object *find_account(struct request *request, struct str name)
{
	return request_lookup(&request->context, STR_EMPTY, STR("serviceaccounts"), request->info.name_space, name);
}

static struct str account_key(struct request *request, struct str name)
{
	const struct resource *accounts = resource_find(STR_EMPTY, STR("v1"), STR("serviceaccounts"));

	return stored_key(accounts, request->info.name_space, name, &request->arena);
}

static enum step_result get_account(struct request *request, struct str name,
				    const struct core_v1_service_account **ret)
{
	const struct object *account = find_account(request, name);

	if (!account && !request->awaited && str_eq(name, STR("default")))
		return request_await(request, account_key(request, name), WAIT_NS);
	if (!account)
		return refuse(request, arena_printf(&request->arena,
						    "error looking up service account " STR_FMT "/" STR_FMT
						    ": serviceaccount \"" STR_FMT "\" not found",
						    STR_ARG(request->info.name_space), STR_ARG(name), STR_ARG(name)));
	*ret = OBJECT_AS(core_v1_service_account, account);
	return STEP_NEXT;
}

/* --- The token */

static struct core_v1_volume token_volume(struct str name, struct arena *arena)
{
	static const int64_t seconds = TOKEN_SECONDS;
	static const int32_t mode = FILE_MODE;
	static const struct core_v1_service_account_token_projection token = {.expiration_seconds = &seconds,
									      .path = STR_INIT("token")};
	static const struct core_v1_key_to_path ca_items[] = {{.key = STR_INIT("ca.crt"), .path = STR_INIT("ca.crt")}};
	static const struct core_v1_config_map_projection ca = {
		.local_object_reference = {.name = STR_INIT("kube-root-ca.crt")}, .items = {ca_items, 1}};
	static const struct core_v1_object_field_selector field = {.api_version = STR_INIT("v1"),
								   .field_path = STR_INIT("metadata.namespace")};
	static const struct core_v1_downward_api_volume_file files[] = {
		{.path = STR_INIT("namespace"), .field_ref = &field}};
	static const struct core_v1_downward_api_projection name_space = {.items = {files, 1}};
	static const struct core_v1_volume_projection sources[] = {
		{.service_account_token = &token}, {.config_map = &ca}, {.downward_api = &name_space}};
	static const struct core_v1_projected_volume_source projected = {.sources = {sources, 3},
									 .default_mode = &mode};

	return (struct core_v1_volume){.name = arena_str(arena, name), .volume_source = {.projected = &projected}};
}

/* Mounts the token in each container that has nothing there yet; true: in some. */
static bool mount_in(const struct core_v1_container_slice *containers, struct str volume, struct arena *arena)
{
	bool mounted = false;

	SLICE_FOREACH (container, *containers) {
		VEC_OF(struct core_v1_volume_mount) mounts = {0};
		bool taken = false;

		SLICE_FOREACH (mount, container->volume_mounts) {
			taken |= str_eq(mount->mount_path, STR(MOUNT_PATH));
			vec_push(arena, &mounts, *mount);
		}
		if (taken)
			continue;
		vec_push(arena, &mounts,
			 (struct core_v1_volume_mount){
				 .name = volume, .read_only = true, .mount_path = STR(MOUNT_PATH)});
		EDIT(struct core_v1_container, container)->volume_mounts =
			(struct core_v1_volume_mount_slice){mounts.items, mounts.len};
		mounted = true;
	}
	return mounted;
}

void service_account_mount_token(struct core_v1_pod *pod, struct str fresh_name, struct arena *arena)
{
	VEC_OF(struct core_v1_volume) volumes = {0};
	struct str name = STR_EMPTY;
	bool mounted;

	SLICE_FOREACH (volume, pod->spec.volumes) {
		if (name.len == 0 && str_has_prefix(volume->name, STR(VOLUME_PREFIX)))
			name = volume->name;
		vec_push(arena, &volumes, *volume);
	}
	mounted = mount_in(&pod->spec.init_containers, name.len ? name : fresh_name, arena);
	mounted |= mount_in(&pod->spec.containers, name.len ? name : fresh_name, arena);
	if (!mounted || name.len)
		return;
	vec_push(arena, &volumes, token_volume(fresh_name, arena));
	pod->spec.volumes = (struct core_v1_volume_slice){volumes.items, volumes.len};
}

/* The pod's wish counts, then the account's. */
static bool wants_token(const struct core_v1_pod *pod, const struct core_v1_service_account *account)
{
	if (pod->spec.automount_service_account_token)
		return *pod->spec.automount_service_account_token;
	return !account->automount_service_account_token || *account->automount_service_account_token;
}

static void mount_token(struct request *request, struct core_v1_pod *pod)
{
	char suffix[SUFFIX_LEN + 1];

	random_name_suffix(suffix, SUFFIX_LEN);
	service_account_mount_token(pod, arena_printf(&request->arena, VOLUME_PREFIX "%s", suffix), &request->arena);
}

static bool is_pod(const struct request *request)
{
	return request->schema == &schema_core_v1_pod && !request->subresource;
}

static bool is_mirror(const struct core_v1_pod *pod)
{
	return str_map_get(&pod->metadata.annotations, STR(MIRROR));
}

static enum step_result mutate(struct request *request)
{
	struct core_v1_pod *pod = request->object;
	const struct core_v1_service_account *account;
	enum step_result result;

	if (!is_pod(request) || is_mirror(pod))
		return STEP_NEXT;
	if (pod->spec.service_account_name.len == 0)
		pod->spec.service_account_name = STR("default");
	pod->spec.service_account = pod->spec.service_account_name;
	result = get_account(request, pod->spec.service_account_name, &account);
	if (result != STEP_NEXT)
		return result;
	if (wants_token(pod, account))
		mount_token(request, pod);
	if (pod->spec.image_pull_secrets.len == 0)
		pod->spec.image_pull_secrets = account->image_pull_secrets;
	return STEP_NEXT;
}

/* --- Judging */

static enum step_result validate_mirror(struct request *request, const struct core_v1_pod *pod)
{
	if (pod->spec.service_account_name.len)
		return refuse(request, STR("a mirror pod may not reference service accounts"));
	SLICE_FOREACH (volume, pod->spec.volumes) {
		if (volume->volume_source.secret)
			return refuse(request, STR("a mirror pod may not reference secrets"));
		if (!volume->volume_source.projected)
			continue;
		SLICE_FOREACH (source, volume->volume_source.projected->sources)
			if (source->service_account_token)
				return refuse(request,
					      STR("a mirror pod may not use ServiceAccountToken volume projections"));
	}
	return STEP_NEXT;
}

static bool may_mount(const struct core_v1_service_account *account, struct str secret)
{
	SLICE_FOREACH (reference, account->secrets)
		if (str_eq(reference->name, secret))
			return true;
	return false;
}

static enum step_result limit_container(struct request *request, const struct core_v1_service_account *account,
					const char *what, const struct core_v1_container *container)
{
	SLICE_FOREACH (env, container->env) {
		const struct core_v1_secret_key_selector *key =
			env->value_from ? env->value_from->secret_key_ref : NULL;

		if (key && !may_mount(account, key->local_object_reference.name))
			return refuse(request, arena_printf(&request->arena,
							    "%s " STR_FMT " with envVar " STR_FMT
							    " referencing secret.secretName=\"" STR_FMT
							    "\" is not allowed because service account " STR_FMT
							    " does not reference that secret",
							    what, STR_ARG(container->name), STR_ARG(env->name),
							    STR_ARG(key->local_object_reference.name),
							    STR_ARG(account->metadata.name)));
	}
	SLICE_FOREACH (from, container->env_from)
		if (from->secret_ref && !may_mount(account, from->secret_ref->local_object_reference.name))
			return refuse(request, arena_printf(&request->arena,
							    "%s " STR_FMT
							    " with envFrom referencing secret.secretName=\"" STR_FMT
							    "\" is not allowed because service account " STR_FMT
							    " does not reference that secret",
							    what, STR_ARG(container->name),
							    STR_ARG(from->secret_ref->local_object_reference.name),
							    STR_ARG(account->metadata.name)));
	return STEP_NEXT;
}

static bool may_pull_with(const struct core_v1_service_account *account, struct str secret)
{
	SLICE_FOREACH (reference, account->image_pull_secrets)
		if (str_eq(reference->name, secret))
			return true;
	return false;
}

static enum step_result limit_pull_secrets(struct request *request, const struct core_v1_service_account *account,
					   const struct core_v1_pod *pod)
{
	for (size_t i = 0; i < pod->spec.image_pull_secrets.len; i++) {
		struct str name = pod->spec.image_pull_secrets.items[i].name;

		if (!may_pull_with(account, name))
			return refuse(request, arena_printf(&request->arena,
							    "imagePullSecrets[%zu].name=\"" STR_FMT
							    "\" is not allowed because service account " STR_FMT
							    " does not reference that imagePullSecret",
							    i, STR_ARG(name), STR_ARG(account->metadata.name)));
	}
	return STEP_NEXT;
}

/* For accounts that ask for it: pods may use the secrets the account lists, no others. */
static enum step_result limit_secrets(struct request *request, const struct core_v1_service_account *account,
				      const struct core_v1_pod *pod)
{
	SLICE_FOREACH (volume, pod->spec.volumes) {
		const struct core_v1_secret_volume_source *secret = volume->volume_source.secret;

		if (secret && !may_mount(account, secret->secret_name))
			return refuse(request,
				      arena_printf(&request->arena,
						   "volume with secret.secretName=\"" STR_FMT
						   "\" is not allowed because service account " STR_FMT
						   " does not reference that secret",
						   STR_ARG(secret->secret_name), STR_ARG(account->metadata.name)));
	}
	SLICE_FOREACH (container, pod->spec.init_containers)
		if (limit_container(request, account, "init container", container) != STEP_NEXT)
			return STEP_DONE;
	SLICE_FOREACH (container, pod->spec.containers)
		if (limit_container(request, account, "container", container) != STEP_NEXT)
			return STEP_DONE;
	return limit_pull_secrets(request, account, pod);
}

static enum step_result validate(struct request *request)
{
	const struct core_v1_pod *pod = request->object;
	const struct core_v1_service_account *account;
	const struct str *enforce;
	enum step_result result;

	if (!is_pod(request))
		return STEP_NEXT;
	if (is_mirror(pod))
		return validate_mirror(request, pod);
	result = get_account(request, pod->spec.service_account_name, &account);
	if (result != STEP_NEXT)
		return result;
	enforce = str_map_get(&account->metadata.annotations, STR("kubernetes.io/enforce-mountable-secrets"));
	return enforce && str_eq(*enforce, STR("true")) ? limit_secrets(request, account, pod) : STEP_NEXT;
}

const struct admission_plugin admission_service_account = {
	.name = "ServiceAccount",
	.operations = OP_CREATE,
	.mutate = mutate,
	.validate = validate,
};
