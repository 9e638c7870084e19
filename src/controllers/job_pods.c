/* Pods of a job: whose they are, how many go and how many are made. */
#include "controllers/job.h"

#include "controllers/finalizer.h"
#include "controllers/pod_control.h"
#include "logic/owner.h"
#include "logic/pod.h"

#define INDEX_ENV	     "JOB_COMPLETION_INDEX"
#define GENERATED_PREFIX_MAX 58 /* what of a generateName the server keeps */

/* --- What there is --------------------------------------------------------------------------------------------- */

static int64_t index_of(const struct job_round *round, const struct core_v1_pod *pod)
{
	const struct str *text = str_map_get(&pod->metadata.annotations, STR(JOB_INDEX));
	int64_t index;

	if (!round->indexed || !text || str_parse_int64(*text, &index) < 0 || index < 0 ||
	    index >= *round->job->spec.completions)
		return -1;
	return index;
}

static bool is_noted(const struct job_pod *pod, struct str_slice uids)
{
	SLICE_FOREACH (uid, uids)
		if (str_eq(*uid, pod->pod->metadata.uid))
			return true;
	return false;
}

static struct job_pod look_at(const struct job_round *round, struct object *object)
{
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);
	const struct batch_v1_uncounted_terminated_pods *noted = round->job->status.uncounted_terminated_pods;
	bool going = pod->metadata.deletion_timestamp;
	struct job_pod out = {
		.object = object,
		.pod = pod,
		.index = index_of(round, pod),
		/* An orphan gets the finalizer with its adoption. */
		.tracked = has_finalizer(&pod->metadata, JOB_TRACKING) || !owner_controller(&pod->metadata),
		.active = pod_is_active(pod),
		.terminating = going && !pod_is_finished(pod),
		.failed = str_eq_c(pod->status.phase, "Failed") ||
			  (going && !round->replaces_failed && !str_eq_c(pod->status.phase, "Succeeded")),
	};

	out.noted_failed = noted && is_noted(&out, noted->failed);
	out.noted_succeeded = noted && is_noted(&out, noted->succeeded);
	job_judge_pod(round, &out);
	return out;
}

static int by_index(const void *a, const void *b)
{
	const struct job_pod *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return str_cmp(x->pod->metadata.name, y->pod->metadata.name);
}

static void claim(struct job_round *round)
{
	const struct job_inputs *inputs = round->inputs;
	struct selector selector = pod_control_selector(round->job->spec.selector, round->plan->arena);

	round->pods = ARENA_NEW_N(round->plan->arena, struct job_pod, inputs->candidates.len + 1);
	for (size_t i = 0; i < inputs->candidates.len; i++) {
		struct object *object = inputs->candidates.items[i];
		bool matches = selector_matches(&selector, &object->meta->labels);

		if (pod_control_claims_tracked(round->plan, inputs->pods, inputs->object, matches, object,
					       JOB_TRACKING))
			round->pods[round->pods_len++] = look_at(round, object);
	}
	if (round->indexed)
		qsort(round->pods, round->pods_len, sizeof(*round->pods), by_index);
}

static bool has_ended_index(const struct job_round *round, const struct job_pod *pod)
{
	return pod->failed && (pod->ends_index || (pod->counts && job_pod_count(pod->pod, JOB_FAILURES) >=
									  *round->job->spec.backoff_limit_per_index));
}

/* The indexes of the pods that @chosen says yes to. */
static struct index_set indexes_of(const struct job_round *round,
				   bool (*chosen)(const struct job_round *round, const struct job_pod *pod))
{
	int64_t *indexes = ARENA_NEW_N(round->plan->arena, int64_t, round->pods_len + 1);
	size_t len = 0;

	for (size_t i = 0; i < round->pods_len; i++)
		if (chosen(round, &round->pods[i]))
			indexes[len++] = round->pods[i].index;
	return index_set_of(indexes, len, round->plan->arena);
}

static bool newly_succeeded(const struct job_round *round UNUSED, const struct job_pod *pod)
{
	return pod->tracked && !pod->noted_failed && str_eq_c(pod->pod->status.phase, "Succeeded");
}

static bool newly_ended(const struct job_round *round, const struct job_pod *pod)
{
	return pod->tracked && has_ended_index(round, pod);
}

static bool is_active(const struct job_round *round UNUSED, const struct job_pod *pod)
{
	return pod->active;
}

/* Has an index that no other pod may have now? */
static bool occupies(const struct job_round *round, const struct job_pod *pod)
{
	return pod->active || (pod->terminating && round->replaces_failed);
}

