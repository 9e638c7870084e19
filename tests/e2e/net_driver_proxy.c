/* The driver's commands for the service proxy. */
#include "net_driver.h"
const struct command proxy_commands[] = {{0}};
