/* The ConfigMaps and Secrets that pods refer to; see references.h. */
#include "kubelet/references.h"

static void drop(void *object)
{
	object_unref(object);
}

static int get(const struct kubelet_context *context, const struct resource *resource, const char *word,
	       const struct core_v1_pod *pod, struct str name, struct arena *arena, struct object **ret,
	       struct error *err)
{
	struct error got = {0};
	struct object *object;

	if (client_get(&context->client, resource, pod->metadata.namespace, name, &object, &got) < 0) {
		if (got.code == ERR_NOT_FOUND)
			return error_set(err, ERR_NOT_FOUND, "%s \"" STR_FMT "\" not found", word, STR_ARG(name));
		return error_pass(err, &got);
	}
	arena_defer(arena, drop, object);
	*ret = object;
	return 0;
}

int reference_config_map(const struct kubelet_context *context, const struct core_v1_pod *pod, struct str name,
			 struct arena *arena, const struct core_v1_config_map **ret, struct error *err)
{
	struct object *object;

	if (get(context, context->configmaps, "configmap", pod, name, arena, &object, err) < 0)
		return -(int)err->code;
	*ret = OBJECT_AS(core_v1_config_map, object);
	return 0;
}

int reference_secret(const struct kubelet_context *context, const struct core_v1_pod *pod, struct str name,
		     struct arena *arena, const struct core_v1_secret **ret, struct error *err)
{
	struct object *object;

	if (get(context, context->secrets, "secret", pod, name, arena, &object, err) < 0)
		return -(int)err->code;
	*ret = OBJECT_AS(core_v1_secret, object);
	return 0;
}
