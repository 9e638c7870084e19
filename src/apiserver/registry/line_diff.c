/* Differences between texts; see line_diff.h. */
#include "apiserver/registry/line_diff.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"

#define CONTEXT	       3
#define FREQUENT_FROM  200 /* lines a text must have for some to be too frequent */
#define FREQUENT_SHARE 100
#define NOWHERE	       SIZE_MAX

struct line {
	struct str text;
	size_t id; /* the same for the same text */
};

struct lines {
	struct line *items;
	size_t len;
};

/* A run of @len lines that both have. */
struct block {
	size_t a, b, len;
};

struct differ {
	struct arena *arena;
	struct lines a, b;
	size_t *first, *next; /* where in b a text stands: by id, then from place to place */
	/* Lengths of runs that end at a place of b, of this row and the one before, and the row they are of. */
	size_t *run[2], *row[2];
	VEC_OF(struct block) blocks;
};

static struct lines split(struct str text, struct map *ids, struct arena *arena)
{
	struct lines lines = {0};
	struct str rest = text, line;
	size_t count = 1;

	for (size_t i = 0; i < text.len; i++)
		count += text.data[i] == '\n';
	lines.items = ARENA_NEW_N(arena, struct line, count);
	for (bool more = true; more;) {
		struct line *item = &lines.items[lines.len++];

		more = str_cut(rest, '\n', &line, &rest);
		*item = (struct line){.text = line, .id = ids->len};
		if (map_get(ids, line))
			item->id = ((struct line *)map_get(ids, line))->id;
		else
			map_set(ids, line, item);
	}
	return lines;
}

static void index_places(struct differ *d, size_t ids)
{
	size_t *count = ARENA_NEW_N(d->arena, size_t, ids);

	d->first = ARENA_NEW_N(d->arena, size_t, ids);
	d->next = ARENA_NEW_N(d->arena, size_t, d->b.len);
	for (size_t i = 0; i < ids; i++)
		d->first[i] = NOWHERE;
	for (size_t j = d->b.len; j-- > 0;) {
		size_t id = d->b.items[j].id;

		d->next[j] = d->first[id];
		d->first[id] = j;
		count[id]++;
	}
	for (size_t i = 0; d->b.len >= FREQUENT_FROM && i < ids; i++)
		if (count[i] > d->b.len / FREQUENT_SHARE + 1)
			d->first[i] = NOWHERE;
	for (size_t i = 0; i < 2; i++) {
		d->run[i] = ARENA_NEW_N(d->arena, size_t, d->b.len);
		d->row[i] = ARENA_NEW_N(d->arena, size_t, d->b.len);
	}
}

static bool same(const struct differ *d, size_t i, size_t j)
{
	return d->a.items[i].id == d->b.items[j].id;
}

/* The part of both texts that is looked at. */
struct part {
	size_t a, a_end, b, b_end;
};

/* The longest run in the part; of several the first in a, then in b. */
static struct block longest(struct differ *d, const struct part *part)
{
	struct block best = {part->a, part->b, 0};

	for (size_t i = part->a; i < part->a_end; i++) {
		size_t *run = d->run[i & 1], *row = d->row[i & 1];
		const size_t *before = d->run[!(i & 1)], *row_before = d->row[!(i & 1)];

		/* Rows are counted from 1, so that what was never set is of none. */
		for (size_t j = d->first[d->a.items[i].id]; j != NOWHERE && j < part->b_end; j = d->next[j]) {
			if (j < part->b)
				continue;
			run[j] = 1;
			if (i > part->a && j > part->b && row_before[j - 1] == i)
				run[j] += before[j - 1];
			row[j] = i + 1;
			if (run[j] > best.len)
				best = (struct block){i + 1 - run[j], j + 1 - run[j], run[j]};
		}
	}
	while (best.a > part->a && best.b > part->b && same(d, best.a - 1, best.b - 1)) {
		best.a--;
		best.b--;
		best.len++;
	}
	while (best.a + best.len < part->a_end && best.b + best.len < part->b_end &&
	       same(d, best.a + best.len, best.b + best.len))
		best.len++;
	return best;
}

