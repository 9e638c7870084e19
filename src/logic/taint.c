/* Taints and tolerations; see taint.h. */
#include "logic/taint.h"

#include "base/arena.h"

bool toleration_tolerates(const struct core_v1_toleration *toleration, const struct core_v1_taint *taint)
{
	if (toleration->effect.len && !str_eq(toleration->effect, taint->effect))
		return false;
	if (toleration->key.len && !str_eq(toleration->key, taint->key))
		return false;
	if (str_eq(toleration->operator, STR("Exists")))
		return true;
	return (toleration->operator.len == 0 || str_eq(toleration->operator, STR("Equal"))) &&
	       str_eq(toleration->value, taint->value);
}

bool taint_tolerated(const struct core_v1_taint *taint, const struct core_v1_toleration_slice *tolerations)
{
	SLICE_FOREACH (toleration, *tolerations)
		if (toleration_tolerates(toleration, taint))
			return true;
	return false;
}

bool taint_forbids(const struct core_v1_taint *taint)
{
	return str_eq(taint->effect, STR("NoSchedule")) || str_eq(taint->effect, STR("NoExecute"));
}

const struct core_v1_taint *taint_forbidding(const struct core_v1_taint_slice *taints,
					     const struct core_v1_toleration_slice *tolerations)
{
	SLICE_FOREACH (taint, *taints)
		if (taint_forbids(taint) && !taint_tolerated(taint, tolerations))
			return taint;
	return NULL;
}
