/* YAML to trees; see yaml.h.  libyaml's events come in, the tree grows by recursion with a limited depth. */
#include "codec/yaml.h"

#include <math.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/map.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/yaml_scalar.h"

struct builder {
	yaml_parser_t *parser;
	struct arena *arena;
	struct yaml_duplicates *duplicates;
	struct error *err;
	struct map anchors; /* name -> value; a name whose value is not complete yet -> &open_anchor */
	size_t written, copied;
	unsigned depth;
};

static struct value open_anchor;

/* The library counts lines from 0; a scanner's marks are those of the line before the one it complains about. */
static int parser_error(const yaml_parser_t *parser, struct error *err)
{
	const char *problem = parser->problem ? parser->problem : "unknown problem parsing YAML content";
	size_t line = parser->context_mark.line ? parser->context_mark.line : parser->problem_mark.line;

	if (line && parser->error == YAML_SCANNER_ERROR)
		line++;
	if (line)
		return error_set(err, ERR_BAD_REQUEST, "yaml: line %zu: %s", line, problem);
	return error_set(err, ERR_BAD_REQUEST, "yaml: %s", problem);
}

static int next_event(struct builder *b, yaml_event_t *event)
{
	return yaml_parser_parse(b->parser, event) ? 0 : parser_error(b->parser, b->err);
}

static int build(struct builder *b, yaml_event_t *event, struct value **ret);

/* Takes the next event and builds what begins with it; *ret is NULL at the end of the container. */
static int build_next(struct builder *b, yaml_event_type_t end, struct value **ret, size_t *ret_line)
{
	yaml_event_t event;
	int rc = next_event(b, &event);

	if (rc < 0)
		return rc;
	*ret = NULL;
	*ret_line = event.start_mark.line + 1;
	if (event.type != end)
		rc = build(b, &event, ret);
	yaml_event_delete(&event);
	return rc;
}

static int add_number(struct builder *b, const struct yaml_scalar *scalar, struct value *value)
{
	if (!isfinite(scalar->number))
		return error_set(b->err, ERR_BAD_REQUEST, "json: unsupported value: %s",
				 isnan(scalar->number) ? "NaN"
				 : scalar->number > 0  ? "+Inf"
						       : "-Inf");
	value->kind = VALUE_DOUBLE;
	value->number = scalar->number == 0 ? 0 : scalar->number; /* without its sign, as JSON's reader does */
	return 0;
}

/* A scalar whose tag or lack of quotes says that its text decides. */
static int resolve(struct builder *b, struct str text, struct value *value)
{
	struct yaml_scalar scalar = yaml_resolve(text);

	switch (scalar.meaning) {
	case YAML_MEANS_NULL:
		value->kind = VALUE_NULL;
		return 0;
	case YAML_MEANS_BOOL:
		value->kind = VALUE_BOOL;
		value->boolean = scalar.boolean;
		return 0;
	case YAML_MEANS_INT:
		value->kind = VALUE_INT;
		value->integer = scalar.integer;
		return 0;
	case YAML_MEANS_FLOAT:
		return add_number(b, &scalar, value);
	default:
		value->kind = VALUE_STRING;
		value->string = arena_str(b->arena, text);
		return 0;
	}
}

#define TAG_PREFIX "tag:yaml.org,2002:"

