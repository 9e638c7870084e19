/* One decision; see decide.h. */
#include "scheduler/decide.h"

#include "base/buf.h"
#include "base/limits.h"

#define ENOUGH_MIN 100 /* fewer fitting nodes than this are always all looked for */

void decider_release(struct decider *decider)
{
	free(decider->fitting);
	free(decider->totals);
	free(decider->scores);
}

void decision_release(struct decision *decision)
{
	arena_release(&decision->cycle.arena);
}

uint32_t decide_enough(uint32_t nodes)
{
	uint32_t percent;

	if (nodes < ENOUGH_MIN)
		return nodes;
	percent = nodes / 125 >= 45 ? 5 : 50 - nodes / 125;
	return MAX((uint32_t)((uint64_t)nodes * percent / 100), (uint32_t)ENOUGH_MIN);
}

static void reserve(struct decider *decider, uint32_t nodes)
{
	if (nodes <= decider->cap)
		return;
	decider->cap = nodes + nodes / 2;
	decider->fitting = xrealloc_array(decider->fitting, decider->cap, sizeof(*decider->fitting));
	decider->totals = xrealloc_array(decider->totals, decider->cap, sizeof(*decider->totals));
	decider->scores = xrealloc_array(decider->scores, decider->cap, sizeof(*decider->scores));
}

/* --- Why not --------------------------------------------------------------------------------------------------- */

struct tally {
	struct str reason;
	size_t nodes;
};
struct tallies {
	struct tally *items;
	size_t len, cap;
};

static void tally(struct tallies *tallies, struct str reason, size_t nodes, struct arena *arena)
{
	for (size_t i = 0; i < tallies->len; i++)
		if (str_eq(tallies->items[i].reason, reason)) {
			tallies->items[i].nodes += nodes;
			return;
		}
	vec_push(arena, tallies, (struct tally){reason, nodes});
}

static int compare_lines(const void *a, const void *b)
{
	const struct str *x = a, *y = b;

	return str_cmp(*x, *y);
}

/* "1 a, 2 b.", sorted as texts: the number takes part. */
static void write_tallies(const struct tallies *tallies, struct buf *out, struct arena *arena)
{
	struct str *lines = ARENA_NEW_N(arena, struct str, tallies->len);

	for (size_t i = 0; i < tallies->len; i++)
		lines[i] =
			arena_printf(arena, "%zu " STR_FMT, tallies->items[i].nodes, STR_ARG(tallies->items[i].reason));
	if (tallies->len)
		qsort(lines, tallies->len, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < tallies->len; i++) {
		buf_c(out, i ? ", " : " ");
		buf_str(out, lines[i]);
	}
	if (tallies->len)
		buf_char(out, '.');
}

struct str decide_fit_error(const struct node_verdict *verdicts, size_t len, size_t nodes, struct arena *arena)
{
	struct buf cleanup_buf out;
	struct tallies tallies = {0};

	buf_init(&out, LIMIT_OBJECT);
	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; j < verdicts[i].reasons.len; j++)
			tally(&tallies, verdicts[i].reasons.items[j], 1, arena);
	buf_printf(&out, "0/%zu nodes are available:", nodes);
	write_tallies(&tallies, &out, arena);
	return arena_str(arena, buf_view(&out));
}

/* --- Filter ---------------------------------------------------------------------------------------------------- */

/* Runs PreFilter; not OK: nobody needs to look at nodes, @why says so. */
static enum verdict pre_filter(struct cycle *cycle, struct reasons *why, enum plugin_number *ret_plugin)
{
	for (size_t i = 0; i < PLUGIN_MAX; i++) {
		bool narrowed = cycle->narrowed;
		enum verdict verdict;

		if (!plugins[i]->pre_filter)
			continue;
		verdict = plugins[i]->pre_filter(cycle, why);
		cycle->filtered |= PLUGIN_BIT(i);
		if (verdict == VERDICT_SKIP)
			cycle->skip_filter |= PLUGIN_BIT(i);
		else if (verdict != VERDICT_OK) {
			*ret_plugin = (enum plugin_number)i;
			return verdict;
		}
		if (cycle->narrowed && !narrowed)
			cycle->narrowed_by = PLUGIN_BIT(i);
	}
	return VERDICT_OK;
}

static void try_node(struct decider *decider, struct cycle *cycle, uint32_t slot, uint32_t *len)
{
	if (framework_filter(cycle, &decider->cache->rows[slot], &cycle->verdicts[cycle->verdicts_len]) == VERDICT_OK)
		decider->fitting[(*len)++] = slot;
	else
		cycle->verdicts_len++;
}

/* PreFilter named nodes: those alone, and one verdict for all others. */
static uint32_t find_named(struct decider *decider, struct cycle *cycle)
{
	static const struct str cut = STR_INIT("node(s) didn't satisfy plugin(s) [NodeAffinity]");
	uint32_t len = 0, looked_at = 0;

	SLICE_FOREACH (name, cycle->only) {
		const struct node_row *row = cache_node(decider->cache, *name);

		if (row) {
			try_node(decider, cycle, row->slot, &len);
			looked_at++;
		}
	}
	for (uint32_t i = looked_at; len == 0 && i < decider->cache->nodes_len; i++) {
		struct node_verdict *verdict = &cycle->verdicts[cycle->verdicts_len++];

		*verdict = (struct node_verdict){
			.slot = NODE_NONE, .verdict = VERDICT_HOPELESS, .plugin = PLUGIN_node_affinity};
		vec_push(&cycle->arena, &verdict->reasons, cut);
	}
	return len;
}

