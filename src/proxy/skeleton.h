/*
 * The fixed part of the proxy's tables: chains, their rules and the maps, as text for `nft`, and the rules of the
 * chains for N endpoints, which come and go with the elements that lead to them.
 *
 * A chain called version-XXXXXXXX, without rules, bears a hash of the text: a later run that would load the same text
 * adopts what is there.
 */
#ifndef WHERRY_PROXY_SKELETON_H
#define WHERRY_PROXY_SKELETON_H

#include "base/buf.h"
#include "proxy/plan.h"

struct proxy_skeleton {
	uint8_t nft_family; /* NFT_FAMILY_IP or NFT_FAMILY_IP6 */
	const char *table;
	const struct proxy_config *config;
};

/* The text that replaces the whole table by an empty one of this version. */
void proxy_skeleton_text(const struct proxy_skeleton *skeleton, struct buf *out);
/* The name of its version chain. */
void proxy_skeleton_version(const struct proxy_skeleton *skeleton, char out[NFT_NAME_SIZE]);
/*
 * How many rules a fixed chain has in this version; -1 for a chain the skeleton does not know.  The number of chains
 * is proxy_skeleton_chains(), the version chain included.
 */
int proxy_skeleton_rules(const struct proxy_skeleton *skeleton, const char *chain);
size_t proxy_skeleton_chains(const struct proxy_skeleton *skeleton);

/* Puts a chain for N endpoints with its rules into the batch; how many rules that is. */
void proxy_add_chain(struct nft_batch *batch, const struct proxy_skeleton *skeleton, const struct proxy_target *target);
unsigned proxy_chain_rules(const struct proxy_target *target);

#endif
