/* projected: several sources in one folder, in memory: the way a service account's token, CA and namespace come. */
#include "kubelet/downward.h"
#include "kubelet/references.h"
#include "kubelet/tokens.h"
#include "kubelet/volumes/empty_dir.h"
#include "kubelet/volumes/kinds.h"
#include "kubelet/volumes/payload.h"

#define DEFAULT_MODE	 0644
#define TOKEN_MODE_OWNED 0600
#define TOKEN_SECONDS	 3600

static const struct core_v1_config_map no_config_map;
static const struct core_v1_secret no_secret;

struct collecting {
	struct volume_context *context;
	struct payload payload;
	mode_t mode;
};

static bool is_true(const bool *b)
{
	return b && *b;
}

/* The user that all containers run as, or NULL: then their token is that user's alone. */
static const int64_t *common_user(const struct core_v1_pod *pod)
{
	const int64_t *shared = pod->spec.security_context ? pod->spec.security_context->run_as_user : NULL;
	const struct core_v1_container_slice *lists[] = {&pod->spec.init_containers, &pod->spec.containers};
	const int64_t *user = NULL;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		SLICE_FOREACH (container, *lists[i]) {
			const int64_t *own = container->security_context && container->security_context->run_as_user
						     ? container->security_context->run_as_user
						     : shared;

			if (!own || (user && *user != *own))
				return NULL;
			user = own;
		}
	return user;
}

static int add_config_map(struct collecting *c, const struct core_v1_config_map_projection *source, struct error *err)
{
	const struct core_v1_config_map *map = &no_config_map;
	struct error got = {0};

	if (reference_config_map(c->context->kubelet, c->context->pod, source->local_object_reference.name,
				 c->context->arena, &map, &got) < 0 &&
	    (got.code != ERR_NOT_FOUND || !is_true(source->optional)))
		return error_pass(err, &got);
	return payload_add_config_map(&c->payload, map, &source->items, c->mode, is_true(source->optional), err);
}

static int add_secret(struct collecting *c, const struct core_v1_secret_projection *source, struct error *err)
{
	const struct core_v1_secret *secret = &no_secret;
	struct error got = {0};

	if (reference_secret(c->context->kubelet, c->context->pod, source->local_object_reference.name,
			     c->context->arena, &secret, &got) < 0 &&
	    (got.code != ERR_NOT_FOUND || !is_true(source->optional)))
		return error_pass(err, &got);
	return payload_add_secret(&c->payload, secret, &source->items, c->mode, is_true(source->optional), err);
}

static int add_token(struct collecting *c, const struct core_v1_service_account_token_projection *source,
		     struct error *err)
{
	const int64_t *user = common_user(c->context->pod);
	struct token_request request = {.pod = c->context->pod,
					.audience = source->audience,
					.seconds = source->expiration_seconds ? *source->expiration_seconds
									      : TOKEN_SECONDS};
	int64_t refresh_at;
	struct str token;

	if (token_get(c->context->kubelet, &request, c->context->now, c->context->arena, &token, &refresh_at, err) < 0)
		return -(int)err->code;
	if (!c->context->refresh_at || refresh_at < c->context->refresh_at)
		c->context->refresh_at = refresh_at;
	payload_set(&c->payload, source->path, token,
		    user || volume_fs_group(c->context->pod) ? TOKEN_MODE_OWNED : c->mode);
	if (user)
		payload_set_owner(&c->payload, source->path, (uid_t)*user);
	return 0;
}

static int add_source(struct collecting *c, const struct core_v1_volume_projection *source, struct error *err)
{
	if (source->config_map)
		return add_config_map(c, source->config_map, err);
	if (source->secret)
		return add_secret(c, source->secret, err);
	if (source->service_account_token)
		return add_token(c, source->service_account_token, err);
	if (source->downward_api) {
		struct downward downward = downward_of_node(c->context->kubelet, c->context->arena);

		return payload_add_downward(&c->payload,
					    downward_pod(c->context->kubelet, c->context->pod, c->context->arena),
					    &downward, &source->downward_api->items, c->mode, err);
	}
	return error_set(err, ERR_INVALID, "a source of the projected volume is not supported");
}

/* All sources; every failure is told, in brackets when there are several, the same words once. */
static int collect(struct collecting *c, struct error *err)
{
	const struct core_v1_projected_volume_source *source = c->context->volume->volume_source.projected;
	struct error failed = {0};
	struct str words = STR_EMPTY;
	size_t failures = 0;

	SLICE_FOREACH (one, source->sources) {
		struct error got = {0};

		if (add_source(c, one, &got) == 0 || str_contains(words, str_from(got.message)))
			continue;
		words = arena_printf(c->context->arena, STR_FMT "%s%s", STR_ARG(words), failures ? ", " : "",
				     got.message);
		if (!failures++)
			error_pass(&failed, &got);
	}
	if (failures > 1)
		return error_set(err, failed.code, "[" STR_FMT "]", STR_ARG(words));
	return failures ? error_pass(err, &failed) : 0;
}

static bool matches(const struct core_v1_volume *volume)
{
	return volume->volume_source.projected != NULL;
}

static int set_up(struct volume_context *context, struct str *ret_host_path, struct error *err)
{
	const struct core_v1_projected_volume_source *source = context->volume->volume_source.projected;
	struct empty_dir_options options = {.memory = true, .fs_group = volume_fs_group(context->pod)};
	struct collecting c = {.context = context,
			       .payload = {.arena = context->arena},
			       .mode = source->default_mode ? (mode_t)*source->default_mode : DEFAULT_MODE};

	if (collect(&c, err) < 0 || empty_dir_make(context->path, &options, context->arena, err) < 0 ||
	    payload_write(&c.payload, context->path, options.fs_group, context->now, err) < 0)
		return -(int)err->code;
	*ret_host_path = context->path;
	return 0;
}

const struct volume_kind volume_projected = {
	.plugin = "kubernetes.io/projected",
	.matches = matches,
	.set_up = set_up,
	.read_only = true,
};
