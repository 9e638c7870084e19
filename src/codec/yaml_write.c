/*
 * Trees to YAML; see yaml.h.  libyaml emits; which style a string needs is decided here, as upstream's library does.
 */
#include <yaml.h>

#include "codec/json.h"
#include "codec/yaml.h"
#include "codec/yaml_scalar.h"

static int take_output(void *data, unsigned char *text, size_t len)
{
	buf_append(data, text, len);
	return 1;
}

/* 1:20 and 1:20:30.5 are numbers of base 60 to other readers. */
static bool is_base60(struct str s)
{
	size_t i = 0, colons = 0;

	if (!s.len || ((s.data[0] < '0' || s.data[0] > '9') && s.data[0] != '+' && s.data[0] != '-') ||
	    str_index(s, ':') < 0)
		return false;
	if (s.data[0] == '+' || s.data[0] == '-')
		i++;
	if (i >= s.len || s.data[i] < '0' || s.data[i] > '9')
		return false;
	while (i < s.len && ((s.data[i] >= '0' && s.data[i] <= '9') || s.data[i] == '_'))
		i++;
	while (i < s.len && s.data[i] == ':') {
		size_t digits = ++i;

		if (i + 1 < s.len && s.data[i] >= '0' && s.data[i] <= '5' && s.data[i + 1] >= '0' &&
		    s.data[i + 1] <= '9')
			i += 2;
		else if (i < s.len && s.data[i] >= '0' && s.data[i] <= '9')
			i++;
		if (i == digits)
			return false;
		colons++;
	}
	if (colons && i < s.len && s.data[i] == '.')
		for (i++; i < s.len && ((s.data[i] >= '0' && s.data[i] <= '9') || s.data[i] == '_');)
			i++;
	return colons && i == s.len;
}

static yaml_scalar_style_t style_of(struct str s)
{
	if (str_index(s, '\n') >= 0)
		return YAML_LITERAL_SCALAR_STYLE;
	if (yaml_resolve(s).meaning == YAML_MEANS_STRING && !is_base60(s))
		return YAML_PLAIN_SCALAR_STYLE;
	return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
}

/* Only memory makes the library fail, and an event out of place, which a tree cannot be. */
static void emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
	if (!yaml_emitter_emit(emitter, event))
		assert(!"libyaml refused an event");
}

/* The library forgets const; it copies the text. */
static void emit_scalar(yaml_emitter_t *emitter, struct str text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	/* What is no UTF-8 has no form in YAML; upstream writes it as binary. */
	if (!yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)(text.len ? text.data : ""),
					  (int)text.len, 1, 1, style) &&
	    !yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)"", 0, 1, 1,
					  YAML_DOUBLE_QUOTED_SCALAR_STYLE))
		return;
	emit(emitter, &event);
}

static void write_string(yaml_emitter_t *emitter, struct str s)
{
	emit_scalar(emitter, s, style_of(s));
}

static int compare_members(const void *a, const void *b)
{
	const struct value_member *const *left = a, *const *right = b;

	return str_cmp((*left)->key, (*right)->key);
}

static void write_node(yaml_emitter_t *emitter, const struct value *value);

static void write_mapping(yaml_emitter_t *emitter, const struct value *value)
{
	const struct value_member **sorted = xcalloc(value->object.len ? value->object.len : 1, sizeof(*sorted));
	yaml_event_t event;

	for (size_t i = 0; i < value->object.len; i++)
		sorted[i] = &value->object.members[i];
	qsort(sorted, value->object.len, sizeof(*sorted), compare_members);
	yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
	emit(emitter, &event);
	for (size_t i = 0; i < value->object.len; i++) {
		write_string(emitter, sorted[i]->key);
		write_node(emitter, sorted[i]->value);
	}
	yaml_mapping_end_event_initialize(&event);
	emit(emitter, &event);
	free(sorted);
}

static void write_sequence(yaml_emitter_t *emitter, const struct value *value)
{
	yaml_event_t event;

	yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
	emit(emitter, &event);
	for (size_t i = 0; i < value->array.len; i++)
		write_node(emitter, value->array.items[i]);
	yaml_sequence_end_event_initialize(&event);
	emit(emitter, &event);
}

static void write_plain(yaml_emitter_t *emitter, const struct value *value)
{
	struct buf cleanup_buf text;

	buf_init(&text, 64);
	json_write(value, &text);
	emit_scalar(emitter, buf_view(&text), YAML_PLAIN_SCALAR_STYLE);
}

static void write_node(yaml_emitter_t *emitter, const struct value *value)
{
	switch (value->kind) {
	case VALUE_OBJECT:
		write_mapping(emitter, value);
		break;
	case VALUE_ARRAY:
		write_sequence(emitter, value);
		break;
	case VALUE_STRING:
		write_string(emitter, value->string);
		break;
	default:
		write_plain(emitter, value);
		break;
	}
}

void yaml_write(const struct value *value, struct buf *out)
{
	yaml_emitter_t emitter;
	yaml_event_t event;

	if (!yaml_emitter_initialize(&emitter))
		abort();
	yaml_emitter_set_output(&emitter, take_output, out);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
	emit(&emitter, &event);
	yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
	emit(&emitter, &event);
	write_node(&emitter, value);
	yaml_document_end_event_initialize(&event, 1);
	emit(&emitter, &event);
	yaml_stream_end_event_initialize(&event);
	emit(&emitter, &event);
	yaml_emitter_delete(&emitter);
}
