/*
 * A hash map from strings to pointers.
 *
 * Keys are borrowed: their bytes must live as long as the entry (they are usually a member of the value).  Open
 * addressing with linear probing; iteration is in no order and must not meet an insertion or removal.  One thread.
 *
 *	struct map pods = {0};
 *	map_set(&pods, pod->key, pod);
 *	struct pod *p = map_get(&pods, key);
 *	MAP_FOREACH(entry, &pods)
 *		use(entry->value);
 *	map_release(&pods);
 */
#ifndef WHERRY_BASE_MAP_H
#define WHERRY_BASE_MAP_H

#include "base/str.h"

struct map_entry {
	struct str key;
	void *value; /* NULL: free slot */
	uint64_t hash;
};

/* Zeroed is empty. */
struct map {
	struct map_entry *entries;
	size_t cap; /* a power of two, or 0 */
	size_t len;
};

void map_release(struct map *map);
void map_clear(struct map *map);
void *map_get(const struct map *map, struct str key);
/* Sets the value (not NULL) of @key and returns the old one, or NULL.  The entry's key becomes @key. */
void *map_set(struct map *map, struct str key, void *value);
/* Removes @key and returns its value, or NULL. */
void *map_remove(struct map *map, struct str key);

/* The first entry at or after @from, NULL at the end. */
struct map_entry *map_next(const struct map *map, const struct map_entry *from);
#define MAP_FOREACH(it, map) for (struct map_entry *it = map_next((map), NULL); it; it = map_next((map), it + 1))

#endif
