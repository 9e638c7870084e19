/* Limit ranges: of containers, what is not said follows from what is. */
#include "apiserver/registry/core/pod_check.h"

/* The entries of @from that @to has not got are added to it; both are sorted. */
static void fill(struct arena *arena, struct quantity_map *to, const struct quantity_map *from)
{
	struct quantity_pair *merged = ARENA_NEW_N(arena, struct quantity_pair, to->len + from->len);
	size_t len = 0, i = 0, j = 0;

	while (i < to->len || j < from->len) {
		int order = i == to->len ? 1 : j == from->len ? -1 : str_cmp(to->items[i].key, from->items[j].key);

		merged[len++] = order <= 0 ? to->items[i] : from->items[j];
		i += order <= 0;
		j += order >= 0;
	}
	*to = (struct quantity_map){merged, len};
}

static void default_object(struct strategy_context *context, void *object)
{
	SLICE_FOREACH (limit, ((struct core_v1_limit_range *)object)->spec.limits) {
		struct core_v1_limit_range_item *item = EDIT(struct core_v1_limit_range_item, limit);

		if (!str_eq_c(item->type, "Container"))
			continue;
		fill(context->arena, &item->default_, &item->max);
		fill(context->arena, &item->default_request, &item->default_);
		fill(context->arena, &item->default_request, &item->min);
	}
}

static void check_type(struct field_errors *errors, const struct path *path, struct str type)
{
	struct name_problems problems = name_is_qualified(type);

	check_name(errors, path, type, problems);
	if (!problems.len && str_index(type, '/') < 0 &&
	    !is_one_of(type, "Pod", "Container", "PersistentVolumeClaim", NULL))
		field_invalid(errors, path, VALUE(type), "must be a standard limit type or fully qualified");
}

static void check_keys(struct field_errors *errors, const struct path *path, struct str type,
		       const struct quantity_map *map)
{
	SLICE_FOREACH (pair, *map)
		if (is_one_of(type, "Pod", "Container", NULL))
			check_container_resource_name(errors, KEY(path, pair->key), pair->key);
		else
			check_resource_name(errors, KEY(path, pair->key), pair->key);
}

/* What a limit says of one resource; NULL where it says nothing. */
struct bounds_of {
	struct str key;
	const struct quantity *min, *max, *limit, *request, *ratio;
};

/* "@low_name value x is greater than @high_name value y", told of @shown at @at. */
static void check_order(struct field_errors *errors, const struct path *at, const struct quantity *shown,
			const char *low_name, const struct quantity *low, const char *high_name,
			const struct quantity *high)
{
	struct arena *arena = errors->arena;
	struct str low_text, high_text;

	if (!low || !high || quantity_cmp(low, high) <= 0)
		return;
	low_text = quantity_format(low, arena);
	high_text = quantity_format(high, arena);
	field_invalid(errors, at, field_value_text(quantity_format(shown, arena)),
		      "%s value " STR_FMT " is greater than %s value " STR_FMT, low_name, STR_ARG(low_text), high_name,
		      STR_ARG(high_text));
}

/* A limit may be @ratio times the request at most, which smallest and largest must leave room for. */
static void check_ratio(struct field_errors *errors, const struct path *at, const struct bounds_of *b)
{
	struct str text = quantity_format(b->ratio, errors->arena);
	double most;

	if (quantity_cmp_int(b->ratio, 1) < 0)
		field_invalid(errors, at, VALUE(text), "ratio " STR_FMT " is less than 1", STR_ARG(text));
	if (!b->min || !b->max)
		return;
	most = quantity_as_double(b->max) / quantity_as_double(b->min);
	if (quantity_as_double(b->ratio) > most)
		field_invalid(errors, at, VALUE(text), "ratio " STR_FMT " is greater than max/min = %f", STR_ARG(text),
			      most);
}

