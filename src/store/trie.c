/* The persistent index; see trie.h. */
#include "store/trie.h"

#define BRANCH	    ((uint64_t)1)
#define SLOTS	    17 /* the end of the key, and 16 nibbles */
#define INDEX_SHIFT 32

struct trie_block {
	uint64_t transaction;
	uint64_t live; /* records below that are no deletions */
	struct trie_node twigs[];
};

static bool is_branch(const struct trie_node *node)
{
	return node->word & BRANCH;
}

static uint32_t nibble_index(const struct trie_node *node)
{
	return (uint32_t)(node->word >> INDEX_SHIFT);
}

static unsigned twig_count(const struct trie_node *node)
{
	return (unsigned)__builtin_popcountll(node->word & (((uint64_t)1 << (SLOTS + 1)) - 2));
}

/* The bit of a branch's word for what @key has at @index; both nibbles after the end count as "ended". */
static uint64_t slot_bit(struct str key, uint32_t index)
{
	size_t at = index / 2;
	unsigned nibble;

	if (at >= key.len)
		return (uint64_t)1 << 1;
	nibble = (unsigned char)key.data[at];
	nibble = index & 1 ? nibble & 15 : nibble >> 4;
	return (uint64_t)1 << (2 + nibble);
}

static bool has_slot(const struct trie_node *node, uint64_t bit)
{
	return node->word & bit;
}

/* Where the twig of @bit is, or would be. */
static unsigned slot_place(const struct trie_node *node, uint64_t bit)
{
	return (unsigned)__builtin_popcountll(node->word & (bit - 1) & ~BRANCH);
}

static uint64_t live_below(const struct trie_node *node)
{
	if (is_branch(node))
		return node->block->live;
	return node->record && !node->record->deleted;
}

/* --- Reading --- */

const struct store_record *trie_get(const struct trie *trie, struct str key)
{
	const struct trie_node *node = &trie->root;

	while (is_branch(node)) {
		uint64_t bit = slot_bit(key, nibble_index(node));

		if (!has_slot(node, bit))
			return NULL;
		node = &node->block->twigs[slot_place(node, bit)];
	}
	if (!node->record || !str_eq(store_record_key(node->record), key))
		return NULL;
	return node->record;
}

uint64_t trie_count(const struct trie *trie)
{
	return live_below(&trie->root);
}

static const struct store_record *first_leaf(const struct trie_node *node)
{
	while (is_branch(node))
		node = &node->block->twigs[0];
	return node->record;
}

/* The highest node whose leaves are all the keys that begin with @prefix; NULL when there are none. */
static const struct trie_node *find_prefix(const struct trie *trie, struct str prefix)
{
	const struct trie_node *node = &trie->root;
	const struct store_record *leaf;

	while (is_branch(node) && nibble_index(node) / 2 < prefix.len) {
		uint64_t bit = slot_bit(prefix, nibble_index(node));

		if (!has_slot(node, bit))
			return NULL;
		node = &node->block->twigs[slot_place(node, bit)];
	}
	leaf = first_leaf(node);
	/* All leaves below agree up to the node's nibble, which lies behind the prefix. */
	return leaf && str_has_prefix(store_record_key(leaf), prefix) ? node : NULL;
}

/*
 * How the keys below @node lie to @start: negative when all are before it, positive when none is, zero when the twig
 * of @start's own nibble divides them (only for a branch).
 */
static int compare_below(const struct trie_node *node, struct str start)
{
	struct str key = store_record_key(first_leaf(node));
	size_t common = is_branch(node) ? nibble_index(node) / 2 : SIZE_MAX, both = MIN(key.len, start.len);
	int order;

	/* Leaves below a branch agree in the bytes before its nibble, and in the half byte before an odd one. */
	if (!is_branch(node))
		return str_cmp(key, start) < 0 ? -1 : 1;
	order = memcmp(key.data, start.data ? start.data : "", MIN(common, both));
	if (order)
		return order;
	if (start.len < common)
		return 1;
	if (nibble_index(node) & 1) {
		unsigned a = common < key.len ? 1 + ((unsigned char)key.data[common] >> 4) : 0;
		unsigned b = common < start.len ? 1 + ((unsigned char)start.data[common] >> 4) : 0;

		if (a != b)
			return a < b ? -1 : 1;
	}
	return 0;
}

struct scan {
	bool (*visit)(void *data, const struct store_record *record);
	void *data;
};

