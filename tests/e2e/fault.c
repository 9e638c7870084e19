/*
 * A program that crashes: an object annotated `fault.wherry.example/crash: COMPONENT` is too much for that component.
 */
#include <signal.h>

#include "client/fault.h"
#include "types/selector.h"

void fault_point(const char *component, const struct object *object)
{
	const struct str *wanted =
		object ? str_map_get(&object->meta->annotations, STR("fault.wherry.example/crash")) : NULL;

	if (wanted && str_eq_c(*wanted, component))
		raise(SIGSEGV);
}
