/*
 * LimitRanger: the LimitRanges of a namespace give containers what they do not ask for, and bound what pods and claims
 * may ask for.
 */
#include "apiserver/admission_plugins.h"
#include "apiserver/registry/common.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/stored.h"
#include "logic/pod_requests.h"
#include "types/gen/core_v1.h"
#include "types/quantity.h"
#include "types/selector.h"

#define ANNOTATION "kubernetes.io/limit-ranger"

/* The ranges of the request's namespace, in order of their names. */
struct ranges {
	struct request *request;
	VEC_OF(const struct core_v1_limit_range *) items;
};

/* What one thing asks for. */
struct asked {
	const struct quantity_map *requests, *limits;
};

/* What is wrong, told in one sentence. */
struct faults {
	struct arena *arena;
	VEC_OF(struct str) items;
};

static enum store_visit collect(void *data, const struct store_record *record)
{
	struct ranges *ranges = data;
	struct object *object;
	struct error ignored = {0}; /* what cannot be read bounds nothing */

	if (stored_object(record, &schema_core_v1_limit_range, &object, &ignored) < 0)
		return STORE_VISIT_PASSED;
	request_hold_object(ranges->request, object);
	vec_push(&ranges->request->arena, &ranges->items, OBJECT_AS(core_v1_limit_range, object));
	return STORE_VISIT_TAKEN;
}

static struct ranges find_ranges(struct request *request)
{
	struct ranges ranges = {.request = request};
	const struct resource *resource = resource_find(STR_EMPTY, STR("v1"), STR("limitranges"));
	struct store_range range = {.scope =
					    stored_key(resource, request->info.name_space, STR_EMPTY, &request->arena)};
	struct store_view *view = store_view_acquire(request->server->store);
	struct store_range_result seen;
	struct error ignored = {0}; /* the present revision can always be read */

	if (store_view_scan(view, &range, collect, &ranges, &seen, &ignored) < 0)
		ranges.items.len = 0;
	store_view_release(view);
	return ranges;
}

/* Maps stay sorted by key. */
static void put(struct quantity_map *map, struct str key, const struct quantity *value, struct arena *arena)
{
	struct quantity_pair *items = ARENA_NEW_N(arena, struct quantity_pair, map->len + 1);
	size_t len = 0, i = 0;

	for (; i < map->len && str_cmp(map->items[i].key, key) < 0; i++)
		items[len++] = map->items[i];
	items[len++] = (struct quantity_pair){key, *value};
	if (i < map->len && str_eq(map->items[i].key, key))
		i++;
	for (; i < map->len; i++)
		items[len++] = map->items[i];
	*map = (struct quantity_map){items, len};
}

/* Adds what is missing; returns "cpu, memory", the names of what was added. */
static struct str fill(struct quantity_map *map, const struct quantity_map *defaults, struct arena *arena)
{
	struct str added = STR_EMPTY;

	SLICE_FOREACH (pair, *defaults) {
		if (quantity_map_get(map, pair->key))
			continue;
		put(map, pair->key, &pair->value, arena);
		added = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(added), added.len ? ", " : "",
				     STR_ARG(pair->key));
	}
	return added;
}

static void note(struct str *notes, struct str added, const char *what, struct str container, struct arena *arena)
{
	if (added.len)
		*notes = arena_printf(arena, STR_FMT "%s" STR_FMT " %s " STR_FMT, STR_ARG(*notes),
				      notes->len ? "; " : "", STR_ARG(added), what, STR_ARG(container));
}

/* @words: "request for container", "limit for container". */
static void fill_containers(const struct core_v1_container_slice *containers, const struct quantity_map *requests,
			    const struct quantity_map *limits, const char *const words[2], struct str *notes,
			    struct arena *arena)
{
	SLICE_FOREACH (container, *containers) {
		struct core_v1_resource_requirements *needs =
			EDIT(struct core_v1_resource_requirements, &container->resources);
		struct str more_limits = fill(&needs->limits, limits, arena);
		struct str more_requests = fill(&needs->requests, requests, arena);

		note(notes, more_requests, words[0], container->name, arena);
		note(notes, more_limits, words[1], container->name, arena);
	}
}

