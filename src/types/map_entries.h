/*
 * Map entries as decoders collect them: in document order, keys possibly repeated.  For the decoders.
 */
#ifndef WHERRY_TYPES_MAP_ENTRIES_H
#define WHERRY_TYPES_MAP_ENTRIES_H

#include "base/str.h"

/*
 * Sorts @len entries of @size bytes, each beginning with its key, and drops all but the last of those with one key;
 * returns how many are left.  @repeated, when not NULL, is told the index and key of each that is dropped.
 */
size_t map_entries_sort(void *entries, size_t len, size_t size,
			void (*repeated)(void *data, size_t index, struct str key), void *data);

#endif
