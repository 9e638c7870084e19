/* Documents by their schema, as owners of fields see them; see field_node.h. */
#include "types/field_node.h"

#include "base/limits.h"
#include "codec/json.h"
#include "types/field_set_internal.h"

#define JSON_OF_ITS_OWN (SCHEMA_JSON_ANY | SCHEMA_JSON_OR_ARRAY | SCHEMA_JSON_OR_BOOL | SCHEMA_JSON_OR_STRING_ARRAY)

/* A single value of the field: itself, or an item of its list or map. */
static struct field_node node_of_single(const struct schema_field *field)
{
	if (field->type == FIELD_MESSAGE)
		return field_node_of_schema(field->message);
	if (field->type == FIELD_RAW)
		return (struct field_node){.kind = NODE_ANY};
	return (struct field_node){.kind = NODE_SCALAR, .field = field};
}

static enum field_node_kind list_kind(const struct field_rules *rules)
{
	switch (rules->list_type) {
	case LIST_TYPE_SET:
		return NODE_SET;
	case LIST_TYPE_MAP:
		return NODE_KEYED;
	default:
		return NODE_LIST;
	}
}

static struct field_node node_of_field(const struct schema_field *field)
{
	struct field_node node;

	switch ((enum field_shape)field->shape) {
	case SHAPE_LIST:
		return (struct field_node){list_kind(field->rules), field->rules->atomic, NULL, field};
	case SHAPE_MAP:
	case SHAPE_MAP_OF_LISTS:
		return (struct field_node){NODE_MAP, field->rules->atomic, NULL, field};
	default:
		node = node_of_single(field);
		node.atomic = node.atomic || field->rules->atomic;
		return node;
	}
}

struct field_node field_node_of_schema(const struct schema *schema)
{
	if (schema->flags & JSON_OF_ITS_OWN)
		return (struct field_node){.kind = NODE_ANY};
	if (schema->flags & SCHEMA_VALUE)
		return node_of_field(&schema->fields[0]);
	return (struct field_node){NODE_STRUCT, schema->flags & SCHEMA_ATOMIC, schema, NULL};
}

static bool is_type_meta(const struct schema *schema, struct str name)
{
	return schema->flags & SCHEMA_TOP_LEVEL && (str_eq(name, STR("kind")) || str_eq(name, STR("apiVersion")));
}

static bool struct_member(const struct schema *schema, struct str name, struct field_node *ret)
{
	static const struct field_rules no_rules;
	static const struct schema_field type_meta = {.rules = &no_rules, .type = FIELD_STRING};
	const struct schema_field *field = schema_find(schema, name);

	if (field)
		*ret = node_of_field(field);
	else if (is_type_meta(schema, name))
		*ret = (struct field_node){.kind = NODE_SCALAR, .field = &type_meta};
	else if (schema->flags & SCHEMA_PRESERVE_UNKNOWN)
		*ret = (struct field_node){.kind = NODE_DEDUCED};
	else
		return false;
	return true;
}

bool field_node_member(struct field_node node, struct str name, struct field_node *ret)
{
	switch (node.kind) {
	case NODE_STRUCT:
		return struct_member(node.schema, name, ret);
	case NODE_MAP:
		*ret = node.field->shape == SHAPE_MAP_OF_LISTS
			       ? (struct field_node){.kind = NODE_LIST, .field = node.field}
			       : node_of_single(node.field);
		return true;
	default:
		*ret = (struct field_node){.kind = node.kind == NODE_ANY ? NODE_ANY : NODE_DEDUCED};
		return true;
	}
}

struct field_node field_node_item(struct field_node node)
{
	return node.field ? node_of_single(node.field) : (struct field_node){.kind = NODE_ANY};
}

struct field_node field_node_part(struct field_node node, struct str element)
{
	struct field_node part = {.kind = NODE_DEDUCED};

	if (node.kind == NODE_SET || node.kind == NODE_KEYED)
		return field_node_item(node);
	(void)!field_node_member(node, str_from_at(element, 2), &part);
	return part;
}

bool field_node_has_parts(struct field_node node, const struct value *value)
{
	if (node.atomic)
		return false;
	if (node.kind == NODE_DEDUCED)
		return value && value->kind == VALUE_OBJECT;
	return node.kind == NODE_STRUCT || node.kind == NODE_MAP || node.kind == NODE_SET || node.kind == NODE_KEYED;
}

bool field_value_given(const struct value *value)
{
	return value && !value_is_null(value);
}

bool field_value_empty(const struct value *value)
{
	return !field_value_given(value) || (value->kind == VALUE_OBJECT && !value->object.len) ||
	       (value->kind == VALUE_ARRAY && !value->array.len);
}

bool field_node_by_parts(struct field_node node, const struct value *a, const struct value *b)
{
	bool both = field_value_given(a) && field_value_given(b);

	if (!field_node_has_parts(node, field_value_given(b) ? b : a))
		return false;
	return !(both && a->kind != b->kind) && !(field_value_empty(a) && field_value_empty(b));
}

