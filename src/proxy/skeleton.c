/*
 * The proxy's fixed tables as data; see skeleton.h.
 *
 * In the rules below ~ stands for the family's word (ip, ip6), % for its address type, ^ for the set of pods' ranges. A
 * rule with ^ is left out when there are none.
 *
 * A packet's way: nat chains of prerouting and output see the first packet of a connection.  Traffic from outside
 * first meets the local maps (externalTrafficPolicy Local), then, like all other, the common ones.  A verdict leads to
 * a chain for N endpoints, which may mark the packet for masquerade and translates the address.  What was not
 * translated and still goes to a service's address is turned away by the filter chains.
 */
#include "proxy/skeleton.h"

#define RULES_MAX 8
#define MARK	  "0x4000" /* as upstream's default masquerade bit 14 */

struct chain {
	const char *name;
	const char *hook; /* NULL: a regular chain */
	const char *rules[RULES_MAX];
};

static const struct chain chains[] = {
	{"mark-always", NULL, {"meta mark set meta mark | " MARK}},
	{"mark-outside", NULL, {"~ saddr != ^ meta mark set meta mark | " MARK}},
	{"reject-chain", NULL, {"reject"}},
	{"outside",
	 NULL,
	 {"~ daddr . meta l4proto . th dport vmap @local-services",
	  "fib daddr type local ~ daddr != $ meta l4proto . th dport vmap @local-nodeports"}},
	{"common",
	 NULL,
	 {"~ daddr . meta l4proto . th dport vmap @services",
	  "fib daddr type local ~ daddr != $ meta l4proto . th dport vmap @nodeports"}},
	{"turned-away",
	 NULL,
	 {"~ daddr . meta l4proto . th dport vmap @rejected",
	  "fib daddr type local ~ daddr != $ meta l4proto . th dport vmap @rejected-nodeports",
	  "~ daddr @cluster-ips reject"}},
	{"nat-prerouting",
	 "type nat hook prerouting priority -100; policy accept;",
	 {"~ saddr != ^ jump outside", "jump common"}},
	{"nat-output", "type nat hook output priority -100; policy accept;", {"jump common"}},
	{"nat-postrouting",
	 "type nat hook postrouting priority 100; policy accept;",
	 {"ct status dnat ~ saddr . ~ daddr @hairpin masquerade fully-random", "meta mark & " MARK " == 0 return",
	  "meta mark set meta mark ^ " MARK, "masquerade fully-random"}},
	{"filter-input", "type filter hook input priority 0; policy accept;", {"ct state new jump turned-away"}},
	{"filter-forward", "type filter hook forward priority 0; policy accept;", {"ct state new jump turned-away"}},
	{"filter-output", "type filter hook output priority 0; policy accept;", {"ct state new jump turned-away"}},
};

static const char *const set_types[PROXY_SET_MAX] = {
#define X(set, name, type) [PROXY_##set] = type,
	PROXY_SETS(X)
#undef X
};

/* Without known ranges everything that comes in may be from outside, and nothing must be hidden for it. */
static const char *rule_of(const struct proxy_skeleton *skeleton, const struct chain *chain, size_t i)
{
	const char *rule = chain->rules[i];
	bool outside = strcmp(chain->name, "mark-outside") == 0;

	if (skeleton->config->masquerade_all && outside)
		return "meta mark set meta mark | " MARK;
	if (rule && skeleton->config->cluster_cidrs_len == 0 && strstr(rule, "saddr != ^"))
		return outside ? NULL : "jump outside";
	return rule;
}

static void put_cidrs(const struct proxy_skeleton *skeleton, struct buf *out)
{
	enum ip_family family = skeleton->nft_family == NFT_FAMILY_IP6 ? IP_V6 : IP_V4;
	const struct proxy_config *config = skeleton->config;
	const char *before = "{ ";

	for (size_t i = 0; i < config->cluster_cidrs_len; i++) {
		struct ip_prefix masked = ip_prefix_masked(&config->cluster_cidrs[i]);
		char text[IP_PREFIX_TEXT_SIZE];

		if (masked.address.family != family)
			continue;
		ip_prefix_format(&masked, text);
		buf_printf(out, "%s%s", before, text);
		before = ", ";
	}
	/* A family without ranges of its own: no address is a pod's. */
	if (before[0] == '{')
		buf_printf(out, "{ %s", family == IP_V6 ? "::" : "0.0.0.0");
	buf_c(out, " }");
}