static uint32_t find_fitting(struct decider *decider, struct cycle *cycle)
{
	const struct cache *cache = decider->cache;
	uint32_t enough = decide_enough(cache->nodes_len), len = 0, tried = 0;

	cycle->verdicts = ARENA_NEW_N(&cycle->arena, struct node_verdict, cache->nodes_len + 1);
	if (cycle->narrowed)
		return find_named(decider, cycle);
	while (tried < cache->nodes_len && len < enough)
		try_node(decider, cycle, cache->nodes[(decider->start + tried++) % cache->nodes_len], &len);
	decider->start = (decider->start + tried) % cache->nodes_len;
	return len;
}

/* --- Score ----------------------------------------------------------------------------------------------------- */

static void add_scores(struct decider *decider, struct cycle *cycle, const struct plugin *plugin, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		decider->scores[i] = plugin->score(cycle, &decider->cache->rows[decider->fitting[i]]);
	if (plugin->normalize)
		plugin->normalize(decider->scores, len);
	for (uint32_t i = 0; i < len; i++)
		decider->totals[i] += decider->scores[i] * plugin->weight;
}

static uint32_t best_of(struct decider *decider, struct cycle *cycle, uint32_t len)
{
	uint32_t best = 0, ties = 0;

	if (len == 1)
		return decider->fitting[0];
	for (uint32_t i = 0; i < len; i++)
		decider->totals[i] = 0;
	for (size_t i = 0; i < PLUGIN_MAX; i++) {
		if (plugins[i]->pre_score && plugins[i]->pre_score(cycle) == VERDICT_SKIP)
			continue;
		if (plugins[i]->score)
			add_scores(decider, cycle, plugins[i], len);
	}
	/* The k-th of equals replaces the one chosen with a chance of 1/k: each is as likely as the others. */
	for (uint32_t i = 0; i < len; i++) {
		if (ties && decider->totals[i] < decider->totals[best])
			continue;
		ties = ties && decider->totals[i] == decider->totals[best] ? ties + 1 : 1;
		if (random_source_below(&decider->random, ties) == 0)
			best = i;
	}
	return decider->fitting[best];
}

/* --- No node --------------------------------------------------------------------------------------------------- */

/* What PostFilter says goes after the reasons; when it found a node to free, nothing. */
static struct str post_filter(struct cycle *cycle)
{
	struct buf cleanup_buf out;
	struct reasons why = {0};
	enum verdict verdict = VERDICT_REJECT;

	for (size_t i = 0; i < PLUGIN_MAX && verdict == VERDICT_REJECT; i++)
		if (plugins[i]->post_filter) {
			/* An error stands alone. */
			struct reasons own = {0};

			verdict = plugins[i]->post_filter(cycle, &own);
			if (verdict == VERDICT_ERROR)
				why.len = 0;
			for (size_t j = 0; j < own.len && verdict != VERDICT_OK; j++)
				vec_push(&cycle->arena, &why, own.items[j]);
		}
	if (verdict == VERDICT_OK)
		return STR_EMPTY;
	buf_init(&out, LIMIT_OBJECT);
	for (size_t i = 0; i < why.len; i++) {
		buf_c(&out, i ? ", " : " ");
		buf_str(&out, why.items[i]);
	}
	return arena_str(&cycle->arena, buf_view(&out));
}

static void say_no(struct decision *decision, struct str head)
{
	struct cycle *cycle = &decision->cycle;

	decision->message = arena_concat(&cycle->arena, head, post_filter(cycle));
	decision->nominated = cycle->nominated;
	for (size_t i = 0; i < cycle->verdicts_len; i++)
		decision->rejected_by |= PLUGIN_BIT(cycle->verdicts[i].plugin);
}

/* PreFilter's no counts for every node. */
static void say_no_before_nodes(struct decision *decision, const struct reasons *why, enum plugin_number plugin,
				size_t nodes)
{
	struct cycle *cycle = &decision->cycle;
	struct str head = arena_printf(&cycle->arena, "0/%zu nodes are available: " STR_FMT ".", nodes,
				       STR_ARG(why->len ? why->items[0] : STR_EMPTY));

	decision->rejected_by = PLUGIN_BIT(plugin);
	say_no(decision, head);
}

void decide(struct decider *decider, struct sched_pod *pod, struct decision *ret)
{
	struct cycle *cycle = &ret->cycle;
	struct reasons why = {0};
	enum plugin_number plugin;
	uint32_t nodes = decider->cache->nodes_len, len;

	*ret = (struct decision){.slot = NODE_NONE,
				 .cycle = {.cache = decider->cache, .pod = pod, .random = &decider->random}};
	if (nodes == 0) {
		ret->message = STR("no nodes available to schedule pods");
		return;
	}
	reserve(decider, nodes);
	if (pre_filter(cycle, &why, &plugin) != VERDICT_OK) {
		say_no_before_nodes(ret, &why, plugin, nodes);
		return;
	}
	len = find_fitting(decider, cycle);
	if (len)
		ret->slot = best_of(decider, cycle, len);
	else
		say_no(ret, decide_fit_error(cycle->verdicts, cycle->verdicts_len, nodes, &cycle->arena));
}
