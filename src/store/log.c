/* Appending to the log; see log.h. */
#include "store/log.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"

#define DEFAULT_SEGMENT_SIZE ((uint32_t)64 * MIB)
#define BUFFER_KEPT	     ((size_t)256 * KIB) /* of the batch buffer, between batches */

static struct log *log_of(struct store_backend *backend)
{
	return CONTAINER_OF(backend, struct log, backend);
}

/* --- Segments --- */

static void segment_free(struct store_extent *extent)
{
	struct segment *segment = CONTAINER_OF(extent, struct segment, extent);
	const struct disk_ops *ops = segment->file->disk->ops;

	if (segment->map)
		ops->unmap(segment->file, segment->map, segment->map_size);
	ops->close(segment->file);
	free(segment);
}

int segment_new(struct disk_file *file, struct segment **ret, struct error *err)
{
	struct segment *segment = XNEW(struct segment);
	uint64_t size = file->disk->ops->size(file);
	int r = 0;

	atomic_init(&segment->extent.refs, 1);
	segment->extent.free = segment_free;
	segment->file = file;
	if (size > UINT32_MAX)
		r = error_set(err, ERR_INTERNAL, "a segment is larger than 4 GiB");
	else if (size)
		r = file->disk->ops->map(file, size, &segment->map, err);
	if (r < 0) {
		store_extent_unref(&segment->extent);
		return r;
	}
	segment->map_size = size;
	*ret = segment;
	return 0;
}

void log_add_segment(struct log *log, struct segment *segment)
{
	log->segments = xrealloc_array(log->segments, log->segments_len + 1, sizeof(*log->segments));
	log->segments[log->segments_len++] = segment;
	log_count(log);
}

void log_count(struct log *log)
{
	uint64_t size = 0;

	for (size_t i = 0; i < log->segments_len; i++)
		size += log->disk->ops->size(log->segments[i]->file);
	for (size_t i = 0; i < log->leaving_len; i++)
		size += log->disk->ops->size(log->leaving[i]->file);
	atomic_store_explicit(&log->segments_now, log->segments_len, memory_order_relaxed);
	atomic_store_explicit(&log->segments_size, size, memory_order_relaxed);
}

void segment_name(uint64_t number, char *out)
{
	snprintf(out, SEGMENT_NAME_SIZE, "%016" PRIx64 ".segment", number);
}

void segment_draft_name(uint64_t number, char *out)
{
	snprintf(out, SEGMENT_NAME_SIZE, "%016" PRIx64 ".draft", number);
}

static unsigned age_class(uint64_t age)
{
	return age == UINT64_MAX ? SEGMENT_AGES - 1 : 64 - (unsigned)__builtin_clzll(age + 1);
}

void segment_note_deletion(struct segment *segment, uint64_t create_revision, uint64_t size)
{
	uint64_t begun = segment->header.revision;

	/* Class 0: made within the segment. */
	segment->deletions[create_revision > begun ? 0 : age_class(begun - create_revision)] += size;
}

uint64_t segment_deletions_from(const struct segment *segment, uint64_t revision)
{
	uint64_t size = 0;

	for (unsigned i = age_class(segment->header.revision - revision); i < SEGMENT_AGES; i++)
		size += segment->deletions[i];
	return size;
}

void segment_known_end(const struct segment *segment, uint32_t *ret_end, uint32_t *ret_chain)
{
	const struct segment_header *header = &segment->header;

	*ret_end = header->compacted ? header->replaced_end : segment->end;
	*ret_chain = header->compacted ? header->replaced_chain : segment->chain;
}

static struct segment *active(const struct log *log)
{
	return log->segments_len ? log->segments[log->segments_len - 1] : NULL;
}

/* --- Failing --- */

/* A full disk is a reason to wait; after any other failure nothing is known of what the disk has. */
static int fail(struct log *log, struct error *err)
{
	if (err->os_errno != ENOSPC && err->os_errno != EDQUOT) {
		atomic_store(&log->backend.failed, true);
		error_wrap(err, "the store has stopped taking writes");
	}
	return -(int)err->code;
}

static int sync_active(struct log *log, struct error *err)
{
	struct segment *segment = active(log);
	int r = segment->file->disk->ops->sync(segment->file, err);

	atomic_fetch_add_explicit(&log->syncs, 1, memory_order_relaxed);
	if (r < 0) {
		/* Final whatever the cause, also a full disk's: the pages may be gone, and no retry could tell. */
		err->os_errno = EIO;
		return fail(log, err);
	}
	log->synced = segment->end;
	log->unsynced = 0;
	return 0;
}

