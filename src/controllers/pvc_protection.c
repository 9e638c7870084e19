/* Claims that are being deleted stay until no pod on a node uses them. */
#include "controllers/protection.h"
#include "logic/pod.h"
#include "types/gen/core_v1.h"

/* The claim a volume stands for, empty when it is none; a generic ephemeral volume's is named after pod and volume. */
static struct str claim_of(const struct core_v1_pod *pod, const struct core_v1_volume *volume, struct arena *arena)
{
	if (volume->volume_source.persistent_volume_claim)
		return volume->volume_source.persistent_volume_claim->claim_name;
	if (volume->volume_source.ephemeral)
		return arena_printf(arena, STR_FMT "-" STR_FMT, STR_ARG(pod->metadata.name), STR_ARG(volume->name));
	return STR_EMPTY;
}

/* A pod that is on no node yet does not count: a kubelet starts none whose claim is going. */
static bool uses(const struct core_v1_pod *pod, struct str claim, struct arena *arena)
{
	if (!pod->spec.node_name.len || pod_is_finished(pod))
		return false;
	SLICE_FOREACH (volume, pod->spec.volumes)
		if (str_eq(claim_of(pod, volume, arena), claim))
			return true;
	return false;
}

static int in_use(const struct client *client, const struct object *claim, bool *ret, struct error *err)
{
	struct arena arena = {0};
	struct api_response list = {0};

	if (client_list(client, client_resource("", "v1", "pods"), claim->meta->namespace, STR_EMPTY, STR_EMPTY, &list,
			err) < 0)
		return -(int)err->code;
	*ret = false;
	for (size_t i = 0; i < list.items_len && !*ret; i++)
		*ret = uses(OBJECT_AS(core_v1_pod, list.items[i]), claim->meta->name, &arena);
	api_response_release(&list);
	arena_release(&arena);
	return 0;
}

static void claims_of_pod(void *cookie UNUSED, const struct object *object, struct informer_keys *keys)
{
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);

	SLICE_FOREACH (volume, pod->spec.volumes) {
		struct str claim = claim_of(pod, volume, keys->arena);

		if (claim.len)
			informer_keys_add_named(keys, pod->metadata.namespace, claim);
	}
}

static void *start(struct controller_context *context)
{
	static const struct protection protection = {
		.name = "persistentvolumeclaim-protection-controller",
		.group = "",
		.version = "v1",
		.plural = "persistentvolumeclaims",
		.finalizer = "kubernetes.io/pvc-protection",
		.in_use = in_use,
	};
	struct protector *protector = protector_new(context, &protection);

	protector_add_user(protector, context, client_resource("", "v1", "pods"), claims_of_pod);
	return protector;
}

const struct controller controller_pvc_protection = {"persistentvolumeclaim-protection-controller",
						     "pvc-protection-controller", start, protector_stop,
						     protector_free};
