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

struct numbers {
	uint64_t *items;
	size_t len;
};

struct names {
	struct numbers segments, drafts;
	bool foreign; /* something else is there */
};

static void add_number(struct numbers *numbers, uint64_t number)
{
	numbers->items = xrealloc_array(numbers->items, numbers->len + 1, sizeof(*numbers->items));
	numbers->items[numbers->len++] = number;
}

static void add_name(void *data, const char *name)
{
	struct names *names = data;
	char segment[SEGMENT_NAME_SIZE], draft[SEGMENT_NAME_SIZE];
	uint64_t number;

	if (name[0] == '.')
		return;
	number = strtoull(name, NULL, 16);
	segment_name(number, segment);
	segment_draft_name(number, draft);
	if (number && strcmp(name, segment) == 0)
		add_number(&names->segments, number);
	else if (number && strcmp(name, draft) == 0)
		add_number(&names->drafts, number);
	else
		names->foreign = true;
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

/* What there is to say about a segment that is not as it was written, and to do. */
static int damaged(uint64_t number, uint64_t at, struct error *err)
{
	return error_set(err, ERR_INTERNAL,
			 "%016" PRIx64 ".segment is damaged at byte %" PRIu64
			 ": bring the folder back from a copy, or move this segment and those after it away, "
			 "to go on with what was written before",
			 number, at);
}

static int found_get(const struct found *found, size_t i, struct segment_entry *ret, struct error *err)
{
	const struct segment *segment = found->segment;

	if (!segment->sealed)
		segment_reread(segment->map, found->offsets[i], ret);
	else if (!segment_index_get(&segment->index, i, ret))
		return damaged(segment->header.number, segment->index.data_end, err);
	return 0;
}

/* Reads a segment that is not sealed; sets its end and chain.  The @last one may end in what a crash has left. */
static int scan_segment(struct found *found, bool last, uint32_t *ret_synced, struct error *err)
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
	return last && segment_is_damaged(&reader) ? damaged(segment->header.number, segment->end, err) : 0;
}

/* --- Opening the files --- */

struct recovery {
	struct log *log;
	struct head *head;
	struct found *found;
	size_t found_len;
	uint32_t last_synced; /* what the last record knew to be on the disk */
	bool clean;	      /* the log ends in CLOSE, or is empty */
	struct names names;
	struct numbers obsolete;
	uint64_t floor; /* what compaction has left can be read from here on */
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
	char name[SEGMENT_NAME_SIZE];
	int r;

	segment_name(number, name);
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
	r = last ? 0 : damaged(number, 0, err);
	store_extent_unref(&segment->extent);
	if (r == 0)
		r = ops->unlink(log->disk, name, err);
	if (r < 0)
		return r;
	*ret = NULL;
	return 0;
}

/*
 * Opens the segments that count, the last one first: each says which comes before it.  Those it passes over are ones
 * that a compacted segment stands for, left behind by a stop before they were removed; they are not even opened.
 */
static int open_segments(struct recovery *recovery, const struct numbers *numbers, struct error *err)
{
	struct segment *segment = NULL;
	uint64_t wanted = 0;

	recovery->found = xcalloc(numbers->len, sizeof(*recovery->found));
	for (size_t i = numbers->len; i-- > 0;) {
		uint64_t number = numbers->items[i];
		int r;

		if (segment && number > wanted) {
			add_number(&recovery->obsolete, number);
			continue;
		}
		if (segment && number != wanted)
			break;
		r = open_segment(recovery->log, number, i + 1 == numbers->len, &segment, err);
		if (r < 0)
			return r;
		if (segment) {
			recovery->found[recovery->found_len++].segment = segment;
			wanted = segment->header.previous_number;
		}
	}
	if (wanted)
		return error_set(err, ERR_INTERNAL,
				 "%016" PRIx64
				 ".segment is missing: bring it or the folder back from a copy, or move the "
				 "segments after it away, to go on with what was written before",
				 wanted);
	return 0;
}

/* They have been opened from the last to the first; the log wants them, and has them from now on, the other way. */
static void take_segments(struct recovery *recovery)
{
	for (size_t i = 0, j = recovery->found_len; i + 1 < j--; i++) {
		struct found found = recovery->found[i];

		recovery->found[i] = recovery->found[j];
		recovery->found[j] = found;
	}
	for (size_t i = 0; i < recovery->found_len; i++)
		log_add_segment(recovery->log, recovery->found[i].segment);
}

/* Does a segment reach as far as the one after it says? */
static int check_end(const struct segment *segment, const struct segment_header *next, struct error *err)
{
	uint32_t end, chain;

	segment_known_end(segment, &end, &chain);
	return next->previous_end == end && next->previous_chain == chain
		       ? 0
		       : damaged(segment->header.number, segment->end, err);
}

