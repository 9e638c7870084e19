/* The proxy's engine: sync, heal, reset; see proxy.h. */
#include "proxy/proxy.h"

#include "proxy/conntrack.h"
#include "proxy/kernel.h"

struct family {
	enum ip_family family;
	struct proxy_skeleton skeleton;
	/* What the last successful sync left in the kernel; unless `known`, the kernel must be read first. */
	struct proxy_elements have;
	bool known;
};

#define FAMILIES 2
#define RETRIES	 3

struct proxy {
	struct proxy_config config;
	struct ip_prefix *cidrs;
	char table[PROXY_TABLE_SIZE];
	struct nft *nft;
	int watch;
	struct family families[FAMILIES];
};

void proxy_table_name(const char *node_name, char out[PROXY_TABLE_SIZE])
{
	uint32_t hash = UINT32_C(2166136261);

	for (const char *c = node_name; *c; c++)
		hash = (hash ^ (uint8_t)*c) * UINT32_C(16777619);
	snprintf(out, PROXY_TABLE_SIZE, "wherry-%08x-proxy", hash);
}

/* Makes `have` true: what a sound table holds, or nothing and an empty table. */
static int learn(struct proxy *proxy, struct family *family, struct proxy_result *result, struct error *err)
{
	int sound;

	if (family->known)
		return 0;
	proxy_elements_release(&family->have);
	sound = proxy_kernel_read(proxy->nft, &family->skeleton, &family->have, err);
	if (sound < 0)
		return sound;
	if (sound == 0) {
		if (proxy_kernel_load(&family->skeleton, err) < 0)
			return -(int)err->code;
		result->rebuilt = true;
	}
	family->known = true;
	return 0;
}

/*
 * One transaction, not listening meanwhile (see nft_watch_pause).  Each transaction of anybody raises the generation by
 * one; when it has risen by more than ours, nothing is known of the tables.
 */
static int commit(struct proxy *proxy, struct family *family, const struct proxy_plan *plan, struct error *err)
{
	uint32_t before = 0, after = 0;
	struct error resume = {0};
	int result;

	if (plan->added_len == 0 && plan->deleted_len == 0)
		return 0;
	if (nft_generation(proxy->nft, &before, err) < 0 || nft_watch_pause(proxy->watch, err) < 0)
		return -(int)err->code;
	result = proxy_kernel_apply(proxy->nft, &family->skeleton, plan, err);
	if (nft_watch_resume(proxy->watch, &resume) < 0 && result == 0)
		return error_pass(err, &resume);
	if (result == 0)
		result = nft_generation(proxy->nft, &after, err);
	if (result == 0 && after != before + 1)
		result = error_set(err, ERR_CONFLICT, "nftables were changed by somebody else meanwhile");
	return result;
}

static int apply_once(struct proxy *proxy, struct family *family, struct proxy_elements *wanted,
		      struct proxy_result *result, struct error *err)
{
	struct proxy_plan plan;
	int failed = learn(proxy, family, result, err);

	if (failed)
		return failed;
	proxy_plan(&family->have, wanted, &plan);
	failed = commit(proxy, family, &plan, err);
	if (failed) {
		for (size_t i = 0; i < FAMILIES; i++)
			proxy->families[i].known = false;
	} else {
		result->added += plan.added_len;
		result->deleted += plan.deleted_len;
	}
	/* After the change, so that no packet makes a stale entry again. */
	if (!failed && proxy_conntrack_concerns(&plan))
		failed = proxy_conntrack_clean(wanted, &plan, family->family, &result->conntrack_deleted, err);
	proxy_plan_release(&plan);
	return failed;
}

static bool is_foreign_change(const struct error *why)
{
	return why->code == ERR_NOT_FOUND || why->code == ERR_ALREADY_EXISTS || why->code == ERR_CONFLICT;
}

/*
 * Takes *wanted over.  A change that met a foreign one is made again from what is there.  A namespace where somebody
 * changes tables all the time is no reason to give up: what was committed is right, if not known to be.
 */
static int apply(struct proxy *proxy, struct family *family, struct proxy_elements *wanted, struct proxy_result *result,
		 struct error *err)
{
	struct error why = {0};
	int failed = apply_once(proxy, family, wanted, result, &why);

	for (int i = 0; i < RETRIES && failed && is_foreign_change(&why); i++) {
		error_clear(&why);
		failed = apply_once(proxy, family, wanted, result, &why);
	}
	if (failed && why.code == ERR_CONFLICT)
		failed = 0;
	/* Kept even if it failed: it is what a heal is to bring about. */
	proxy_elements_release(&family->have);
	family->have = *wanted;
	*wanted = (struct proxy_elements){0};
	return failed ? error_pass(err, &why) : 0;
}

