/* What the files of the nftables helper share; nobody else includes this. */
#ifndef WHERRY_SYS_NFT_INTERNAL_H
#define WHERRY_SYS_NFT_INTERNAL_H

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "sys/mnl_walk.h"
#include "sys/nftables.h"

#define NFT_BUFFER_SIZE (64 * 1024)

struct nft {
	struct mnl_socket *socket;
	unsigned port;
	unsigned sequence;
	char buffer[NFT_BUFFER_SIZE];
};

/* One request outside a batch: a dump, a lookup. */
struct nlmsghdr *nft_start(struct nft *nft, uint16_t type, uint16_t flags, uint8_t family);
/* 0 or -errno. */
int nft_talk(struct nft *nft, struct nlmsghdr *request, mnl_cb_t each, void *data);

#endif