static void check_bounds(struct field_errors *errors, const struct path *path, const struct bounds_of *b)
{
	const struct path *request = KEY(FIELD(path, "defaultRequest"), b->key);
	const struct path *limit = KEY(FIELD(path, "default"), b->key);

	check_order(errors, KEY(FIELD(path, "min"), b->key), b->min, "min", b->min, "max", b->max);
	check_order(errors, request, b->request, "min", b->min, "default request", b->request);
	check_order(errors, request, b->request, "default request", b->request, "max", b->max);
	check_order(errors, request, b->request, "default request", b->request, "default limit", b->limit);
	check_order(errors, limit, b->min, "min", b->min, "default", b->limit);
	check_order(errors, limit, b->max, "default", b->limit, "max", b->max);
	if (b->ratio)
		check_ratio(errors, KEY(FIELD(path, "maxLimitRequestRatio"), b->key), b);
	if (!may_overcommit(b->key) && b->limit && b->request && quantity_cmp(b->limit, b->request) != 0) {
		struct str limit_text = quantity_format(b->limit, errors->arena);
		struct str request_text = quantity_format(b->request, errors->arena);

		field_invalid(errors, request, VALUE(request_text),
			      "default value " STR_FMT " must equal to defaultRequest value " STR_FMT " in " STR_FMT,
			      STR_ARG(limit_text), STR_ARG(request_text), STR_ARG(b->key));
	}
}

/* Of every resource that any of the maps names, in their order. */
static void check_all_bounds(struct field_errors *errors, const struct path *path,
			     const struct core_v1_limit_range_item *item, bool is_pod)
{
	static const struct quantity_map nothing;
	const struct quantity_map *limit = is_pod ? &nothing : &item->default_;
	const struct quantity_map *request = is_pod ? &nothing : &item->default_request;
	struct quantity_map keys = {0};

	fill(errors->arena, &keys, &item->max);
	fill(errors->arena, &keys, &item->min);
	fill(errors->arena, &keys, limit);
	fill(errors->arena, &keys, request);
	fill(errors->arena, &keys, &item->max_limit_request_ratio);
	SLICE_FOREACH (pair, keys) {
		struct bounds_of bounds = {
			.key = pair->key,
			.min = quantity_map_get(&item->min, pair->key),
			.max = quantity_map_get(&item->max, pair->key),
			.limit = quantity_map_get(limit, pair->key),
			.request = quantity_map_get(request, pair->key),
			.ratio = quantity_map_get(&item->max_limit_request_ratio, pair->key),
		};

		check_bounds(errors, path, &bounds);
	}
}

static void check_item(struct field_errors *errors, const struct path *path,
		       const struct core_v1_limit_range_item *item)
{
	bool is_pod = str_eq_c(item->type, "Pod");

	check_keys(errors, FIELD(path, "max"), item->type, &item->max);
	check_keys(errors, FIELD(path, "min"), item->type, &item->min);
	if (is_pod && item->default_.len)
		field_forbidden(errors, FIELD(path, "default"), "may not be specified when `type` is 'Pod'");
	if (is_pod && item->default_request.len)
		field_forbidden(errors, FIELD(path, "defaultRequest"), "may not be specified when `type` is 'Pod'");
	if (!is_pod) {
		check_keys(errors, FIELD(path, "default"), item->type, &item->default_);
		check_keys(errors, FIELD(path, "defaultRequest"), item->type, &item->default_request);
	}
	if (str_eq_c(item->type, "PersistentVolumeClaim") && !quantity_map_get(&item->min, STR("storage")) &&
	    !quantity_map_get(&item->max, STR("storage")))
		field_required(errors, FIELD(path, "limits"),
			       "either minimum or maximum storage value is required, but neither was provided");
	check_keys(errors, FIELD(path, "maxLimitRequestRatio"), item->type, &item->max_limit_request_ratio);
	check_all_bounds(errors, path, item, is_pod);
}

static void validate_create(struct strategy_context *context UNUSED, const void *object, struct field_errors *errors)
{
	const struct core_v1_limit_range_item_slice *limits =
		&((const struct core_v1_limit_range *)object)->spec.limits;
	const bool *repeated = REPEATED_BY(limits, type, errors->arena);

	for (size_t i = 0; i < limits->len; i++) {
		const struct path *at = INDEX(FIELD(SPEC, "limits"), i);

		check_type(errors, FIELD(at, "type"), limits->items[i].type);
		if (repeated[i])
			field_duplicate(errors, FIELD(at, "type"), VALUE(limits->items[i].type));
		check_item(errors, at, &limits->items[i]);
	}
}

static void validate_update(struct strategy_context *context, const void *object, const void *old UNUSED,
			    struct field_errors *errors)
{
	validate_create(context, object, errors);
}

const struct strategy strategy_core_limitranges = {
	.group = STR_INIT(""),
	.plural = STR_INIT("limitranges"),
	.allow_create_on_update = true,
	.default_object = default_object,
	.validate_create = validate_create,
	.validate_update = validate_update,
};
