/* Field errors; see field_error.h. */
#include "types/field_error.h"

#include <inttypes.h>
#include <time.h>

#include "base/buf.h"
#include "base/limits.h"

static void format_step(const struct path *path, struct buf *out)
{
	if (path->parent)
		format_step(path->parent, out);
	if (path->name) {
		if (path->parent && *path->name != '[')
			buf_char(out, '.');
		buf_c(out, path->name);
	} else if (path->key.data) {
		buf_char(out, '[');
		buf_str(out, path->key);
		buf_char(out, ']');
	} else {
		buf_printf(out, "[%zu]", path->index);
	}
}

struct str path_format(const struct path *path, struct arena *arena)
{
	cleanup_buf struct buf out;

	buf_init(&out, LIMIT_OBJECT);
	if (path)
		format_step(path, &out);
	else
		buf_c(&out, "<nil>");
	return arena_str(arena, buf_view(&out));
}

/* The code point at @s, well-formed and printable by Go's rules or escaped; returns the bytes it took. */
static size_t quote_rune(const unsigned char *s, size_t len, struct buf *out)
{
	static const char escapes[] = "\aa\bb\ff\nn\rr\tt\vv\\\\\"\"";
	size_t want = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t rune = s[0];

	for (const char *e = escapes; *e; e += 2)
		if (s[0] == (unsigned char)*e) {
			buf_char(out, '\\');
			buf_char(out, e[1]);
			return 1;
		}
	if (want > len || !str_is_utf8((struct str){(const char *)s, want}) || s[0] < ' ' || s[0] == 0x7f) {
		buf_printf(out, "\\x%02x", s[0]);
		return 1;
	}
	if (want > 1) {
		rune = s[0] & (0xff >> (want + 1));
		for (size_t i = 1; i < want; i++)
			rune = rune << 6 | (s[i] & 0x3f);
	}
	/* Controls, the spaces other than ours, and formatting characters are not printable. */
	if ((rune >= 0x80 && rune <= 0xa0) || rune == 0xad || (rune >= 0x2000 && rune <= 0x200f) ||
	    (rune >= 0x2028 && rune <= 0x202f) || rune == 0x205f || rune == 0x3000 || rune == 0xfeff)
		buf_printf(out, "\\u%04" PRIx32, rune);
	else
		buf_append(out, s, want);
	return want;
}

static void write_quoted(struct str text, struct buf *out)
{
	buf_char(out, '"');
	for (size_t i = 0; i < text.len;)
		i += quote_rune((const unsigned char *)text.data + i, text.len - i, out);
	buf_char(out, '"');
}

struct str quote_go(struct str text, struct arena *arena)
{
	cleanup_buf struct buf out;

	buf_init(&out, LIMIT_REQUEST_MEMORY);
	write_quoted(text, &out);
	return arena_str(arena, buf_view(&out));
}

/* A string as encoding/json writes it, with its escapes for HTML. */
static void write_json(struct str text, struct buf *out)
{
	buf_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n')
			buf_c(out, "\\n");
		else if (c == '\t')
			buf_c(out, "\\t");
		else if (c == '\r')
			buf_c(out, "\\r");
		else if (c < ' ' || c == '<' || c == '>' || c == '&')
			buf_printf(out, "\\u%04x", c);
		else
			buf_char(out, (char)c);
	}
	buf_char(out, '"');
}

struct field_value field_value_map(const struct str_map *map, struct arena *arena)
{
	cleanup_buf struct buf out;

	buf_init(&out, LIMIT_REQUEST_MEMORY);
	if (!map->items)
		return VALUE_NULL;
	buf_char(&out, '{');
	SLICE_FOREACH (pair, *map) {
		if (pair != map->items)
			buf_char(&out, ',');
		write_json(pair->key, &out);
		buf_char(&out, ':');
		write_json(pair->value, &out);
	}
	buf_char(&out, '}');
	return field_value_json(arena_str(arena, buf_view(&out)));
}

