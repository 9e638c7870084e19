/*
 * Evictions: a delete that asks the pod's disruption budgets first.
 *
 * POST of an Eviction to pods/NAME/eviction.  A budget that allows no disruption now is a 429; one that does is counted
 * down before the pod is deleted.  Before it is, its condition DisruptionTarget says why.
 */
#include "apiserver/actions.h"
#include "apiserver/encode.h"
#include "apiserver/local.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/stored.h"
#include "logic/pod.h"
#include "types/gen/core_v1.h"
#include "types/gen/policy_v1.h"
#include "types/selector.h"

#define MARK_ATTEMPTS 5

static const struct resource *budgets(void)
{
	return resource_find(STR("policy"), STR("v1"), STR("poddisruptionbudgets"));
}

struct search {
	struct request *request;
	const struct core_v1_pod *pod;
	struct object *found;
	size_t len;
};

static enum store_visit visit(void *data, const struct store_record *record)
{
	struct search *search = data;
	struct request *request = search->request;
	const struct policy_v1_pod_disruption_budget *budget;
	struct object *object;
	struct selector selector;
	struct error err = {0};

	if (stored_object(record, &schema_policy_v1_pod_disruption_budget, &object, &err) < 0)
		return STORE_VISIT_PASSED;
	request_hold_object(request, object);
	budget = OBJECT_AS(policy_v1_pod_disruption_budget, object);
	if (selector_from_label_selector(budget->spec.selector, &request->arena, &selector, &err) == 0 &&
	    selector_matches(&selector, &search->pod->metadata.labels)) {
		search->found = object;
		search->len++;
	}
	return STORE_VISIT_TAKEN;
}

/* What is over cannot be disrupted. */
static bool needs_no_budget(const struct core_v1_pod *pod)
{
	return str_eq(pod->status.phase, STR("Succeeded")) || str_eq(pod->status.phase, STR("Failed")) ||
	       str_eq(pod->status.phase, STR("Pending")) || pod->metadata.deletion_timestamp;
}

static enum step_result too_many(struct request *request, const struct policy_v1_pod_disruption_budget *budget)
{
	struct meta_v1_status_details *details = ARENA_NEW(&request->arena, struct meta_v1_status_details);
	struct meta_v1_status_cause *cause = ARENA_NEW(&request->arena, struct meta_v1_status_cause);

	status_fail(request, ERR_TOO_MANY_REQUESTS,
		    "Cannot evict pod as it would violate the pod's disruption budget.");
	cause->reason = STR("DisruptionBudget");
	cause->message = arena_printf(
		&request->arena, "The disruption budget " STR_FMT " needs %d healthy pods and has %d currently",
		STR_ARG(budget->metadata.name), budget->status.desired_healthy, budget->status.current_healthy);
	details->causes = (struct meta_v1_status_cause_slice){cause, 1};
	request->status->details = details;
	return STEP_DONE;
}

/* Asked for in the query, or in the options of the delete. */
static bool is_dry_run(const struct request *request)
{
	const struct policy_v1_eviction *eviction = request->decoded;

	return request->options.dry_run || (eviction->delete_options && eviction->delete_options->dry_run.len);
}

/* Counts the budget down by this pod, or refuses. */
static enum step_result take_from_budget(struct request *request, const struct core_v1_pod *pod)
{
	struct search search = {.request = request, .pod = pod};
	struct store_range range = {
		.scope = stored_key(budgets(), request->info.name_space, STR_EMPTY, &request->arena)};
	struct store_view *view = store_view_acquire(request->server->store);
	struct policy_v1_pod_disruption_budget budget;
	struct store_write write;
	struct store_range_result result;
	struct error err = {0};
	int failed = store_view_scan(view, &range, visit, &search, &result, &err);

	store_view_release(view);
	if (failed < 0)
		return status_from_error(request, &err);
	if (search.len == 0)
		return STEP_NEXT;
	if (search.len > 1)
		return status_fail(
			request, ERR_INTERNAL,
			"This pod has more than one PodDisruptionBudget, which the eviction subresource does "
			"not support.");
	budget = *OBJECT_AS(policy_v1_pod_disruption_budget, search.found);
	if (budget.status.disruptions_allowed <= 0)
		return too_many(request, &budget);
	budget.status.disruptions_allowed--;
	if (!is_dry_run(request) &&
	    write_object(request, budgets(), &budget, search.found->revision, &write, &err) < 0) {
		/* Somebody else took from it: the client asks again. */
		return err.code == ERR_CONFLICT ? too_many(request, &budget) : status_from_error(request, &err);
	}
	return STEP_NEXT;
}

