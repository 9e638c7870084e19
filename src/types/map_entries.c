/* Sorting map entries; see map_entries.h. */
#include "types/map_entries.h"

struct ranked_entry {
	struct str key;
	size_t index;
};

static int ranked_cmp(const void *a, const void *b)
{
	const struct ranked_entry *left = a, *right = b;
	int order = str_cmp(left->key, right->key);

	return order ? order : left->index < right->index ? -1 : left->index > right->index;
}

static struct str key_at(const char *entries, size_t index, size_t size)
{
	const void *entry = entries + index * size;

	return *(const struct str *)entry;
}

static bool sorted_already(const char *entries, size_t len, size_t size)
{
	for (size_t i = 1; i < len; i++)
		if (str_cmp(key_at(entries, i - 1, size), key_at(entries, i, size)) >= 0)
			return false;
	return true;
}

size_t map_entries_sort(void *entries, size_t len, size_t size,
			void (*repeated)(void *data, size_t index, struct str key), void *data)
{
	struct ranked_entry *ranked;
	size_t kept = 0;
	char *sorted;

	if (sorted_already(entries, len, size))
		return len;
	ranked = xcalloc(len, sizeof(*ranked));
	sorted = xcalloc(len, size);
	for (size_t i = 0; i < len; i++)
		ranked[i] = (struct ranked_entry){key_at(entries, i, size), i};
	qsort(ranked, len, sizeof(*ranked), ranked_cmp);
	for (size_t i = 0; i < len; i++) {
		if (i + 1 < len && str_eq(ranked[i].key, ranked[i + 1].key)) {
			if (repeated)
				repeated(data, ranked[i].index, ranked[i].key);
			continue;
		}
		memcpy(sorted + kept++ * size, (const char *)entries + ranked[i].index * size, size);
	}
	memcpy(entries, sorted, kept * size);
	free(sorted);
	free(ranked);
	return kept;
}
