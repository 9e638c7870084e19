/* The table of strategies and its look-up; see apiserver/strategy.h. */
#include "apiserver/registry/strategies.h"
#include "types/defaults.h"

static const struct strategy *const strategies[] = {
#define X(name) &strategy_##name,
	STRATEGIES(X)
#undef X
};

static const struct strategy no_strategy;

const struct strategy *strategy_find(const struct resource *resource)
{
	for (size_t i = 0; i < ARRAY_LEN(strategies); i++)
		if (str_eq(strategies[i]->plural, resource->plural) && str_eq(strategies[i]->group, resource->group))
			return strategies[i];
	return &no_strategy;
}

void strategy_default_object(const struct strategy *strategy, struct strategy_context *context,
			     const struct schema *schema, void *object)
{
	if (strategy->default_object)
		strategy->default_object(context, object);
	default_struct(schema, object, context->arena);
}
