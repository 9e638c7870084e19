/* The few helpers of the runtime interface that every implementation and caller shares; see runtime.h. */
#include "runtime/runtime.h"

struct str runtime_pairs_get(struct runtime_pairs pairs, struct str key)
{
	SLICE_FOREACH (pair, pairs)
		if (str_eq(pair->key, key))
			return pair->value;
	return (struct str){0};
}
