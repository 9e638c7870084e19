/*
 * The rules of a chain for N endpoints; see skeleton.h.
 *
 * They are built here, not as text, because such chains come with elements in one transaction.  Registers of 4 bytes
 * hold, one after the other, so that each lookup's key is a run of them:
 *
 *	client . address . protocol . port . slot . endpoint . port
 *
 * With affinity the slot gives way to a number of the endpoint's own, which stays the same while slots shift.  The
 * chain is four rules: take the number noted for (client, front end), go to that endpoint and renew the note; else
 * forget the note, draw a number, go to its endpoint and note it.  Where a number leads to no endpoint, for it may be
 *gone, the rule ends and the next is tried.
 *
 * Between two rules the number is in the packet's priority, the one field that nothing before routing reads; it is
 * zero again before the packet goes on.  Numbers have their highest bit set, which a priority never has.  (A register
 * would do for the kernel, but `nft list` 1.0 ends in an assertion at a rule where a lookup's result is part of a key.)
 */
#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include "proxy/skeleton.h"

struct writer {
	const struct proxy_skeleton *skeleton;
	const struct proxy_target *target;
	struct nft_batch *batch;
	struct nftnl_rule *rule;
	uint32_t address_registers; /* that an address takes: 1 or 4 */
};

/* Where things are in the row of registers. */
static uint32_t client(void)
{
	return NFT_REG32_00;
}
static uint32_t address(const struct writer *w)
{
	return client() + w->address_registers;
}
static uint32_t protocol(const struct writer *w)
{
	return address(w) + w->address_registers;
}
static uint32_t port(const struct writer *w)
{
	return protocol(w) + 1;
}
static uint32_t slot(const struct writer *w)
{
	return port(w) + 1;
}
static struct nftnl_expr *add(struct writer *w, const char *kind)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(kind);

	if (!expr)
		abort();
	nftnl_rule_add_expr(w->rule, expr);
	return expr;
}

static void begin(struct writer *w, const char *chain)
{
	w->rule = nftnl_rule_alloc();
	if (!w->rule)
		abort();
	nftnl_rule_set_u32(w->rule, NFTNL_RULE_FAMILY, w->skeleton->nft_family);
	nftnl_rule_set_str(w->rule, NFTNL_RULE_TABLE, w->skeleton->table);
	nftnl_rule_set_str(w->rule, NFTNL_RULE_CHAIN, chain);
}

static void end(struct writer *w)
{
	nft_batch_rule(w->batch, w->rule);
	nftnl_rule_free(w->rule);
	w->rule = NULL;
}

static void load_payload(struct writer *w, uint32_t base, uint32_t offset, uint32_t len, uint32_t to)
{
	struct nftnl_expr *expr = add(w, "payload");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, to);
}

static bool has_address(const struct proxy_target *target)
{
	return target->kind == PROXY_CHAIN_CLUSTER || target->kind == PROXY_CHAIN_EXTERNAL ||
	       target->kind == PROXY_CHAIN_LOCAL;
}

static bool is_local(const struct proxy_target *target)
{
	return target->kind == PROXY_CHAIN_LOCAL || target->kind == PROXY_CHAIN_LOCAL_NODE;
}

/* client . address . protocol . port */
static void load_key(struct writer *w)
{
	bool v6 = w->skeleton->nft_family == NFT_FAMILY_IP6;
	uint32_t len = v6 ? 16 : 4;
	static const uint8_t zeros[16];
	struct nftnl_expr *expr;

	if (w->target->affinity_seconds)
		load_payload(w, NFT_PAYLOAD_NETWORK_HEADER, v6 ? 8 : 12, len, client());
	load_payload(w, NFT_PAYLOAD_NETWORK_HEADER, v6 ? 24 : 16, len, address(w));
	if (!has_address(w->target)) {
		/* All zeros, in a way that `nft list` can show. */
		expr = add(w, "bitwise");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, address(w));
		nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, address(w));
		nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, len);
		nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, zeros, len);
		nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, zeros, len);
	}
	expr = add(w, "meta");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, NFT_META_L4PROTO);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, protocol(w));
	load_payload(w, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, port(w));
}

static void look_up(struct writer *w, const char *set, uint32_t from, uint32_t to)
{
	struct nftnl_expr *expr = add(w, "lookup");

	nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, from);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_DREG, to);
}

