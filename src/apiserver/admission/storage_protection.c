/*
 * StorageObjectInUseProtection: volumes, claims and attribute classes get a finalizer, which a controller takes away
 * once nothing uses them any more.
 */
#include "apiserver/admission_plugins.h"
#include "types/gen/core_v1.h"
#include "types/gen/storage_v1.h"

static const struct {
	const struct schema *schema;
	struct str finalizer;
} protected[] = {
	{&schema_core_v1_persistent_volume, STR_INIT("kubernetes.io/pv-protection")},
	{&schema_core_v1_persistent_volume_claim, STR_INIT("kubernetes.io/pvc-protection")},
	{&schema_storage_v1_volume_attributes_class, STR_INIT("kubernetes.io/vac-protection")},
};

static void add_finalizer(struct request *request, struct str wanted)
{
	struct meta_v1_object_meta *meta =
		EDIT(struct meta_v1_object_meta, object_meta_of(request->schema, request->object));
	struct str *items = ARENA_NEW_N(&request->arena, struct str, meta->finalizers.len + 1);
	size_t len = 0;

	SLICE_FOREACH (finalizer, meta->finalizers) {
		if (str_eq(*finalizer, wanted))
			return;
		items[len++] = *finalizer;
	}
	items[len++] = wanted;
	meta->finalizers = (struct str_slice){items, len};
}

static enum step_result mutate(struct request *request)
{
	for (size_t i = 0; i < ARRAY_LEN(protected); i++)
		if (request->schema == protected[i].schema && !request->subresource)
			add_finalizer(request, protected[i].finalizer);
	return STEP_NEXT;
}

const struct admission_plugin admission_storage_protection = {
	.name = "StorageObjectInUseProtection",
	.operations = OP_CREATE,
	.mutate = mutate,
};
