/* Where a DaemonSet's pods fail; see daemonset.h. */
#include "base/clock.h"
#include "controllers/daemonset.h"

#define FIRST_NS  NS_PER_SEC
#define MAX_NS	  (15 * 60 * NS_PER_SEC)
#define FORGET_NS (2 * MAX_NS)

struct entry {
	int64_t since, wait;
	struct str key; /* follows the struct */
};

static bool is_old(const struct entry *entry, int64_t now)
{
	return now - entry->since > FORGET_NS;
}

/* Drops what nobody has asked for lately; one at a time, since a map that is walked must not change. */
static void sweep(struct daemon_backoff *backoff, int64_t now)
{
	struct entry *old;

	do {
		old = NULL;
		MAP_FOREACH (it, &backoff->entries)
			if (is_old(it->value, now))
				old = it->value;
		if (old)
			map_remove(&backoff->entries, old->key);
		free(old);
	} while (old);
}

static struct entry *add(struct daemon_backoff *backoff, struct str key)
{
	struct entry *entry = xcalloc(1, sizeof(*entry) + key.len + 1);
	char *copy = (char *)(entry + 1);

	memcpy(copy, key.data, key.len);
	entry->key = (struct str){copy, key.len};
	map_set(&backoff->entries, entry->key, entry);
	return entry;
}

int64_t daemon_backoff_take(struct daemon_backoff *backoff, struct str key, int64_t now)
{
	struct entry *entry = map_get(&backoff->entries, key);

	if (entry && now - entry->since < entry->wait)
		return entry->wait - (now - entry->since);
	if (!entry || is_old(entry, now)) {
		sweep(backoff, now);
		entry = add(backoff, key);
	}
	entry->wait = entry->wait ? MIN(2 * entry->wait, MAX_NS) : FIRST_NS;
	entry->since = now;
	return 0;
}

void daemon_backoff_release(struct daemon_backoff *backoff)
{
	MAP_FOREACH (it, &backoff->entries)
		free(it->value);
	map_release(&backoff->entries);
}
