/*
 * Sets of completion indexes, kept as ascending ranges that do not touch: of the text form of status.completedIndexes
 * ("1,3-5,7"), a million indexes cost what they cost there.
 *
 * Values; ranges live in the arena that made them and are never changed.
 */
#ifndef WHERRY_CONTROLLERS_JOB_INDEXES_H
#define WHERRY_CONTROLLERS_JOB_INDEXES_H

#include "base/arena.h"

struct index_range {
	int64_t first, last;
};
struct index_set {
	const struct index_range *items;
	size_t len;
};

/* Reads the text form; indexes from @end on and parts that are none are left out. */
struct index_set index_set_parse(struct str text, int64_t end, struct arena *arena);
/* Of @len numbers in any order, which are sorted here; negative ones are left out. */
struct index_set index_set_of(int64_t *indexes, size_t len, struct arena *arena);
struct index_set index_set_union(struct index_set a, struct index_set b, struct arena *arena);
int64_t index_set_len(struct index_set set);
bool index_set_has(struct index_set set, int64_t index);
/* How many are in both. */
int64_t index_set_overlap(struct index_set a, struct index_set b);
/* The @max lowest that are below @end and not in @set; returns how many. */
size_t index_set_missing(struct index_set set, int64_t end, int64_t *indexes, size_t max);
struct str index_set_text(struct index_set set, struct arena *arena);

#endif
