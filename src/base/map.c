/* A hash map from strings to pointers; see map.h.  At most three quarters full; removal shifts later entries back. */
#include "base/map.h"

void map_release(struct map *map)
{
	free(map->entries);
	*map = (struct map){0};
}

void map_clear(struct map *map)
{
	if (map->cap)
		memset(map->entries, 0, map->cap * sizeof(*map->entries));
	map->len = 0;
}

/* The slot that holds @key, or the free slot where it belongs.  There is always a free slot. */
static struct map_entry *find(const struct map *map, struct str key, uint64_t hash)
{
	size_t mask = map->cap - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct map_entry *entry = &map->entries[i];

		if (!entry->value || (entry->hash == hash && str_eq(entry->key, key)))
			return entry;
	}
}

void *map_get(const struct map *map, struct str key)
{
	return map->len ? find(map, key, str_hash(key))->value : NULL;
}

static void resize(struct map *map, size_t cap)
{
	struct map bigger = {.entries = xcalloc(cap, sizeof(*bigger.entries)), .cap = cap, .len = map->len};

	MAP_FOREACH (entry, map)
		*find(&bigger, entry->key, entry->hash) = *entry;
	free(map->entries);
	*map = bigger;
}

void *map_set(struct map *map, struct str key, void *value)
{
	uint64_t hash = str_hash(key);
	struct map_entry *entry;
	void *old;

	assert(value);
	if ((map->len + 1) * 4 > map->cap * 3)
		resize(map, map->cap ? map->cap * 2 : 8);
	entry = find(map, key, hash);
	old = entry->value;
	if (!old)
		map->len++;
	*entry = (struct map_entry){.key = key, .value = value, .hash = hash};
	return old;
}

/* Closes the hole at @hole: each later entry of the run that may live at the hole moves there. */
static void close_hole(struct map *map, size_t hole)
{
	size_t mask = map->cap - 1;

	for (size_t i = (hole + 1) & mask; map->entries[i].value; i = (i + 1) & mask) {
		size_t home = map->entries[i].hash & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			map->entries[hole] = map->entries[i];
			hole = i;
		}
	}
	map->entries[hole] = (struct map_entry){0};
}

void *map_remove(struct map *map, struct str key)
{
	struct map_entry *entry;
	void *value;

	if (!map->len)
		return NULL;
	entry = find(map, key, str_hash(key));
	value = entry->value;
	if (value) {
		map->len--;
		close_hole(map, (size_t)(entry - map->entries));
	}
	return value;
}

struct map_entry *map_next(const struct map *map, const struct map_entry *from)
{
	size_t i = from ? (size_t)(from - map->entries) : 0;

	for (; i < map->cap; i++)
		if (map->entries[i].value)
			return &map->entries[i];
	return NULL;
}