static const struct object *find_pod(struct request *request)
{
	return request_lookup(&request->context, STR_EMPTY, STR("pods"), request->info.name_space, request->info.name);
}

/* May the delete go on?  What it will refuse is not marked before. */
static bool meets(const struct meta_v1_delete_options *options, const struct meta_v1_object_meta *meta)
{
	const struct meta_v1_preconditions *wanted = options ? options->preconditions : NULL;

	return !wanted || ((!wanted->uid || str_eq(*wanted->uid, meta->uid)) &&
			   (!wanted->resource_version || str_eq(*wanted->resource_version, meta->resource_version)));
}

/* The options after the mark: the revision that was asked for is now the mark's. */
static const struct meta_v1_delete_options *after_mark(struct request *request,
						       const struct meta_v1_delete_options *options, uint64_t revision)
{
	struct meta_v1_delete_options *changed;
	struct meta_v1_preconditions *wanted;
	struct str *text;

	if (!options || !options->preconditions || !options->preconditions->resource_version)
		return options;
	changed = ARENA_DUP(&request->arena, struct meta_v1_delete_options, options);
	wanted = ARENA_DUP(&request->arena, struct meta_v1_preconditions, options->preconditions);
	text = ARENA_NEW(&request->arena, struct str);
	*text = arena_printf(&request->arena, "%llu", (unsigned long long)revision);
	wanted->resource_version = text;
	changed->preconditions = wanted;
	return changed;
}

/* Marks the pod; when it changed meanwhile, as it is then. */
static enum step_result mark(struct request *request, const struct meta_v1_delete_options **options)
{
	struct error err = {0};

	for (int attempt = 0; attempt < MARK_ATTEMPTS; attempt++) {
		const struct object *object = find_pod(request);
		struct store_write write;
		struct core_v1_pod pod;

		if (!object || !meets(*options, object->meta))
			return STEP_NEXT;
		pod = *OBJECT_AS(core_v1_pod, object);
		pod.status.conditions = pod_conditions_with(
			pod.status.conditions,
			(struct core_v1_pod_condition){.type = STR("DisruptionTarget"),
						       .status = STR("True"),
						       .last_transition_time = {request->now.seconds, 0, true},
						       .reason = STR("EvictionByEvictionAPI"),
						       .message = STR("Eviction API: evicting")},
			&request->arena);
		err = (struct error){0};
		if (write_object(request, request->resource, &pod, object->revision, &write, &err) == 0) {
			*options = after_mark(request, *options, write.revision);
			return STEP_NEXT;
		}
		if (err.code != ERR_CONFLICT)
			break;
	}
	return status_from_error(request, &err);
}

static enum step_result run(struct request *request)
{
	static const struct meta_v1_status success = {.status = STR_INIT("Success"), .code = 201};
	const struct policy_v1_eviction *eviction = request->decoded;
	const struct object *object = find_pod(request);
	struct local_answer answer = {0};
	struct error err = {0};
	struct local_call call = {
		.user = &request->user,
		.verb = STR("delete"),
		.resource = request->resource,
		.name_space = request->info.name_space,
		.name = request->info.name,
		.delete_options = eviction->delete_options,
		.dry_run = is_dry_run(request),
		.trusted = true,
	};
	enum step_result result;

	if (!object)
		return status_not_found(request, request->info.name);
	if (!needs_no_budget(OBJECT_AS(core_v1_pod, object))) {
		result = take_from_budget(request, OBJECT_AS(core_v1_pod, object));
		if (result != STEP_NEXT)
			return result;
	}
	if (!is_dry_run(request)) {
		result = mark(request, &call.delete_options);
		if (result != STEP_NEXT)
			return result;
	}
	if (apiserver_call(request->server, &call, &answer, &err) < 0)
		return status_from_error(request, &err);
	object_unref(answer.object);
	return respond_struct(request, 201, &schema_meta_v1_status, &success);
}

const struct action action_pod_eviction = {
	.plural = STR_INIT("pods"),
	.subresource = STR_INIT("eviction"),
	.verbs = VERB_CREATE,
	.may_block = true,
	.run = run,
};