static void fill_pod(struct request *request, const struct core_v1_limit_range *range)
{
	static const char *const regular[] = {"request for container", "limit for container"};
	static const char *const init[] = {"request for init container", "limit for init container"};
	struct quantity_map requests = {0}, limits = {0};
	struct core_v1_pod *pod = request->object;
	struct arena *arena = &request->arena;
	struct str notes = STR_EMPTY;

	SLICE_FOREACH (item, range->spec.limits) {
		if (!str_eq_c(item->type, "Container"))
			continue;
		SLICE_FOREACH (pair, item->default_request)
			put(&requests, pair->key, &pair->value, arena);
		SLICE_FOREACH (pair, item->default_)
			put(&limits, pair->key, &pair->value, arena);
	}
	fill_containers(&pod->spec.containers, &requests, &limits, regular, &notes, arena);
	fill_containers(&pod->spec.init_containers, &requests, &limits, init, &notes, arena);
	if (notes.len)
		pod->metadata.annotations =
			str_map_set(&pod->metadata.annotations, STR(ANNOTATION),
				    arena_concat(arena, STR("LimitRanger plugin set: "), notes), arena);
}

static void fault(struct faults *faults, const char *format, ...) PRINTF_LIKE(2, 3);
static void fault(struct faults *faults, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vec_push(faults->arena, &faults->items, arena_vprintf(faults->arena, format, args));
	va_end(args);
}

/* What stands in a fault: which bound, of what, and how much it is. */
#define BOUND_FMT	" " STR_FMT " usage per " STR_FMT " is " STR_FMT
#define BOUND_ARG(b)	STR_ARG((b)->key), STR_ARG(type), STR_ARG(quantity_format(&(b)->value, faults->arena))
#define QUANTITY_ARG(q) STR_ARG(quantity_format((q), faults->arena))

static void check_min(struct faults *faults, struct str type, const struct quantity_pair *bound,
		      const struct asked *asked)
{
	const struct quantity *request = quantity_map_get(asked->requests, bound->key),
			      *limit = quantity_map_get(asked->limits, bound->key);

	if (!request)
		fault(faults, "minimum" BOUND_FMT ".  No request is specified", BOUND_ARG(bound));
	else if (quantity_cmp(request, &bound->value) < 0)
		fault(faults, "minimum" BOUND_FMT ", but request is " STR_FMT, BOUND_ARG(bound), QUANTITY_ARG(request));
	else if (limit && quantity_cmp(limit, &bound->value) < 0)
		fault(faults, "minimum" BOUND_FMT ", but limit is " STR_FMT, BOUND_ARG(bound), QUANTITY_ARG(limit));
}

/* Of claims only the request counts. */
static void check_max(struct faults *faults, struct str type, const struct quantity_pair *bound,
		      const struct asked *asked, bool claim)
{
	const struct quantity *request = quantity_map_get(asked->requests, bound->key);
	const struct quantity *limit = claim ? NULL : quantity_map_get(asked->limits, bound->key);

	if (claim ? !request : !limit)
		fault(faults, "maximum" BOUND_FMT ".  No %s is specified", BOUND_ARG(bound),
		      claim ? "request" : "limit");
	else if (limit && quantity_cmp(limit, &bound->value) > 0)
		fault(faults, "maximum" BOUND_FMT ", but limit is " STR_FMT, BOUND_ARG(bound), QUANTITY_ARG(limit));
	else if (request && quantity_cmp(request, &bound->value) > 0)
		fault(faults, "maximum" BOUND_FMT ", but request is " STR_FMT, BOUND_ARG(bound), QUANTITY_ARG(request));
}

static void check_ratio(struct faults *faults, struct str type, const struct quantity_pair *bound,
			const struct asked *asked)
{
	const struct quantity *request = quantity_map_get(asked->requests, bound->key),
			      *limit = quantity_map_get(asked->limits, bound->key);
	struct str text = arena_printf(faults->arena, STR_FMT " max limit to request ratio per " STR_FMT " is " STR_FMT,
				       BOUND_ARG(bound));
	double ratio;

	if (!request || quantity_sign(request) == 0) {
		fault(faults, STR_FMT ", but no request is specified or request is 0", STR_ARG(text));
		return;
	}
	if (!limit || quantity_sign(limit) == 0) {
		fault(faults, STR_FMT ", but no limit is specified or limit is 0", STR_ARG(text));
		return;
	}
	ratio = quantity_as_double(limit) / quantity_as_double(request);
	if (ratio > quantity_as_double(&bound->value))
		fault(faults, STR_FMT ", but provided ratio is %f", STR_ARG(text), ratio);
}

static void check_item(struct faults *faults, const struct core_v1_limit_range_item *item, const struct asked *asked,
		       bool claim)
{
	SLICE_FOREACH (bound, item->min)
		check_min(faults, item->type, bound, asked);
	SLICE_FOREACH (bound, item->max)
		check_max(faults, item->type, bound, asked, claim);
	if (!claim)
		SLICE_FOREACH (bound, item->max_limit_request_ratio)
			check_ratio(faults, item->type, bound, asked);
}

