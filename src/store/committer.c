/* Committing a batch; see committer.h. */
#include "store/committer.h"

#include "base/clock.h"
#include "base/limits.h"

void committer_init(struct committer *committer, struct store_backend *backend, const struct store_options *options)
{
	committer->backend = backend;
	committer->objects = backend->objects = options->objects;
	committer->wall_clock = options->wall_clock;
	committer->clock_data = options->clock_data;
	head_init(&committer->head, options->window_ns ? options->window_ns : 300 * NS_PER_SEC,
		  options->window_bytes ? options->window_bytes : 256 * MIB);
}

void committer_release(struct committer *committer)
{
	if (committer->backend && committer->backend->ops->stop)
		committer->backend->ops->stop(committer->backend);
	hub_release(&committer->hub);
	head_release(&committer->head);
	map_release(&committer->pending);
	if (committer->backend)
		committer->backend->ops->free(committer->backend);
}

int64_t committer_now(const struct committer *committer)
{
	return committer->wall_clock ? committer->wall_clock(committer->clock_data) : clock_wall_ns();
}

/* --- Check --- */

static int check_sizes(const struct store_write *write, const char **ret_message)
{
	if (write->key.len == 0 || write->key.len > LIMIT_STORE_KEY)
		*ret_message = "the key is empty or longer than the store takes";
	else if (write->value.len > LIMIT_OBJECT)
		*ret_message = "the value is larger than the store takes";
	else if (write->topic.len > LIMIT_STORE_KEY || write->header.len > LIMIT_STORE_HEADER)
		*ret_message = "the header is larger than the store takes";
	else
		return 0;
	return -ERR_TOO_LARGE;
}

/* What a key is at this point of the batch. */
struct present {
	uint64_t revision; /* 0: not there */
	uint64_t create_revision;
	const struct store_record *record; /* unless it is of this batch */
	int entry;
};

static struct present find_present(struct committer *committer, struct str key)
{
	const struct log_entry *entry = map_get(&committer->pending, key);
	struct present present = {.entry = -1};
	const struct store_record *record;

	if (entry) {
		present.entry = (int)(entry - committer->entries);
		if (!entry->parts.deleted) {
			present.revision = entry->parts.revision;
			present.create_revision = entry->parts.create_revision;
		}
		return present;
	}
	record = head_get(&committer->head, key);
	if (record && !record->deleted) {
		present.record = record;
		present.revision = record->revision;
		present.create_revision = record->create_revision;
	}
	return present;
}

static int check(const struct store_write *write, const struct present *present, const char **ret_message)
{
	int r = check_sizes(write, ret_message);

	if (r < 0)
		return r;
	if (write->op == STORE_CREATE && present->revision) {
		*ret_message = "the key exists";
		return -ERR_ALREADY_EXISTS;
	}
	if (write->op != STORE_CREATE && !present->revision) {
		*ret_message = "the key does not exist";
		return -ERR_NOT_FOUND;
	}
	if (write->op != STORE_CREATE && write->expected_revision && write->expected_revision != present->revision) {
		*ret_message = "the key has been changed since";
		return -ERR_CONFLICT;
	}
	return 0;
}

static void add_entry(struct committer *committer, struct store_write *write, const struct present *present,
		      int64_t now)
{
	struct log_entry *entry = &committer->entries[committer->entries_len];

	write->revision = committer->head.revision + 1 + committer->entries_len++;
	*entry = (struct log_entry){
		.parts = {.key = write->key, .revision = write->revision, .create_revision = present->create_revision},
		.previous = present->revision,
		.time = now,
	};
	if (write->op == STORE_CREATE)
		entry->parts.create_revision = write->revision;
	if (write->op == STORE_DELETE) {
		entry->parts.deleted = true;
	} else {
		entry->parts.topic = write->topic;
		entry->parts.header = write->header;
		entry->parts.value = write->value;
		entry->expires_at = write->expires_at;
	}
	map_set(&committer->pending, write->key, entry);
}

static void add_write(struct committer *committer, struct store_write *write, int64_t now)
{
	struct batch_slot *slot = &committer->slots[committer->slots_len++];
	struct present present = find_present(committer, write->key);

	*slot = (struct batch_slot){.write = write, .entry = -1, .met = -1};
	write->record = NULL;
	write->revision = 0;
	write->message = NULL;
	write->result = check(write, &present, &write->message);
	if (write->result == 0) {
		slot->entry = (int)committer->entries_len;
		add_entry(committer, write, &present, now);
		return;
	}
	slot->met = present.entry;
	if (write->result == -ERR_ALREADY_EXISTS || write->result == -ERR_CONFLICT)
		write->record = present.record;
}

/* --- Append, apply, finish --- */

static bool batch_syncs(const struct committer *committer)
{
	for (size_t i = 0; i < committer->slots_len; i++) {
		if (committer->slots[i].entry >= 0 && committer->slots[i].write->durability == STORE_SYNC)
			return true;
	}
	return false;
}

static void fail_batch(struct committer *committer, const struct error *err)
{
	memcpy(committer->message, err->message, sizeof(committer->message));
	for (size_t i = 0; i < committer->slots_len; i++) {
		struct batch_slot *slot = &committer->slots[i];

		if (slot->entry < 0 && slot->met < 0)
			continue;
		slot->write->result = -ERR_SERVICE_UNAVAILABLE;
		slot->write->message = committer->message;
		slot->write->revision = 0;
		slot->write->record = NULL;
	}
	committer->entries_len = 0;
}

