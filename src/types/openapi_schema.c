/* Schemas as OpenAPI v3 writes them; see openapi_schema.h. */
#include "types/openapi_schema.h"

#include "codec/json.h"

#define META "io.k8s.apimachinery.pkg.apis.meta.v1."

struct value *openapi_string(struct arena *arena, const char *text)
{
	return value_string(arena, str_from(text));
}

struct value *openapi_object(struct arena *arena, ...)
{
	struct value *object = value_object(arena);
	const char *key;
	va_list members;

	va_start(members, arena);
	while ((key = va_arg(members, const char *))) {
		struct value *member = va_arg(members, struct value *);

		if (member)
			value_set(arena, object, str_from(key), member);
	}
	va_end(members);
	return object;
}

static struct value *ref_to(struct arena *arena, struct str name)
{
	return openapi_object(arena, "$ref",
			      value_string(arena, arena_concat(arena, STR("#/components/schemas/"), name)), NULL);
}

struct value *openapi_ref(struct openapi_schemas *s, const struct schema *schema)
{
	bool known = false;

	for (size_t i = 0; i < s->waiting.len && !known; i++)
		known = s->waiting.items[i] == schema;
	if (!known)
		vec_push(s->arena, &s->waiting, schema);
	return ref_to(s->arena, schema->openapi_name);
}

struct value *openapi_ref_named(struct openapi_schemas *s, struct str name, struct value *definition)
{
	if (!value_get(s->schemas, name))
		value_set(s->arena, s->schemas, name, definition);
	return ref_to(s->arena, name);
}

static struct value *plain(struct arena *arena, const char *type, const char *format)
{
	return openapi_object(arena, "type", openapi_string(arena, type), "format",
			      format ? openapi_string(arena, format) : NULL, NULL);
}

static struct value *one_of(struct arena *arena, const char *first, const char *second, const char *format)
{
	struct value *types = value_array(arena);

	value_append(arena, types, plain(arena, first, NULL));
	value_append(arena, types, plain(arena, second, NULL));
	return openapi_object(arena, "oneOf", types, "format", format ? openapi_string(arena, format) : NULL, NULL);
}

static struct value *raw_ref(struct openapi_schemas *s, const struct schema_field *field)
{
	if (field->flags & FIELD_IS_FIELDS_V1)
		return openapi_ref_named(s, STR(META "FieldsV1"), plain(s->arena, "object", NULL));
	if (field->flags & FIELD_IS_RAW_OBJECT)
		return openapi_ref_named(s, STR("io.k8s.apimachinery.pkg.runtime.RawExtension"),
					 plain(s->arena, "object", NULL));
	return value_object(s->arena);
}

static struct value *string_schema(struct arena *arena, const struct field_rules *rules)
{
	struct value *schema = plain(arena, "string", NULL), *values = value_array(arena);

	for (size_t i = 0; i < rules->values_len; i++)
		value_append(arena, values, value_string(arena, rules->values[i]));
	if (rules->values_len)
		value_set(arena, schema, STR("enum"), values);
	return schema;
}

/* One item of the field: a type, or a reference to one. */
static struct value *item_schema(struct openapi_schemas *s, const struct schema_field *field)
{
	struct arena *arena = s->arena;

	switch ((enum field_type)field->type) {
	case FIELD_STRING:
		return string_schema(arena, field->rules);
	case FIELD_BOOL:
		return plain(arena, "boolean", NULL);
	case FIELD_INT32:
		return plain(arena, "integer", "int32");
	case FIELD_INT64:
		return plain(arena, "integer", "int64");
	case FIELD_DOUBLE:
		return plain(arena, "number", "double");
	case FIELD_BYTES:
		return plain(arena, "string", "byte");
	case FIELD_QUANTITY:
		return openapi_ref_named(s, STR("io.k8s.apimachinery.pkg.api.resource.Quantity"),
					 one_of(arena, "string", "number", NULL));
	case FIELD_INT_OR_STRING:
		return openapi_ref_named(s, STR("io.k8s.apimachinery.pkg.util.intstr.IntOrString"),
					 one_of(arena, "integer", "string", "int-or-string"));
	case FIELD_TIME:
		return openapi_ref_named(s, STR(META "Time"), plain(arena, "string", "date-time"));
	case FIELD_MICRO_TIME:
		return openapi_ref_named(s, STR(META "MicroTime"), plain(arena, "string", "date-time"));
	case FIELD_DURATION:
		return openapi_ref_named(s, STR(META "Duration"), plain(arena, "string", NULL));
	case FIELD_RAW:
		return raw_ref(s, field);
	default:
		return openapi_ref(s, field->message);
	}
}

