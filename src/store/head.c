/* The head; see head.h. */
#include "store/head.h"

#include <inttypes.h>

#include "base/limits.h"
#include "store/record.h"

#define HISTORY_MIN 64

static bool expires_before(const struct heap_node *a, const struct heap_node *b)
{
	return CONTAINER_OF(a, struct store_expiry, node)->at < CONTAINER_OF(b, struct store_expiry, node)->at;
}

static void retire_block(void *data, const struct trie_block *block)
{
	view_chain_retire_block(data, block);
}

void head_init(struct head *head, int64_t window_ns, uint64_t window_bytes)
{
	*head = (struct head){.window_ns = window_ns, .window_bytes = window_bytes};
	view_chain_init(&head->views, head);
	head->transaction = (struct trie_transaction){.id = 1, .retire_block = retire_block, .data = &head->views};
	heap_init(&head->expiries, expires_before);
}

static void history_resize(struct history *history, size_t cap)
{
	struct history_entry *entries = cap ? xcalloc(cap, sizeof(*entries)) : NULL;

	for (size_t i = 0; i < history->len; i++)
		entries[i] = *history_at(history, i);
	free(history->entries);
	*history = (struct history){.entries = entries, .len = history->len, .cap = cap};
}

static void history_push(struct history *history, struct history_entry entry)
{
	if (history->len == history->cap)
		history_resize(history, history->cap ? history->cap * 2 : HISTORY_MIN);
	history->len++;
	*history_at(history, history->len - 1) = entry;
}

static void history_release(struct history *history)
{
	for (size_t i = 0; i < history->len; i++) {
		struct store_record *record = history_at(history, i)->record;

		store_record_unref(TAKE_PTR(record->older));
		store_record_unref(record);
	}
	free(history->entries);
}

static void forget_expiry(struct head *head, struct store_record *record)
{
	if (record->expiry) {
		heap_remove(&head->expiries, &record->expiry->node);
		free(TAKE_PTR(record->expiry));
	}
}

void head_release(struct head *head)
{
	struct heap_node *node;

	while ((node = heap_peek(&head->expiries)))
		forget_expiry(head, CONTAINER_OF(node, struct store_expiry, node)->record);
	heap_release(&head->expiries);
	/* What was trimmed and not yet moved is on the retired list already. */
	head->history.first += head->trimmed;
	head->history.len -= head->trimmed;
	view_chain_release(&head->views);
	history_release(&head->history);
	history_release(&head->incoming);
	trie_free(&head->transaction.trie);
	free(head->gaps);
}

static void add_expiry(struct head *head, struct store_record *record, int64_t expires_at)
{
	if (!expires_at)
		return;
	record->expiry = XNEW(struct store_expiry);
	*record->expiry = (struct store_expiry){.at = expires_at, .record = record};
	heap_push(&head->expiries, &record->expiry->node);
}

bool head_wants(const struct head *head, struct str key)
{
	return !trie_get(&head->transaction.trie, key);
}

void head_load(struct head *head, struct store_record *record, int64_t expires_at)
{
	const struct store_record *replaced = trie_put(&head->transaction, record);

	assert(!replaced);
	(void)replaced;
	/* A deletion only keeps older versions out while loading; `incoming` remembers to take it out again. */
	if (record->deleted)
		history_push(&head->incoming, (struct history_entry){.record = record});
	else
		add_expiry(head, record, expires_at);
}

void head_load_done(struct head *head, uint64_t oldest)
{
	for (size_t i = 0; i < head->incoming.len; i++) {
		struct store_record *record = history_at(&head->incoming, i)->record;

		trie_remove(&head->transaction, store_record_key(record));
		store_record_unref(record);
	}
	head->incoming.len = 0;
	head->revision = head->oldest = oldest;
}

void head_add_gap(struct head *head, uint64_t before, uint64_t after)
{
	head->gaps = xrealloc_array(head->gaps, head->gaps_len + 1, sizeof(*head->gaps));
	head->gaps[head->gaps_len++] = (struct revision_gap){before, after};
}

const struct store_record *head_get(const struct head *head, struct str key)
{
	return trie_get(&head->transaction.trie, key);
}

/* See head.h for why `older` may be followed. */
const struct store_record *head_version_at(const struct store_record *record, uint64_t revision)
{
	while (record && record->revision > revision)
		record = record->older;
	return record && !record->deleted ? record : NULL;
}

static uint64_t record_bytes(const struct store_record *record)
{
	return sizeof(*record) + record->key_len + record->topic_len + record->header_len + record->value_len;
}