int log_sync(struct log *log, struct error *err)
{
	return active(log) && log->synced != active(log)->end ? sync_active(log, err) : 0;
}

/* --- Beginning a segment --- */

static void describe_segment(struct log *log, struct segment_header *ret)
{
	const struct segment *last = active(log);

	*ret = (struct segment_header){.number = 1, .revision = log->revision};
	random_bytes(&ret->salt, sizeof(ret->salt));
	if (last) {
		ret->number = last->header.number + 1;
		ret->previous_number = last->header.number;
		segment_known_end(last, &ret->previous_end, &ret->previous_chain);
	}
}

static int make_segment(struct log *log, uint64_t size, const char *name, struct segment **ret, struct error *err)
{
	const struct disk_ops *ops = log->disk->ops;
	struct segment *segment;
	struct disk_file *file;
	char header[SEGMENT_HEADER_SIZE];
	int r;

	r = ops->create(log->disk, name, size, &file, err);
	if (r < 0)
		return r;
	r = segment_new(file, &segment, err);
	if (r < 0)
		return r;
	describe_segment(log, &segment->header);
	segment_encode_header(&segment->header, header);
	r = ops->write(file, header, sizeof(header), 0, err);
	if (r == 0)
		r = ops->sync(file, err);
	if (r == 0)
		r = ops->sync_folder(log->disk, err);
	if (r < 0) {
		store_extent_unref(&segment->extent);
		return r;
	}
	segment->end = SEGMENT_HEADER_SIZE;
	segment->chain = segment->header.chain;
	*ret = segment;
	return 0;
}

/* Begins a segment with room for @need bytes of records. */
static int begin_segment(struct log *log, size_t need, struct error *err)
{
	uint64_t size = MAX((uint64_t)log->segment_size, SEGMENT_HEADER_SIZE + need + SEGMENT_CLOSE_SIZE);
	struct error ignored = {0};
	struct segment *segment;
	char name[SEGMENT_NAME_SIZE];
	int r;

	/* Nothing of a segment may be lost once there is another: what is in the later one comes after all of it. */
	r = log_sync(log, err);
	if (r < 0)
		return r;
	log->look = true;
	segment_name(active(log) ? active(log)->header.number + 1 : 1, name);
	r = make_segment(log, size, name, &segment, err);
	if (r < 0) {
		/* It may be there half made; the next try, or the next start, needs the name. */
		if (err->os_errno != EEXIST && log->disk->ops->unlink(log->disk, name, &ignored) < 0)
			log_debug("half-made segment stays", "name=%s error=%s", name, ignored.message);
		return fail(log, err);
	}
	log_add_segment(log, segment);
	log->synced = segment->end;
	/* There is room on the disk. */
	log->compact_most = log->segment_size;
	return 0;
}

/* --- Appending --- */

static char *batch_buffer(struct log *log, size_t size)
{
	if (log->buffer_cap < size) {
		free(log->buffer);
		log->buffer_cap = MAX(size, BUFFER_KEPT);
		log->buffer = xmalloc(log->buffer_cap);
	}
	return log->buffer;
}

static void trim_buffer(struct log *log)
{
	if (log->buffer_cap > BUFFER_KEPT) {
		free(TAKE_PTR(log->buffer));
		log->buffer_cap = 0;
	}
}

static size_t batch_size(const struct log_entry *entries, size_t len)
{
	size_t size = 0;

	for (size_t i = 0; i < len; i++)
		size += segment_record_size(&entries[i].parts);
	return size;
}

/* Returns the chain after the batch. */
static uint32_t encode_batch(struct log *log, const struct log_entry *entries, size_t len, char *out)
{
	const struct segment *segment = active(log);
	uint32_t chain = segment->chain;

	for (size_t i = 0; i < len; i++) {
		size_t size = segment_record_size(&entries[i].parts);

		segment_encode(&segment->header, entries[i].parts.deleted ? SEGMENT_DELETE : SEGMENT_PUT, &entries[i],
			       log->synced, &chain, out, size);
		out += size;
	}
	return chain;
}

/* The records of a batch that has been written at @offset. */
static void make_records(struct log *log, struct log_entry *entries, size_t len, uint32_t offset)
{
	struct segment *segment = active(log);

	for (size_t i = 0; i < len; i++) {
		uint32_t size = (uint32_t)segment_record_size(&entries[i].parts);
		const char *key, *rest;

		segment_locate(segment->map + offset, entries[i].parts.key.len, &key, &rest);
		entries[i].record =
			store_record_new_in(&segment->extent, key, rest, &entries[i].parts, log->backend.objects);
		if (entries[i].parts.deleted)
			segment_note_deletion(segment, entries[i].parts.create_revision, size);
		offset += size;
	}
}