static void put_text(const struct proxy_skeleton *skeleton, const char *text, struct buf *out)
{
	bool v6 = skeleton->nft_family == NFT_FAMILY_IP6;

	for (const char *c = text; *c; c++) {
		/* In marks ^ is a word of nft's: "mark ^ 0x". */
		bool xor = *c == '^' && c[1] == ' ' && c[2] == '0';

		if (*c == '~')
			buf_c(out, v6 ? "ip6" : "ip");
		else if (*c == '%')
			buf_c(out, v6 ? "ipv6_addr" : "ipv4_addr");
		else if (*c == '$')
			buf_c(out, v6 ? "::1" : "127.0.0.0/8");
		else if (*c == '^' && !xor)
			put_cidrs(skeleton, out);
		else
			buf_char(out, *c);
	}
}

static void put_body(const struct proxy_skeleton *skeleton, struct buf *out)
{
	buf_c(out, "\tcomment \"rules for kube-proxy\"\n");
	for (size_t i = 0; i < PROXY_SET_MAX; i++) {
		buf_printf(out, "\t%s %s { type ", strchr(set_types[i], ':') ? "map" : "set", proxy_set_name(i));
		put_text(skeleton, set_types[i], out);
		buf_c(out, "; }\n");
	}
	/* Who was led where, with an end by time; filled by the rules themselves. */
	buf_c(out, "\tmap affinity { type ");
	put_text(skeleton, "% . % . inet_proto . inet_service : mark", out);
	buf_c(out, "; size 262144; flags dynamic,timeout; }\n");
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		buf_printf(out, "\tchain %s {\n", chains[i].name);
		if (chains[i].hook)
			buf_printf(out, "\t\t%s\n", chains[i].hook);
		for (size_t j = 0; j < RULES_MAX && chains[i].rules[j]; j++) {
			const char *rule = rule_of(skeleton, &chains[i], j);

			if (!rule)
				continue;
			buf_c(out, "\t\t");
			put_text(skeleton, rule, out);
			buf_c(out, "\n");
		}
		buf_c(out, "\t}\n");
	}
}

void proxy_skeleton_version(const struct proxy_skeleton *skeleton, char out[NFT_NAME_SIZE])
{
	uint32_t hash = UINT32_C(2166136261);
	struct buf cleanup_buf body;

	buf_init(&body, 1024 * 1024);
	put_body(skeleton, &body);
	for (size_t i = 0; i < body.len; i++)
		hash = (hash ^ (uint8_t)body.data[i]) * UINT32_C(16777619);
	/* The rules of the chains for N endpoints are not in the text: a change there changes this number. */
	snprintf(out, NFT_NAME_SIZE, "version-1-%08x", hash);
}

void proxy_skeleton_text(const struct proxy_skeleton *skeleton, struct buf *out)
{
	const char *family = skeleton->nft_family == NFT_FAMILY_IP6 ? "ip6" : "ip", *table = skeleton->table;
	char version[NFT_NAME_SIZE];

	proxy_skeleton_version(skeleton, version);
	buf_printf(out, "table %s %s\ndelete table %s %s\ntable %s %s {\n", family, table, family, table, family,
		   table);
	put_body(skeleton, out);
	buf_printf(out, "\tchain %s {\n\t}\n}\n", version);
}

int proxy_skeleton_rules(const struct proxy_skeleton *skeleton, const char *chain)
{
	char version[NFT_NAME_SIZE];
	int count = 0;

	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		if (strcmp(chains[i].name, chain) != 0)
			continue;
		for (size_t j = 0; j < RULES_MAX && chains[i].rules[j]; j++)
			count += rule_of(skeleton, &chains[i], j) != NULL;
		return count;
	}
	proxy_skeleton_version(skeleton, version);
	return strcmp(version, chain) == 0 ? 0 : -1;
}

size_t proxy_skeleton_chains(const struct proxy_skeleton *skeleton UNUSED)
{
	return ARRAY_LEN(chains) + 1;
}
