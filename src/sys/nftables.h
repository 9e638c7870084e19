/*
 * nftables: a skeleton as text once, elements in batches ever after.
 *
 * Whoever keeps rules in the kernel does it in two ways.  Tables, chains, sets and their fixed rules are loaded as text
 * by the `nft` program (nft_load), once per start; that costs tens of milliseconds and reads everything back, so it is
 * no way to change one element of many.  What changes all the time are elements of maps and sets, and these go over
 * netlink in a batch, which the kernel applies as one transaction: all of it or nothing.
 *
 *	struct nft_batch *batch = nft_batch_new();
 *	nft_batch_element(batch, NFT_DELETE, &map, &old_key_and_value);
 *	nft_batch_element(batch, NFT_ADD, &map, &new_key_and_value);
 *	result = nft_batch_commit(nft, batch, err);
 *	nft_batch_free(batch);
 *
 * Keys of concatenated types are the parts one after the other, each padded with zeros to 4 bytes, in network order
 * but for integers such as `mark`, which are in the host's.
 *
 * A struct nft is one socket of the network namespace it was opened in; it and a batch belong to one thread.
 */
#ifndef WHERRY_SYS_NFTABLES_H
#define WHERRY_SYS_NFTABLES_H

#include "base/error.h"
#include "base/str.h"

#define NFT_KEY_SIZE   48 /* the widest: two IPv6 addresses, protocol, port and slack */
#define NFT_VALUE_SIZE 20 /* an IPv6 address and a port */
#define NFT_NAME_SIZE  64 /* of tables, sets and chains as we name them, with the NUL */

struct nft;
struct nft_batch;
struct nftnl_rule;

/* Feeds @script to the `nft` program in the calling thread's network namespace; its complaint is the error. */
int nft_load(struct str script, struct error *err) MUST_CHECK;

int nft_open(struct nft **ret, struct error *err) MUST_CHECK;
struct nft *nft_close(struct nft *nft);

/* The kernel's numbers of families (NFPROTO_*), whose header does not go with the C library's. */
#define NFT_FAMILY_INET 1
#define NFT_FAMILY_IP	2
#define NFT_FAMILY_IP6	10

/* Where an element lives. */
struct nft_set {
	uint8_t family;
	const char *table;
	const char *name;
};

enum nft_value_kind {
	NFT_VALUE_NONE,	 /* an element of a set */
	NFT_VALUE_DATA,	 /* of a map to data */
	NFT_VALUE_GOTO,	 /* of a verdict map: goto `chain` */
	NFT_VALUE_DROP,	 /* of a verdict map: drop */
	NFT_VALUE_OTHER, /* another verdict; only read, never written */
};

struct nft_element {
	uint8_t key_size;
	uint8_t value_size; /* NFT_VALUE_DATA */
	enum nft_value_kind kind;
	uint8_t key[NFT_KEY_SIZE];
	union {
		uint8_t value[NFT_VALUE_SIZE];
		char chain[NFT_NAME_SIZE];
	};
};

enum nft_verb { NFT_ADD, NFT_DELETE };

struct nft_batch *nft_batch_new(void);
struct nft_batch *nft_batch_free(struct nft_batch *batch);
/* Messages put in so far. */
size_t nft_batch_len(const struct nft_batch *batch);
/* Bytes so far; a batch of more than LIMIT_NFT_BATCH is refused at commit. */
size_t nft_batch_size(const struct nft_batch *batch);
void nft_batch_element(struct nft_batch *batch, enum nft_verb verb, const struct nft_set *set,
		       const struct nft_element *element);
/* A regular chain; deleting takes its rules along and fails while something refers to it. */
void nft_batch_chain(struct nft_batch *batch, enum nft_verb verb, uint8_t family, const char *table, const char *chain);
/* Removes the rules of @chain. */
void nft_batch_flush_chain(struct nft_batch *batch, uint8_t family, const char *table, const char *chain);
/* Appends a rule, which says itself where it belongs; the batch does not keep it. */
void nft_batch_rule(struct nft_batch *batch, const struct nftnl_rule *rule);
/* Creates nothing, deletes the whole table. */
void nft_batch_delete_table(struct nft_batch *batch, uint8_t family, const char *table);
/*
 * Sends it as one transaction and waits for the kernel's word.  ERR_NOT_FOUND: a table, chain, set or element to be
 * deleted or filled is not there; ERR_ALREADY_EXISTS: an element with another value is there.  In both cases someone
 * else changed the table: read it again.  The batch may be freed or committed again.
 */
int nft_batch_commit(struct nft *nft, struct nft_batch *batch, struct error *err) MUST_CHECK;

/* Calls @each for every element of @set.  ERR_NOT_FOUND: no such set.  A dump torn by a change is read again from the
 * beginning, after a call with a NULL element. */
int nft_set_read(struct nft *nft, const struct nft_set *set,
		 void (*each)(void *data, const struct nft_element *element), void *data, struct error *err) MUST_CHECK;
/* Calls @each with chain and number of its rules for every chain of the table, in no order. */
int nft_table_read_chains(struct nft *nft, uint8_t family, const char *table,
			  void (*each)(void *data, const char *chain, unsigned rules), void *data,
			  struct error *err) MUST_CHECK;
/* The number of the last change to any table of this namespace. */
int nft_generation(struct nft *nft, uint32_t *ret, struct error *err) MUST_CHECK;
/* Deletes a table; success when there is none. */
int nft_table_delete(struct nft *nft, uint8_t family, const char *table, struct error *err) MUST_CHECK;

/*
 * A descriptor that becomes readable when any table of the calling thread's namespace was changed by anyone, so that a
 * flush by somebody else is healed without polling.  nft_watch_drain() empties it and says whether there was a change
 * by another thread than the calling one (the `nft` program that nft_load() ran is another).
 */
int nft_watch_open(struct error *err) MUST_CHECK;
bool nft_watch_drain(int fd);
/*
 * Stops listening and begins again.  While anyone listens, the kernel writes out each element of a transaction for him,
 * which takes three times as long as the transaction itself; so who sends a large one does not listen meanwhile, and
 * compares generations to learn whether somebody else came in between.
 */
int nft_watch_pause(int fd, struct error *err) MUST_CHECK;
int nft_watch_resume(int fd, struct error *err) MUST_CHECK;

#endif
