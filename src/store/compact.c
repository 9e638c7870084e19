/* Compaction; see compact.h. */
#include "store/compact.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/random.h"
#include "store/head.h"

/* What is written between two syncs: what writers have to wait for at the most. */
#define CHUNK ((size_t)MIB)
/* What a record takes in a segment beside its bytes. */
#define RECORD_OVERHEAD (SEGMENT_RECORD_SIZE + 8)

/* --- Choosing --- */

static uint64_t live_size(const struct segment *segment, uint64_t oldest)
{
	/* The log's own reference is not a record's. */
	uint64_t records = atomic_load_explicit(&segment->extent.refs, memory_order_relaxed) - 1;
	uint64_t lagging = oldest < segment->lagging_until ? segment->lagging : 0;

	return atomic_load_explicit(&segment->extent.held, memory_order_relaxed) + records * RECORD_OVERHEAD + lagging;
}

bool compact_choose(const struct log *log, size_t len, uint64_t oldest, uint64_t most, struct compact_run *ret)
{
	struct compact_run best = {0};

	for (size_t first = 0; first < len; first++) {
		uint64_t base = log->segments[first]->header.revision, size = 0, kept = 0;

		for (size_t i = first; i < len; i++) {
			const struct segment *segment = log->segments[i];

			size += segment->end;
			kept += live_size(segment, oldest) + (first ? segment_deletions_from(segment, base) : 0);
			if (kept > most)
				break;
			if (size >= 2 * kept && size - kept >= log->segment_size / 8 && size - kept > best.freed)
				best = (struct compact_run){first, i + 1 - first, kept, size - kept};
		}
	}
	if (!best.len)
		return false;
	*ret = best;
	return true;
}

/* --- Judging --- */

struct kept {
	uint32_t *offsets;
	size_t len, cap;
};

struct pass {
	struct compaction *compaction;
	struct kept *kept; /* of each segment, in order */
	size_t entries, keys_len, size;
};

static bool is_wanted(const struct compaction *compaction, const struct segment_entry *entry)
{
	const struct store_view *view = compaction->view;
	const struct store_record *record;

	if (entry->type == SEGMENT_DELETE)
		return entry->parts.create_revision <= compaction->segments[0]->header.revision;
	if (entry->type != SEGMENT_PUT)
		return false;
	record = head_version_at(trie_get(&view->trie, entry->parts.key), view->oldest);
	return record && record->revision == entry->parts.revision;
}

static void keep(struct pass *pass, struct kept *kept, const struct segment_entry *entry)
{
	if (kept->len == kept->cap) {
		kept->cap = kept->cap ? kept->cap * 2 : 64;
		kept->offsets = xrealloc_array(kept->offsets, kept->cap, sizeof(*kept->offsets));
	}
	kept->offsets[kept->len++] = entry->offset;
	pass->entries++;
	pass->keys_len += entry->parts.key.len;
	pass->size += segment_record_size(&entry->parts);
}

/* Reads on, and sums up: what is damaged must not get a good sum by being copied. */
static int next_entry(const struct compaction *compaction, const struct segment *segment, struct segment_reader *reader,
		      struct segment_entry *ret, struct error *err)
{
	if (atomic_load_explicit(compaction->stop, memory_order_relaxed))
		return error_set(err, ERR_SERVICE_UNAVAILABLE, "compaction was told to stop");
	if (segment_read(reader, ret))
		return 1;
	if (reader->offset != segment->end)
		return error_set(err, ERR_INTERNAL, "%016" PRIx64 ".segment is damaged at byte %" PRIu32,
				 segment->header.number, reader->offset);
	return 0;
}

static int judge(struct pass *pass, size_t i, struct error *err)
{
	const struct segment *segment = pass->compaction->segments[i];
	struct segment_reader reader;
	struct segment_entry entry;
	int r;

	segment_reader_init(&reader, segment->map, segment->end, &segment->header);
	while ((r = next_entry(pass->compaction, segment, &reader, &entry, err)) > 0) {
		if (is_wanted(pass->compaction, &entry))
			keep(pass, &pass->kept[i], &entry);
	}
	return r;
}

static int judge_all(struct pass *pass, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < pass->compaction->len; i++)
		r = judge(pass, i, err);
	store_view_release(TAKE_PTR(pass->compaction->view));
	return r;
}

/* --- Copying --- */

struct output {
	struct segment *segment; /* its end is where the buffer goes */
	char *buffer;
	size_t filled;
};

static int flush(struct output *output, struct error *err)
{
	struct segment *segment = output->segment;
	const struct disk_ops *ops = segment->file->disk->ops;
	int r = ops->write(segment->file, output->buffer, output->filled, segment->end, err);

	if (r == 0)
		r = ops->sync(segment->file, err);
	if (r < 0)
		return r;
	segment->end += (uint32_t)output->filled;
	output->filled = 0;
	return 0;
}

static int copy_entry(struct output *output, const struct segment_entry *from, struct error *err)
{
	struct segment *segment = output->segment;
	struct log_entry entry = {
		.parts = from->parts, .previous = from->previous, .time = from->time, .expires_at = from->expires_at};
	size_t size = segment_record_size(&from->parts);

	segment_encode(&segment->header, from->type, &entry, 0, &segment->chain, output->buffer + output->filled, size);
	output->filled += size;
	return output->filled < CHUNK ? 0 : flush(output, err);
}