static void count_indexes(struct job_round *round)
{
	const struct batch_v1_job_status *status = &round->job->status;
	struct arena *arena = round->plan->arena;
	int64_t end = *round->job->spec.completions;

	round->counted_indexes = index_set_parse(status->completed_indexes, end, arena);
	round->succeeded_indexes = index_set_union(round->counted_indexes, indexes_of(round, newly_succeeded), arena);
	round->succeeded = index_set_len(round->succeeded_indexes);
	if (round->per_index)
		round->failed_indexes = index_set_union(
			index_set_parse(status->failed_indexes ? *status->failed_indexes : STR_EMPTY, end, arena),
			indexes_of(round, newly_ended), arena);
}

/* The later of two failures of an index. */
static bool fails_after(const struct job_pod *a, const struct job_pod *b)
{
	int64_t before = job_pod_count(b->pod, JOB_FAILURES) + job_pod_count(b->pod, JOB_IGNORED);
	int64_t after = job_pod_count(a->pod, JOB_FAILURES) + job_pod_count(a->pod, JOB_IGNORED);

	return before <= after && job_pod_end(a->pod) >= job_pod_end(b->pod);
}

/* Of each index that waits for its next pod, the last failed one is kept: it knows how many have failed. */
static void keep_failures(struct job_round *round)
{
	struct index_set active = indexes_of(round, is_active);
	struct job_pod *kept = NULL;

	for (size_t i = 0; i < round->pods_len; i++) {
		struct job_pod *pod = &round->pods[i];

		if (!pod->tracked || !pod->failed || pod->index < 0 || index_set_has(active, pod->index) ||
		    index_set_has(round->succeeded_indexes, pod->index) ||
		    index_set_has(round->failed_indexes, pod->index))
			continue;
		if (kept && kept->index == pod->index) {
			if (!fails_after(pod, kept))
				continue;
			kept->kept = false;
		}
		kept = pod;
		kept->kept = true;
	}
}

void job_take_pods(struct job_round *round)
{
	const struct batch_v1_job_status *status = &round->job->status;
	const struct batch_v1_uncounted_terminated_pods *noted = status->uncounted_terminated_pods;

	claim(round);
	round->succeeded = status->succeeded + (noted ? (int64_t)noted->succeeded.len : 0);
	round->failed = status->failed + (noted ? (int64_t)noted->failed.len : 0);
	for (size_t i = 0; i < round->pods_len; i++) {
		const struct job_pod *pod = &round->pods[i];
		bool its = pod->tracked && (!round->indexed || pod->index >= 0);

		round->active += pod->active;
		round->terminating += pod->terminating;
		round->ready += pod->active && pod_is_ready(pod->pod);
		round->succeeded += its && !pod->noted_succeeded && newly_succeeded(round, pod);
		round->failed += its && !pod->noted_failed && pod->failed && pod->counts;
	}
	if (round->indexed)
		count_indexes(round);
	if (round->per_index)
		keep_failures(round);
}

/* --- What goes ------------------------------------------------------------------------------------------------- */

struct chosen {
	struct arena *arena;
	int64_t now;
	VEC_OF(struct object *) go, stay;
};

static void rank(struct chosen *chosen, struct object **pods, size_t len)
{
	pod_control_rank_for_deletion((struct object_slice){pods, len}, (struct object_slice){0}, chosen->now,
				      chosen->arena);
}

/* Active pods of one index: one of them stays, none without an index. */
static void choose_of_index(struct chosen *chosen, struct object **pods, size_t len, bool has_index)
{
	if (has_index && len > 1)
		rank(chosen, pods, len);
	for (size_t i = 0; i < len; i++) {
		if (has_index && i + 1 == len)
			vec_push(chosen->arena, &chosen->stay, pods[i]);
		else
			vec_push(chosen->arena, &chosen->go, pods[i]);
	}
}

static void choose_repeated(struct job_round *round, struct chosen *chosen)
{
	VEC_OF(struct object *) same = {0};
	int64_t index = -1;

	for (size_t i = 0; i < round->pods_len; i++) {
		const struct job_pod *pod = &round->pods[i];

		if (!pod->active)
			continue;
		if (pod->index != index) {
			choose_of_index(chosen, same.items, same.len, index >= 0);
			same.len = 0;
			index = pod->index;
		}
		vec_push(chosen->arena, &same, pod->object);
	}
	choose_of_index(chosen, same.items, same.len, index >= 0);
}

/* At least @count active pods, and those whose index is taken or none. */
static struct object_slice choose(struct job_round *round, int64_t count)
{
	struct chosen chosen = {.arena = round->plan->arena, .now = round->now};