void head_apply(struct head *head, struct store_record *record, int64_t time, int64_t expires_at)
{
	struct store_record *old;

	assert(record->revision > head->revision);
	old = UNCONST(struct store_record *, trie_put(&head->transaction, record));
	if (old)
		forget_expiry(head, old);
	record->older = old;
	add_expiry(head, record, expires_at);
	head->revision = record->revision;
	head->history_bytes += record_bytes(record);
	history_push(&head->incoming, (struct history_entry){record, time});
	store_record_ref(record);
}

static void trim_one(struct head *head, struct store_record *record)
{
	if (record->deleted && head_get(head, store_record_key(record)) == record) {
		trie_remove(&head->transaction, store_record_key(record));
		view_chain_retire_record(&head->views, record);
	}
	head->oldest = record->revision;
	head->history_bytes -= record_bytes(record);
	view_chain_retire_cut(&head->views, record);
}

void head_trim(struct head *head, int64_t now, uint64_t compact)
{
	while (head->trimmed < head->history.len) {
		const struct history_entry *entry = history_at(&head->history, head->trimmed);

		if (entry->record->revision > compact && entry->time > now - head->window_ns &&
		    head->history_bytes <= head->window_bytes &&
		    head->history.len + head->incoming.len - head->trimmed <= LIMIT_STORE_VERSIONS)
			break;
		trim_one(head, entry->record);
		head->trimmed++;
	}
	if (head->trimmed == head->history.len && !head->incoming.len)
		head->oldest = MAX(head->oldest, MIN(compact, head->revision));
}

int64_t head_trim_due(const struct head *head)
{
	if (head->history.len == 0)
		return INT64_MAX;
	return history_at(&head->history, 0)->time + head->window_ns + head->window_ns / (HEAD_IDLE_TRIMS - 1);
}

void head_move_record(struct head *head, struct store_record *record)
{
	struct store_record *old = UNCONST(struct store_record *, trie_put(&head->transaction, record));

	assert(old && old->revision == record->revision && old->revision <= head->oldest);
	record->expiry = TAKE_PTR(old->expiry);
	if (record->expiry)
		record->expiry->record = record;
	view_chain_retire_record(&head->views, old);
}

void head_publish(struct head *head)
{
	view_chain_publish(&head->views, head->transaction.trie, head->revision, head->oldest);
	head->transaction.id++;
}

/* --- Decoded objects --- */

/* The last `recent` entries of the history are those whose records may carry one. */
static void drop_oldest_object(struct head *head)
{
	struct store_record *record = history_at(&head->history, head->history.len - head->recent)->record;

	head->recent--;
	head->objects -= record->object_size > 0;
	head->objects_size -= record->object_size;
	store_record_drop_object(record);
}

static void drop_objects_over_budget(struct head *head)
{
	while (head->recent > LIMIT_WATCH_EVENTS || head->objects_size > LIMIT_STORE_OBJECTS)
		drop_oldest_object(head);
}

void head_move_history(struct head *head, size_t *ret_new)
{
	struct history *history = &head->history;

	while (head->recent > history->len - head->trimmed)
		drop_oldest_object(head);
	history->first = (history->first + head->trimmed) & (history->cap ? history->cap - 1 : 0);
	history->len -= head->trimmed;
	head->trimmed = 0;
	/* A burst's ring goes with the burst. */
	if (history->cap > HISTORY_MIN && (history->len + head->incoming.len) * 8 <= history->cap)
		history_resize(history, MAX(history->cap / 2, HISTORY_MIN));
	*ret_new = head->incoming.len;
	for (size_t i = 0; i < head->incoming.len; i++) {
		const struct history_entry *entry = history_at(&head->incoming, i);

		history_push(history, *entry);
		head->recent++;
		head->objects += entry->record->object_size > 0;
		head->objects_size += entry->record->object_size;
	}
	head->incoming.first = head->incoming.len = 0;
	drop_objects_over_budget(head);
}

const struct store_expiry *head_next_expiry(const struct head *head)
{
	const struct heap_node *node = heap_peek(&head->expiries);

	return node ? CONTAINER_OF(node, struct store_expiry, node) : NULL;
}

int head_check_revision(const struct head *head, uint64_t revision, uint64_t oldest, uint64_t newest, struct error *err)
{
	if (revision > newest)
		return error_set(err, ERR_TIMEOUT, "Too large resource version: %" PRIu64 ", current: %" PRIu64,
				 revision, newest);
	if (revision < oldest)
		return error_set(err, ERR_EXPIRED, "too old resource version: %" PRIu64 " (%" PRIu64 ")", revision,
				 oldest);
	for (size_t i = 0; i < head->gaps_len; i++) {
		if (revision > head->gaps[i].before && revision < head->gaps[i].after)
			return error_set(err, ERR_EXPIRED, "too old resource version: %" PRIu64 " (%" PRIu64 ")",
					 revision, head->gaps[i].after);
	}
	return 0;
}
