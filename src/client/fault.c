/* No fault; see fault.h.  Alone in its file, so that a test's own takes its place when the program is linked. */
#include "client/fault.h"

void fault_point(const char *component UNUSED, const struct object *object UNUSED)
{
}
