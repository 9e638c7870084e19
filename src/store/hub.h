/*
 * The hub: from an event to its watchers.
 *
 * Watches are found by index: a map from scope (and topic) to the watches that have it.  An event looks up the prefixes
 * of its key that end in '/', and the key itself: a handful of look-ups however many watches there are.
 *
 * A watch is in one of three states:
 *
 *	CATCHING_UP  not in the index.  It reads the history from its cursor, on its consumer's thread, under the hub's
 *		     lock, some thousand entries at a time.  From here to LIVE when it has reached the end, to EXPIRED
 *		     when the window has passed its cursor.
 *	LIVE	     in the index.  The committer puts events into its queue, at most LIMIT_WATCH_EVENTS; when there is
 *		     no room it goes back to CATCHING_UP, behind what is queued.  So a slow consumer costs no memory
 *		     beyond the window and loses nothing within it.
 *	EXPIRED	     for good.
 *
 * Exactly once: the step to LIVE happens under the lock, with the cursor at the newest revision of the history; the
 * committer adds to the history and to the queues of live watches within one holding of the lock.
 *
 * Locks: hub->lock guards the index, the history (head.h), a watch's membership and its cursor while CATCHING_UP;
 * watch->lock its queue, state and `armed`; in that order.  The committer calls `wakeup` holding hub->lock, so that
 * closing a watch, which takes it, waits for it.
 */
#ifndef WHERRY_STORE_HUB_H
#define WHERRY_STORE_HUB_H

#include "base/list.h"
#include "base/map.h"
#include "store/head.h"
#include "sys/thread.h"

struct hub {
	struct mutex lock;
	struct head *head;
	struct map scopes;	    /* "scope" or "scope\0topic" -> struct hub_scope */
	size_t watches;		    /* open ones */
	size_t topics;		    /* live ones with a topic */
	uint64_t oldest;	    /* of the history as it is now */
	_Atomic(uint64_t) revision; /* every event up to it has been put into the queues of live watches */
};

void hub_init(struct hub *hub, struct head *head);
void hub_release(struct hub *hub);
/* After head_publish(): moves the history on and tells the watches; on the committer's thread. */
void hub_publish(struct hub *hub);
int hub_watch_open(struct hub *hub, const struct store_watch_options *options, struct store_watch **ret,
		   struct error *err) MUST_CHECK;

#endif
