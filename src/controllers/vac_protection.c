/* Volume attributes classes that are being deleted stay until no claim and no volume names them. */
#include "controllers/protection.h"
#include "types/gen/core_v1.h"
#include "types/gen/storage_v1.h"

static bool is(const struct str *name, struct str class)
{
	return name && str_eq(*name, class);
}

static bool claim_names(const struct object *object, struct str class)
{
	const struct core_v1_persistent_volume_claim *claim = OBJECT_AS(core_v1_persistent_volume_claim, object);
	const struct core_v1_modify_volume_status *modify = claim->status.modify_volume_status;

	return is(claim->spec.volume_attributes_class_name, class) ||
	       is(claim->status.current_volume_attributes_class_name, class) ||
	       (modify && str_eq(modify->target_volume_attributes_class_name, class));
}

static bool volume_names(const struct object *object, struct str class)
{
	return is(OBJECT_AS(core_v1_persistent_volume, object)->spec.volume_attributes_class_name, class);
}

static int any_names(const struct client *client, const char *plural, struct str class,
		     bool (*names)(const struct object *object, struct str class), bool *ret, struct error *err)
{
	struct api_response list = {0};

	if (client_list(client, client_resource("", "v1", plural), STR_EMPTY, STR_EMPTY, STR_EMPTY, &list, err) < 0)
		return -(int)err->code;
	*ret = false;
	for (size_t i = 0; i < list.items_len && !*ret; i++)
		*ret = names(list.items[i], class);
	api_response_release(&list);
	return 0;
}

static int in_use(const struct client *client, const struct object *class, bool *ret, struct error *err)
{
	int result = any_names(client, "persistentvolumeclaims", class->meta->name, claim_names, ret, err);

	if (result < 0 || *ret)
		return result;
	return any_names(client, "persistentvolumes", class->meta->name, volume_names, ret, err);
}

static void class_of(struct informer_keys *keys, const struct str *name)
{
	if (name && name->len)
		informer_keys_add(keys, *name);
}

static void classes_of_claim(void *cookie UNUSED, const struct object *object, struct informer_keys *keys)
{
	const struct core_v1_persistent_volume_claim *claim = OBJECT_AS(core_v1_persistent_volume_claim, object);

	class_of(keys, claim->spec.volume_attributes_class_name);
	class_of(keys, claim->status.current_volume_attributes_class_name);
	if (claim->status.modify_volume_status)
		class_of(keys, &claim->status.modify_volume_status->target_volume_attributes_class_name);
}

static void class_of_volume(void *cookie UNUSED, const struct object *object, struct informer_keys *keys)
{
	class_of(keys, OBJECT_AS(core_v1_persistent_volume, object)->spec.volume_attributes_class_name);
}

static void *start(struct controller_context *context)
{
	static const struct protection protection = {
		.name = "volumeattributesclass-protection-controller",
		.group = "storage.k8s.io",
		.version = "v1",
		.plural = "volumeattributesclasses",
		.finalizer = "kubernetes.io/vac-protection",
		.in_use = in_use,
	};
	struct protector *protector = protector_new(context, &protection);

	protector_add_user(protector, context, client_resource("", "v1", "persistentvolumeclaims"), classes_of_claim);
	protector_add_user(protector, context, client_resource("", "v1", "persistentvolumes"), class_of_volume);
	return protector;
}

const struct controller controller_vac_protection = {"volumeattributesclass-protection-controller",
						     "volumeattributesclass-protection-controller", start,
						     protector_stop, protector_free};
