/* Sets of completion indexes; see job_indexes.h. */
#include "controllers/job_indexes.h"

#include "base/buf.h"
#include "base/limits.h"

struct ranges {
	struct arena *arena;
	VEC_OF(struct index_range) vec;
};

/* Ranges come in the order of their beginnings; what overlaps or touches the last becomes part of it. */
static void add(struct ranges *ranges, struct index_range range)
{
	struct index_range *last = ranges->vec.len ? &ranges->vec.items[ranges->vec.len - 1] : NULL;

	if (last && range.first <= last->last + 1)
		last->last = MAX(last->last, range.last);
	else
		vec_push(ranges->arena, &ranges->vec, range);
}

static struct index_set done(const struct ranges *ranges)
{
	return (struct index_set){ranges->vec.items, ranges->vec.len};
}

static bool parse_range(struct str text, struct index_range *ret)
{
	struct str low, high;
	bool wide = str_cut(text, '-', &low, &high);

	if (str_parse_int64(low, &ret->first) < 0 || ret->first < 0)
		return false;
	ret->last = ret->first;
	return !wide || (str_parse_int64(high, &ret->last) == 0 && ret->last >= ret->first);
}

struct index_set index_set_parse(struct str text, int64_t end, struct arena *arena)
{
	struct ranges ranges = {.arena = arena};
	struct str part;

	for (bool more = text.len; more;) {
		struct index_range range;

		more = str_cut(text, ',', &part, &text);
		if (!parse_range(part, &range) || range.first >= end)
			continue;
		range.last = MIN(range.last, end - 1);
		add(&ranges, range);
	}
	return done(&ranges);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

struct index_set index_set_of(int64_t *indexes, size_t len, struct arena *arena)
{
	struct ranges ranges = {.arena = arena};

	if (len)
		qsort(indexes, len, sizeof(*indexes), by_number);
	for (size_t i = 0; i < len; i++)
		if (indexes[i] >= 0)
			add(&ranges, (struct index_range){indexes[i], indexes[i]});
	return done(&ranges);
}

struct index_set index_set_union(struct index_set a, struct index_set b, struct arena *arena)
{
	struct ranges ranges = {.arena = arena};
	size_t i = 0, j = 0;

	while (i < a.len || j < b.len) {
		bool from_a = j == b.len || (i < a.len && a.items[i].first < b.items[j].first);

		add(&ranges, from_a ? a.items[i++] : b.items[j++]);
	}
	return done(&ranges);
}

int64_t index_set_len(struct index_set set)
{
	int64_t len = 0;

	SLICE_FOREACH (range, set)
		len += range->last - range->first + 1;
	return len;
}

bool index_set_has(struct index_set set, int64_t index)
{
	size_t low = 0, high = set.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set.items[middle].last < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set.len && set.items[low].first <= index;
}

int64_t index_set_overlap(struct index_set a, struct index_set b)
{
	int64_t both = 0;
	size_t i = 0, j = 0;

	while (i < a.len && j < b.len) {
		int64_t first = MAX(a.items[i].first, b.items[j].first), last = MIN(a.items[i].last, b.items[j].last);

		both += MAX(last - first + 1, INT64_C(0));
		if (a.items[i].last < b.items[j].last)
			i++;
		else
			j++;
	}
	return both;
}

size_t index_set_missing(struct index_set set, int64_t end, int64_t *indexes, size_t max)
{
	int64_t next = 0;
	size_t len = 0;

	SLICE_FOREACH (range, set) {
		while (len < max && next < MIN(range->first, end))
			indexes[len++] = next++;
		next = MAX(next, range->last + 1);
	}
	while (len < max && next < end)
		indexes[len++] = next++;
	return len;
}

struct str index_set_text(struct index_set set, struct arena *arena)
{
	struct buf cleanup_buf text = {0};

	buf_init(&text, LIMIT_OBJECT);
	SLICE_FOREACH (range, set) {
		if (text.len)
			buf_char(&text, ',');
		buf_int64(&text, range->first);
		if (range->last == range->first)
			continue;
		buf_char(&text, range->last == range->first + 1 ? ',' : '-');
		buf_int64(&text, range->last);
	}
	return arena_str(arena, buf_view(&text));
}
