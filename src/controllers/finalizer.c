/* Finalizers that a controller takes away; see finalizer.h. */
#include "controllers/finalizer.h"

bool has_finalizer(const struct meta_v1_object_meta *meta, const char *name)
{
	SLICE_FOREACH (finalizer, meta->finalizers)
		if (str_eq_c(*finalizer, name))
			return true;
	return false;
}

void plan_finalizer_removal(struct plan *plan, const struct resource *resource, const struct meta_v1_object_meta *meta,
			    const char *name)
{
	struct str list = STR_EMPTY;

	SLICE_FOREACH (finalizer, meta->finalizers)
		if (!str_eq_c(*finalizer, name))
			list = arena_printf(plan->arena, STR_FMT "%s\"" STR_FMT "\"", STR_ARG(list),
					    list.len ? "," : "", STR_ARG(*finalizer));
	plan_patch(plan, resource, meta->namespace, meta->name, NULL, PATCH_TYPE_MERGE,
		   arena_printf(plan->arena,
				"{\"metadata\":{\"resourceVersion\":\"" STR_FMT "\",\"finalizers\":[" STR_FMT "]}}",
				STR_ARG(meta->resource_version), STR_ARG(list)))
		->tolerate_missing = true;
}