struct field_value field_value_list(const struct str_slice *list, struct arena *arena)
{
	cleanup_buf struct buf out;

	buf_init(&out, LIMIT_REQUEST_MEMORY);
	if (!list->items)
		return VALUE_NULL;
	buf_char(&out, '[');
	SLICE_FOREACH (item, *list) {
		if (item != list->items)
			buf_char(&out, ',');
		write_json(*item, &out);
	}
	buf_char(&out, ']');
	return field_value_json(arena_str(arena, buf_view(&out)));
}

struct field_value field_value_time(const struct timestamp *time, struct arena *arena)
{
	time_t seconds;
	struct tm tm;

	if (!time || !time->is_set)
		return VALUE_NULL;
	seconds = (time_t)time->seconds;
	if (!gmtime_r(&seconds, &tm))
		return VALUE_NULL;
	return field_value_json(arena_printf(arena, "\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", tm.tm_year + 1900,
					     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec));
}

static const struct {
	const char *reason, *text;
} types[FIELD_ERROR_MAX] = {
#define X(type, reason, text) [FIELD_ERROR_##type] = {reason, text},
	FIELD_ERROR_TYPES(X)
#undef X
};

const char *field_error_reason(enum field_error_type type)
{
	return types[type].reason;
}

void field_add(struct field_errors *errors, enum field_error_type type, const struct path *path, struct str message)
{
	struct field_error error = {type, path_format(path, errors->arena), message};

	vec_push(errors->arena, errors, error);
}

/* "Invalid value", `: "x"` when there is a value, ": detail" when there is one. */
static void add(struct field_errors *errors, enum field_error_type type, const struct path *path,
		struct field_value value, struct str detail)
{
	cleanup_buf struct buf out;

	buf_init(&out, LIMIT_REQUEST_MEMORY);
	buf_c(&out, types[type].text);
	if (value.kind != FIELD_VALUE_OMITTED)
		buf_c(&out, ": ");
	switch (value.kind) {
	case FIELD_VALUE_TEXT:
		write_quoted(value.text, &out);
		break;
	case FIELD_VALUE_INTEGER:
		buf_int64(&out, value.number);
		break;
	case FIELD_VALUE_BOOL:
		buf_c(&out, value.number ? "true" : "false");
		break;
	case FIELD_VALUE_JSON:
		buf_str(&out, value.text);
		break;
	case FIELD_VALUE_OMITTED:
		break;
	}
	if (detail.len) {
		buf_c(&out, ": ");
		buf_str(&out, detail);
	}
	field_add(errors, type, path, arena_str(errors->arena, buf_view(&out)));
}

static const struct field_value no_value = {.kind = FIELD_VALUE_OMITTED};

void field_required(struct field_errors *errors, const struct path *path, const char *detail)
{
	add(errors, FIELD_ERROR_REQUIRED, path, no_value, str_from(detail));
}

void field_forbidden(struct field_errors *errors, const struct path *path, const char *format, ...)
{
	struct str detail;
	va_list args;

	va_start(args, format);
	detail = arena_vprintf(errors->arena, format, args);
	va_end(args);
	add(errors, FIELD_ERROR_FORBIDDEN, path, no_value, detail);
}

void field_invalid(struct field_errors *errors, const struct path *path, struct field_value value, const char *format,
		   ...)
{
	struct str detail;
	va_list args;

	va_start(args, format);
	detail = arena_vprintf(errors->arena, format, args);
	va_end(args);
	add(errors, FIELD_ERROR_INVALID, path, value, detail);
}

void field_internal(struct field_errors *errors, const struct path *path, const char *format, ...)
{
	struct str detail;
	va_list args;

	va_start(args, format);
	detail = arena_vprintf(errors->arena, format, args);
	va_end(args);
	add(errors, FIELD_ERROR_INTERNAL, path, no_value, detail);
}

void field_duplicate(struct field_errors *errors, const struct path *path, struct field_value value)
{
	add(errors, FIELD_ERROR_DUPLICATE, path, value, STR_EMPTY);
}

