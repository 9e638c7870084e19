/*
 * Step: the new object goes to the store.
 *
 * The thread that hands it in does not wait: the committer's call of written() notes the result and sends the request
 * home.  A conflict means that somebody was faster; where the client did not insist on a version the request begins
 * again with the object as it is now.
 */
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/steps.h"
#include "apiserver/stored.h"
#include "base/clock.h"
#include "base/limits.h"
#include "types/copy.h"

static void written(struct store_write *write)
{
	struct request *request = write->data;

	request->new_record = write->record ? store_record_ref(write->record) : NULL;
	request_resume(request);
}

/* The last finalizer of an object that is being deleted went with this update. */
static bool is_last_update(const struct request *request)
{
	const struct meta_v1_object_meta *meta = object_meta_of(request->schema, request->object);

	return request->operation & OP_CHANGES && request->old && meta->deletion_timestamp &&
	       meta->finalizers.len == 0 &&
	       (!meta->deletion_grace_period_seconds || *meta->deletion_grace_period_seconds == 0) &&
	       !(request->strategy->must_stay && request->strategy->must_stay(request->object));
}

/* Heartbeats and events need not survive the machine. */
static enum store_durability durability_of(const struct request *request)
{
	struct str plural = request->resource->plural;

	if (request->lazy)
		return STORE_LAZY;
	return str_eq(plural, STR("events")) || str_eq(plural, STR("leases")) ? STORE_LAZY : STORE_SYNC;
}

static void fill_write(struct request *request, const struct meta_v1_object_meta *meta)
{
	const struct strategy *strategy = request->strategy;
	struct store_write *write = &request->write;

	*write = (struct store_write){
		.op = request->delete_now ? STORE_DELETE
		      : request->created  ? STORE_CREATE
					  : STORE_UPDATE,
		.durability = durability_of(request),
		.key = stored_key(request->resource, meta->namespace, meta->name, &request->arena),
		.expected_revision = request->old ? request->old->revision : 0,
		.done = written,
		.data = request,
	};
	if (request->delete_now)
		return;
	write->topic = stored_topic(request->resource, request->object, &request->arena);
	write->header = buf_view(&request->header);
	write->value = buf_view(&request->stored);
	write->object = request->published;
	if (strategy->expires_after)
		write->expires_at = clock_wall_ns() + strategy->expires_after * NS_PER_SEC;
}

static void encode(struct request *request)
{
	buf_clear(&request->stored);
	buf_clear(&request->header);
	stored_encode(request->schema, request->strategy, request->object, &request->arena, &request->stored,
		      &request->header);
}

/*
 * What is too large with the account of its fields may do without, as it does upstream: a client that knows nothing of
 * managedFields must not fail because of them.  Who applies does know.
 */
static void encode_to_fit(struct request *request)
{
	struct meta_v1_object_meta *meta =
		EDIT(struct meta_v1_object_meta, object_meta_of(request->schema, request->object));

	encode(request);
	if ((!request->stored.overflow && request->stored.len <= LIMIT_OBJECT) || request->managed)
		return;
	meta->managed_fields = (struct meta_v1_managed_fields_entry_slice){0};
	encode(request);
}

static bool same_but_for_times(const struct meta_v1_managed_fields_entry_slice *a,
			       const struct meta_v1_managed_fields_entry_slice *b)
{
	for (size_t i = 0; i < a->len && a->len == b->len; i++) {
		struct meta_v1_managed_fields_entry entry = a->items[i];

		entry.time = b->items[i].time;
		if (!equal_struct(&schema_meta_v1_managed_fields_entry, &entry, &b->items[i]))
			return false;
	}
	return a->len == b->len;
}

/* A write that would change nothing but when it was made keeps the times of managedFields too. */
static void keep_times(struct request *request)
{
	struct meta_v1_object_meta *meta =
		EDIT(struct meta_v1_object_meta, object_meta_of(request->schema, request->object));
	struct meta_v1_managed_fields_entry_slice mine = meta->managed_fields;

	if (!request->old || !mine.len || !same_but_for_times(&mine, &request->old->meta->managed_fields))
		return;
	meta->managed_fields = request->old->meta->managed_fields;
	if (!equal_struct(request->schema, request->object, request->old->data))
		meta->managed_fields = mine;
}

enum step_result step_commit(struct request *request)
{
	const struct meta_v1_object_meta *meta = object_meta_of(request->schema, request->object);

	if (is_last_update(request))
		request->delete_now = true;
	if (!request->delete_now && !request->unchanged) {
		keep_times(request);
		encode_to_fit(request);
		/* What would change nothing is not written, and wakes nobody. */
		if (request->old_record && !request->created &&
		    str_eq(buf_view(&request->stored), store_record_value(request->old_record)))
			request->unchanged = true;
	}
	if (request->options.dry_run || request->unchanged)
		return STEP_NEXT;
	if (request->stored.overflow || request->header.overflow)
		return status_from_store(request, -ERR_TOO_LARGE, meta->name, NULL);
	if (!request->delete_now)
		request->published = object_publish(request->schema, request->object);
	fill_write(request, meta);
	request->submitted = true;
	request_metrics_waits(request);
	request->tally.write_began = clock_monotonic_ns();
	store_submit(request->server->store, &request->write);
	return STEP_SUSPENDED;
}