static void apply(struct committer *committer)
{
	for (size_t i = 0; i < committer->slots_len; i++) {
		struct batch_slot *slot = &committer->slots[i];
		struct store_write *write = slot->write;
		struct log_entry *entry = slot->entry >= 0 ? &committer->entries[slot->entry] : NULL;

		if (!entry) {
			if (slot->met >= 0 && write->result != -ERR_NOT_FOUND && write->result != -ERR_TOO_LARGE)
				write->record = committer->entries[slot->met].record;
			continue;
		}
		if (write->object && committer->objects) {
			if (committer->objects->stamp)
				committer->objects->stamp(write->object, write->revision);
			store_record_set_object(entry->record, write->object);
		}
		write->record = entry->record;
		head_apply(&committer->head, entry->record, entry->time, entry->expires_at);
	}
	atomic_fetch_add_explicit(&committer->commits, committer->entries_len, memory_order_relaxed);
	atomic_fetch_add_explicit(&committer->batches, 1, memory_order_relaxed);
}

static void publish(struct committer *committer, int64_t now, uint64_t compact)
{
	head_trim(&committer->head, now, compact);
	head_publish(&committer->head);
	hub_publish(&committer->hub);
}

static void finish(struct committer *committer)
{
	for (size_t i = 0; i < committer->slots_len; i++) {
		struct store_write *write = committer->slots[i].write;

		write->done(write);
	}
	committer->slots_len = committer->entries_len = 0;
	map_clear(&committer->pending);
	/* What `done` was shown may go now. */
	view_chain_collect(&committer->head.views);
}

static void commit_batch(struct committer *committer, int64_t now)
{
	struct error err = {0};

	if (committer->entries_len) {
		if (committer->backend->ops->append(committer->backend, committer->entries, committer->entries_len,
						    batch_syncs(committer), &err) < 0) {
			fail_batch(committer, &err);
		} else {
			apply(committer);
			publish(committer, now, 0);
		}
	}
	finish(committer);
}

static size_t write_bytes(const struct store_write *write)
{
	return write->key.len + write->topic.len + write->header.len + write->value.len;
}

static void commit_all(struct committer *committer, struct store_write *first, int64_t now)
{
	while (first) {
		size_t bytes = 0;

		while (first && committer->slots_len < BATCH_WRITES && bytes < BATCH_BYTES) {
			struct store_write *write = first;

			/* After `done` the write is its owner's again. */
			first = write->next;
			bytes += write_bytes(write);
			add_write(committer, write, now);
		}
		commit_batch(committer, now);
	}
}

struct expiry_write {
	struct store_write write;
	struct committer *committer;
	struct store_expiry *expiry;
};

/* A deletion that failed (the disk is full) stays due; one that succeeded has freed its expiry (head_apply). */
static void expiry_done(struct store_write *write)
{
	struct expiry_write *deletion = CONTAINER_OF(write, struct expiry_write, write);

	if (write->result < 0)
		heap_push(&deletion->committer->head.expiries, &deletion->expiry->node);
	free(deletion);
}

static void delete_expired(struct committer *committer, int64_t now)
{
	struct heap *expiries = &committer->head.expiries;
	struct store_write *first = NULL, **last = &first;
	struct heap_node *node;

	while ((node = heap_peek(expiries)) && CONTAINER_OF(node, struct store_expiry, node)->at <= now) {
		struct store_expiry *expiry = CONTAINER_OF(heap_pop(expiries), struct store_expiry, node);
		struct expiry_write *deletion = XNEW(struct expiry_write);

		*deletion = (struct expiry_write){.write = {.op = STORE_DELETE,
							    .durability = STORE_LAZY,
							    .key = store_record_key(expiry->record),
							    .expected_revision = expiry->record->revision,
							    .done = expiry_done},
						  .committer = committer,
						  .expiry = expiry};
		*last = &deletion->write;
		last = &deletion->write.next;
	}
	commit_all(committer, first, now);
}

/* What writes do in passing. */
static void trim_idle(struct committer *committer, int64_t now)
{
	publish(committer, now, 0);
	view_chain_collect(&committer->head.views);
	if (committer->head.history.len == 0)
		alloc_trim();
}

int64_t committer_due(const struct committer *committer)
{
	const struct store_expiry *expiry = head_next_expiry(&committer->head);

	return MIN(expiry ? expiry->at : INT64_MAX, head_trim_due(&committer->head));
}

bool committer_tend(struct committer *committer)
{
	struct store_backend *backend = committer->backend;
	bool more = backend->ops->tend && backend->ops->tend(backend, &committer->head);

	view_chain_collect(&committer->head.views);
	return more;
}

bool committer_run(struct committer *committer, struct store_write *first, uint64_t compact)
{
	int64_t now = committer_now(committer);

	commit_all(committer, first, now);
	if (compact)
		publish(committer, now, compact);
	delete_expired(committer, now);
	if (head_trim_due(&committer->head) <= now)
		trim_idle(committer, now);
	return committer_tend(committer);
}