void field_not_found(struct field_errors *errors, const struct path *path, struct field_value value)
{
	add(errors, FIELD_ERROR_NOT_FOUND, path, value, STR_EMPTY);
}

void field_too_long(struct field_errors *errors, const struct path *path, size_t max)
{
	add(errors, FIELD_ERROR_TOO_LONG, path, no_value,
	    arena_printf(errors->arena, "may not be more than %zu byte%s", max, max == 1 ? "" : "s"));
}

void field_too_many(struct field_errors *errors, const struct path *path, size_t actual, size_t max)
{
	add(errors, FIELD_ERROR_TOO_MANY, path, field_value_integer((int64_t)actual),
	    arena_printf(errors->arena, "must have at most %zu item%s", max, max == 1 ? "" : "s"));
}

void field_too_few(struct field_errors *errors, const struct path *path, size_t actual, size_t min)
{
	add(errors, FIELD_ERROR_TOO_FEW, path, field_value_integer((int64_t)actual),
	    arena_printf(errors->arena, "must have at least %zu item%s", min, min == 1 ? "" : "s"));
}

void field_not_supported(struct field_errors *errors, const struct path *path, struct field_value value,
			 const struct str *values, size_t len)
{
	cleanup_buf struct buf detail;

	buf_init(&detail, LIMIT_OBJECT);
	for (size_t i = 0; i < len; i++) {
		buf_c(&detail, i ? ", " : "supported values: ");
		write_quoted(values[i], &detail);
	}
	add(errors, FIELD_ERROR_NOT_SUPPORTED, path, value, buf_view(&detail));
}

void field_not_supported_c(struct field_errors *errors, const struct path *path, struct field_value value, ...)
{
	struct str values[32];
	const char *word;
	size_t len = 0;
	va_list args;

	va_start(args, value);
	while ((word = va_arg(args, const char *)) != NULL && len < ARRAY_LEN(values))
		values[len++] = str_from(word);
	va_end(args);
	field_not_supported(errors, path, value, values, len);
}

bool field_in_enum(struct str value, const struct schema *schema, const char *name)
{
	const struct schema_field *field = schema_find(schema, str_from(name));

	assert(field && field->rules->values_len);
	for (size_t i = 0; i < field->rules->values_len; i++)
		if (str_eq(field->rules->values[i], value))
			return true;
	return false;
}

void field_not_in_enum(struct field_errors *errors, const struct path *path, struct str value,
		       const struct schema *schema, const char *name)
{
	const struct field_rules *rules = schema_find(schema, str_from(name))->rules;

	field_not_supported(errors, path, VALUE(value), rules->values, rules->values_len);
}

static bool said_before(const struct field_errors *errors, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(errors->items[i].field, errors->items[at].field) &&
		    str_eq(errors->items[i].message, errors->items[at].message))
			return true;
	return false;
}

struct str field_errors_join(const struct field_errors *errors, struct arena *arena)
{
	cleanup_buf struct buf out;
	size_t said = 0;

	buf_init(&out, LIMIT_REQUEST_MEMORY);
	for (size_t i = 0; i < errors->len; i++) {
		if (said_before(errors, i))
			continue;
		if (said++)
			buf_c(&out, ", ");
		buf_str(&out, errors->items[i].field);
		buf_c(&out, ": ");
		buf_str(&out, errors->items[i].message);
	}
	return said > 1 ? arena_printf(arena, "[" STR_FMT "]", STR_ARG(buf_view(&out)))
			: arena_str(arena, buf_view(&out));
}

struct str field_errors_message(const struct field_errors *errors, struct str group, struct str kind, struct str name,
				struct arena *arena)
{
	struct str joined = field_errors_join(errors, arena), quoted = quote_go(name, arena);

	return arena_printf(arena, STR_FMT "%s" STR_FMT " " STR_FMT " is invalid%s" STR_FMT, STR_ARG(kind),
			    group.len ? "." : "", STR_ARG(group), STR_ARG(quoted), joined.len ? ": " : "",
			    STR_ARG(joined));
}