static int open_kernel(struct proxy *proxy, struct error *err)
{
	struct proxy_result ignored = {0};

	if (nft_open(&proxy->nft, err) < 0)
		return -(int)err->code;
	/* Listening begins before anything is read, so that no change falls in between. */
	proxy->watch = nft_watch_open(err);
	if (proxy->watch < 0)
		return proxy->watch;
	for (size_t i = 0; i < FAMILIES; i++)
		if (learn(proxy, &proxy->families[i], &ignored, err) < 0)
			return -(int)err->code;
	nft_watch_drain(proxy->watch);
	return 0;
}

int proxy_open(const struct proxy_config *config, struct proxy **ret, struct error *err)
{
	static const struct {
		enum ip_family family;
		uint8_t nft;
	} families[FAMILIES] = {{IP_V4, NFT_FAMILY_IP}, {IP_V6, NFT_FAMILY_IP6}};
	size_t size = config->cluster_cidrs_len * sizeof(*config->cluster_cidrs);
	struct proxy *proxy = XNEW(struct proxy);

	proxy->watch = -1;
	proxy->cidrs = size ? xmemdup(config->cluster_cidrs, size) : NULL;
	proxy->config = *config;
	proxy->config.cluster_cidrs = proxy->cidrs;
	proxy->config.node_name = NULL; /* only the table's name is needed of it */
	proxy_table_name(config->node_name, proxy->table);
	for (size_t i = 0; i < FAMILIES; i++) {
		proxy->families[i].family = families[i].family;
		proxy->families[i].skeleton = (struct proxy_skeleton){families[i].nft, proxy->table, &proxy->config};
	}
	if (open_kernel(proxy, err) < 0) {
		proxy_close(proxy);
		return error_wrap(err, "service proxy");
	}
	*ret = proxy;
	return 0;
}

struct proxy *proxy_close(struct proxy *proxy)
{
	if (!proxy)
		return NULL;
	for (size_t i = 0; i < FAMILIES; i++)
		proxy_elements_release(&proxy->families[i].have);
	nft_close(proxy->nft);
	close_fd(proxy->watch);
	free(proxy->cidrs);
	free(proxy);
	return NULL;
}

int proxy_watch_fd(const struct proxy *proxy)
{
	return proxy->watch;
}

/* After a change by somebody else nothing is known of the kernel's tables. */
static void notice(struct proxy *proxy)
{
	if (!nft_watch_drain(proxy->watch))
		return;
	for (size_t i = 0; i < FAMILIES; i++)
		proxy->families[i].known = false;
}

int proxy_sync(struct proxy *proxy, const struct proxy_service *services, size_t len, struct proxy_result *ret,
	       struct error *err)
{
	struct proxy_result result = {0};
	struct error first = {0};

	notice(proxy);
	for (size_t i = 0; i < FAMILIES; i++) {
		struct proxy_elements wanted = {0};
		struct error one = {0};

		/* One family's failure does not keep the other from its services. */
		proxy_want(services, len, proxy->families[i].family, &wanted);
		if (apply(proxy, &proxy->families[i], &wanted, &result, &one) < 0 && first.code == ERR_NONE)
			first = one;
	}
	if (first.code != ERR_NONE)
		return error_pass(err, &first);
	*ret = result;
	return 0;
}

int proxy_heal(struct proxy *proxy, struct proxy_result *ret, struct error *err)
{
	struct proxy_result result = {0};

	notice(proxy);
	for (size_t i = 0; i < FAMILIES; i++) {
		struct family *family = &proxy->families[i];
		struct proxy_elements wanted = family->have;

		if (family->known)
			continue;
		family->have = (struct proxy_elements){0};
		if (apply(proxy, family, &wanted, &result, err) < 0)
			return -(int)err->code;
	}
	*ret = result;
	return 0;
}

int proxy_reset(const char *node_name, struct error *err)
{
	static const uint8_t families[] = {NFT_FAMILY_IP, NFT_FAMILY_IP6};
	char table[PROXY_TABLE_SIZE];
	struct nft *nft;
	int result = nft_open(&nft, err);

	if (result < 0)
		return result;
	proxy_table_name(node_name, table);
	for (size_t i = 0; i < ARRAY_LEN(families) && result == 0; i++)
		result = nft_table_delete(nft, families[i], table, err);
	nft_close(nft);
	return result;
}