/* A default is published for what is always written: its zero. */
static struct value *zero_default(struct arena *arena, const struct schema_field *field)
{
	if (field->shape != SHAPE_ONE)
		return NULL;
	if (field->type == FIELD_MESSAGE && !(field->message->flags & SCHEMA_JSON_ANY))
		return value_object(arena);
	if (field->flags & FIELD_OMITEMPTY)
		return NULL;
	switch ((enum field_type)field->type) {
	case FIELD_STRING:
		return openapi_string(arena, "");
	case FIELD_BOOL:
		return value_bool(arena, false);
	case FIELD_INT32:
	case FIELD_INT64:
	case FIELD_DOUBLE:
		return value_int(arena, 0);
	default:
		return NULL;
	}
}

static struct value *default_of(struct arena *arena, const struct schema_field *field)
{
	struct error err = {0};
	struct value *value;

	if (field->rules->default_json.len && json_parse(field->rules->default_json, arena, NULL, &value, &err) == 0)
		return value;
	return zero_default(arena, field);
}

static void add_topology(struct arena *arena, const struct schema_field *field, struct value *property)
{
	static const char *const list_types[] = {
		[LIST_TYPE_ATOMIC] = "atomic", [LIST_TYPE_SET] = "set", [LIST_TYPE_MAP] = "map"};
	const struct field_rules *rules = field->rules;
	struct value *keys = value_array(arena);
	struct str strategy = STR_EMPTY;

	if (rules->list_type)
		value_set(arena, property, STR("x-kubernetes-list-type"),
			  openapi_string(arena, list_types[rules->list_type]));
	for (size_t i = 0; i < ARRAY_LEN(rules->list_map_keys) && rules->list_map_keys[i].len; i++)
		value_append(arena, keys, value_string(arena, rules->list_map_keys[i]));
	if (keys->array.len)
		value_set(arena, property, STR("x-kubernetes-list-map-keys"), keys);
	if (rules->atomic || rules->granular)
		value_set(arena, property, STR("x-kubernetes-map-type"),
			  openapi_string(arena, rules->atomic ? "atomic" : "granular"));
	if (rules->patch_merge_key.len)
		value_set(arena, property, STR("x-kubernetes-patch-merge-key"),
			  value_string(arena, rules->patch_merge_key));
	if (rules->patch_strategy & PATCH_MERGE)
		strategy = rules->patch_strategy & PATCH_RETAIN_KEYS ? STR("merge,retainKeys") : STR("merge");
	else if (rules->patch_strategy & PATCH_RETAIN_KEYS)
		strategy = STR("retainKeys");
	else if (rules->patch_strategy & PATCH_REPLACE)
		strategy = STR("replace");
	if (strategy.len)
		value_set(arena, property, STR("x-kubernetes-patch-strategy"), value_string(arena, strategy));
}

static struct value *array_of(struct arena *arena, struct value *items)
{
	return openapi_object(arena, "type", openapi_string(arena, "array"), "items", items, NULL);
}

static struct value *property_schema(struct openapi_schemas *s, const struct schema_field *field)
{
	struct arena *arena = s->arena;
	struct value *item = item_schema(s, field), *property = item, *wrapped, *fallback;

	switch ((enum field_shape)field->shape) {
	case SHAPE_LIST:
		property = array_of(arena, item);
		break;
	case SHAPE_MAP_OF_LISTS:
		item = array_of(arena, item);
		/* fall through */
	case SHAPE_MAP:
		property = openapi_object(arena, "type", openapi_string(arena, "object"), "additionalProperties", item,
					  NULL);
		break;
	default:
		/* Beside a reference nothing else may stand, so it goes into a list of one. */
		if (value_get(item, STR("$ref"))) {
			wrapped = value_array(arena);
			value_append(arena, wrapped, item);
			property = openapi_object(arena, "allOf", wrapped, NULL);
		}
		break;
	}
	fallback = default_of(arena, field);
	if (fallback)
		value_set(arena, property, STR("default"), fallback);
	add_topology(arena, field, property);
	return property;
}

