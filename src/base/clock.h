/* Time as numbers of nanoseconds.  Code that decides takes the time as a parameter; only edges ask the clock. */
#ifndef WHERRY_BASE_CLOCK_H
#define WHERRY_BASE_CLOCK_H

#include "base/alloc.h"

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

/* Since some fixed point, never stepping back: for waits and deadlines. */
int64_t clock_monotonic_ns(void);
/* Since 1970: for what is written down. */
int64_t clock_wall_ns(void);

#endif