static int read_segment(struct recovery *recovery, struct found *found, bool last, struct error *err)
{
	struct segment *segment = found->segment;

	if (segment_open_index(segment->map, segment->map_size, &segment->header, &segment->index)) {
		segment->sealed = true;
		segment->end = segment->index.data_end;
		segment->chain = segment->index.chain;
		recovery->last_synced = segment->end;
		recovery->floor = MAX(recovery->floor, segment->index.floor);
		return 0;
	}
	/* A compacted one was whole before it had its name. */
	if (segment->header.compacted)
		return damaged(segment->header.number, segment->map_size, err);
	return scan_segment(found, last, &recovery->last_synced, err);
}

static int read_segments(struct recovery *recovery, struct error *err)
{
	for (size_t i = 0; i < recovery->found_len; i++) {
		struct found *found = &recovery->found[i];
		int r = read_segment(recovery, found, i + 1 == recovery->found_len, err);

		if (r == 0 && i)
			r = check_end(recovery->found[i - 1].segment, &found->segment->header, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_files(struct recovery *recovery, struct error *err)
{
	struct log *log = recovery->log;
	struct names *names = &recovery->names;
	int r = log->disk->ops->list(log->disk, add_name, names, err);

	if (r < 0)
		return r;
	if (names->foreign && !names->segments.len)
		return error_set(err, ERR_INTERNAL, "the folder holds something else than a store");
	if (names->segments.len) {
		qsort(names->segments.items, names->segments.len, sizeof(*names->segments.items), compare_numbers);
		r = open_segments(recovery, &names->segments, err);
	}
	take_segments(recovery);
	return r < 0 ? r : read_segments(recovery, err);
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
	recovery->oldest = MAX(recovery->oldest, recovery->floor);
	for (size_t s = recovery->found_len; s-- > 0;) {
		for (size_t i = found_len(&recovery->found[s]); i-- > 0;) {
			struct segment_entry entry;
			int r = found_get(&recovery->found[s], i, &entry, err);

			if (r < 0)
				return r;
			sum += entry_bytes(&entry);
			versions += entry.type != SEGMENT_CLOSE;
			if (entry.type != SEGMENT_CLOSE &&
			    (entry.parts.revision <= recovery->floor || entry.time <= since || sum > bytes ||
			     versions > LIMIT_STORE_VERSIONS)) {
				recovery->oldest = MAX(entry.parts.revision, recovery->floor);
				return 0;
			}
			recovery->window_segment = s;
			recovery->window_entry = i;
		}
	}
	return 0;
}

/* --- The head --- */

/* Deletions are counted, as compaction has to carry them on. */
static void note_deletion(const struct found *found, const struct segment_entry *entry)
{
	if (entry->type == SEGMENT_DELETE)
		segment_note_deletion(found->segment, entry->parts.create_revision, entry->end - entry->offset);
}

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
			note_deletion(found, &entry);
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
			note_deletion(found, &entry);
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

/* What compaction had replaced, or not finished.  Only when the name of what replaces it lasts. */
static int remove_obsolete(struct recovery *recovery, struct error *err)
{
	struct disk *disk = recovery->log->disk;
	const struct numbers *drafts = &recovery->names.drafts;
	char name[SEGMENT_NAME_SIZE];
	int r = recovery->obsolete.len ? disk->ops->sync_folder(disk, err) : 0;

	for (size_t i = 0; r == 0 && i < recovery->obsolete.len; i++) {
		segment_name(recovery->obsolete.items[i], name);
		r = disk->ops->unlink(disk, name, err);
	}
	for (size_t i = 0; r == 0 && i < drafts->len; i++) {
		segment_draft_name(drafts->items[i], name);
		r = disk->ops->unlink(disk, name, err);
	}
	return r;
}

/* The log knows of every revision up to where its last segment was begun, whatever compaction has left of them. */
static void reach_header(struct recovery *recovery)
{
	const struct log *log = recovery->log;
	struct head *head = recovery->head;
	uint64_t revision = log->segments_len ? log->segments[log->segments_len - 1]->header.revision : 0;

	if (revision > head->revision) {
		head_add_gap(head, head->revision, revision);
		head->revision = revision;
	}
}

static int load(struct recovery *recovery, int64_t now, int64_t window_ns, uint64_t window_bytes, struct error *err)
{
	struct log *log = recovery->log;
	struct head *head = recovery->head;
	int r;

	if ((r = open_files(recovery, err)) < 0 || (r = find_clean(recovery, err)) < 0 ||
	    (r = make_durable(recovery, err)) < 0 ||
	    (r = find_window(recovery, now - window_ns, window_bytes, err)) < 0 || (r = load_base(recovery, err)) < 0 ||
	    (r = load_window(recovery, err)) < 0 || (r = remove_obsolete(recovery, err)) < 0)
		return r;
	reach_header(recovery);
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
	free(recovery.names.segments.items);
	free(recovery.names.drafts.items);
	free(recovery.obsolete.items);
	if (r < 0)
		/* Its caller frees the log, which must not write to what it could not read. */
		atomic_store(&log->backend.failed, true);
	return r;
}