bool field_node_declares(struct field_node node, struct str element)
{
	struct str name = str_from_at(element, 2);

	return node.kind == NODE_STRUCT && (schema_find(node.schema, name) || is_type_meta(node.schema, name));
}

/* --- Items ------------------------------------------------------------------------------------------------------ */

/* A key the item leaves out is its default, which the published schema tells. */
static struct value *key_of(const struct schema_field *list, const struct value *item, struct str name,
			    struct arena *arena)
{
	struct value *key = value_get(item, name);
	const struct schema_field *field;
	struct error ignored = {0};

	if (key || !list->message)
		return key;
	field = schema_find(list->message, name);
	if (!field || !field->rules->default_json.len ||
	    json_parse(field->rules->default_json, arena, NULL, &key, &ignored) < 0)
		return NULL;
	return key;
}

static struct str element_text(const char *prefix, const struct value *value, struct arena *arena)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_REQUEST_BODY);
	buf_c(&text, prefix);
	json_write(value, &text);
	return arena_str(arena, buf_view(&text));
}

static bool keyed_element(const struct schema_field *list, const struct value *item, struct arena *arena,
			  struct str *ret, const char **ret_problem)
{
	const struct str *names = list->rules->list_map_keys;
	struct str shown = STR_EMPTY;
	struct value *keys;

	if (item->kind != VALUE_OBJECT) {
		*ret_problem = item->kind == VALUE_NULL ? "associative list with keys may not have a null element"
							: "associative list with keys may not have non-map elements";
		return false;
	}
	keys = value_object(arena);
	for (size_t i = 0; i < ARRAY_LEN(list->rules->list_map_keys) && names[i].len; i++) {
		struct value *key = key_of(list, item, names[i], arena);

		shown = arena_printf(arena, STR_FMT "%s\"" STR_FMT "\"", STR_ARG(shown), i ? " " : "",
				     STR_ARG(names[i]));
		if (key)
			value_set(arena, keys, names[i], key);
	}
	if (!keys->object.len) {
		*ret_problem = arena_printf(arena,
					    "associative list with keys has an element that omits all key fields "
					    "[" STR_FMT "] (and doesn't have default values for any key fields)",
					    STR_ARG(shown))
				       .data;
		return false;
	}
	value_sort(keys);
	*ret = element_text("k:", keys, arena);
	return true;
}

bool field_node_item_element(struct field_node node, const struct value *item, struct arena *arena, struct str *ret,
			     const char **ret_problem)
{
	if (node.kind == NODE_KEYED)
		return keyed_element(node.field, item, arena, ret, ret_problem);
	if (item->kind == VALUE_OBJECT)
		*ret_problem = "associative list without keys has an element that's a map type";
	else if (item->kind == VALUE_ARRAY)
		*ret_problem = "not supported: associative list with lists as elements";
	else if (item->kind == VALUE_NULL)
		*ret_problem = "associative list without keys has an element that's an explicit null";
	else {
		*ret = element_text("v:", item, arena);
		return true;
	}
	return false;
}

/* --- Parts ------------------------------------------------------------------------------------------------------ */

static int by_element(const void *x, const void *y)
{
	const struct field_part *a = x, *b = y;
	int order = field_element_cmp(a->element, b->element);

	return order ? order : (a->place > b->place) - (a->place < b->place);
}

static struct field_parts sorted(struct field_part *items, size_t len)
{
	if (len)
		qsort(items, len, sizeof(*items), by_element);
	return (struct field_parts){items, len};
}

struct field_parts field_parts_of(struct field_node node, const struct value *value, struct arena *arena)
{
	bool list = node.kind == NODE_SET || node.kind == NODE_KEYED;
	struct field_part *parts;
	const char *ignored;
	size_t len = 0;

	if (!value || value->kind != (list ? VALUE_ARRAY : VALUE_OBJECT))
		return (struct field_parts){0};
	if (!list) {
		parts = ARENA_NEW_N(arena, struct field_part, value->object.len);
		for (; len < value->object.len; len++) {
			const struct value_member *member = &value->object.members[len];

			parts[len] =
				(struct field_part){arena_concat(arena, STR("f:"), member->key), member->value, len};
		}
		return sorted(parts, len);
	}
	parts = ARENA_NEW_N(arena, struct field_part, value->array.len);
	for (size_t i = 0; i < value->array.len; i++)
		if (field_node_item_element(node, value->array.items[i], arena, &parts[len].element, &ignored)) {
			parts[len].value = value->array.items[i];
			parts[len++].place = i;
		}
	return sorted(parts, len);
}

const struct field_part *field_parts_find(const struct field_parts *parts, struct str element, size_t *ret_len)
{
	size_t low = 0, high = parts->len, len = 0;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (field_element_cmp(parts->items[middle].element, element) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + len < parts->len && str_eq(parts->items[low + len].element, element))
		len++;
	*ret_len = len;
	return len ? &parts->items[low] : NULL;
}