static void note_affinity(struct writer *w, uint32_t number)
{
	struct nftnl_expr *expr = add(w, "dynset");

	nftnl_expr_set_str(expr, NFTNL_EXPR_DYNSET_SET_NAME, "affinity");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_u64(expr, NFTNL_EXPR_DYNSET_TIMEOUT, UINT64_C(1000) * w->target->affinity_seconds);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_SREG_KEY, client());
	nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_SREG_DATA, number);
}

static void translate(struct writer *w, uint32_t endpoint)
{
	struct nftnl_expr *expr = add(w, "nat");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_FAMILY, w->skeleton->nft_family);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN, endpoint);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_PROTO_MIN, endpoint + w->address_registers);
}

static const char *mark_chain(const struct proxy_target *target)
{
	switch (target->kind) {
	case PROXY_CHAIN_CLUSTER:
	case PROXY_CHAIN_NODE_CLUSTER:
		return "mark-outside";
	case PROXY_CHAIN_EXTERNAL:
	case PROXY_CHAIN_NODE:
		return "mark-always";
	default:
		return NULL;
	}
}

static void add_mark(struct writer *w, const char *chain, const char *mark)
{
	struct nftnl_expr *expr;

	begin(w, chain);
	expr = add(w, "immediate");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (uint32_t)NFT_JUMP);
	nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, mark);
	end(w);
}

static void load_priority(struct writer *w)
{
	struct nftnl_expr *expr = add(w, "meta");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, NFT_META_PRIORITY);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, slot(w));
}

static void set_priority(struct writer *w, uint32_t from)
{
	struct nftnl_expr *expr = add(w, "meta");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, NFT_META_PRIORITY);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_SREG, from);
}

static void draw_slot(struct writer *w)
{
	struct nftnl_expr *expr = add(w, "numgen");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_NG_TYPE, NFT_NG_RANDOM);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NG_MODULUS, w->target->endpoints);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NG_DREG, slot(w));
}

/* An update renews the time of a note that is there, but never changes its number. */
static void forget_affinity(struct writer *w)
{
	struct nftnl_expr *expr = add(w, "dynset");

	nftnl_expr_set_str(expr, NFTNL_EXPR_DYNSET_SET_NAME, "affinity");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_DELETE);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_SREG_KEY, client());
	/* Not read, but asked for by the kernel. */
	nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_SREG_DATA, slot(w));
}

/* To the endpoint whose number is in the priority. */
static void add_go(struct writer *w, const char *chain)
{
	struct nftnl_expr *expr;

	begin(w, chain);
	load_key(w);
	load_priority(w);
	look_up(w, is_local(w->target) ? "local-sticky" : "sticky", address(w), slot(w) + 1);
	note_affinity(w, slot(w));
	expr = add(w, "immediate");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, slot(w));
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DATA, 0);
	set_priority(w, slot(w));
	translate(w, slot(w) + 1);
	end(w);
}

static void add_sticky(struct writer *w, const char *chain)
{
	begin(w, chain);
	load_key(w);
	look_up(w, "affinity", client(), slot(w));
	set_priority(w, slot(w));
	end(w);
	add_go(w, chain);
	begin(w, chain);
	load_key(w);
	draw_slot(w);
	forget_affinity(w);
	look_up(w, is_local(w->target) ? "local-draws" : "draws", address(w), slot(w));
	set_priority(w, slot(w));
	end(w);
	add_go(w, chain);
}

static void add_balance(struct writer *w, const char *chain)
{
	begin(w, chain);
	load_key(w);
	draw_slot(w);
	look_up(w, is_local(w->target) ? "local-endpoints" : "endpoints", address(w), slot(w) + 1);
	translate(w, slot(w) + 1);
	end(w);
}

void proxy_add_chain(struct nft_batch *batch, const struct proxy_skeleton *skeleton, const struct proxy_target *target)
{
	struct writer w = {.skeleton = skeleton, .target = target, .batch = batch};
	const char *mark = mark_chain(target);
	char chain[NFT_NAME_SIZE];

	w.address_registers = skeleton->nft_family == NFT_FAMILY_IP6 ? 4 : 1;
	proxy_chain_name(target, chain);
	nft_batch_chain(batch, NFT_ADD, skeleton->nft_family, skeleton->table, chain);
	if (mark)
		add_mark(&w, chain, mark);
	if (target->affinity_seconds)
		add_sticky(&w, chain);
	else
		add_balance(&w, chain);
}

unsigned proxy_chain_rules(const struct proxy_target *target)
{
	return (target->affinity_seconds ? 4U : 1U) + (mark_chain(target) != NULL);
}