static int build_tagged(struct builder *b, struct str tag, struct str text, struct value *value)
{
	static const struct {
		const char *tag;
		enum value_kind kind;
	} kinds[] = {{"null", VALUE_NULL}, {"bool", VALUE_BOOL}, {"int", VALUE_INT}, {"float", VALUE_DOUBLE}};
	static const char *const names[VALUE_KIND_MAX] = {[VALUE_NULL] = "null",
							  [VALUE_BOOL] = "bool",
							  [VALUE_INT] = "int",
							  [VALUE_DOUBLE] = "float",
							  [VALUE_STRING] = "str"};
	struct str name = str_has_prefix(tag, STR(TAG_PREFIX)) ? str_from_at(tag, strlen(TAG_PREFIX)) : STR_EMPTY;
	struct bytes bytes;
	int rc;

	value->kind = VALUE_STRING;
	if (str_eq_c(name, "binary")) {
		rc = base64_decode(text, b->arena, &bytes, b->err);
		if (rc == 0)
			value->string = (struct str){(const char *)bytes.data, bytes.len};
		return rc < 0 ? error_wrap(b->err, "yaml: !!binary value contains invalid base64 data") : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!str_eq_c(name, kinds[i].tag))
			continue;
		rc = resolve(b, text, value);
		if (rc == 0 && kinds[i].kind == VALUE_DOUBLE && value->kind == VALUE_INT) {
			value->kind = VALUE_DOUBLE;
			value->number = (double)value->integer;
		}
		if (rc == 0 && value->kind != kinds[i].kind)
			return error_set(b->err, ERR_BAD_REQUEST, "yaml: cannot decode !!%s `" STR_FMT "` as a !!%s",
					 names[value->kind], STR_ARG(text), kinds[i].tag);
		return rc;
	}
	value->string = arena_str(b->arena, text);
	return 0;
}

static int build_scalar(struct builder *b, const yaml_event_t *event, struct value *value)
{
	struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};

	if (event->data.scalar.tag)
		return build_tagged(b, str_from((const char *)event->data.scalar.tag), text, value);
	if (event->data.scalar.plain_implicit)
		return resolve(b, text, value);
	value->kind = VALUE_STRING;
	value->string = arena_str(b->arena, text);
	return 0;
}

static int key_text(struct builder *b, const struct value *key, struct str *ret)
{
	struct buf cleanup_buf text = {0};

	switch (key->kind) {
	case VALUE_STRING:
		*ret = key->string;
		return 0;
	case VALUE_BOOL:
	case VALUE_INT:
	case VALUE_DOUBLE:
		buf_init(&text, 64);
		json_write(key, &text);
		*ret = arena_str(b->arena, buf_view(&text));
		return 0;
	default:
		return error_set(b->err, ERR_BAD_REQUEST, "yaml: invalid map key: %s", value_kind_name(key->kind));
	}
}

static void report_duplicate(struct builder *b, size_t line, struct str key)
{
	if (b->duplicates && b->duplicates->lines.len < 100)
		vec_push(
			b->arena, &b->duplicates->lines,
			arena_printf(b->arena, "line %zu: key \"" STR_FMT "\" already set in map", line, STR_ARG(key)));
}

/* Members of a mapping by key while it is built: comparing each with each would be quadratic. */
struct members {
	struct value *object;
	struct map index; /* key -> value_member's place, counted from 1 */
};

static void set_member(struct builder *b, struct members *members, struct str key, struct value *value, size_t line)
{
	uintptr_t place = (uintptr_t)map_get(&members->index, key);
	struct value *object = members->object;

	if (place) {
		report_duplicate(b, line, key);
		object->object.members[place - 1].value = value;
		return;
	}
	if (object->object.len == object->object.cap) {
		size_t cap = MAX(object->object.cap * 2, (size_t)4);

		object->object.members =
			arena_grow(b->arena, object->object.members, object->object.len * sizeof(struct value_member),
				   cap * sizeof(struct value_member));
		object->object.cap = cap;
	}
	object->object.members[object->object.len++] = (struct value_member){key, value};
	place = object->object.len;
	map_set(&members->index, key, (void *)place);
}

/* `<<: *a` or `<<: [*a, *b]`: what is set already stays. */
static int merge(struct builder *b, struct members *members, const struct value *from)
{
	int rc = 0;

	if (from->kind == VALUE_ARRAY) {
		for (size_t i = 0; rc == 0 && i < from->array.len; i++)
			rc = from->array.items[i]->kind == VALUE_OBJECT ? merge(b, members, from->array.items[i]) : -1;
	} else if (from->kind == VALUE_OBJECT) {
		for (size_t i = 0; i < from->object.len; i++)
			if (!map_get(&members->index, from->object.members[i].key))
				set_member(b, members, from->object.members[i].key, from->object.members[i].value, 0);
	} else {
		rc = -1;
	}
	if (rc == -1)
		return error_set(b->err, ERR_BAD_REQUEST,
				 "yaml: map merge requires map or sequence of maps as the value");
	return rc;
}

