/* How long a pod tolerates a taint; see toleration.h. */
#include "logic/toleration.h"

#include "base/arena.h"
#include "logic/taint.h"

/* The least of the matching tolerations' times; one without a time is for ever, unless another is shorter. */
int64_t tolerated_seconds(const struct core_v1_toleration_slice *tolerations, const struct core_v1_taint *taint)
{
	int64_t least = -1;
	bool any = false;

	SLICE_FOREACH (toleration, *tolerations) {
		if (!toleration_tolerates(toleration, taint))
			continue;
		any = true;
		if (toleration->toleration_seconds && (least < 0 || *toleration->toleration_seconds < least))
			least = MAX(INT64_C(0), *toleration->toleration_seconds);
	}
	return any ? least : 0;
}
