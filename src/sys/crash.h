/*
 * Crash pages: what a process was at work on when it died, and what its next life leaves alone for a while.
 *
 * C has no recover(): an object that makes a component crash would make it crash for ever.  So a supervisor shares some
 * memory with all lives of a child.  Threads note the component and the key of what they begin; a handler of the
 * signals that end a faulty process marks the note of the thread that crashed; when the child is gone the supervisor
 * puts the marked keys into quarantine, and the next life asks before it takes one.
 *
 *   - A key's quarantine is QUARANTINE_MIN after its first crash and doubles with each, up to QUARANTINE_MAX; a key
 *     that was quiet for QUARANTINE_MEMORY is forgotten.
 *   - A crash that marked nothing (a stack that overflowed leaves no room for the handler) suspects every key that was
 *     in work.
 *   - CRASHES_TO_HOLD crashes within CRASH_WINDOW put the page on hold for HOLD_TIME: what may, stays away until then,
 *     so that the object can be looked at and deleted.
 *   - Only signals of a fault count (crash_is_fault): a kill from outside says nothing about an object.
 *
 * Only the notes are shared, and the supervisor believes them as little as anything a child says.  What is in
 * quarantine is the supervisor's own memory, of which every life gets a copy by being forked.  So nothing here takes a
 * lock, and a note costs a copy of the key.
 */
#ifndef WHERRY_SYS_CRASH_H
#define WHERRY_SYS_CRASH_H

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

#define CRASH_COMPONENT_SIZE 48
#define CRASH_KEY_SIZE	     384 /* of a note; what is longer is cut off alike wherever it is compared */

#define QUARANTINE_MIN	     (10 * NS_PER_SEC)
#define QUARANTINE_MAX	     (600 * NS_PER_SEC)
#define QUARANTINE_MEMORY    (1800 * NS_PER_SEC)
#define CRASHES_TO_HOLD	     3
#define CRASH_WINDOW	     (60 * NS_PER_SEC)
#define HOLD_TIME	     (300 * NS_PER_SEC)

struct crash_page;

/* Before the first fork. */
int crash_page_new(struct crash_page **ret, struct error *err) MUST_CHECK;
struct crash_page *crash_page_free(struct crash_page *page);

/* --- In the child ---------------------------------------------------------------------------------------------- */

/* Before its threads start: this process notes in @page from here on.  A process without one notes nothing. */
void crash_page_attach(struct crash_page *page);

struct crash_note;

/* Any thread, one at a time each: it is at work on @key.  NULL when nothing is noted. */
struct crash_note *crash_note_begin(const char *component, struct str key);
/* The same thread is done with it; NULL is fine. */
void crash_note_end(struct crash_note *note);

/* Nanoseconds for which @key has to be left alone, 0: none.  @now is of the monotonic clock, as everywhere here. */
int64_t crash_quarantine_left(const char *component, struct str key, int64_t now);
/* Nanoseconds for which this process is on hold. */
int64_t crash_hold_left(int64_t now);

/* --- In the supervisor ----------------------------------------------------------------------------------------- */

/* Is a death by @signal the fault of what died? */
bool crash_is_fault(int signal);

struct crash_suspect {
	char component[CRASH_COMPONENT_SIZE], key[CRASH_KEY_SIZE];
	unsigned crashes;
	int64_t pause; /* its quarantine, nanoseconds */
};

/*
 * After a life that ended by a fault: passes each key that goes into quarantine to @tell (may be NULL), and returns
 * whether the page went on hold.
 */
bool crash_page_fault(struct crash_page *page, int64_t now, void (*tell)(void *cookie, const struct crash_suspect *),
		      void *cookie);
/* After a life that ended in any other way: its notes mean nothing. */
void crash_page_clear(struct crash_page *page);

#endif