static int copy(struct pass *pass, size_t i, struct output *output, struct error *err)
{
	const struct segment *segment = pass->compaction->segments[i];
	const struct kept *kept = &pass->kept[i];
	struct segment_reader reader;
	struct segment_entry entry;
	size_t next = 0;
	int r;

	segment_reader_init(&reader, segment->map, segment->end, &segment->header);
	while ((r = next_entry(pass->compaction, segment, &reader, &entry, err)) > 0) {
		if (next == kept->len || entry.offset != kept->offsets[next])
			continue;
		next++;
		r = copy_entry(output, &entry, err);
		if (r < 0)
			return r;
	}
	return r;
}

static void describe(const struct compaction *compaction, struct segment_header *ret)
{
	const struct segment *first = compaction->segments[0], *last = compaction->segments[compaction->len - 1];

	*ret = (struct segment_header){.number = last->header.number,
				       .revision = first->header.revision,
				       .previous_number = first->header.previous_number,
				       .previous_end = first->header.previous_end,
				       .previous_chain = first->header.previous_chain,
				       .compacted = true};
	segment_known_end(last, &ret->replaced_end, &ret->replaced_chain);
	random_bytes(&ret->salt, sizeof(ret->salt));
}

static int write_index(struct segment *segment, uint64_t floor, struct error *err)
{
	struct disk_file *file = segment->file;
	struct buf cleanup_buf index;
	int r;

	buf_init(&index, segment->map_size - segment->end);
	r = segment_encode_index(segment->map, segment->end, &segment->header, floor, &index, err);
	if (r == 0)
		r = file->disk->ops->write(file, index.data, index.len, segment->end, err);
	if (r == 0)
		r = file->disk->ops->sync(file, err);
	if (r == 0 && !segment_open_index(segment->map, segment->map_size, &segment->header, &segment->index))
		r = error_set(err, ERR_INTERNAL, "a compacted segment cannot be read");
	return r;
}

static int fill(struct pass *pass, struct segment *segment, uint64_t floor, struct error *err)
{
	struct output output = {.segment = segment, .buffer = xmalloc(CHUNK + SEGMENT_RECORD_MAX)};
	int r = 0;

	describe(pass->compaction, &segment->header);
	segment_encode_header(&segment->header, output.buffer);
	output.filled = SEGMENT_HEADER_SIZE;
	segment->chain = segment->header.chain;
	for (size_t i = 0; r == 0 && i < pass->compaction->len; i++)
		r = copy(pass, i, &output, err);
	if (r == 0)
		r = flush(&output, err);
	if (r == 0)
		r = write_index(segment, floor, err);
	if (r == 0)
		atomic_store(&segment->sealed, true);
	free(output.buffer);
	return r;
}

/* --- The names --- */

static int create(struct pass *pass, const char *name, struct segment **ret, struct error *err)
{
	struct disk *disk = pass->compaction->disk;
	uint64_t size = SEGMENT_HEADER_SIZE + pass->size + segment_index_size(pass->entries, pass->keys_len);
	struct disk_file *file;
	int r = disk->ops->create(disk, name, size, &file, err);

	return r < 0 ? r : segment_new(file, ret, err);
}

/* From here on the new file is what counts: first its name must last, then the others may go. */
static int replace(const struct compaction *compaction, const char *name, struct error *err)
{
	const struct disk_ops *ops = compaction->disk->ops;
	struct error ignored = {0};
	char to[SEGMENT_NAME_SIZE];
	int r;

	segment_name(compaction->segments[compaction->len - 1]->header.number, to);
	if ((r = ops->rename(compaction->disk, name, to, err)) < 0 || (r = ops->sync_folder(compaction->disk, err)) < 0)
		return r;
	for (size_t i = 0; i + 1 < compaction->len; i++) {
		segment_name(compaction->segments[i]->header.number, to);
		/* One that stays is removed at the next start. */
		if (ops->unlink(compaction->disk, to, &ignored) < 0)
			error_clear(&ignored);
	}
	return 0;
}

int compact_segments(struct compaction *compaction, struct segment **ret, struct error *err)
{
	uint64_t floor = compaction->view->oldest;
	struct pass pass = {.compaction = compaction, .kept = xcalloc(compaction->len, sizeof(*pass.kept))};
	const struct disk_ops *ops = compaction->disk->ops;
	struct segment *segment = NULL;
	struct error ignored = {0};
	char name[SEGMENT_NAME_SIZE];
	int r;

	segment_draft_name(compaction->segments[compaction->len - 1]->header.number, name);
	r = judge_all(&pass, err);
	if (r == 0)
		r = create(&pass, name, &segment, err);
	if (r == 0)
		r = fill(&pass, segment, floor, err);
	if (r == 0)
		r = replace(compaction, name, err);
	for (size_t i = 0; i < compaction->len; i++)
		free(pass.kept[i].offsets);
	free(pass.kept);
	if (r < 0) {
		/* The name may have become another, or not be there: that is as well. */
		if (ops->unlink(compaction->disk, name, &ignored) < 0)
			error_clear(&ignored);
		if (segment)
			store_extent_unref(&segment->extent);
		return r;
	}
	compaction->written = segment->map_size;
	*ret = segment;
	return 0;
}
