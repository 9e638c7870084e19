/* wherry version */
#include <stdio.h>

#include "base/alloc.h"
#include "cmd/command.h"

int command_version(int argc UNUSED, char **argv UNUSED)
{
	printf("wherry %s (Kubernetes v1.36)\n", WHERRY_VERSION);
	return 0;
}
