/*
 * The head's index: a persistent ordered map from keys to records, a qp-trie whose changes copy paths.
 *
 * What it is.  A node is 16 bytes: a leaf (a record) or a branch.  A branch looks at one nibble of the key and has a
 * block of twigs, the nodes for those of 17 values that occur: "the key has ended", then nibble 0 to 15; so twigs in
 * order are keys in order, a key before the keys it begins.  A look-up compares bytes once, at the leaf.  Every block
 * counts the live records (those that are no deletions) below it.
 *
 * Persistence.  A root is a value (struct trie).  Whoever holds one sees what it saw then: a change makes new blocks
 * along its path and leaves the old ones alone, except for blocks made by the same transaction, which no reader can
 * have seen and which are changed in place.  Blocks and records that a change replaced are handed to the transaction's
 * retire function; the caller frees blocks (trie_block_free) when no reader can hold a root from before.
 *
 * Threads.  One writer at a time; readers of a published root need nothing, provided that publishing it was a release
 * and getting it an acquire.
 *
 * The trie holds one reference to each record in its newest root.
 */
#ifndef WHERRY_STORE_TRIE_H
#define WHERRY_STORE_TRIE_H

#include "store/store.h"

struct trie_block;

struct trie_node {
	/* Leaf: 0.  Branch: bit 0 set, bits 1 to 17 the twigs there are, bits 32 to 63 the nibble's index. */
	uint64_t word;
	union {
		const struct store_record *record;
		const struct trie_block *block;
	};
};

/* A root: empty when root.record is NULL. */
struct trie {
	struct trie_node root;
};

struct trie_transaction {
	struct trie trie;
	uint64_t id; /* never used before, not 0 */
	void (*retire_block)(void *data, const struct trie_block *block);
	void *data;
};

/* The record of @key, also when it is a deletion, or NULL. */
const struct store_record *trie_get(const struct trie *trie, struct str key);
/* How many live records there are. */
uint64_t trie_count(const struct trie *trie);
/* How many live records have keys that begin with @prefix and are at or after @start. */
uint64_t trie_count_from(const struct trie *trie, struct str prefix, struct str start);
/*
 * Shows the records, deletions too, whose keys begin with @prefix and are at or after @start to @visit, in order, until
 * it returns false; returns false then.
 */
bool trie_scan(const struct trie *trie, struct str prefix, struct str start,
	       bool (*visit)(void *data, const struct store_record *record), void *data);

/* Puts @record in; returns the one it replaces, or NULL.  The references move with the pointers. */
const struct store_record *trie_put(struct trie_transaction *transaction, const struct store_record *record);
/* Takes the record of @key out and returns it, or NULL. */
const struct store_record *trie_remove(struct trie_transaction *transaction, struct str key);

void trie_block_free(const struct trie_block *block);
/* Drops a root that nobody else holds: its blocks, and its references to records. */
void trie_free(struct trie *trie);

#endif