	if (round->indexed)
		choose_repeated(round, &chosen);
	for (size_t i = 0; i < round->pods_len && !round->indexed; i++)
		if (round->pods[i].active)
			vec_push(chosen.arena, &chosen.stay, round->pods[i].object);
	if (chosen.stay.len && (int64_t)chosen.go.len < count)
		rank(&chosen, chosen.stay.items, chosen.stay.len);
	for (size_t i = 0; i < chosen.stay.len && (int64_t)chosen.go.len < count; i++)
		vec_push(chosen.arena, &chosen.go, chosen.stay.items[i]);
	return (struct object_slice){chosen.go.items, MIN(chosen.go.len, (size_t)JOB_BURST)};
}

/* How many pods are to run now. */
static int64_t wanted(const struct job_round *round)
{
	const struct batch_v1_job_spec *spec = &round->job->spec;
	int64_t parallelism = spec->parallelism ? *spec->parallelism : 1;

	if (round->verdict.reached || round->suspended)
		return 0;
	if (spec->completions)
		return MAX(MIN(*spec->completions - round->succeeded, parallelism), INT64_C(0));
	/* Once one has succeeded, those that run may end, and no more are made. */
	return round->succeeded ? round->active : parallelism;
}

void job_decide_removals(struct job_round *round)
{
	int32_t going;

	if (round->job->metadata.deletion_timestamp && !round->verdict.reached)
		return;
	round->removals = choose(round, MAX(round->active - wanted(round), INT64_C(0)));
	going = (int32_t)round->removals.len;
	round->active -= going;
	round->terminating += going;
	for (size_t i = 0; i < round->removals.len; i++)
		round->ready -= pod_is_ready(OBJECT_AS(core_v1_pod, round->removals.items[i]));
}

void job_untrack(struct plan *plan, const struct resource *pods, const struct object *pod)
{
	struct str patch = arena_printf(plan->arena,
					"{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"" JOB_TRACKING
					"\"],\"uid\":\"" STR_FMT "\"}}",
					STR_ARG(pod->meta->uid));

	plan_patch(plan, pods, pod->meta->namespace, pod->meta->name, NULL, PATCH_TYPE_STRATEGIC, patch)
		->tolerate_missing = true;
}

/* The finalizer first: a pod that goes because it is not wanted is no failure. */
void job_plan_removals(struct job_round *round)
{
	for (size_t i = 0; i < round->removals.len; i++) {
		const struct object *pod = round->removals.items[i];

		/* At a verdict the status has let it go already. */
		if (!round->verdict.reached && has_finalizer(pod->meta, JOB_TRACKING))
			job_untrack(round->plan, round->inputs->pods, pod);
		pod_control_plan_delete(round->plan, round->inputs->pods, pod);
	}
}

/* --- What is made ---------------------------------------------------------------------------------------------- */

static struct core_v1_container_slice with_index_env(struct core_v1_container_slice containers, struct arena *arena)
{
	static const struct core_v1_object_field_selector field = {
		.field_path = STR_INIT("metadata.labels['" JOB_INDEX "']")};
	static const struct core_v1_env_var_source source = {.field_ref = &field};
	struct core_v1_container *out = arena_memdup(arena, containers.items, containers.len * sizeof(*out));

	for (size_t i = 0; i < containers.len; i++) {
		VEC_OF(struct core_v1_env_var) env = {0};
		bool there = false;

		SLICE_FOREACH (variable, out[i].env) {
			vec_push(arena, &env, *variable);
			there = there || str_eq_c(variable->name, INDEX_ENV);
		}
		if (!there)
			vec_push(arena, &env, (struct core_v1_env_var){.name = STR(INDEX_ENV), .value_from = &source});
		out[i].env = (struct core_v1_env_var_slice){env.items, env.len};
	}
	return (struct core_v1_container_slice){out, containers.len};
}

static struct str_slice with_tracking(struct str_slice finalizers, struct arena *arena)
{
	VEC_OF(struct str) out = {0};

	SLICE_FOREACH (finalizer, finalizers)
		if (!str_eq_c(*finalizer, JOB_TRACKING))
			vec_push(arena, &out, *finalizer);
	vec_push(arena, &out, STR(JOB_TRACKING));
	return (struct str_slice){out.items, out.len};
}

static struct core_v1_pod template_pod(const struct job_round *round)
{
	struct arena *arena = round->plan->arena;
	struct core_v1_pod pod = pod_control_from_template(&round->job->spec.template, round->inputs->object, arena);

	pod.metadata.finalizers = with_tracking(pod.metadata.finalizers, arena);
	if (round->indexed) {
		pod.spec.containers = with_index_env(pod.spec.containers, arena);
		pod.spec.init_containers = with_index_env(pod.spec.init_containers, arena);
	}
	return pod;
}

