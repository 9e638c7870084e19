/* Runs rows of validation; see validation.h. */
#include "unit.h"

#include "validation.h"

#include "apiserver/registry/strategies.h"
#include "types/codec.h"
#include "types/gen/all.h"
#include "types/meta_validate.h"
#include "types/object.h"

struct given {
	const struct resource *resource;
	const struct strategy *strategy;
	void *object;
};

static const struct resource *resource_of(const char *text)
{
	struct str group, version, plural;
	const struct resource *resource;

	assert_true(str_cut(str_from(text), '/', &group, &version));
	assert_true(str_cut(version, '/', &version, &plural));
	resource = resource_find(group, version, plural);
	if (!resource)
		fail_msg("no such resource: %s", text);
	return resource;
}

/* The object as it is when its strategy is asked: decoded, with a name and a uid, and with its defaults. */
static struct given give(const struct validation_row *row, const char *text, struct strategy_context *context)
{
	struct given given = {.resource = resource_of(row->resource)};
	struct meta_v1_object_meta *meta;
	struct error err = {0};

	given.strategy = strategy_find(given.resource);
	if (decode_yaml(given.resource->schema, str_from(text), context->arena, NULL, &given.object, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	context->resource = given.resource;
	meta = EDIT(struct meta_v1_object_meta, object_meta_of(given.resource->schema, given.object));
	meta->namespace = given.resource->namespaced ? STR("ns") : STR_EMPTY;
	meta->uid = STR("1");
	if (!meta->name.len)
		meta->name = STR("x");
	strategy_default_object(given.strategy, context, given.resource->schema, given.object);
	return given;
}

static void judge(const struct validation_row *row, struct strategy_context *context, struct field_errors *errors)
{
	struct given now = give(row, row->json, context), old;
	const struct meta_v1_object_meta *meta = object_meta_of(now.resource->schema, now.object);
	const struct strategy *strategy = now.strategy;

	if (row->old) {
		old = give(row, row->old, context);
		if (strategy->prepare_create)
			strategy->prepare_create(context, old.object);
		if (row->as_read)
			strategy->prepare_create(context, now.object);
		if (strategy->prepare_update)
			strategy->prepare_update(context, now.object, old.object);
		assert_non_null(strategy->validate_update);
		strategy->validate_update(context, now.object, old.object, errors);
		return;
	}
	if (strategy->prepare_create)
		strategy->prepare_create(context, now.object);
	check_object_meta(errors, FIELD(NULL, "metadata"), meta, now.resource->namespaced, strategy->validate_name);
	if (strategy->validate_create)
		strategy->validate_create(context, now.object, errors);
}

void check_validation(const struct validation_row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		cleanup_arena struct arena arena = {0};
		struct strategy_context context = {.arena = &arena, .now = {1700000000, 0, true}};
		struct field_errors errors = {.arena = &arena};
		struct str text = STR_EMPTY;

		judge(&rows[i], &context, &errors);
		if (errors.len)
			text = field_errors_join(&errors, &arena);
		if (!str_eq_c(text, rows[i].errors))
			fail_msg("%s\n%s\nis\n  " STR_FMT "\nnot\n  %s", rows[i].resource, rows[i].json, STR_ARG(text),
				 rows[i].errors);
	}
}
