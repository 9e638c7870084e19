/* Volumes that are being deleted stay as long as they are bound. */
#include "controllers/protection.h"
#include "types/gen/core_v1.h"

static int in_use(const struct client *client, const struct object *volume, bool *ret, struct error *err)
{
	struct object cleanup_object *live = NULL;

	if (client_get(client, client_resource("", "v1", "persistentvolumes"), STR_EMPTY, volume->meta->name, &live,
		       err) < 0)
		return -(int)err->code;
	*ret = str_eq_c(OBJECT_AS(core_v1_persistent_volume, live)->status.phase, "Bound");
	return 0;
}

static void *start(struct controller_context *context)
{
	static const struct protection protection = {
		.name = "persistentvolume-protection-controller",
		.group = "",
		.version = "v1",
		.plural = "persistentvolumes",
		.finalizer = "kubernetes.io/pv-protection",
		.in_use = in_use,
	};

	return protector_new(context, &protection);
}

const struct controller controller_pv_protection = {"persistentvolume-protection-controller",
						    "pv-protection-controller", start, protector_stop, protector_free};
