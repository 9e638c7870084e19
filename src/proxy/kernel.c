/* The proxy's tables in the kernel; see kernel.h. */
#include "proxy/kernel.h"

int proxy_kernel_load(const struct proxy_skeleton *skeleton, struct error *err)
{
	struct buf cleanup_buf text;

	buf_init(&text, 1024 * 1024);
	proxy_skeleton_text(skeleton, &text);
	if (text.overflow)
		return error_set(err, ERR_TOO_LARGE, "too many pod ranges for the proxy's rules");
	return nft_load(buf_view(&text), err);
}

struct reader {
	const struct proxy_skeleton *skeleton;
	struct proxy_elements *list;
	enum proxy_set set;
	bool sound;
	size_t fixed_chains, balance_chains;
	size_t begun; /* where this set's elements start */
};

static void take_chain(void *data, const char *chain, unsigned rules)
{
	struct reader *reader = data;
	int expected = proxy_skeleton_rules(reader->skeleton, chain);
	struct proxy_target target;

	if (expected >= 0) {
		reader->fixed_chains++;
		reader->sound &= rules == (unsigned)expected;
	} else if (proxy_chain_parse(chain, &target)) {
		reader->balance_chains++;
		reader->sound &= rules == proxy_chain_rules(&target);
	} else {
		reader->sound = false;
	}
}

static void take_element(void *data, const struct nft_element *element)
{
	struct reader *reader = data;
	struct proxy_element *copy;

	if (!element) {
		reader->list->len = reader->begun;
		return;
	}
	copy = proxy_elements_add(reader->list);
	copy->set = (uint8_t)reader->set;
	copy->kind = (uint8_t)element->kind;
	copy->key_size = element->key_size;
	memcpy(copy->key, element->key, sizeof(copy->key));
	if (element->kind == NFT_VALUE_DATA) {
		copy->value_size = element->value_size;
		memcpy(copy->value, element->value, sizeof(copy->value));
	} else if (element->kind == NFT_VALUE_GOTO) {
		reader->sound &= proxy_chain_parse(element->chain, &copy->target);
	} else if (element->kind == NFT_VALUE_OTHER) {
		reader->sound = false;
	}
}

/* ERR_NOT_FOUND means that there is no such table, or not as a whole: not sound, and no failure. */
static int not_found_is_unsound(const struct error *why, struct error *err)
{
	return why->code == ERR_NOT_FOUND ? 0 : error_pass(err, why);
}

static int read_all(struct nft *nft, struct reader *reader, struct error *err)
{
	const struct proxy_skeleton *skeleton = reader->skeleton;
	struct error why = {0};

	if (nft_table_read_chains(nft, skeleton->nft_family, skeleton->table, take_chain, reader, &why) < 0)
		return not_found_is_unsound(&why, err);
	if (!reader->sound || reader->fixed_chains != proxy_skeleton_chains(skeleton))
		return 0;
	for (size_t i = 0; i < PROXY_SET_MAX; i++) {
		struct nft_set set = {skeleton->nft_family, skeleton->table, proxy_set_name(i)};

		reader->set = i;
		reader->begun = reader->list->len;
		if (nft_set_read(nft, &set, take_element, reader, &why) < 0)
			return not_found_is_unsound(&why, err);
	}
	return 1;
}

int proxy_kernel_read(struct nft *nft, const struct proxy_skeleton *skeleton, struct proxy_elements *ret,
		      struct error *err)
{
	struct reader reader = {.skeleton = skeleton, .list = ret, .sound = true};
	struct proxy_elements nothing = {0};
	struct proxy_plan plan;
	int result = read_all(nft, &reader, err);

	if (result > 0) {
		proxy_elements_sort(ret);
		/* Seen from nothing, every chain that elements lead to is new. */
		proxy_plan(&nothing, ret, &plan);
		reader.sound &= plan.new_chains_len == reader.balance_chains;
		proxy_plan_release(&plan);
	}
	if (result > 0 && reader.sound)
		return 1;
	proxy_elements_release(ret);
	return MIN(result, 0);
}

static void put(struct nft_batch *batch, const struct proxy_skeleton *skeleton, enum nft_verb verb,
		const struct proxy_element *element)
{
	struct nft_set set = {skeleton->nft_family, skeleton->table, proxy_set_name(element->set)};
	struct nft_element out = {.key_size = element->key_size, .kind = element->kind};

	memcpy(out.key, element->key, sizeof(out.key));
	if (element->kind == NFT_VALUE_DATA) {
		out.value_size = element->value_size;
		memcpy(out.value, element->value, sizeof(out.value));
	} else if (element->kind == NFT_VALUE_GOTO) {
		proxy_chain_name(&element->target, out.chain);
	}
	nft_batch_element(batch, verb, &set, &out);
}

int proxy_kernel_apply(struct nft *nft, const struct proxy_skeleton *skeleton, const struct proxy_plan *plan,
		       struct error *err)
{
	struct nft_batch *batch = nft_batch_new();
	int result;

	for (size_t i = 0; i < plan->new_chains_len; i++)
		proxy_add_chain(batch, skeleton, &plan->new_chains[i]);
	for (size_t i = 0; i < plan->deleted_len; i++)
		put(batch, skeleton, NFT_DELETE, plan->deleted[i]);
	for (size_t i = 0; i < plan->added_len; i++)
		put(batch, skeleton, NFT_ADD, plan->added[i]);
	for (size_t i = 0; i < plan->old_chains_len; i++) {
		char name[NFT_NAME_SIZE];

		proxy_chain_name(&plan->old_chains[i], name);
		nft_batch_flush_chain(batch, skeleton->nft_family, skeleton->table, name);
		nft_batch_chain(batch, NFT_DELETE, skeleton->nft_family, skeleton->table, name);
	}
	result = nft_batch_commit(nft, batch, err);
	nft_batch_free(batch);
	return result;
}
