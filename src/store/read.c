/* Reading from views: the part of store.h that needs no lock and no thread. */
#include "store/head.h"

uint64_t store_view_revision(const struct store_view *view)
{
	return view->revision;
}

uint64_t store_view_oldest(const struct store_view *view)
{
	return view->oldest;
}

const struct store_record *store_view_get(const struct store_view *view, struct str key)
{
	const struct store_record *record = trie_get(&view->trie, key);

	return record && !record->deleted ? record : NULL;
}

struct scan {
	uint64_t revision;
	struct str scope;
	size_t limit; /* left */
	enum store_visit (*visit)(void *data, const struct store_record *record);
	void *data;
	const struct store_record *last;
	bool full, more;
};

static bool visit_record(void *data, const struct store_record *newest)
{
	struct scan *scan = data;
	const struct store_record *record = head_version_at(newest, scan->revision);

	if (!record)
		return true;
	if (scan->full) {
		scan->more = true;
		return false;
	}
	scan->last = record;
	switch (scan->visit(scan->data, record)) {
	case STORE_VISIT_PASSED:
		break;
	case STORE_VISIT_TAKEN:
		scan->full = scan->limit && --scan->limit == 0;
		break;
	case STORE_VISIT_STOP:
		scan->full = true;
	}
	return true;
}

static bool is_directory(struct str scope)
{
	return scope.len == 0 || scope.data[scope.len - 1] == '/';
}

static uint64_t count_after(const struct store_view *view, struct str scope, const struct store_record *last)
{
	/* Keys end in a NUL that is not counted: with it, it is the least key after the last one. */
	struct str start = {last->key, (size_t)last->key_len + 1};

	return trie_count_from(&view->trie, scope, start);
}

int store_view_scan(const struct store_view *view, const struct store_range *range,
		    enum store_visit (*visit)(void *data, const struct store_record *record), void *data,
		    struct store_range_result *ret, struct error *err)
{
	struct scan scan = {.revision = range->revision ? range->revision : view->revision,
			    .scope = range->scope,
			    .limit = range->limit,
			    .visit = visit,
			    .data = data};
	int r = head_check_revision(view->head, scan.revision, view->oldest, view->revision, err);

	if (r < 0)
		return r;
	if (is_directory(range->scope)) {
		trie_scan(&view->trie, range->scope, range->start, visit_record, &scan);
	} else {
		const struct store_record *record = trie_get(&view->trie, range->scope);

		if (record && str_cmp(range->scope, range->start) >= 0)
			visit_record(&scan, record);
	}
	*ret = (struct store_range_result){.revision = scan.revision, .more = scan.more};
	if (scan.more)
		ret->remaining = MAX(count_after(view, range->scope, scan.last), 1);
	return 0;
}

uint64_t store_view_count(const struct store_view *view, struct str scope)
{
	if (is_directory(scope))
		return trie_count_from(&view->trie, scope, STR_EMPTY);
	return store_view_get(view, scope) != NULL;
}
