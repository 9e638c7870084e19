/* Limit ranges: of containers, what is not said follows from what is. */
#include "apiserver/registry/common.h"
#include "types/gen/core_v1.h"

/* The entries of @from that @to has not got are added to it; both are sorted. */
static void fill(struct arena *arena, struct quantity_map *to, const struct quantity_map *from)
{
	struct quantity_pair *merged = ARENA_NEW_N(arena, struct quantity_pair, to->len + from->len);
	size_t len = 0, i = 0, j = 0;

	while (i < to->len || j < from->len) {
		int order = i == to->len ? 1 : j == from->len ? -1 : str_cmp(to->items[i].key, from->items[j].key);

		merged[len++] = order <= 0 ? to->items[i] : from->items[j];
		i += order <= 0;
		j += order >= 0;
	}
	*to = (struct quantity_map){merged, len};
}

static void default_object(struct strategy_context *context, void *object)
{
	SLICE_FOREACH (limit, ((struct core_v1_limit_range *)object)->spec.limits) {
		struct core_v1_limit_range_item *item = EDIT(struct core_v1_limit_range_item, limit);

		if (!str_eq_c(item->type, "Container"))
			continue;
		fill(context->arena, &item->default_, &item->max);
		fill(context->arena, &item->default_request, &item->default_);
		fill(context->arena, &item->default_request, &item->min);
	}
}

const struct strategy strategy_core_limitranges = {
	.group = STR_INIT(""),
	.plural = STR_INIT("limitranges"),
	.allow_create_on_update = true,
	.default_object = default_object,
};
