/*
 * The current snapshot of roles and bindings, and the thread that renews it; see rbac.h.
 *
 * Taking a snapshot works as store/view.h takes views.  `current` is one word: the snapshot's address in its low 48
 * bits and in its high 16 bits how often it was taken since it became current.  A reader adds 1 << 48 and thereby
 * learns the snapshot and counts itself in one step.  To give it back it takes one from the word, if the snapshot is
 * still current, else from snapshot->refs.  The renewing thread exchanges the word and adds the old word's count to the
 * old snapshot's refs, which from then on is the number of its holders: who brings it to zero frees it.  The renewing
 * thread's own share keeps it above zero until the count was moved: refs starts at BIAS and the addition takes BIAS off
 * again, so refs cannot be zero before.
 */
#include "apiserver/rbac.h"

#include "apiserver/rbac_snapshot.h"
#include "apiserver/stored.h"
#include "base/log.h"
#include "sys/thread.h"
#include "types/field_error.h"

#define ADDRESS_BITS 48
#define ONE_TAKEN    (UINT64_C(1) << ADDRESS_BITS)
#define ADDRESS_MASK (ONE_TAKEN - 1)
#define BIAS	     (1LL << 32)

struct rbac {
	struct store *store;
	_Atomic(uint64_t) current;
	struct thread *thread;
	struct store_watch *watches[RBAC_RESOURCES];
	struct mutex lock; /* guards the rest */
	struct cond changed;
	bool dirty, stopping;
	uint64_t built; /* revision of the current snapshot */
};

/* --- The current snapshot */

static struct rbac_snapshot *in_word(uint64_t word)
{
	return (struct rbac_snapshot *)(uintptr_t)(word & ADDRESS_MASK);
}

struct rbac_snapshot *rbac_acquire(struct rbac *rbac)
{
	return in_word(atomic_fetch_add_explicit(&rbac->current, ONE_TAKEN, memory_order_acquire));
}

void rbac_release(struct rbac *rbac, struct rbac_snapshot *snapshot)
{
	uint64_t word = atomic_load_explicit(&rbac->current, memory_order_relaxed);

	while (in_word(word) == snapshot)
		if (atomic_compare_exchange_weak_explicit(&rbac->current, &word, word - ONE_TAKEN, memory_order_release,
							  memory_order_relaxed))
			return;
	if (atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) == 1)
		rbac_snapshot_free(snapshot);
}

/* NULL: there is none any more. */
static void publish(struct rbac *rbac, struct rbac_snapshot *snapshot)
{
	uint64_t word;
	struct rbac_snapshot *old;
	long long holders;

	if (snapshot)
		atomic_store_explicit(&snapshot->refs, BIAS, memory_order_relaxed);
	word = atomic_exchange_explicit(&rbac->current, (uint64_t)(uintptr_t)snapshot, memory_order_acq_rel);
	old = in_word(word);
	if (!old)
		return;
	holders = (long long)(word >> ADDRESS_BITS);
	if (atomic_fetch_add_explicit(&old->refs, holders - BIAS, memory_order_acq_rel) + holders == BIAS)
		rbac_snapshot_free(old);
}

/* --- Renewal */

static void mark_dirty(void *data)
{
	struct rbac *rbac = data;

	MUTEX_GUARD(&rbac->lock);
	rbac->dirty = true;
	cond_broadcast(&rbac->changed);
}

/* A watch says once that there is something, and again when everything was read: so read it all. */
static void drain(struct rbac *rbac)
{
	for (unsigned i = 0; i < RBAC_RESOURCES; i++) {
		struct store_event event;
		struct error err = {0};
		int result;

		while ((result = store_watch_next(rbac->watches[i], &event, &err)) > 0)
			store_event_release(&event);
		if (result < 0)
			log_error("watch of roles ended", "error=%s", err.message);
	}
}

static void renew(struct rbac *rbac)
{
	struct rbac_snapshot *snapshot = rbac_snapshot_build(rbac->store);
	uint64_t revision = snapshot->revision;

	publish(rbac, snapshot);
	MUTEX_GUARD(&rbac->lock);
	rbac->built = revision;
	cond_broadcast(&rbac->changed);
}