static void add_kind(struct arena *arena, struct value *kinds, struct str group, struct str version, struct str kind)
{
	value_append(arena, kinds,
		     openapi_object(arena, "group", value_string(arena, group), "kind", value_string(arena, kind),
				    "version", value_string(arena, version), NULL));
}

/* The kinds a type is registered as: options and events in every group they are used in. */
static struct value *kinds_of(struct openapi_schemas *s, const struct schema *schema)
{
	struct value *kinds = value_array(s->arena);
	bool shared = str_eq(schema->kind, STR("DeleteOptions")) || str_eq(schema->kind, STR("WatchEvent"));
	bool meta = str_has_prefix(schema->name, STR("meta/"));

	add_kind(s->arena, kinds, meta ? STR_EMPTY : schema->group, schema->version, schema->kind);
	if (meta && shared && s->group.len)
		add_kind(s->arena, kinds, s->group, s->version, schema->kind);
	return kinds;
}

/* The text at struct schema's `members`, as upstream publishes it. */
static struct value *union_of(struct arena *arena, struct str text)
{
	struct value *members = value_object(arena), *list = value_array(arena);
	struct str discriminator, rest, pair, field, name;
	bool more = true;

	str_cut(text, ':', &discriminator, &rest);
	while (more) {
		more = str_cut(rest, ',', &pair, &rest);
		str_cut(pair, '=', &field, &name);
		value_set(arena, members, field, value_string(arena, name));
	}
	value_append(arena, list,
		     openapi_object(arena, "discriminator",
				    discriminator.len ? value_string(arena, discriminator) : NULL,
				    "fields-to-discriminateBy", members, NULL));
	return list;
}

#define CUSTOM_JSON (SCHEMA_JSON_ANY | SCHEMA_JSON_OR_ARRAY | SCHEMA_JSON_OR_BOOL | SCHEMA_JSON_OR_STRING_ARRAY)

static struct value *definition(struct openapi_schemas *s, const struct schema *schema)
{
	struct arena *arena = s->arena;
	struct value *properties = value_object(arena), *required = value_array(arena), *result;
	bool registered = schema->flags & (SCHEMA_TOP_LEVEL | SCHEMA_OBJECT) || str_eq(schema->kind, STR("WatchEvent"));

	if (schema->flags & CUSTOM_JSON)
		return value_object(arena);
	if (schema->flags & SCHEMA_TOP_LEVEL) {
		value_set(arena, properties, STR("apiVersion"), plain(arena, "string", NULL));
		value_set(arena, properties, STR("kind"), plain(arena, "string", NULL));
	}
	for (size_t i = 0; i < schema->len; i++) {
		const struct schema_field *field = &schema->fields[i];

		if (field->flags & FIELD_NO_JSON)
			continue;
		value_set(arena, properties, field->name, property_schema(s, field));
		if (field->flags & FIELD_REQUIRED)
			value_append(arena, required, value_string(arena, field->name));
	}
	result = openapi_object(
		arena, "type", openapi_string(arena, "object"), "properties",
		properties->object.len ? properties : NULL, "required", required->array.len ? required : NULL,
		"x-kubernetes-map-type", schema->flags & SCHEMA_ATOMIC ? openapi_string(arena, "atomic") : NULL,
		"x-kubernetes-group-version-kind", registered ? kinds_of(s, schema) : NULL, "x-kubernetes-unions",
		schema->members.len ? union_of(arena, schema->members) : NULL, NULL);
	return result;
}

void openapi_finish(struct openapi_schemas *s)
{
	for (; s->done < s->waiting.len; s->done++) {
		const struct schema *schema = s->waiting.items[s->done];

		value_set(s->arena, s->schemas, schema->openapi_name, definition(s, schema));
	}
}