static bool scan_all(const struct trie_node *node, const struct scan *scan)
{
	unsigned n;

	if (!is_branch(node))
		return scan->visit(scan->data, node->record);
	n = twig_count(node);
	for (unsigned i = 0; i < n; i++) {
		if (!scan_all(&node->block->twigs[i], scan))
			return false;
	}
	return true;
}

/*
 * Goes down along @start: at each level the twigs after @start's own are wholly wanted.  They are visited on the way
 * back up, so this recurses once per level, as scan_all() does; a level consumes at least a nibble of a key.
 */
static bool scan_from(const struct trie_node *node, struct str start, const struct scan *scan)
{
	int order = compare_below(node, start);
	unsigned n, place;
	uint64_t bit;

	if (order)
		return order < 0 || scan_all(node, scan);
	n = twig_count(node);
	bit = slot_bit(start, nibble_index(node));
	place = slot_place(node, bit);
	if (has_slot(node, bit) && !scan_from(&node->block->twigs[place++], start, scan))
		return false;
	for (; place < n; place++) {
		if (!scan_all(&node->block->twigs[place], scan))
			return false;
	}
	return true;
}

bool trie_scan(const struct trie *trie, struct str prefix, struct str start,
	       bool (*visit)(void *data, const struct store_record *record), void *data)
{
	const struct trie_node *node = find_prefix(trie, prefix);
	struct scan scan = {visit, data};

	if (!node)
		return true;
	return start.len ? scan_from(node, start, &scan) : scan_all(node, &scan);
}

uint64_t trie_count_from(const struct trie *trie, struct str prefix, struct str start)
{
	const struct trie_node *node = find_prefix(trie, prefix);
	uint64_t count = 0;

	while (node) {
		int order = start.len ? compare_below(node, start) : 1;
		unsigned n, place;
		uint64_t bit;

		if (order)
			return order < 0 ? count : count + live_below(node);
		n = twig_count(node);
		bit = slot_bit(start, nibble_index(node));
		place = slot_place(node, bit);
		for (unsigned i = place + has_slot(node, bit); i < n; i++)
			count += live_below(&node->block->twigs[i]);
		node = has_slot(node, bit) ? &node->block->twigs[place] : NULL;
	}
	return count;
}

/* --- Changing --- */

static size_t block_size(unsigned twigs)
{
	return sizeof(struct trie_block) + twigs * sizeof(struct trie_node);
}

static struct trie_block *block_new(struct trie_transaction *transaction, unsigned twigs)
{
	struct trie_block *block = xmalloc(block_size(twigs));

	block->transaction = transaction->id;
	block->live = 0;
	return block;
}

/* A block nobody has seen yet goes at once, any other when its readers have gone. */
static void block_drop(struct trie_transaction *transaction, const struct trie_block *block)
{
	if (block->transaction == transaction->id)
		trie_block_free(block);
	else
		transaction->retire_block(transaction->data, block);
}

/* The block of @node, made this transaction's own. */
static struct trie_block *own_block(struct trie_transaction *transaction, struct trie_node *node)
{
	const struct trie_block *old = node->block;
	struct trie_block *copy;
	unsigned n = twig_count(node);

	if (old->transaction == transaction->id)
		return UNCONST(struct trie_block *, old);
	copy = block_new(transaction, n);
	copy->live = old->live;
	memcpy(copy->twigs, old->twigs, n * sizeof(*copy->twigs));
	node->block = copy;
	block_drop(transaction, old);
	return copy;
}

/* The first nibble in which two different keys differ. */
static uint32_t first_difference(struct str a, struct str b)
{
	size_t i = 0, both = MIN(a.len, b.len);

	while (i < both && a.data[i] == b.data[i])
		i++;
	if (i < both && ((a.data[i] ^ b.data[i]) & 0xf0) == 0)
		return (uint32_t)(2 * i + 1);
	return (uint32_t)(2 * i);
}

/* A leaf near @key: the one that agrees with it longest, where it leads that far. */
static const struct store_record *near_leaf(const struct trie_node *node, struct str key)
{
	while (is_branch(node)) {
		uint64_t bit = slot_bit(key, nibble_index(node));

		node = &node->block->twigs[has_slot(node, bit) ? slot_place(node, bit) : 0];
	}
	return node->record;
}

