/*
 * Views: how readers get hold of a root without a lock, and when what it shows may be freed.
 *
 * The chain.  Every commit publishes a new view: a root and its revision.  The chain is the list of views from the
 * oldest that may still have readers to the current one.  One writer (the committer) publishes and frees.
 *
 * Taking one.  `current` is one word: the address of the current view in its low 48 bits, and in its high 16 bits how
 * often it has been taken since it became current ("taken outside").  A reader adds 1 << 48: in that one step it learns
 * the view and counts itself, so there is no moment at which it knows a view that does not know it.  To give the view
 * back it takes one from the outside count, if the view is still the current one, else from view->refs.  The writer
 * exchanges the word for the next view's; what the old word's outside count was it adds to the old view's refs.
 *
 * Why that is right.
 *  - Every taking is counted once, in the word; the exchange moves the whole count to refs; every giving back takes one
 *    from wherever the count is then.  So refs of a view that is no longer current is, once the writer has added to
 *    it, the number of its holders.  (Before that it may be negative for a moment; nobody looks.)
 *  - A giver-back compares the whole address.  It cannot mistake a younger view for its own at the same address: its
 *    own cannot be freed before it has given it back.
 *  - The outside count cannot overflow: it falls with every giving back while the view is current, so it is the number
 *    of holders, and they are threads (each thread holds a handful of views at the most).
 *  - Everything written before publishing is seen by the reader: the exchange releases, the addition acquires.
 *  - Everything a holder read was read before its view is freed: giving back releases (a compare-exchange whose
 *    word the writer's exchange acquires, or a subtraction that the writer's look at refs acquires).
 *
 * Freeing.  What the step from view N to N+1 took out of the index is put on N's retired list.  Views up to N may
 * show it, later ones do not.  The writer frees views from the old end of the chain, each with its list, as long as
 * the oldest is not current and has no holder: then no view that shows what is on its list is left.
 */
#ifndef WHERRY_STORE_VIEW_H
#define WHERRY_STORE_VIEW_H

#include "store/trie.h"

struct head;

/* Things to free, as tagged pointers. */
struct retired {
	uintptr_t *items;
	size_t len, cap;
};

struct store_view {
	atomic_llong refs;
	uint64_t revision;
	uint64_t oldest; /* of the window */
	struct trie trie;
	const struct head *head;
	struct view_chain *chain;
	struct store_view *newer;
	struct retired retired;
};

struct view_chain {
	_Atomic(uint64_t) current;
	struct store_view *oldest, *newest; /* of the writer */
	struct retired retired;		    /* since the last publish */
};

/* Starts with an empty view at revision 0. */
void view_chain_init(struct view_chain *chain, const struct head *head);
/* Nobody holds a view any more.  Frees all views and what is retired; the newest root stays the caller's. */
void view_chain_release(struct view_chain *chain);

/* A step, by the writer: retire what it takes out, publish, and from time to time collect. */
void view_chain_retire_block(struct view_chain *chain, const struct trie_block *block);
/* Drops the reference to @record. */
void view_chain_retire_record(struct view_chain *chain, const struct store_record *record);
/* Drops the reference to @record, and @record's to the version before it. */
void view_chain_retire_cut(struct view_chain *chain, struct store_record *record);
void view_chain_publish(struct view_chain *chain, struct trie trie, uint64_t revision, uint64_t oldest);
void view_chain_collect(struct view_chain *chain);

struct store_view *view_chain_acquire(struct view_chain *chain);

#endif
