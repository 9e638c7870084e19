/* What this host calls itself and where others reach it; see host.h. */
#include "component/host.h"

#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/utsname.h>

struct ip_address host_address(void)
{
	static const struct ip_address loopback = {.family = IP_V4, .bytes = {127, 0, 0, 1}};
	struct ip_address found = {0};
	struct ifaddrs *list;
	uint16_t port;

	if (getifaddrs(&list) < 0)
		return loopback;
	for (const struct ifaddrs *it = list; it && found.family == IP_NONE; it = it->ifa_next)
		if (it->ifa_addr && it->ifa_addr->sa_family == AF_INET && !(it->ifa_flags & IFF_LOOPBACK))
			(void)ip_from_sockaddr(it->ifa_addr, &found, &port);
	freeifaddrs(list);
	return found.family == IP_NONE ? loopback : found;
}

struct str host_name(struct arena *arena)
{
	struct utsname name;
	char *text;

	if (uname(&name) < 0)
		return STR("localhost");
	text = arena_memdup(arena, name.nodename, strlen(name.nodename) + 1);
	for (char *c = text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return str_trim(str_from(text));
}

const char *host_platform(void)
{
	struct utsname machine;

	return uname(&machine) == 0 && strcmp(machine.machine, "aarch64") == 0 ? "linux/arm64" : "linux/amd64";
}
