/* What a process was at work on when it died; see crash.h. */
#include "sys/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define NOTES_MAX      256 /* threads at work at once; what is beyond it is not noted */
#define NOTES_SIZE     (NOTES_MAX * sizeof(struct crash_note))
#define QUARANTINE_LEN 64 /* keys; the one that was quiet for longest makes room */

enum { NOTE_FREE, NOTE_TAKEN, NOTE_CRASHED };

struct crash_note {
	atomic_uint state;
	char component[CRASH_COMPONENT_SIZE], key[CRASH_KEY_SIZE];
};

struct quarantined {
	struct crash_suspect suspect; /* crashes == 0: free */
	int64_t until;
};

struct crash_page {
	struct crash_note *notes; /* shared: NOTES_MAX of them */
	struct quarantined quarantine[QUARANTINE_LEN];
	int64_t crashes[CRASHES_TO_HOLD]; /* times of the last ones, the oldest first; 0: none */
	int64_t hold_until;
};

static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

/* Of this process: set before its threads start. */
static struct crash_page *attached;
static struct sigaction before[ARRAY_LEN(faults)];

/* Of this thread: its note, and where it looks for a free one first. */
static _Thread_local struct crash_note *current;
static _Thread_local unsigned hint;

int crash_page_new(struct crash_page **ret, struct error *err)
{
	void *notes = mmap(NULL, NOTES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (notes == MAP_FAILED)
		return error_set_errno(err, errno, "share memory");
	*ret = XNEW(struct crash_page);
	(*ret)->notes = notes;
	return 0;
}

struct crash_page *crash_page_free(struct crash_page *page)
{
	if (page)
		munmap(page->notes, NOTES_SIZE);
	free(page);
	return NULL;
}

/* Of a note, which need not be ended: its writer may have gone mad. */
static struct str note_text(const char *text, size_t size)
{
	return (struct str){text, strnlen(text, size - 1)};
}

/* As much of @text as @room takes, always ended. */
static void put_text(char *room, size_t size, struct str text)
{
	size_t len = MIN(text.len, size - 1);

	if (len)
		memcpy(room, text.data, len);
	room[len] = '\0';
}

/* --- In the child ---------------------------------------------------------------------------------------------- */

/* Marks, and lets the signal do what it would have done. */
static void on_fault(int signal)
{
	if (current)
		atomic_store(&current->state, NOTE_CRASHED);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (faults[i] == signal)
			sigaction(signal, &before[i], NULL);
	raise(signal);
}

void crash_page_attach(struct crash_page *page)
{
	struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};

	attached = page;
	if (!page)
		return;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		sigaction(faults[i], &action, &before[i]);
}

struct crash_note *crash_note_begin(const char *component, struct str key)
{
	if (!attached)
		return NULL;
	for (unsigned i = 0; i < NOTES_MAX; i++) {
		struct crash_note *note = &attached->notes[(hint + i) % NOTES_MAX];
		unsigned expected = NOTE_FREE;

		if (!atomic_compare_exchange_strong(&note->state, &expected, NOTE_TAKEN))
			continue;
		hint = (hint + i) % NOTES_MAX;
		put_text(note->component, sizeof(note->component), str_from(component));
		put_text(note->key, sizeof(note->key), key);
		current = note;
		return note;
	}
	return NULL;
}

void crash_note_end(struct crash_note *note)
{
	if (!note)
		return;
	current = NULL;
	atomic_store(&note->state, NOTE_FREE);
}

static struct quarantined *find(struct crash_page *page, struct str component, struct str key)
{
	component = str_sub(component, 0, MIN(component.len, CRASH_COMPONENT_SIZE - 1));
	key = str_sub(key, 0, MIN(key.len, CRASH_KEY_SIZE - 1));
	for (size_t i = 0; i < QUARANTINE_LEN; i++) {
		struct quarantined *quarantined = &page->quarantine[i];

		if (quarantined->suspect.crashes && str_eq_c(component, quarantined->suspect.component) &&
		    str_eq_c(key, quarantined->suspect.key))
			return quarantined;
	}
	return NULL;
}