/* Is the event a plain `<<`? */
static bool is_merge_key(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.plain_implicit &&
	       event->data.scalar.length == 2 && memcmp(event->data.scalar.value, "<<", 2) == 0;
}

static int build_member(struct builder *b, const yaml_event_t *key_event, struct value *key, struct members *members,
			struct value *merges)
{
	struct value *value;
	struct str text;
	size_t line;
	int rc = build_next(b, YAML_NO_EVENT, &value, &line);

	if (rc < 0)
		return rc;
	if (is_merge_key(key_event)) {
		value_append(b->arena, merges, value);
		return 0;
	}
	rc = key_text(b, key, &text);
	if (rc == 0)
		set_member(b, members, text, value, line);
	return rc;
}

static int build_mapping(struct builder *b, struct value *object)
{
	struct members members = {.object = object};
	struct value *merges = value_array(b->arena);
	int rc;

	object->kind = VALUE_OBJECT;
	for (;;) {
		struct value *key;
		yaml_event_t event;
		bool end;

		rc = next_event(b, &event);
		if (rc < 0)
			break;
		end = event.type == YAML_MAPPING_END_EVENT;
		if (!end)
			rc = build(b, &event, &key);
		if (!end && rc == 0)
			rc = build_member(b, &event, key, &members, merges);
		yaml_event_delete(&event);
		if (end || rc < 0)
			break;
	}
	for (size_t i = 0; rc == 0 && i < merges->array.len; i++)
		rc = merge(b, &members, merges->array.items[i]);
	map_release(&members.index);
	return rc;
}

static int build_sequence(struct builder *b, struct value *array)
{
	array->kind = VALUE_ARRAY;
	for (;;) {
		struct value *item;
		size_t line;
		int rc = build_next(b, YAML_SEQUENCE_END_EVENT, &item, &line);

		if (rc < 0 || !item)
			return rc;
		value_append(b->arena, array, item);
	}
}

/* Adds the nodes of @value to *nodes; returns how deep it is. */
static unsigned measure(const struct value *value, size_t *nodes)
{
	bool object = value->kind == VALUE_OBJECT;
	size_t len = object ? value->object.len : value->kind == VALUE_ARRAY ? value->array.len : 0;
	unsigned deepest = 0;

	(*nodes)++;
	for (size_t i = 0; i < len; i++) {
		unsigned depth = measure(object ? value->object.members[i].value : value->array.items[i], nodes);

		deepest = MAX(deepest, depth);
	}
	return object || value->kind == VALUE_ARRAY ? deepest + 1 : 0;
}

/* An alias is a copy, so that trees stay trees; documents that are mostly copies are an attack. */
static int build_alias(struct builder *b, struct str name, struct value **ret)
{
	struct value *anchor = map_get(&b->anchors, name);
	unsigned depth;

	if (!anchor)
		return error_set(b->err, ERR_BAD_REQUEST, "yaml: unknown anchor '" STR_FMT "' referenced",
				 STR_ARG(name));
	if (anchor == &open_anchor)
		return error_set(b->err, ERR_BAD_REQUEST, "yaml: anchor '" STR_FMT "' value contains itself",
				 STR_ARG(name));
	depth = measure(anchor, &b->copied);
	if (b->depth + depth > LIMIT_JSON_DEPTH)
		return error_set(b->err, ERR_BAD_REQUEST, "yaml: exceeded max depth of %d", LIMIT_JSON_DEPTH);
	if ((b->copied > 100 && b->copied + b->written > 1000 && b->copied / LIMIT_YAML_ALIASES >= b->written) ||
	    arena_over_budget(b->arena))
		return error_set(b->err, ERR_BAD_REQUEST, "yaml: document contains excessive aliasing");
	*ret = value_copy(b->arena, anchor);
	return 0;
}