static void check_containers(struct faults *faults, const struct core_v1_limit_range_item *item,
			     const struct core_v1_container_slice *containers)
{
	SLICE_FOREACH (container, *containers)
		check_item(faults, item, &(struct asked){&container->resources.requests, &container->resources.limits},
			   false);
}

static struct quantity_map sum_map(const struct resource_amounts *amounts, struct arena *arena)
{
	struct quantity_map map = {0};

	for (size_t i = 0; i < amounts->len; i++) {
		bool cpu = str_eq_c(amounts->items[i].name, "cpu");
		struct quantity sum = cpu ? quantity_from_milli(amounts->items[i].amount, QUANTITY_DECIMAL_SI)
					  : quantity_from_int(amounts->items[i].amount, QUANTITY_BINARY_SI);

		put(&map, amounts->items[i].name, &sum, arena);
	}
	return map;
}

static void check_pod(struct faults *faults, const struct core_v1_limit_range *range, const struct core_v1_pod *pod)
{
	const struct pod_requests_options options = {0};
	struct resource_amounts sums = {0}, most = {0};
	struct quantity_map requests, limits;

	pod_requests(pod, &options, faults->arena, &sums);
	pod_limits(pod, faults->arena, &most);
	requests = sum_map(&sums, faults->arena);
	limits = sum_map(&most, faults->arena);
	SLICE_FOREACH (item, range->spec.limits) {
		if (str_eq_c(item->type, "Container")) {
			check_containers(faults, item, &pod->spec.containers);
			check_containers(faults, item, &pod->spec.init_containers);
		} else if (str_eq_c(item->type, "Pod")) {
			check_item(faults, item, &(struct asked){&requests, &limits}, false);
		}
	}
}

static void check_claim(struct faults *faults, const struct core_v1_limit_range *range,
			const struct core_v1_persistent_volume_claim *claim)
{
	static const struct quantity_map none = {0};

	SLICE_FOREACH (item, range->spec.limits)
		if (str_eq_c(item->type, "PersistentVolumeClaim"))
			check_item(faults, item, &(struct asked){&claim->spec.resources.requests, &none}, true);
}

/* "a", or "[a, b]" without repetitions. */
static struct str join(const struct faults *faults)
{
	struct str text = STR_EMPTY;
	size_t len = 0;

	for (size_t i = 0; i < faults->items.len; i++) {
		bool said = false;

		for (size_t j = 0; j < i; j++)
			said = said || str_eq(faults->items.items[i], faults->items.items[j]);
		if (said)
			continue;
		text = arena_printf(faults->arena, STR_FMT "%s" STR_FMT, STR_ARG(text), len++ ? ", " : "",
				    STR_ARG(faults->items.items[i]));
	}
	return len > 1 ? arena_printf(faults->arena, "[" STR_FMT "]", STR_ARG(text)) : text;
}

/* Pods when they are made and resized, claims whenever they are written. */
static bool is_bounded(const struct request *request)
{
	bool pod = request->schema == &schema_core_v1_pod;

	if (request->subresource)
		return pod && request->operation != OP_CREATE && str_eq_c(request->info.subresource, "resize");
	return pod ? request->created : request->schema == &schema_core_v1_persistent_volume_claim;
}

static enum step_result mutate(struct request *request)
{
	struct ranges ranges;

	if (!is_bounded(request) || request->schema != &schema_core_v1_pod)
		return STEP_NEXT;
	ranges = find_ranges(request);
	for (size_t i = 0; i < ranges.items.len; i++)
		fill_pod(request, ranges.items.items[i]);
	return STEP_NEXT;
}

static enum step_result validate(struct request *request)
{
	struct faults faults = {.arena = &request->arena};
	struct ranges ranges;

	if (!is_bounded(request))
		return STEP_NEXT;
	ranges = find_ranges(request);
	for (size_t i = 0; i < ranges.items.len; i++) {
		if (request->schema == &schema_core_v1_pod)
			check_pod(&faults, ranges.items.items[i], request->object);
		else
			check_claim(&faults, ranges.items.items[i], request->object);
	}
	if (!faults.items.len)
		return STEP_NEXT;
	return status_forbidden(request, STR_EMPTY, request->resource->plural,
				object_meta_of(request->schema, request->object)->name, join(&faults));
}

const struct admission_plugin admission_limit_ranger = {
	.name = "LimitRanger",
	.operations = OP_CREATE | OP_UPDATE | OP_PATCH,
	.mutate = mutate,
	.validate = validate,
};
