/* Lists of elements and the difference between two of them; see plan.h. */
#include "proxy/plan.h"

static const char *const set_names[PROXY_SET_MAX] = {
#define X(set, name, type) [PROXY_##set] = name,
	PROXY_SETS(X)
#undef X
};

static const char *const chain_names[PROXY_CHAIN_MAX] = {
#define X(chain, name) [PROXY_CHAIN_##chain] = name,
	PROXY_CHAINS(X)
#undef X
};

const char *proxy_set_name(enum proxy_set set)
{
	return set_names[set];
}

void proxy_chain_name(const struct proxy_target *target, char out[NFT_NAME_SIZE])
{
	const char *kind = chain_names[target->kind];

	if (target->kind == PROXY_CHAIN_REJECT)
		snprintf(out, NFT_NAME_SIZE, "%s", kind);
	else if (target->affinity_seconds)
		snprintf(out, NFT_NAME_SIZE, "%s-%u-%u", kind, target->endpoints, target->affinity_seconds);
	else
		snprintf(out, NFT_NAME_SIZE, "%s-%u", kind, target->endpoints);
}

static bool parse_count(struct str text, uint32_t *ret)
{
	uint64_t number;

	if (str_parse_uint64(text, &number) < 0 || number == 0 || number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

bool proxy_chain_parse(const char *name, struct proxy_target *ret)
{
	for (uint32_t kind = 0; kind < PROXY_CHAIN_MAX; kind++) {
		struct proxy_target target = {.kind = kind};
		struct str rest = str_from(name), count, seconds;

		if (kind == PROXY_CHAIN_REJECT && strcmp(name, chain_names[kind]) == 0) {
			*ret = target;
			return true;
		}
		if (kind == PROXY_CHAIN_REJECT || !str_has_prefix(rest, str_from(chain_names[kind])))
			continue;
		rest = str_from_at(rest, strlen(chain_names[kind]));
		if (rest.len == 0 || rest.data[0] != '-')
			continue;
		if (str_cut(str_from_at(rest, 1), '-', &count, &seconds) &&
		    !parse_count(seconds, &target.affinity_seconds))
			continue;
		if (!parse_count(count, &target.endpoints))
			continue;
		*ret = target;
		return true;
	}
	return false;
}

struct proxy_element *proxy_elements_add(struct proxy_elements *list)
{
	struct proxy_element *element;

	if (list->len == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 256;
		list->items = xrealloc_array(list->items, list->cap, sizeof(*list->items));
	}
	element = &list->items[list->len];
	memset(element, 0, sizeof(*element));
	element->order = (uint32_t)list->len++;
	return element;
}

void proxy_elements_release(struct proxy_elements *list)
{
	free(list->items);
	*list = (struct proxy_elements){0};
}

void proxy_key_add(struct proxy_element *element, const void *data, size_t size)
{
	assert(element->key_size + size <= NFT_KEY_SIZE);
	memcpy(element->key + element->key_size, data, size);
	element->key_size = (uint8_t)(element->key_size + (size + 3) / 4 * 4);
}

void proxy_value_add(struct proxy_element *element, const void *data, size_t size)
{
	assert(element->value_size + size <= NFT_VALUE_SIZE);
	memcpy(element->value + element->value_size, data, size);
	element->value_size = (uint8_t)(element->value_size + (size + 3) / 4 * 4);
}

/* Keys of one set have one size, and what follows a key is zero: the whole field compares. */
static int compare(const struct proxy_element *a, const struct proxy_element *b)
{
	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	return memcmp(a->key, b->key, sizeof(a->key));
}

static int compare_in_order(const void *a, const void *b)
{
	const struct proxy_element *left = a, *right = b;
	int order = compare(left, right);

	return order ? order : (left->order > right->order) - (left->order < right->order);
}

void proxy_elements_sort(struct proxy_elements *list)
{
	size_t kept = 0;

	if (list->len == 0)
		return;
	qsort(list->items, list->len, sizeof(*list->items), compare_in_order);
	for (size_t i = 1; i < list->len; i++)
		if (compare(&list->items[kept], &list->items[i]) != 0)
			list->items[++kept] = list->items[i];
	list->len = kept + 1;
}

size_t proxy_elements_find(const struct proxy_elements *list, enum proxy_set set, const uint8_t *key, size_t key_size)
{
	struct proxy_element wanted = {.set = (uint8_t)set};
	size_t low = 0, high = list->len;

	memcpy(wanted.key, key, key_size);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&list->items[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool same_value(const struct proxy_element *a, const struct proxy_element *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == NFT_VALUE_GOTO)
		return a->target.kind == b->target.kind && a->target.endpoints == b->target.endpoints &&
		       a->target.affinity_seconds == b->target.affinity_seconds;
	return memcmp(a->value, b->value, sizeof(a->value)) == 0;
}

/* Chains in use by a list, as a sorted list of distinct targets. */
struct targets {
	struct proxy_target *items;
	size_t len, cap;
};

static int compare_targets(const void *a, const void *b)
{
	const struct proxy_target *left = a, *right = b;

	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->endpoints != right->endpoints)
		return left->endpoints < right->endpoints ? -1 : 1;
	if (left->affinity_seconds != right->affinity_seconds)
		return left->affinity_seconds < right->affinity_seconds ? -1 : 1;
	return 0;
}

static void add_target(struct targets *targets, const struct proxy_target *target)
{
	if (targets->len == targets->cap) {
		targets->cap = targets->cap ? targets->cap * 2 : 64;
		targets->items = xrealloc_array(targets->items, targets->cap, sizeof(*targets->items));
	}
	targets->items[targets->len++] = *target;
}

static struct targets targets_of(const struct proxy_elements *list)
{
	struct targets targets = {0};
	size_t kept = 0;

	for (size_t i = 0; i < list->len; i++) {
		const struct proxy_element *element = &list->items[i];
		bool repeats = targets.len && element->kind == NFT_VALUE_GOTO &&
			       compare_targets(&targets.items[targets.len - 1], &element->target) == 0;

		if (element->kind == NFT_VALUE_GOTO && element->target.kind != PROXY_CHAIN_REJECT && !repeats)
			add_target(&targets, &element->target);
	}
	if (targets.len == 0)
		return targets;
	qsort(targets.items, targets.len, sizeof(*targets.items), compare_targets);
	for (size_t i = 1; i < targets.len; i++)
		if (compare_targets(&targets.items[kept], &targets.items[i]) != 0)
			targets.items[++kept] = targets.items[i];
	targets.len = kept + 1;
	return targets;
}

/* Those of @a that are not in @b; @a is changed. */
static size_t subtract(struct targets *a, const struct targets *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->len; i++)
		if (b->len == 0 || !bsearch(&a->items[i], b->items, b->len, sizeof(*b->items), compare_targets))
			a->items[kept++] = a->items[i];
	return kept;
}

static void plan_chains(const struct proxy_elements *have, const struct proxy_elements *wanted, struct proxy_plan *ret)
{
	struct targets before = targets_of(have), after = targets_of(wanted);
	struct targets kept = {.items = after.len ? xmemdup(after.items, after.len * sizeof(*after.items)) : NULL,
			       .len = after.len};

	ret->new_chains_len = subtract(&after, &before);
	ret->new_chains = after.items;
	ret->old_chains_len = subtract(&before, &kept);
	ret->old_chains = before.items;
	free(kept.items);
}

void proxy_plan(const struct proxy_elements *have, const struct proxy_elements *wanted, struct proxy_plan *ret)
{
	size_t i = 0, j = 0;

	*ret = (struct proxy_plan){0};
	ret->deleted = xcalloc(have->len + 1, sizeof(*ret->deleted));
	ret->added = xcalloc(wanted->len + 1, sizeof(*ret->added));
	while (i < have->len || j < wanted->len) {
		int order = i == have->len ? 1 : j == wanted->len ? -1 : compare(&have->items[i], &wanted->items[j]);

		if (order == 0 && same_value(&have->items[i], &wanted->items[j])) {
			i++;
			j++;
			continue;
		}
		if (order <= 0)
			ret->deleted[ret->deleted_len++] = &have->items[i++];
		if (order >= 0)
			ret->added[ret->added_len++] = &wanted->items[j++];
	}
	plan_chains(have, wanted, ret);
}

void proxy_plan_release(struct proxy_plan *plan)
{
	free(plan->deleted);
	free(plan->added);
	free(plan->new_chains);
	free(plan->old_chains);
	*plan = (struct proxy_plan){0};
}
