/*
 * What a back end is to the store: the thing that makes a batch of writes durable.
 *
 * The committer checks preconditions and gives out revisions; the back end puts the batch where it belongs and makes a
 * record of each, whose bytes lie where the back end wants them.  Only then does the head learn of them.  All calls
 * come from the committer's thread, stats from any.
 *
 * A back end whose revisions are made elsewhere (etcd) will feed the head from its own watch in the committer's place;
 * head, views and hub are the same.
 */
#ifndef WHERRY_STORE_BACKEND_H
#define WHERRY_STORE_BACKEND_H

#include "store/record.h"

/* One write on its way to the log. */
struct log_entry {
	struct store_record_parts parts;
	uint64_t previous;  /* revision of the version it replaces, 0: none */
	int64_t time;	    /* of the commit, wall clock */
	int64_t expires_at; /* 0: never */
	struct store_record *record;
};

struct head;
struct store_backend;

struct store_backend_ops {
	/*
	 * Makes @len entries durable, in one step, on the disk when @sync.  On success every entry has its record, one
	 * reference each.  On failure none has, and either the same revisions may be tried again or `failed` is set.
	 */
	int (*append)(struct store_backend *backend, struct log_entry *entries, size_t len, bool sync,
		      struct error *err);
	/*
	 * What is to be done beside writing; after each batch, when the head has been published.  May be NULL.  True:
	 * there is more, soon.  What ends on another thread calls @wake, and tend is called then.
	 */
	bool (*tend)(struct store_backend *backend, struct head *head);
	/* Ends what runs on other threads, as they may look at the head.  May be NULL. */
	void (*stop)(struct store_backend *backend);
	/* Adds its figures. */
	void (*stats)(struct store_backend *backend, struct store_stats *stats);
	/* Brings everything to the disk and frees it. */
	void (*free)(struct store_backend *backend);
};

struct store_backend {
	const struct store_backend_ops *ops;
	const struct store_objects *objects;
	void (*wake)(void *data); /* any thread */
	void *wake_data;
	atomic_bool failed; /* for good */
};

struct store_backend *backend_new_memory(void);

#endif