int64_t crash_quarantine_left(const char *component, struct str key, int64_t now)
{
	const struct quarantined *quarantined;

	/* Nearly always there is none: the first place is the last to be freed. */
	if (!attached || !attached->quarantine[0].suspect.crashes)
		return 0;
	quarantined = find(attached, str_from(component), key);
	return quarantined && quarantined->until > now ? quarantined->until - now : 0;
}

int64_t crash_hold_left(int64_t now)
{
	return attached && attached->hold_until > now ? attached->hold_until - now : 0;
}

/* --- In the supervisor ----------------------------------------------------------------------------------------- */

bool crash_is_fault(int signal)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (faults[i] == signal)
			return true;
	return false;
}

/* Its place, a free one, or that of the one whose quarantine ended first. */
static struct quarantined *place_for(struct crash_page *page, struct str component, struct str key)
{
	struct quarantined *place = find(page, component, key);

	if (place)
		return place;
	place = &page->quarantine[0];
	for (size_t i = 0; i < QUARANTINE_LEN; i++) {
		struct quarantined *other = &page->quarantine[i];

		if (!other->suspect.crashes) {
			place = other;
			break;
		}
		if (other->until < place->until)
			place = other;
	}
	*place = (struct quarantined){0};
	put_text(place->suspect.component, sizeof(place->suspect.component), component);
	put_text(place->suspect.key, sizeof(place->suspect.key), key);
	return place;
}

static const struct crash_suspect *suspect(struct crash_page *page, const struct crash_note *note, int64_t now)
{
	struct quarantined *place = place_for(page, note_text(note->component, sizeof(note->component)),
					      note_text(note->key, sizeof(note->key)));
	unsigned crashes = ++place->suspect.crashes;
	int64_t pause = QUARANTINE_MIN;

	for (unsigned i = 1; i < crashes && pause < QUARANTINE_MAX; i++)
		pause *= 2;
	place->suspect.pause = MIN(pause, QUARANTINE_MAX);
	place->until = now + place->suspect.pause;
	return &place->suspect;
}

/* The rest moves to the first places, which crash_quarantine_left() relies on. */
static void forget_quiet(struct crash_page *page, int64_t now)
{
	size_t len = 0;

	for (size_t i = 0; i < QUARANTINE_LEN; i++) {
		const struct quarantined *quarantined = &page->quarantine[i];

		if (quarantined->suspect.crashes && quarantined->until + QUARANTINE_MEMORY > now)
			page->quarantine[len++] = *quarantined;
	}
	memset(&page->quarantine[len], 0, (QUARANTINE_LEN - len) * sizeof(*page->quarantine));
}

static bool count_crash(struct crash_page *page, int64_t now)
{
	memmove(page->crashes, page->crashes + 1, (CRASHES_TO_HOLD - 1) * sizeof(*page->crashes));
	page->crashes[CRASHES_TO_HOLD - 1] = now;
	if (page->crashes[0] == 0 || now - page->crashes[0] > CRASH_WINDOW)
		return false;
	page->hold_until = now + HOLD_TIME;
	return true;
}

bool crash_page_fault(struct crash_page *page, int64_t now, void (*tell)(void *cookie, const struct crash_suspect *),
		      void *cookie)
{
	unsigned wanted = NOTE_TAKEN;

	for (size_t i = 0; i < NOTES_MAX; i++)
		if (atomic_load(&page->notes[i].state) == NOTE_CRASHED)
			wanted = NOTE_CRASHED;
	forget_quiet(page, now);
	for (size_t i = 0; i < NOTES_MAX; i++) {
		const struct crash_suspect *found;

		if (atomic_load(&page->notes[i].state) != wanted)
			continue;
		found = suspect(page, &page->notes[i], now);
		if (tell)
			tell(cookie, found);
	}
	crash_page_clear(page);
	return count_crash(page, now);
}

void crash_page_clear(struct crash_page *page)
{
	for (size_t i = 0; i < NOTES_MAX; i++)
		atomic_store(&page->notes[i].state, NOTE_FREE);
}
