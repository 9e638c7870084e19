/* Appending to the log; see log.h. */
#include "store/log.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"

#define DEFAULT_SEGMENT_SIZE ((uint32_t)64 * MIB)
#define BUFFER_KEPT	     ((size_t)256 * KIB) /* of the batch buffer, between batches */
#define INDEX_LIMIT	     ((size_t)512 * MIB)

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
	atomic_fetch_add_explicit(&log->segments_now, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&log->segments_size, segment->map_size, memory_order_relaxed);
}

static struct segment *active(const struct log *log)
{
	return log->segments_len ? log->segments[log->segments_len - 1] : NULL;
}

/* --- Sealing --- */

static int seal(struct segment *segment, struct error *err)
{
	struct disk_file *file = segment->file;
	const struct disk_ops *ops = file->disk->ops;
	struct buf cleanup_buf index;
	int r;

	buf_init(&index, INDEX_LIMIT);
	r = segment_encode_index(segment->map, segment->end, &segment->header, &index, err);
	if (r == 0)
		r = ops->write(file, index.data, index.len, segment->end, err);
	if (r == 0)
		r = ops->sync(file, err);
	if (r == 0)
		r = ops->truncate(file, segment->end + index.len, err);
	if (r == 0)
		atomic_store(&segment->sealed, true);
	return r;
}

struct sealing {
	struct segment **segments;
	size_t len;
};

/* A segment that cannot be sealed now stays as it is: the next start reads it record by record and tries again. */
static void run_sealing(void *data)
{
	struct sealing *sealing = data;

	for (size_t i = 0; i < sealing->len; i++) {
		struct segment *segment = sealing->segments[i];
		struct error err = {0};

		if (seal(segment, &err) < 0)
			log_debug("segment not sealed", "number=%" PRIu64 " error=%s", segment->header.number,
				  err.message);
		store_extent_unref(&segment->extent);
	}
	free(sealing->segments);
	free(sealing);
}

void log_seal_full(struct log *log)
{
	struct sealing *sealing = XNEW(struct sealing);
	struct error err = {0};

	/* One at a time: writers that fill segments faster than they are sealed wait here. */
	log->sealer = thread_join(log->sealer);
	for (size_t i = 0; i + 1 < log->segments_len; i++) {
		struct segment *segment = log->segments[i];

		if (atomic_load(&segment->sealed))
			continue;
		sealing->segments = xrealloc_array(sealing->segments, sealing->len + 1, sizeof(*sealing->segments));
		sealing->segments[sealing->len++] = segment;
		atomic_fetch_add_explicit(&segment->extent.refs, 1, memory_order_relaxed);
	}
	if (!sealing->len || log->manual || thread_start("seal", run_sealing, sealing, &log->sealer, &err) < 0)
		run_sealing(sealing);
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

/* --- Beginning a segment --- */

static void segment_name(uint64_t number, char *out, size_t size)
{
	snprintf(out, size, "%016" PRIx64 ".segment", number);
}

static void describe_segment(struct log *log, struct segment_header *ret)
{
	const struct segment *last = active(log);

	*ret = (struct segment_header){.number = 1, .revision = log->revision};
	random_bytes(&ret->salt, sizeof(ret->salt));
	if (last) {
		ret->number = last->header.number + 1;
		ret->previous_number = last->header.number;
		ret->previous_end = last->end;
		ret->previous_chain = last->chain;
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
	char name[32];
	int r;

	/* Nothing of a segment may be lost once there is another: what is in the later one comes after all of it. */
	if (active(log) && log->synced != active(log)->end) {
		r = sync_active(log, err);
		if (r < 0)
			return r;
	}
	segment_name(active(log) ? active(log)->header.number + 1 : 1, name, sizeof(name));
	r = make_segment(log, size, name, &segment, err);
	if (r < 0) {
		/* It may be there half made; the next try, or the next start, needs the name. */
		if (err->os_errno != EEXIST && log->disk->ops->unlink(log->disk, name, &ignored) < 0)
			log_debug("half-made segment stays", "name=%s error=%s", name, ignored.message);
		return fail(log, err);
	}
	log_add_segment(log, segment);
	log->synced = segment->end;
	log_seal_full(log);
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
		const char *key, *rest;

		segment_locate(segment->map + offset, entries[i].parts.key.len, &key, &rest);
		entries[i].record =
			store_record_new_in(&segment->extent, key, rest, &entries[i].parts, log->backend.objects);
		offset += (uint32_t)segment_record_size(&entries[i].parts);
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
	if (log->synced != active(log)->end && sync_active(log, &err) < 0)
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

	thread_join(log->sealer);
	if (log->close_needed)
		write_close(log);
	for (size_t i = 0; i < log->segments_len; i++)
		store_extent_unref(&log->segments[i]->extent);
	free(log->segments);
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
}

static const struct store_backend_ops log_ops = {log_append, log_stats, log_free};

struct log *log_new(struct disk *disk, const struct store_options *options)
{
	struct log *log = XNEW(struct log);

	log->backend.ops = &log_ops;
	log->disk = disk;
	log->segment_size = options->segment_size ? options->segment_size : DEFAULT_SEGMENT_SIZE;
	log->manual = options->manual;
	return log;
}
