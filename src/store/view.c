/* Views; see view.h for the argument. */
#include "store/view.h"

#include "store/record.h"

#define TAKEN_SHIFT 48
#define TAKEN_ONE   ((uint64_t)1 << TAKEN_SHIFT)

enum { TAG_BLOCK, TAG_RECORD, TAG_CUT, TAG_MASK = 3 };

static uint64_t word_of(const struct store_view *view)
{
	uint64_t word = (uint64_t)(uintptr_t)view;

	/* User addresses have 47 or 48 bits unless a process asks for more by an mmap hint, which we do not. */
	assert(word >> TAKEN_SHIFT == 0);
	return word;
}

static struct store_view *view_of(uint64_t word)
{
	return (struct store_view *)(uintptr_t)(word & (TAKEN_ONE - 1));
}

static struct store_view *view_new(struct view_chain *chain, const struct head *head)
{
	struct store_view *view = XNEW(struct store_view);

	view->chain = chain;
	view->head = head;
	return view;
}

void view_chain_init(struct view_chain *chain, const struct head *head)
{
	*chain = (struct view_chain){0};
	chain->oldest = chain->newest = view_new(chain, head);
	atomic_init(&chain->current, word_of(chain->newest));
}

static void retire(struct retired *retired, const void *p, uintptr_t tag)
{
	if (retired->len == retired->cap) {
		retired->cap = retired->cap ? retired->cap * 2 : 16;
		retired->items = xrealloc_array(retired->items, retired->cap, sizeof(*retired->items));
	}
	assert(((uintptr_t)p & TAG_MASK) == 0);
	retired->items[retired->len++] = (uintptr_t)p | tag;
}

void view_chain_retire_block(struct view_chain *chain, const struct trie_block *block)
{
	retire(&chain->retired, block, TAG_BLOCK);
}

void view_chain_retire_record(struct view_chain *chain, const struct store_record *record)
{
	retire(&chain->retired, record, TAG_RECORD);
}

void view_chain_retire_cut(struct view_chain *chain, struct store_record *record)
{
	retire(&chain->retired, record, TAG_CUT);
}

static void cut(struct store_record *record)
{
	store_record_unref(TAKE_PTR(record->older));
	store_record_unref(record);
}

static void retired_release(struct retired *retired)
{
	for (size_t i = 0; i < retired->len; i++) {
		void *p = (void *)(retired->items[i] & ~(uintptr_t)TAG_MASK);

		switch (retired->items[i] & TAG_MASK) {
		case TAG_BLOCK:
			trie_block_free(p);
			break;
		case TAG_RECORD:
			store_record_unref(p);
			break;
		default:
			cut(p);
		}
	}
	free(retired->items);
	*retired = (struct retired){0};
}

void view_chain_release(struct view_chain *chain)
{
	while (chain->oldest) {
		struct store_view *view = chain->oldest;

		chain->oldest = view->newer;
		retired_release(&view->retired);
		free(view);
	}
	retired_release(&chain->retired);
}

void view_chain_publish(struct view_chain *chain, struct trie trie, uint64_t revision, uint64_t oldest)
{
	struct store_view *old = chain->newest, *view = view_new(chain, old->head);
	uint64_t word;

	view->trie = trie;
	view->revision = revision;
	view->oldest = oldest;
	old->retired = chain->retired;
	chain->retired = (struct retired){0};
	old->newer = view;
	chain->newest = view;
	word = atomic_exchange_explicit(&chain->current, word_of(view), memory_order_acq_rel);
	atomic_fetch_add_explicit(&old->refs, (long long)(word >> TAKEN_SHIFT), memory_order_acq_rel);
}

void view_chain_collect(struct view_chain *chain)
{
	while (chain->oldest != chain->newest &&
	       atomic_load_explicit(&chain->oldest->refs, memory_order_acquire) == 0) {
		struct store_view *view = chain->oldest;

		chain->oldest = view->newer;
		retired_release(&view->retired);
		free(view);
	}
}

struct store_view *view_chain_acquire(struct view_chain *chain)
{
	uint64_t word = atomic_fetch_add_explicit(&chain->current, TAKEN_ONE, memory_order_acquire);

	assert(word >> TAKEN_SHIFT < UINT16_MAX);
	return view_of(word);
}

void store_view_release(struct store_view *view)
{
	uint64_t word;

	if (!view)
		return;
	word = atomic_load_explicit(&view->chain->current, memory_order_relaxed);
	while (view_of(word) == view) {
		if (atomic_compare_exchange_weak_explicit(&view->chain->current, &word, word - TAKEN_ONE,
							  memory_order_release, memory_order_relaxed))
			return;
	}
	atomic_fetch_sub_explicit(&view->refs, 1, memory_order_release);
}