/* As deep as there are lines at most, which are bounded. */
static void match(struct differ *d, struct part part)
{
	struct block found = longest(d, &part);
	struct block *last;

	if (!found.len)
		return;
	match(d, (struct part){part.a, found.a, part.b, found.b});
	last = d->blocks.len ? &d->blocks.items[d->blocks.len - 1] : NULL;
	if (last && last->a + last->len == found.a && last->b + last->len == found.b)
		last->len += found.len;
	else
		vec_push(d->arena, &d->blocks, found);
	match(d, (struct part){found.a + found.len, part.a_end, found.b + found.len, part.b_end});
}

static void write_lines(struct buf *out, char mark, const struct lines *lines, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		buf_char(out, mark);
		buf_str(out, lines->items[i].text);
		buf_char(out, '\n');
	}
}

static void write_range(struct buf *out, size_t from, size_t to)
{
	size_t len = to - from;

	if (len == 1)
		buf_printf(out, "%zu", from + 1);
	else
		buf_printf(out, "%zu,%zu", len ? from + 1 : from, len);
}

/* A hunk: the changes after the blocks @first to @last, and what is around them. */
static void write_hunk(struct differ *d, struct buf *out, size_t first, size_t last)
{
	const struct block *blocks = d->blocks.items;
	size_t before = MIN(blocks[first].len, (size_t)CONTEXT), after = MIN(blocks[last + 1].len, (size_t)CONTEXT);
	size_t a = blocks[first].a + blocks[first].len, b = blocks[first].b + blocks[first].len;

	buf_c(out, "@@ -");
	write_range(out, a - before, blocks[last + 1].a + after);
	buf_c(out, " +");
	write_range(out, b - before, blocks[last + 1].b + after);
	buf_c(out, " @@\n");
	write_lines(out, ' ', &d->a, a - before, a);
	for (size_t i = first; i <= last; i++) {
		const struct block *next = &blocks[i + 1];

		write_lines(out, '-', &d->a, a, next->a);
		write_lines(out, '+', &d->b, b, next->b);
		write_lines(out, ' ', &d->a, next->a, next->a + (i == last ? after : next->len));
		a = next->a + next->len;
		b = next->b + next->len;
	}
}

/* Blocks begin and end the texts, if need be with no line; so a change is what is between two of them. */
static void close_blocks(struct differ *d)
{
	struct block end = {d->a.len, d->b.len, 0}, begin = {0, 0, 0};

	if (!d->blocks.len || d->blocks.items[0].a || d->blocks.items[0].b) {
		vec_push(d->arena, &d->blocks, begin);
		for (size_t i = d->blocks.len - 1; i > 0; i--)
			d->blocks.items[i] = d->blocks.items[i - 1];
		d->blocks.items[0] = begin;
	}
	if (d->blocks.items[d->blocks.len - 1].a + d->blocks.items[d->blocks.len - 1].len != end.a ||
	    d->blocks.items[d->blocks.len - 1].b + d->blocks.items[d->blocks.len - 1].len != end.b)
		vec_push(d->arena, &d->blocks, end);
}

struct str line_diff(struct str a, struct str b, struct arena *arena)
{
	struct differ d = {.arena = arena};
	struct map ids = {0};
	cleanup_buf struct buf out;
	size_t first = 0;

	buf_init(&out, LIMIT_REQUEST_MEMORY);
	d.a = split(a, &ids, arena);
	d.b = split(b, &ids, arena);
	if (d.a.len <= LIMIT_DIFF_LINES && d.b.len <= LIMIT_DIFF_LINES) {
		index_places(&d, ids.len);
		match(&d, (struct part){0, d.a.len, 0, d.b.len});
		close_blocks(&d);
	}
	map_release(&ids);
	for (size_t i = 0; i + 1 < d.blocks.len; i++) {
		/* Changes with little between them share a hunk. */
		if (i + 2 < d.blocks.len && d.blocks.items[i + 1].len <= 2 * CONTEXT)
			continue;
		write_hunk(&d, &out, first, i);
		first = i + 1;
	}
	return arena_str(arena, buf_view(&out));
}