static bool wait_for_change(struct rbac *rbac)
{
	MUTEX_GUARD(&rbac->lock);
	while (!rbac->dirty && !rbac->stopping)
		cond_wait(&rbac->changed, &rbac->lock);
	rbac->dirty = false;
	return !rbac->stopping;
}

/* What comes after draining marks it dirty again; what came before is in the view that is built from. */
static void run(void *data)
{
	struct rbac *rbac = data;

	while (wait_for_change(rbac)) {
		drain(rbac);
		renew(rbac);
	}
}

void rbac_sync(struct rbac *rbac)
{
	uint64_t wanted = store_current_revision(rbac->store);

	MUTEX_GUARD(&rbac->lock);
	if (rbac->built < wanted) {
		rbac->dirty = true;
		cond_broadcast(&rbac->changed);
	}
	while (rbac->built < wanted && !rbac->stopping)
		cond_wait(&rbac->changed, &rbac->lock);
}

static int open_watches(struct rbac *rbac, struct error *err)
{
	struct arena cleanup_arena arena = {0};

	for (unsigned i = 0; i < RBAC_RESOURCES; i++) {
		struct store_watch_options options = {
			.scope = stored_key(rbac_resource(i), STR_EMPTY, STR_EMPTY, &arena),
			.wakeup = mark_dirty,
			.data = rbac,
		};

		if (store_watch_open(rbac->store, &options, &rbac->watches[i], err) < 0)
			return error_wrap(err, "watch roles");
	}
	return 0;
}

int rbac_new(struct store *store, struct rbac **ret, struct error *err)
{
	struct rbac *rbac = XNEW(struct rbac);

	rbac->store = store;
	mutex_init(&rbac->lock);
	cond_init(&rbac->changed);
	if (open_watches(rbac, err) < 0) {
		rbac_free(rbac);
		return -(int)err->code;
	}
	drain(rbac);
	renew(rbac);
	if (thread_start("rbac", run, rbac, &rbac->thread, err) < 0) {
		rbac_free(rbac);
		return -(int)err->code;
	}
	*ret = rbac;
	return 0;
}

static void stop_thread(struct rbac *rbac)
{
	{
		MUTEX_GUARD(&rbac->lock);
		rbac->stopping = true;
		cond_broadcast(&rbac->changed);
	}
	rbac->thread = thread_join(rbac->thread);
}

struct rbac *rbac_free(struct rbac *rbac)
{
	if (!rbac)
		return NULL;
	stop_thread(rbac);
	for (unsigned i = 0; i < RBAC_RESOURCES; i++)
		store_watch_close(rbac->watches[i]);
	publish(rbac, NULL);
	cond_release(&rbac->changed);
	mutex_release(&rbac->lock);
	free(rbac);
	return NULL;
}

/* --- Questions */

struct str rbac_missing_text(const struct rbac_v1_role_ref *role, struct arena *arena)
{
	struct str name = quote_go(role->name, arena);

	return arena_printf(arena, "%s.rbac.authorization.k8s.io " STR_FMT " not found",
			    str_eq(role->kind, STR("ClusterRole")) ? "clusterrole" : "role", STR_ARG(name));
}

struct collecting {
	struct arena *arena;
	VEC_OF(struct rbac_v1_policy_rule) rules;
};

static bool collect(void *data, const struct rbac_grant *grant)
{
	struct collecting *collecting = data;

	for (size_t i = 0; i < grant->rules.len; i++)
		vec_push(collecting->arena, &collecting->rules, grant->rules.items[i]);
	return true;
}

struct rbac_v1_policy_rule_slice rbac_rules_of(const struct rbac_snapshot *snapshot, const struct user_info *user,
					       struct str name_space, struct arena *arena)
{
	struct collecting collecting = {.arena = arena};

	rbac_visit(snapshot, user, name_space, collect, &collecting);
	return (struct rbac_v1_policy_rule_slice){collecting.rules.items, collecting.rules.len};
}
