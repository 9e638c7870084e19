/*
 * Opening a folder: what is valid in it, and the head made from that.
 *
 * Sealed segments are read by their indexes, others record by record.  Only the newest version of each key and what
 * lies within the window become records; for the others it takes one look-up to see that they are not wanted.
 */
#include "store/log.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/log.h"
#include "store/head.h"
#include "store/open.h"

struct names {
	uint64_t *numbers;
	size_t len;
	bool foreign; /* something else is there */
};

static void add_name(void *data, const char *name)
{
	struct names *names = data;
	char again[32];
	uint64_t number;

	if (name[0] == '.')
		return;
	number = strtoull(name, NULL, 16);
	snprintf(again, sizeof(again), "%016" PRIx64 ".segment", number);
	if (!number || strcmp(name, again) != 0) {
		names->foreign = true;
		return;
	}
	names->numbers = xrealloc_array(names->numbers, names->len + 1, sizeof(*names->numbers));
	names->numbers[names->len++] = number;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* --- A segment's records --- */

/* All records found, in the order of the log; sealed segments give theirs on demand. */
struct found {
	struct segment *segment;
	uint32_t *offsets; /* of one that is not sealed */
	size_t len;
};

static size_t found_len(const struct found *found)
{
	return found->segment->sealed ? found->segment->index.len : found->len;
}

static int found_get(const struct found *found, size_t i, struct segment_entry *ret, struct error *err)
{
	const struct segment *segment = found->segment;

	if (!segment->sealed)
		segment_reread(segment->map, found->offsets[i], ret);
	else if (!segment_index_get(&segment->index, i, ret))
		return error_set(err, ERR_INTERNAL, "segment %016" PRIx64 " is damaged: entry %zu",
				 segment->header.number, i);
	return 0;
}

/* Reads a segment that is not sealed; sets its end and chain. */
static void scan_segment(struct found *found, uint32_t *ret_synced)
{
	struct segment *segment = found->segment;
	struct segment_reader reader;
	struct segment_entry entry;
	size_t cap = 0;

	/* The header is known to be on the disk once there is a record. */
	*ret_synced = 0;
	segment_reader_init(&reader, segment->map, segment->map_size, &segment->header);
	while (segment_read(&reader, &entry)) {
		if (found->len == cap) {
			cap = cap ? cap * 2 : 256;
			found->offsets = xrealloc_array(found->offsets, cap, sizeof(*found->offsets));
		}
		found->offsets[found->len++] = entry.offset;
		*ret_synced = entry.synced;
	}
	segment->end = reader.offset;
	segment->chain = reader.chain;
}

/* --- Opening the files --- */

struct recovery {
	struct log *log;
	struct head *head;
	struct found *found;
	size_t found_len;
	uint32_t last_synced; /* what the last record knew to be on the disk */
	bool clean;	      /* the log ends in CLOSE, or is empty */
	uint64_t oldest;
	size_t window_segment, window_entry; /* the first entry within the window */
};

/* Is there nothing behind the header?  Records follow it without a hole, so the first pages tell. */
static bool looks_unused(const struct segment *segment)
{
	for (size_t i = SEGMENT_HEADER_SIZE; i < MIN(segment->map_size, (size_t)64 * KIB); i++) {
		if (segment->map[i])
			return false;
	}
	return true;
}

/* Opens segment @number; *ret NULL: it was being made when the machine stopped, and nothing is in it. */
static int open_segment(struct log *log, uint64_t number, bool last, struct segment **ret, struct error *err)
{
	const struct disk_ops *ops = log->disk->ops;
	struct segment *segment;
	struct disk_file *file;
	char name[32];
	int r;

	snprintf(name, sizeof(name), "%016" PRIx64 ".segment", number);
	r = ops->open(log->disk, name, &file, err);
	if (r < 0)
		return r;
	r = segment_new(file, &segment, err);
	if (r < 0)
		return r;
	if (segment->map_size && segment_decode_header(segment->map, segment->map_size, &segment->header) &&
	    segment->header.number == number) {
		*ret = segment;
		return 0;
	}
	last = last && looks_unused(segment);
	store_extent_unref(&segment->extent);
	if (!last)
		return error_set(err, ERR_INTERNAL, "%s has no valid header", name);
	r = ops->unlink(log->disk, name, err);
	if (r < 0)
		return r;
	*ret = NULL;
	return 0;
}

/* Does a segment reach as far as the one after it says? */
static int check_end(const struct segment *segment, const struct segment_header *next, struct error *err)
{
	if (next->previous_number == segment->header.number && next->previous_end == segment->end &&
	    next->previous_chain == segment->chain)
		return 0;
	return error_set(err, ERR_INTERNAL,
			 "segment %016" PRIx64 " is damaged at byte %" PRIu32 " or not followed by %016" PRIx64,
			 segment->header.number, segment->end, next->number);
}

static int take_segment(struct recovery *recovery, uint64_t number, bool last, struct error *err)
{
	struct log *log = recovery->log;
	struct found *found = &recovery->found[recovery->found_len];
	struct segment *segment = NULL;
	int r = open_segment(log, number, last, &segment, err);

	if (r < 0 || !segment)
		return r;
	if (log->segments_len)
		r = check_end(log->segments[log->segments_len - 1], &segment->header, err);
	else if (segment->header.previous_number)
		r = error_set(err, ERR_INTERNAL, "segment %016" PRIx64 " is missing", segment->header.previous_number);
	if (r < 0) {
		store_extent_unref(&segment->extent);
		return r;
	}
	log_add_segment(log, segment);
	found->segment = segment;
	recovery->found_len++;
	if (segment_open_index(segment->map, segment->map_size, &segment->header, &segment->index)) {
		segment->sealed = true;
		segment->end = segment->index.data_end;
		segment->chain = segment->index.chain;
		recovery->last_synced = segment->end;
	} else {
		scan_segment(found, &recovery->last_synced);
	}
	return 0;
}

static int open_segments(struct recovery *recovery, struct error *err)
{
	struct log *log = recovery->log;
	struct names names = {0};
	int r = log->disk->ops->list(log->disk, add_name, &names, err);

	if (r == 0 && names.foreign && !names.len)
		r = error_set(err, ERR_INTERNAL, "the folder holds something else than a store");
	if (r == 0 && names.len) {
		qsort(names.numbers, names.len, sizeof(*names.numbers), compare_numbers);
		recovery->found = xcalloc(names.len, sizeof(*recovery->found));
	}
	for (size_t i = 0; r == 0 && i < names.len; i++)
		r = take_segment(recovery, names.numbers[i], i + 1 == names.len, err);
	free(names.numbers);
	return r;
}

/* --- What is within the window --- */

static uint64_t entry_bytes(const struct segment_entry *entry)
{
	const struct store_record_parts *parts = &entry->parts;

	return sizeof(struct store_record) + parts->key.len + parts->topic.len + parts->header.len + parts->value.len;
}

/* Goes back from the newest entry until one is outside; that one's revision is the oldest that can be read. */
static int find_window(struct recovery *recovery, int64_t since, uint64_t bytes, struct error *err)
{
	uint64_t sum = 0, versions = 0;

	recovery->window_segment = recovery->found_len;
	recovery->oldest = recovery->found_len ? recovery->found[0].segment->header.revision : 1;
	for (size_t s = recovery->found_len; s-- > 0;) {
		for (size_t i = found_len(&recovery->found[s]); i-- > 0;) {
			struct segment_entry entry;
			int r = found_get(&recovery->found[s], i, &entry, err);

			if (r < 0)
				return r;
			sum += entry_bytes(&entry);
			versions += entry.type != SEGMENT_CLOSE;
			if (entry.type != SEGMENT_CLOSE &&
			    (entry.time <= since || sum > bytes || versions > LIMIT_STORE_VERSIONS)) {
				recovery->oldest = entry.parts.revision;
				return 0;
			}
			recovery->window_segment = s;
			recovery->window_entry = i;
		}
	}
	return 0;
}

/* --- The head --- */

static struct store_record *record_of(const struct recovery *recovery, const struct found *found,
				      const struct segment_entry *entry)
{
	return store_record_new_in(&found->segment->extent, entry->key, entry->rest, &entry->parts,
				   recovery->log->backend.objects);
}

/* Everything before the window, newest first: the first version met of a key is the one that counts. */
static int load_base(struct recovery *recovery, struct error *err)
{
	size_t last = MIN(recovery->window_segment + 1, recovery->found_len);

	for (size_t s = last; s-- > 0;) {
		const struct found *found = &recovery->found[s];
		size_t end = s == recovery->window_segment ? recovery->window_entry : found_len(found);

		for (size_t i = end; i-- > 0;) {
			struct segment_entry entry;
			int r = found_get(found, i, &entry, err);

			if (r < 0)
				return r;
			if (entry.type != SEGMENT_CLOSE && head_wants(recovery->head, entry.parts.key))
				head_load(recovery->head, record_of(recovery, found, &entry), entry.expires_at);
		}
	}
	head_load_done(recovery->head, recovery->oldest);
	return 0;
}

static void apply_entry(struct recovery *recovery, const struct found *found, const struct segment_entry *entry)
{
	struct head *head = recovery->head;
	uint64_t revision = entry->parts.revision;

	if (entry->type == SEGMENT_CLOSE) {
		if (revision > head->revision + 1)
			head_add_gap(head, head->revision, revision);
		head->revision = MAX(head->revision, revision);
		return;
	}
	/* Revisions are dense but for jumps, and a jump ends at the revision that readers saw as the newest. */
	if (revision > head->revision + 2)
		head_add_gap(head, head->revision, revision - 1);
	head_apply(head, record_of(recovery, found, entry), entry->time, entry->expires_at);
}

static int load_window(struct recovery *recovery, struct error *err)
{
	for (size_t s = recovery->window_segment; s < recovery->found_len; s++) {
		const struct found *found = &recovery->found[s];

		for (size_t i = s == recovery->window_segment ? recovery->window_entry : 0; i < found_len(found); i++) {
			struct segment_entry entry;
			int r = found_get(found, i, &entry, err);

			if (r < 0)
				return r;
			apply_entry(recovery, found, &entry);
		}
	}
	return 0;
}

/* Did the life before end in good order?  Also says what the newest revision is. */
static int find_clean(struct recovery *recovery, struct error *err)
{
	recovery->clean = true;
	for (size_t s = recovery->found_len; s-- > 0;) {
		const struct found *found = &recovery->found[s];
		size_t len = found_len(found);
		struct segment_entry entry;
		int r;

		if (!len)
			continue;
		r = found_get(found, len - 1, &entry, err);
		if (r < 0)
			return r;
		recovery->clean = entry.type == SEGMENT_CLOSE;
		return 0;
	}
	return 0;
}

/*
 * After an unclean stop: what has been found may be in the kernel's pages only (the process was killed before a sync),
 * or even be in pages that a failed sync has left behind as if they were clean.  It is about to be shown to readers,
 * so it is written again, from where its writer knew it to be on the disk, and synced.
 */
static int make_durable(struct recovery *recovery, struct error *err)
{
	struct log *log = recovery->log;
	struct segment *segment = log->segments_len ? log->segments[log->segments_len - 1] : NULL;
	uint32_t from = recovery->last_synced;
	const struct disk_ops *ops = log->disk->ops;
	cleanup_free char *copy = NULL;
	int r;

	/* Segments before the last were synced before it was begun; a sealed one is on the disk. */
	if (!segment || segment->sealed || recovery->clean)
		return 0;
	if (segment->end > from) {
		copy = xmemdup(segment->map + from, segment->end - from);
		r = ops->write(segment->file, copy, segment->end - from, from, err);
		if (r < 0)
			return r;
	}
	r = ops->sync(segment->file, err);
	if (r < 0)
		return r;
	return ops->sync_folder(log->disk, err);
}

static int load(struct recovery *recovery, int64_t now, int64_t window_ns, uint64_t window_bytes, struct error *err)
{
	struct log *log = recovery->log;
	struct head *head = recovery->head;
	int r;

	if ((r = open_segments(recovery, err)) < 0 || (r = find_clean(recovery, err)) < 0 ||
	    (r = make_durable(recovery, err)) < 0 ||
	    (r = find_window(recovery, now - window_ns, window_bytes, err)) < 0 || (r = load_base(recovery, err)) < 0 ||
	    (r = load_window(recovery, err)) < 0)
		return r;
	if (!recovery->clean) {
		head_add_gap(head, head->revision, head->revision + LOG_REVISION_JUMP);
		head->revision += LOG_REVISION_JUMP;
		log->close_needed = true;
	}
	log->revision = head->revision;
	if (log->segments_len)
		log->synced = log->segments[log->segments_len - 1]->end;
	return 0;
}

int log_recover(struct log *log, struct head *head, int64_t now, int64_t window_ns, uint64_t window_bytes,
		struct error *err)
{
	struct recovery recovery = {.log = log, .head = head};
	int r = load(&recovery, now, window_ns, window_bytes, err);

	for (size_t i = 0; i < recovery.found_len; i++)
		free(recovery.found[i].offsets);
	free(recovery.found);
	if (r < 0)
		/* Its caller frees the log, which must not write to what it could not read. */
		atomic_store(&log->backend.failed, true);
	return r;
}
