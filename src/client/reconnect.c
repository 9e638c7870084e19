/* When to try again; see reconnect.h. */
#include "client/reconnect.h"

void reconnect_init(struct reconnect *reconnect, int64_t base_ns, int64_t max_ns, int64_t reset_ns)
{
	*reconnect = (struct reconnect){.base_ns = base_ns, .max_ns = max_ns, .reset_ns = reset_ns};
}

void reconnect_connected(struct reconnect *reconnect, int64_t now)
{
	reconnect->connected_at = now;
}

int64_t reconnect_failed(struct reconnect *reconnect, int64_t now, struct random_source *random)
{
	int64_t delay = reconnect->base_ns;

	if (reconnect->connected_at && now - reconnect->connected_at >= reconnect->reset_ns)
		reconnect->failures = 0;
	reconnect->connected_at = 0;
	for (unsigned i = 0; i < reconnect->failures && delay < reconnect->max_ns; i++)
		delay *= 2;
	if (delay > reconnect->max_ns)
		delay = reconnect->max_ns;
	reconnect->failures++;
	return delay - (int64_t)random_source_below(random, (uint64_t)delay / 2 + 1);
}
