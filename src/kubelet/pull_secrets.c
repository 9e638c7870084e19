/* Registry credentials of a pod; see pull_secrets.h. */
#include "kubelet/pull_secrets.h"

#include "codec/json.h"
#include "codec/value.h"

/* "registry:5000/a/b:tag" -> "registry:5000"; a first part without dot or colon is no registry. */
static struct str registry_of(struct str image)
{
	struct str host, rest;

	if (str_cut(image, '/', &host, &rest) &&
	    (str_index(host, '.') >= 0 || str_index(host, ':') >= 0 || str_eq(host, STR("localhost"))))
		return host;
	return STR("docker.io");
}

/* Keys of a docker configuration may be URLs: "https://host/v1/". */
static struct str host_of_key(struct str key)
{
	struct str host, rest;

	if (str_has_prefix(key, STR("https://")))
		key = str_from_at(key, 8);
	else if (str_has_prefix(key, STR("http://")))
		key = str_from_at(key, 7);
	str_cut(key, '/', &host, &rest);
	return str_eq(host, STR("index.docker.io")) ? STR("docker.io") : host;
}

static bool find_in(struct str json, struct str registry, bool whole, struct arena *arena, struct runtime_auth *ret)
{
	struct error err = {0};
	struct value *config, *auths;

	if (json_parse(json, arena, NULL, &config, &err) < 0)
		return false;
	auths = whole ? config : value_get(config, STR("auths"));
	if (!auths || auths->kind != VALUE_OBJECT)
		return false;
	for (size_t i = 0; i < auths->object.len; i++) {
		const struct value *entry = auths->object.members[i].value;

		if (!str_eq(host_of_key(auths->object.members[i].key), registry))
			continue;
		ret->username = value_get_str(value_get(entry, STR("username")), STR_EMPTY);
		ret->password = value_get_str(value_get(entry, STR("password")), STR_EMPTY);
		ret->auth = value_get_str(value_get(entry, STR("auth")), STR_EMPTY);
		ret->identity_token = value_get_str(value_get(entry, STR("identitytoken")), STR_EMPTY);
		ret->registry_token = value_get_str(value_get(entry, STR("registrytoken")), STR_EMPTY);
		ret->server_address = registry;
		return true;
	}
	return false;
}

static bool find_in_secret(const struct core_v1_secret *secret, struct str registry, struct arena *arena,
			   struct runtime_auth *ret)
{
	SLICE_FOREACH (pair, secret->data) {
		struct str json = arena_str(arena, (struct str){(const char *)pair->value.data, pair->value.len});

		if (str_eq(pair->key, STR(".dockerconfigjson")) && find_in(json, registry, false, arena, ret))
			return true;
		if (str_eq(pair->key, STR(".dockercfg")) && find_in(json, registry, true, arena, ret))
			return true;
	}
	return false;
}

static void drop(void *object)
{
	object_unref(object);
}

void pull_secrets_find(const struct kubelet_context *context, const struct pod_view *view, struct str image,
		       struct arena *arena, struct runtime_auth *ret)
{
	struct str missing = STR_EMPTY;

	SLICE_FOREACH (reference, view->pod->spec.image_pull_secrets) {
		struct object *secret = NULL;
		struct error err = {0};

		if (client_get(&context->client, context->secrets, view->pod->metadata.namespace, reference->name,
			       &secret, &err) < 0) {
			missing = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(missing), missing.len ? ", " : "",
					       STR_ARG(reference->name));
			continue;
		}
		arena_defer(arena, drop, secret);
		if (find_in_secret(OBJECT_AS(core_v1_secret, secret), registry_of(image), arena, ret))
			return;
	}
	if (missing.len)
		pod_event(context, view->object, NULL, STR_EMPTY, "Warning", "FailedToRetrieveImagePullSecret",
			  "Unable to retrieve some image pull secrets (" STR_FMT
			  "); attempting to pull the image may not succeed.",
			  STR_ARG(missing));
}