/* Makes of @node a branch at nibble @index with what it was and a leaf for @record. */
static void split(struct trie_transaction *transaction, struct trie_node *node, uint32_t index,
		  const struct store_record *record)
{
	uint64_t old_bit = slot_bit(store_record_key(first_leaf(node)), index);
	uint64_t new_bit = slot_bit(store_record_key(record), index);
	struct trie_block *block = block_new(transaction, 2);
	unsigned place = new_bit > old_bit;

	block->twigs[place] = (struct trie_node){.record = record};
	block->twigs[!place] = *node;
	block->live = live_below(&block->twigs[0]) + live_below(&block->twigs[1]);
	node->word = BRANCH | old_bit | new_bit | (uint64_t)index << INDEX_SHIFT;
	node->block = block;
}

static void add_twig(struct trie_transaction *transaction, struct trie_node *node, uint64_t bit,
		     const struct store_record *record)
{
	const struct trie_block *old = node->block;
	unsigned n = twig_count(node), place = slot_place(node, bit);
	struct trie_block *block = block_new(transaction, n + 1);

	block->live = old->live + !record->deleted;
	memcpy(block->twigs, old->twigs, place * sizeof(*old->twigs));
	block->twigs[place] = (struct trie_node){.record = record};
	memcpy(block->twigs + place + 1, old->twigs + place, (n - place) * sizeof(*old->twigs));
	node->word |= bit;
	node->block = block;
	block_drop(transaction, old);
}

const struct store_record *trie_put(struct trie_transaction *transaction, const struct store_record *record)
{
	struct trie_node *node = &transaction->trie.root;
	struct str key = store_record_key(record);
	const struct store_record *near = node->word || node->record ? near_leaf(node, key) : NULL;
	uint32_t difference = UINT32_MAX;
	uint64_t live = !record->deleted;

	if (!near) {
		*node = (struct trie_node){.record = record};
		return NULL;
	}
	if (str_eq(store_record_key(near), key))
		live -= !near->deleted; /* wraps, as the sum below does back */
	else
		difference = first_difference(store_record_key(near), key);
	while (is_branch(node) && nibble_index(node) < difference) {
		struct trie_block *block = own_block(transaction, node);

		block->live += live;
		node = &block->twigs[slot_place(node, slot_bit(key, nibble_index(node)))];
	}
	if (difference == UINT32_MAX) {
		node->record = record;
		return near;
	}
	if (is_branch(node) && nibble_index(node) == difference)
		add_twig(transaction, node, slot_bit(key, difference), record);
	else
		split(transaction, node, difference, record);
	return NULL;
}

static void remove_twig(struct trie_transaction *transaction, struct trie_node *node, uint64_t bit)
{
	const struct trie_block *old = node->block;
	unsigned n = twig_count(node), place = slot_place(node, bit);

	if (n == 2) {
		*node = old->twigs[!place];
	} else {
		struct trie_block *block = block_new(transaction, n - 1);

		block->live = old->live - live_below(&old->twigs[place]);
		memcpy(block->twigs, old->twigs, place * sizeof(*old->twigs));
		memcpy(block->twigs + place, old->twigs + place + 1, (n - place - 1) * sizeof(*old->twigs));
		node->word &= ~bit;
		node->block = block;
	}
	block_drop(transaction, old);
}

const struct store_record *trie_remove(struct trie_transaction *transaction, struct str key)
{
	struct trie_node *node = &transaction->trie.root;
	const struct store_record *record = trie_get(&transaction->trie, key);

	if (!record)
		return NULL;
	if (!is_branch(node)) {
		*node = (struct trie_node){0};
		return record;
	}
	for (;;) {
		uint64_t bit = slot_bit(key, nibble_index(node));
		const struct trie_node *twig = &node->block->twigs[slot_place(node, bit)];
		struct trie_block *block;

		if (!is_branch(twig)) {
			remove_twig(transaction, node, bit);
			return record;
		}
		block = own_block(transaction, node);
		block->live -= !record->deleted;
		node = &block->twigs[slot_place(node, bit)];
	}
}

void trie_block_free(const struct trie_block *block)
{
	free(UNCONST(struct trie_block *, block));
}

static void free_below(const struct trie_node *node)
{
	if (!is_branch(node)) {
		store_record_unref(node->record);
		return;
	}
	for (unsigned i = 0, n = twig_count(node); i < n; i++)
		free_below(&node->block->twigs[i]);
	trie_block_free(node->block);
}

void trie_free(struct trie *trie)
{
	free_below(&trie->root);
	trie->root = (struct trie_node){0};
}