static const struct job_pod *kept_of(const struct job_round *round, int64_t index)
{
	for (size_t i = 0; i < round->pods_len; i++)
		if (round->pods[i].kept && round->pods[i].index == index)
			return &round->pods[i];
	return NULL;
}

static void set_number(struct str_map *map, const char *key, int64_t number, struct arena *arena)
{
	*map = str_map_set(map, str_from(key), arena_printf(arena, "%lld", (long long)number), arena);
}

/* The failures of its index so far are handed on to the new pod. */
static void hand_on_failures(struct str_map *annotations, const struct job_pod *kept, struct arena *arena)
{
	int64_t failures = 0, ignored = 0;

	if (kept) {
		failures = job_pod_count(kept->pod, JOB_FAILURES) + kept->counts;
		ignored = job_pod_count(kept->pod, JOB_IGNORED) + !kept->counts;
	}
	set_number(annotations, JOB_FAILURES, failures, arena);
	if (ignored)
		set_number(annotations, JOB_IGNORED, ignored, arena);
}

static void give_index(const struct job_round *round, struct core_v1_pod *pod, int64_t index)
{
	struct arena *arena = round->plan->arena;
	struct str name = round->job->metadata.name, suffix = arena_printf(arena, "-%lld-", (long long)index);

	set_number(&pod->metadata.annotations, JOB_INDEX, index, arena);
	set_number(&pod->metadata.labels, JOB_INDEX, index, arena);
	pod->spec.hostname = arena_printf(arena, STR_FMT "-%lld", STR_ARG(name), (long long)index);
	name = str_sub(name, 0, GENERATED_PREFIX_MAX - suffix.len);
	pod->metadata.generate_name = arena_printf(arena, STR_FMT STR_FMT, STR_ARG(name), STR_ARG(suffix));
	if (round->per_index)
		hand_on_failures(&pod->metadata.annotations, kept_of(round, index), arena);
}

/* Of @indexes those whose back-off is over; when none is, the plan is made again when the first is. */
static size_t leave_delayed(const struct job_round *round, int64_t *indexes, size_t len)
{
	int64_t first = INT64_MAX;
	size_t left = 0;

	for (size_t i = 0; i < len; i++) {
		const struct job_pod *kept = kept_of(round, indexes[i]);
		int64_t failures =
			kept ? job_pod_count(kept->pod, JOB_FAILURES) + job_pod_count(kept->pod, JOB_IGNORED) + 1 : 0;
		int64_t wait = kept ? job_backoff_left(failures, job_pod_end(kept->pod), round->now) : 0;

		if (wait)
			first = MIN(first, wait);
		else
			indexes[left++] = indexes[i];
	}
	if (first != INT64_MAX)
		plan_requeue_within(round->plan, first);
	return left;
}

static size_t free_indexes(const struct job_round *round, int64_t *indexes, size_t max)
{
	struct arena *arena = round->plan->arena;
	struct index_set taken = index_set_union(round->succeeded_indexes, round->failed_indexes, arena);
	size_t len;

	taken = index_set_union(taken, indexes_of(round, occupies), arena);
	len = index_set_missing(taken, *round->job->spec.completions, indexes, max);
	return round->per_index ? leave_delayed(round, indexes, len) : len;
}

/* How many pods to make; fewer than are missing while there is a back-off. */
static size_t count_creations(const struct job_round *round)
{
	int64_t missing = wanted(round) - round->active - (round->replaces_failed ? (int64_t)round->terminating : 0),
		wait;

	if (round->removals.len || missing <= 0)
		return 0;
	wait = round->per_index ? 0 : job_backoff_of_all(round);
	if (wait) {
		plan_requeue_within(round->plan, wait);
		return 0;
	}
	return (size_t)MIN(missing, (int64_t)JOB_BURST);
}

void job_plan_creations(struct job_round *round)
{
	struct arena *arena = round->plan->arena;
	size_t count = count_creations(round);
	int64_t *indexes = ARENA_NEW_N(arena, int64_t, count + 1);
	struct core_v1_pod pod;

	if (round->indexed)
		count = free_indexes(round, indexes, count);
	if (!count)
		return;
	pod = template_pod(round);
	for (size_t i = 0; i < count; i++) {
		struct core_v1_pod *next = ARENA_DUP(arena, struct core_v1_pod, &pod);

		if (round->indexed)
			give_index(round, next, indexes[i]);
		pod_control_plan_create(round->plan, round->inputs->pods, next);
	}
	/* They count as active when they are there. */
	plan_requeue_within(round->plan, 1);
}
