/* Runs tables of rules over structs, by their schemas; see rule.h. */
#include "apiserver/registry/rule.h"

/* A field and where it is; @data is NULL when something above it, or the field itself, is absent. */
struct place {
	const struct schema_field *field;
	const void *data;
};

static struct place find(const struct schema *schema, const void *data, const char *path)
{
	struct str rest = str_from(path), name;
	struct place place = {NULL, NULL};

	for (bool more = true; more;) {
		more = str_cut(rest, '.', &name, &rest);
		if (place.field) {
			assert(place.field->message && place.field->shape <= SHAPE_OPTIONAL);
			schema = place.field->message;
			data = place.data;
		}
		place.field = schema_find(schema, name);
		assert(place.field);
		place.data = data ? (const char *)data + place.field->offset : NULL;
		if (place.data && place.field->shape == SHAPE_OPTIONAL)
			place.data = *(const void *const *)place.data;
	}
	return place;
}

static int64_t number_at(const struct schema_field *field, const void *data)
{
	assert(field->type == FIELD_INT32 || field->type == FIELD_INT64);
	return field->type == FIELD_INT32 ? *(const int32_t *)data : *(const int64_t *)data;
}

static bool is_empty(const struct place *place)
{
	if (!place->data)
		return true;
	if (place->field->shape >= SHAPE_LIST)
		return ((const struct any_slice *)place->data)->len == 0;
	switch ((enum field_type)place->field->type) {
	case FIELD_STRING:
	case FIELD_BYTES:
		return ((const struct any_slice *)place->data)->len == 0;
	case FIELD_INT32:
	case FIELD_INT64:
		return number_at(place->field, place->data) == 0;
	default:
		return false;
	}
}

static void check_word(struct field_errors *errors, const struct path *path, const struct rule *rule, struct str word)
{
	struct str values[32];
	size_t len = 0;

	while (rule->values[len]) {
		assert(len < ARRAY_LEN(values));
		values[len] = str_from(rule->values[len]);
		if (str_eq(values[len], word))
			return;
		len++;
	}
	field_not_supported(errors, path, VALUE(word), values, len);
}

static void check_text(struct field_errors *errors, const struct path *path, const struct rule *rule, struct str text)
{
	if (!text.len && rule->empty == RULE_EMPTY_REQUIRED)
		field_required(errors, path, NULL);
	else if (rule->kind == RULE_KIND_ONE_OF)
		check_word(errors, path, rule, text);
	else if (rule->is_name)
		check_name(errors, path, text, rule->is_name(text));
}

/* One value: of the field itself, or an item of its list. */
static void check_value(struct field_errors *errors, const struct path *path, const struct rule *rule,
			const struct schema_field *field, const void *data)
{
	switch (rule->kind) {
	case RULE_KIND_NAME:
	case RULE_KIND_ONE_OF:
		assert(field->type == FIELD_STRING);
		check_text(errors, path, rule, *(const struct str *)data);
		break;
	case RULE_KIND_RANGE:
		check_range(errors, path, number_at(field, data), rule->min, rule->max);
		break;
	case RULE_KIND_NOT_NEGATIVE:
		check_not_negative(errors, path, number_at(field, data));
		break;
	case RULE_KIND_SELECTOR:
		assert(field->message == &schema_meta_v1_label_selector);
		check_label_selector(errors, path, data);
		break;
	case RULE_KIND_OF:
		check_rules(errors, path, field->message, data, rule->rules, rule->rules_len);
		break;
	default:
		assert(false);
	}
}

static void check_place(struct field_errors *errors, const struct path *path, const struct rule *rule,
			const struct place *place)
{
	const struct schema_field *field = place->field;
	const struct any_slice *list = place->data;
	size_t size;

	/* A member that is always there cannot be told from one that was not given but by being empty. */
	if (field->shape == SHAPE_ONE && field->type == FIELD_STRING && rule->empty == RULE_EMPTY_SKIP &&
	    is_empty(place))
		return;
	if (!place->data)
		return;
	if (field->shape != SHAPE_LIST) {
		check_value(errors, path, rule, field, place->data);
		return;
	}
	size = field_type_size((enum field_type)field->type, field->message);
	for (size_t i = 0; i < list->len; i++)
		check_value(errors, INDEX(path, i), rule, field, (const char *)list->items + i * size);
}

/* A struct of one field that holds what is there: so that any field's type can be compared and shown. */
static struct field_value value_of(const struct place *place, struct arena *arena)
{
	const void *data = place->data;

	if (!data)
		return VALUE_NULL;
	if (place->field->shape == SHAPE_LIST && place->field->type == FIELD_STRING)
		return field_value_list(data, arena);
	if (place->field->shape == SHAPE_MAP && place->field->type == FIELD_STRING)
		return field_value_map(data, arena);
	if (place->field->shape <= SHAPE_OPTIONAL && place->field->type == FIELD_STRING)
		return VALUE(*(const struct str *)data);
	if (place->field->shape <= SHAPE_OPTIONAL && place->field->type == FIELD_BOOL)
		return VALUE(*(const bool *)data);
	if (place->field->shape <= SHAPE_OPTIONAL && place->field->type != FIELD_MESSAGE)
		return VALUE(number_at(place->field, data));
	assert(place->field->shape <= SHAPE_OPTIONAL);
	return field_value_struct(place->field->message, data, arena);
}

static void check_same(struct field_errors *errors, const struct path *path, const struct place *now,
		       const struct place *old)
{
	struct schema_field field = *now->field;
	struct schema schema = {.name = STR("value"), .fields = &field, .len = 1};

	field.offset = 0;
	if (!now->data || !old->data) {
		if (now->data == old->data)
			return;
	} else {
		/* Of an optional member both are there, and what they point to is compared. */
		if (field.shape == SHAPE_OPTIONAL)
			field.shape = SHAPE_ONE;
		if (equal_struct(&schema, now->data, old->data))
			return;
	}
	field_invalid(errors, path, value_of(now, errors->arena), "field is immutable");
}

void check_update_rules(struct field_errors *errors, const struct path *path, const struct schema *schema,
			const void *data, const void *old, const struct rule *rules, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const struct rule *rule = &rules[i];
		struct place place = find(schema, data, rule->path), before;
		const struct path *at = FIELD(path, rule->path);

		if (rule->kind == RULE_KIND_REQUIRED) {
			if (is_empty(&place))
				field_required(errors, at, rule->detail);
		} else if (rule->kind == RULE_KIND_CHECK) {
			if (place.data)
				rule->check(errors, at, place.data);
		} else if (rule->kind == RULE_KIND_LABELS) {
			assert(place.field->shape == SHAPE_MAP && place.field->type == FIELD_STRING);
			if (place.data)
				check_labels(errors, at, place.data);
		} else if (rule->kind == RULE_KIND_IMMUTABLE) {
			assert(old);
			before = find(schema, old, rule->path);
			check_same(errors, at, &place, &before);
		} else {
			check_place(errors, at, rule, &place);
		}
	}
}

void check_rules(struct field_errors *errors, const struct path *path, const struct schema *schema, const void *data,
		 const struct rule *rules, size_t len)
{
	check_update_rules(errors, path, schema, data, NULL, rules, len);
}