static int write_batch(struct log *log, const char *data, size_t size, uint32_t chain, struct error *err)
{
	struct segment *segment = active(log);
	int r = segment->file->disk->ops->write(segment->file, data, size, segment->end, err);

	if (r < 0)
		return fail(log, err);
	segment->end += (uint32_t)size;
	segment->chain = chain;
	atomic_fetch_add_explicit(&log->bytes, size, memory_order_relaxed);
	return 0;
}

static bool has_room(const struct log *log, size_t size)
{
	const struct segment *segment = active(log);

	/* A CLOSE always finds room. */
	return segment && !segment->sealed && segment->map_size - segment->end >= size + SEGMENT_CLOSE_SIZE;
}

static int log_append(struct store_backend *backend, struct log_entry *entries, size_t len, bool sync,
		      struct error *err)
{
	struct log *log = log_of(backend);
	size_t size = batch_size(entries, len);
	uint32_t offset, chain;
	char *data;
	int r = 0;

	if (atomic_load(&backend->failed))
		return error_set(err, ERR_SERVICE_UNAVAILABLE, "the store has stopped taking writes");
	if (!has_room(log, size))
		r = begin_segment(log, size, err);
	if (r < 0)
		return r;
	data = batch_buffer(log, size);
	chain = encode_batch(log, entries, len, data);
	offset = active(log)->end;
	r = write_batch(log, data, size, chain, err);
	trim_buffer(log);
	if (r < 0)
		return r;
	/*
	 * The first batch of this life is always synced: else, if it were lost, the log would seem to end in the CLOSE
	 * of the life before, and its revisions would be given out again.
	 */
	if (sync || !log->appended || log->unsynced + len > LOG_UNSYNCED_MAX)
		r = sync_active(log, err);
	else
		log->unsynced += len;
	if (r < 0)
		return r;
	log->appended = log->close_needed = true;
	log->revision = entries[len - 1].parts.revision;
	make_records(log, entries, len, offset);
	return 0;
}

/* --- The end --- */

static void write_close(struct log *log)
{
	struct log_entry entry = {.parts = {.revision = log->revision}};
	char bytes[SEGMENT_CLOSE_SIZE];
	struct error err = {0};
	uint32_t chain;

	if (!active(log) || atomic_load(&log->backend.failed))
		return;
	/* CLOSE says that all before it is on the disk, so that comes first. */
	if (log_sync(log, &err) < 0)
		return;
	chain = active(log)->chain;
	segment_encode(&active(log)->header, SEGMENT_CLOSE, &entry, log->synced, &chain, bytes, sizeof(bytes));
	/* Without it the next start is as after a crash, no worse. */
	if (write_batch(log, bytes, sizeof(bytes), chain, &err) < 0 || sync_active(log, &err) < 0)
		log_debug("store not closed in order", "error=%s", err.message);
}

static void log_free(struct store_backend *backend)
{
	struct log *log = log_of(backend);

	if (log->close_needed)
		write_close(log);
	for (size_t i = 0; i < log->segments_len; i++)
		store_extent_unref(&log->segments[i]->extent);
	for (size_t i = 0; i < log->leaving_len; i++)
		store_extent_unref(&log->leaving[i]->extent);
	free(log->segments);
	free(log->leaving);
	free(log->buffer);
	disk_unref(log->disk);
	free(log);
}

static void log_stats(struct store_backend *backend, struct store_stats *stats)
{
	struct log *log = log_of(backend);

	stats->syncs = log->syncs;
	stats->bytes = log->bytes;
	stats->segments = log->segments_now;
	stats->segment_size = log->segments_size;
	stats->compactions = log->compactions;
	stats->compacted = log->compacted;
	stats->freed = log->freed;
	stats->compaction_failed = log->compaction_failed;
}

static const struct store_backend_ops log_ops = {
	.append = log_append, .tend = log_tend, .stop = log_stop, .stats = log_stats, .free = log_free};

struct log *log_new(struct disk *disk, const struct store_options *options)
{
	struct log *log = XNEW(struct log);

	log->backend.ops = &log_ops;
	log->disk = disk;
	log->segment_size = options->segment_size ? options->segment_size : DEFAULT_SEGMENT_SIZE;
	log->compact_most = log->segment_size;
	log->manual = options->manual;
	log->look = true;
	return log;
}