static int build_node(struct builder *b, yaml_event_t *event, struct value *value)
{
	int rc;

	if (event->type == YAML_SCALAR_EVENT)
		return build_scalar(b, event, value);
	if (++b->depth > LIMIT_JSON_DEPTH)
		return error_set(b->err, ERR_BAD_REQUEST, "yaml: exceeded max depth of %d", LIMIT_JSON_DEPTH);
	if (arena_over_budget(b->arena))
		return error_set(b->err, ERR_TOO_LARGE, "the document needs more than %zu bytes of memory",
				 b->arena->budget);
	rc = event->type == YAML_MAPPING_START_EVENT ? build_mapping(b, value) : build_sequence(b, value);
	b->depth--;
	return rc;
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor;
	default:
		return event->data.sequence_start.anchor;
	}
}

static int build(struct builder *b, yaml_event_t *event, struct value **ret)
{
	struct value *value;
	struct str anchor;
	int rc;

	if (event->type == YAML_ALIAS_EVENT)
		return build_alias(b, str_from((const char *)event->data.alias.anchor), ret);
	if (event->type != YAML_SCALAR_EVENT && event->type != YAML_MAPPING_START_EVENT &&
	    event->type != YAML_SEQUENCE_START_EVENT)
		return error_set(b->err, ERR_BAD_REQUEST, "yaml: unexpected end of document");
	value = value_null(b->arena);
	b->written++;
	anchor = arena_str_c(b->arena, (const char *)anchor_of(event));
	if (anchor.len)
		map_set(&b->anchors, anchor, &open_anchor);
	rc = build_node(b, event, value);
	if (rc < 0)
		return rc;
	if (anchor.len)
		map_set(&b->anchors, anchor, value);
	*ret = value;
	return 0;
}

void yaml_reader_init(struct yaml_reader *reader, struct str text)
{
	yaml_parser_t *parser = XNEW(yaml_parser_t);

	/* Only memory can fail here, and then nothing else would work either. */
	if (!yaml_parser_initialize(parser))
		abort();
	yaml_parser_set_input_string(parser, (const unsigned char *)str_c(text), text.len);
	reader->parser = parser;
}

void yaml_reader_release(struct yaml_reader *reader)
{
	if (reader->parser)
		yaml_parser_delete(reader->parser);
	free(reader->parser);
	reader->parser = NULL;
}

/* The root of the document that has just begun, and its end. */
static int read_document(struct builder *b, struct value **ret)
{
	struct value *root;
	yaml_event_t event;
	size_t line;
	int rc = build_next(b, YAML_NO_EVENT, &root, &line);

	if (rc == 0)
		rc = next_event(b, &event);
	if (rc == 0) {
		yaml_event_delete(&event);
		*ret = root;
	}
	return rc < 0 ? rc : 1;
}

int yaml_reader_next(struct yaml_reader *reader, struct arena *arena, struct yaml_duplicates *duplicates,
		     struct value **ret, struct error *err)
{
	struct builder b = {.parser = reader->parser, .arena = arena, .duplicates = duplicates, .err = err};
	int rc = 0;

	for (bool more = true; more;) {
		yaml_event_t event;
		yaml_event_type_t type;

		rc = next_event(&b, &event);
		if (rc < 0)
			return rc;
		type = event.type;
		yaml_event_delete(&event);
		if (type == YAML_DOCUMENT_START_EVENT)
			rc = read_document(&b, ret);
		more = type == YAML_STREAM_START_EVENT;
	}
	map_release(&b.anchors);
	return rc;
}

struct str yaml_duplicates_text(const struct yaml_duplicates *duplicates, struct arena *arena)
{
	struct str text = STR("yaml: unmarshal errors:");

	for (size_t i = 0; i < duplicates->lines.len; i++)
		text = arena_printf(arena, STR_FMT "\n  " STR_FMT, STR_ARG(text), STR_ARG(duplicates->lines.items[i]));
	return text;
}

int yaml_parse(struct str text, struct arena *arena, struct yaml_duplicates *duplicates, struct value **ret,
	       struct error *err)
{
	struct yaml_reader reader;
	int rc;

	yaml_reader_init(&reader, text);
	rc = yaml_reader_next(&reader, arena, duplicates, ret, err);
	yaml_reader_release(&reader);
	if (rc == 0)
		*ret = value_null(arena);
	return rc < 0 ? rc : 0;
}
