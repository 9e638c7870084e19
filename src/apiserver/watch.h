/*
 * Watchers: one cursor over the store's events each, turned into what the client asked for.
 *
 * A watcher has a copy of what the request it came from asked for (selectors, negotiated form), so that the request can
 * go, and a watch of the store.  It is started on a loop with a sink and works there alone: each time something new is
 * there, or the sink has taken what it had, it pumps events into the sink until the sink has enough.  Initial events
 * are read in slices of one snapshot, so a long list stalls nobody.
 *
 *   what selects the object after an event, and before it    event
 *   yes, no                                                  ADDED
 *   yes, yes                                                 MODIFIED
 *   no, yes                                                  DELETED, with the object as it was
 *
 * The stream ends after its time, when the watcher lags too far behind, or with an ERROR event when its revision is
 * gone.
 */
#ifndef WHERRY_APISERVER_WATCH_H
#define WHERRY_APISERVER_WATCH_H

#include "apiserver/request.h"

struct loop;
struct watcher;

enum watcher_event {
	WATCHER_ADDED,
	WATCHER_MODIFIED,
	WATCHER_DELETED,
	WATCHER_BOOKMARK,
	WATCHER_ERROR,
	WATCHER_EVENT_MAX
};

/* Where events go.  Called on the watcher's loop. */
struct watcher_sink {
	/* Encoded events, a line each; NULL: the sink takes objects. */
	void (*write)(void *data, struct str bytes);
	/* One event as an object, borrowed; NULL for a bookmark without one.  For in-process watches. */
	void (*event)(void *data, enum watcher_event type, struct object *object, uint64_t revision, bool initial_end);
	/* Bytes (or events) the sink has not got rid of. */
	size_t (*pending)(void *data);
	/* There will be no more: the watcher may be freed from here on.  @err: why, or NULL when its time is over. */
	void (*ended)(void *data, const struct error *err);
};

/* Keeps nothing of @request. */
struct watcher *watcher_new(const struct request *request) __attribute__((returns_nonnull));
/* Opens the store's watch and begins to pump.  On @loop's thread. */
void watcher_start(struct watcher *watcher, struct loop *loop, const struct watcher_sink *sink, void *data);
/* The sink has room again. */
void watcher_pump(struct watcher *watcher);
/* Stops and frees; on its loop's thread when it was started.  Takes NULL; returns NULL. */
struct watcher *watcher_free(struct watcher *watcher);

#endif
