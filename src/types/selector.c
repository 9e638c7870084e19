/* Selectors; see selector.h.  The parser reads token by token with one token of look-ahead. */
#include "types/selector.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "types/field_error.h"
#include "types/validate_name.h"

enum token {
	TOKEN_END,
	TOKEN_WORD, /* the words `in` and `notin` too: what they mean depends on where they stand */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_NOT,
	TOKEN_EQUALS,
	TOKEN_NOT_EQUALS,
	TOKEN_GREATER,
	TOKEN_LESS,
};

struct parser {
	struct str rest;
	enum token token; /* the next one, not yet consumed */
	struct str text;
	struct arena *arena;
	struct error *err;
};

static const struct {
	const char *text;
	enum token token;
} symbols[] = {
	{"==", TOKEN_EQUALS}, {"!=", TOKEN_NOT_EQUALS}, {"=", TOKEN_EQUALS},  {"!", TOKEN_NOT},	 {"(", TOKEN_OPEN},
	{")", TOKEN_CLOSE},   {",", TOKEN_COMMA},	{">", TOKEN_GREATER}, {"<", TOKEN_LESS},
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
	return c && strchr("=!(),><", c);
}

static void next(struct parser *p)
{
	size_t len = 0;

	while (p->rest.len && is_blank(p->rest.data[0]))
		p->rest = str_from_at(p->rest, 1);
	p->token = TOKEN_END;
	p->text = STR_EMPTY;
	if (!p->rest.len || !p->rest.data[0])
		return;
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
		if (str_has_prefix(p->rest, str_from(symbols[i].text))) {
			p->token = symbols[i].token;
			p->text = str_from(symbols[i].text);
			p->rest = str_from_at(p->rest, p->text.len);
			return;
		}
	while (len < p->rest.len && p->rest.data[len] && !is_special(p->rest.data[len]) && !is_blank(p->rest.data[len]))
		len++;
	p->token = TOKEN_WORD;
	p->text = str_sub(p->rest, 0, len);
	p->rest = str_from_at(p->rest, len);
}

static int unexpected(struct parser *p, const char *expected)
{
	return error_set(p->err, ERR_BAD_REQUEST, "found '" STR_FMT "'%s", STR_ARG(p->text), expected);
}

static int compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Copies in the arena, sorted. */
static struct str_slice sorted_values(const struct str *values, size_t len, bool unique, struct arena *arena)
{
	struct str *copy = ARENA_NEW_N(arena, struct str, len);
	size_t kept = 0;

	for (size_t i = 0; i < len; i++)
		copy[i] = arena_str(arena, values[i]);
	qsort(copy, len, sizeof(*copy), compare_str);
	for (size_t i = 0; i < len; i++)
		if (!unique || kept == 0 || !str_eq(copy[kept - 1], copy[i]))
			copy[kept++] = copy[i];
	return (struct str_slice){copy, kept};
}

static const char *const operator_names[SELECT_MAX] = {
	[SELECT_EQUALS] = "=", [SELECT_NOT_EQUALS] = "!=",   [SELECT_IN] = " in ",   [SELECT_NOT_IN] = " notin ",
	[SELECT_EXISTS] = "",  [SELECT_DOES_NOT_EXIST] = "", [SELECT_GREATER] = ">", [SELECT_LESS] = "<",
};

static void check_values(const struct selector_requirement *r, struct field_errors *errors)
{
	const struct path *path = FIELD(NULL, "values");
	int64_t number;

	if ((r->op == SELECT_IN || r->op == SELECT_NOT_IN) && !r->values.len)
		field_invalid(errors, path, field_value_list(&r->values, errors->arena),
			      "for 'in', 'notin' operators, values set can't be empty");
	if ((r->op == SELECT_EXISTS || r->op == SELECT_DOES_NOT_EXIST) && r->values.len)
		field_invalid(errors, path, field_value_list(&r->values, errors->arena),
			      "values set must be empty for exists and does not exist");
	for (size_t i = 0; i < r->values.len; i++)
		if ((r->op == SELECT_GREATER || r->op == SELECT_LESS) &&
		    str_parse_int64(r->values.items[i], &number) < 0)
			field_invalid(errors, INDEX(path, i), VALUE(r->values.items[i]),
				      "for 'Gt', 'Lt' operators, the value must be an integer");
	for (size_t i = 0; i < r->values.len; i++) {
		struct name_problems problems = name_is_label_value(r->values.items[i]);

		if (problems.len)
			field_invalid(errors, KEY(INDEX(path, i), r->key), VALUE(r->values.items[i]), "%s",
				      str_c(name_problems_join(problems, "; ", errors->arena)));
	}
}

static void check_key(struct str key, const struct path *path, struct field_errors *errors)
{
	struct name_problems problems = name_is_qualified(key);

	if (problems.len)
		field_invalid(errors, path, VALUE(key), "%s", str_c(name_problems_join(problems, "; ", errors->arena)));
}

static int as_error(const struct field_errors *errors, struct error *err)
{
	if (!errors->len)
		return 0;
	return error_set(err, ERR_BAD_REQUEST, "%s", str_c(field_errors_join(errors, errors->arena)));
}

static int check_requirement(const struct selector_requirement *r, struct arena *arena, struct error *err)
{
	struct field_errors errors = {.arena = arena};

	check_key(r->key, FIELD(NULL, "key"), &errors);
	check_values(r, &errors);
	return as_error(&errors, err);
}

/* After "(": values, any of which may be empty, up to and with ")". */
static int parse_set(struct parser *p, struct str_slice *ret)
{
	VEC_OF(struct str) values = {0};
	bool last_was_value = false;

	if (p->token != TOKEN_OPEN)
		return error_set(p->err, ERR_BAD_REQUEST, "found '" STR_FMT "' expected: '('", STR_ARG(p->text));
	next(p);
	if (p->token != TOKEN_WORD && p->token != TOKEN_COMMA && p->token != TOKEN_CLOSE)
		return unexpected(p, ", expected: ',', ')' or identifier");
	for (;; next(p)) {
		if (p->token == TOKEN_WORD) {
			if (last_was_value)
				return unexpected(p, ", expected: ',' or ')'");
			vec_push(p->arena, &values, p->text);
			last_was_value = true;
		} else if (p->token == TOKEN_COMMA || p->token == TOKEN_CLOSE) {
			if (!last_was_value)
				vec_push(p->arena, &values, STR_EMPTY);
			if (p->token == TOKEN_CLOSE)
				break;
			last_was_value = false;
		} else {
			return unexpected(p,
					  last_was_value ? ", expected: ',' or ')'" : ", expected: ',', or identifier");
		}
	}
	next(p);
	*ret = sorted_values(values.items, values.len, true, p->arena);
	return 0;
}

static int parse_value(struct parser *p, struct str_slice *ret)
{
	struct str value = STR_EMPTY;

	if (p->token == TOKEN_WORD) {
		value = p->text;
		next(p);
	} else if (p->token != TOKEN_END && p->token != TOKEN_COMMA) {
		return unexpected(p, ", expected: identifier");
	}
	*ret = sorted_values(&value, 1, false, p->arena);
	return 0;
}

static int parse_operator(struct parser *p, enum selector_operator *ret)
{
	static const struct {
		enum token token;
		const char *word;
		enum selector_operator op;
	} operators[] = {
		{TOKEN_WORD, "in", SELECT_IN},	       {TOKEN_WORD, "notin", SELECT_NOT_IN},
		{TOKEN_EQUALS, NULL, SELECT_EQUALS},   {TOKEN_NOT_EQUALS, NULL, SELECT_NOT_EQUALS},
		{TOKEN_GREATER, NULL, SELECT_GREATER}, {TOKEN_LESS, NULL, SELECT_LESS},
	};

	for (size_t i = 0; i < ARRAY_LEN(operators); i++)
		if (p->token == operators[i].token && (!operators[i].word || str_eq_c(p->text, operators[i].word))) {
			*ret = operators[i].op;
			next(p);
			return 0;
		}
	return unexpected(p, ", expected: in, notin, =, ==, !=, gt, lt");
}

static int parse_requirement(struct parser *p, struct selector_requirement *ret)
{
	struct field_errors errors = {.arena = p->arena};
	struct selector_requirement r = {.op = SELECT_EXISTS};
	int result;

	if (p->token == TOKEN_NOT) {
		r.op = SELECT_DOES_NOT_EXIST;
		next(p);
	}
	if (p->token != TOKEN_WORD)
		return unexpected(p, ", expected: identifier");
	check_key(p->text, NULL, &errors);
	if (errors.len)
		return as_error(&errors, p->err);
	r.key = arena_str(p->arena, p->text);
	next(p);
	if (r.op == SELECT_EXISTS && p->token != TOKEN_END && p->token != TOKEN_COMMA) {
		result = parse_operator(p, &r.op);
		if (result == 0)
			result = r.op == SELECT_IN || r.op == SELECT_NOT_IN ? parse_set(p, &r.values)
									    : parse_value(p, &r.values);
		if (result < 0)
			return result;
	}
	*ret = r;
	return check_requirement(&r, p->arena, p->err);
}

static int compare_requirement(const void *a, const void *b)
{
	const struct selector_requirement *x = a, *y = b;

	return str_cmp(x->key, y->key);
}

int selector_parse(struct str text, struct arena *arena, struct selector *ret, struct error *err)
{
	struct parser p = {.rest = text, .arena = arena, .err = err};
	VEC_OF(struct selector_requirement) items = {0};

	next(&p);
	while (p.token != TOKEN_END) {
		struct selector_requirement requirement;

		if (p.token != TOKEN_WORD && p.token != TOKEN_NOT)
			return unexpected(&p, ", expected: !, identifier, or 'end of string'");
		if (parse_requirement(&p, &requirement) < 0)
			return error_wrap(err, "unable to parse requirement");
		vec_push(arena, &items, requirement);
		if (p.token == TOKEN_END)
			break;
		if (p.token != TOKEN_COMMA)
			return unexpected(&p, ", expected: ',' or 'end of string'");
		next(&p);
		if (p.token != TOKEN_WORD && p.token != TOKEN_NOT)
			return unexpected(&p, ", expected: identifier after ','");
	}
	if (items.len)
		qsort(items.items, items.len, sizeof(*items.items), compare_requirement);
	*ret = (struct selector){.items = items.items, .len = items.len};
	return 0;
}

/* One past the end of the first term: up to a comma that no backslash stands before. */
static size_t term_end(struct str text)
{
	size_t i = 0;

	for (; i < text.len && text.data[i] != ','; i++)
		if (text.data[i] == '\\' && i + 1 < text.len)
			i++;
	return i;
}

static int unescape_value(struct str text, struct arena *arena, struct str *ret, struct error *err)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == ',' || c == '=')
			return error_set(err, ERR_BAD_REQUEST,
					 "invalid field selector: unescaped character in value: %d", c);
		if (c == '\\') {
			struct str sequence = str_sub(text, i, 2);

			if (sequence.len < 2 || !strchr("\\,=", sequence.data[1]))
				return error_set(err, ERR_BAD_REQUEST,
						 "invalid field selector: invalid escape sequence: " STR_FMT,
						 STR_ARG(sequence));
			c = sequence.data[1];
			i++;
		}
		out[len++] = c;
	}
	out[len] = '\0';
	*ret = (struct str){out, len};
	return 0;
}

static int parse_term(struct str term, struct str all, struct arena *arena, struct selector_requirement *ret,
		      struct error *err)
{
	struct str value;
	size_t at = 0, width = 1;
	bool negated = false;
	int result;

	while (at < term.len && term.data[at] != '=' && !str_has_prefix(str_from_at(term, at), STR("!=")))
		at++;
	if (at == term.len)
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid selector: '" STR_FMT "'; can't understand '" STR_FMT "'", STR_ARG(all),
				 STR_ARG(term));
	negated = term.data[at] == '!';
	if (negated || str_has_prefix(str_from_at(term, at), STR("==")))
		width = 2;
	result = unescape_value(str_from_at(term, at + width), arena, &value, err);
	if (result < 0)
		return result;
	*ret = (struct selector_requirement){
		.key = arena_str(arena, str_sub(term, 0, at)),
		.op = negated ? SELECT_NOT_EQUALS : SELECT_EQUALS,
		.values = sorted_values(&value, 1, false, arena),
	};
	return 0;
}

int selector_parse_fields(struct str text, struct arena *arena, struct selector *ret, struct error *err)
{
	VEC_OF(struct selector_requirement) items = {0};
	struct str rest = text;

	while (rest.len) {
		size_t end = term_end(rest);
		struct selector_requirement requirement;
		struct str term = str_sub(rest, 0, end);
		int result;

		rest = str_from_at(rest, end + 1);
		if (!term.len)
			continue;
		result = parse_term(term, text, arena, &requirement, err);
		if (result < 0)
			return result;
		vec_push(arena, &items, requirement);
	}
	if (items.len)
		qsort(items.items, items.len, sizeof(*items.items), compare_requirement);
	*ret = (struct selector){.items = items.items, .len = items.len};
	return 0;
}

static int label_operator(struct str word, enum selector_operator *ret, struct arena *arena, struct error *err)
{
	static const struct {
		const char *word;
		enum selector_operator op;
	} operators[] = {
		{"In", SELECT_IN},
		{"NotIn", SELECT_NOT_IN},
		{"Exists", SELECT_EXISTS},
		{"DoesNotExist", SELECT_DOES_NOT_EXIST},
	};

	for (size_t i = 0; i < ARRAY_LEN(operators); i++)
		if (str_eq_c(word, operators[i].word)) {
			*ret = operators[i].op;
			return 0;
		}
	return error_set(err, ERR_BAD_REQUEST, "%s is not a valid label selector operator",
			 str_c(quote_go(word, arena)));
}

int selector_from_label_selector(const struct meta_v1_label_selector *labels, struct arena *arena, struct selector *ret,
				 struct error *err)
{
	VEC_OF(struct selector_requirement) items = {0};
	struct selector from_map;
	int result;

	if (!labels) {
		*ret = (struct selector){.nothing = true};
		return 0;
	}
	from_map = selector_from_map(&labels->match_labels, arena);
	for (size_t i = 0; i < from_map.len; i++) {
		result = check_requirement(&from_map.items[i], arena, err);
		if (result < 0)
			return result;
		vec_push(arena, &items, from_map.items[i]);
	}
	SLICE_FOREACH (expression, labels->match_expressions) {
		struct selector_requirement r = {.key = arena_str(arena, expression->key)};

		result = label_operator(expression->operator, & r.op, arena, err);
		if (result < 0)
			return result;
		r.values = sorted_values(expression->values.items, expression->values.len, false, arena);
		result = check_requirement(&r, arena, err);
		if (result < 0)
			return result;
		vec_push(arena, &items, r);
	}
	if (items.len)
		qsort(items.items, items.len, sizeof(*items.items), compare_requirement);
	*ret = (struct selector){.items = items.items, .len = items.len};
	return 0;
}

struct selector selector_from_map(const struct str_map *labels, struct arena *arena)
{
	struct selector_requirement *items = ARENA_NEW_N(arena, struct selector_requirement, labels->len);

	for (size_t i = 0; i < labels->len; i++)
		items[i] = (struct selector_requirement){
			.key = arena_str(arena, labels->items[i].key),
			.op = SELECT_EQUALS,
			.values = sorted_values(&labels->items[i].value, 1, false, arena),
		};
	return (struct selector){.items = items, .len = labels->len};
}

struct selector selector_copy(const struct selector *selector, struct arena *arena)
{
	struct selector_requirement *items = ARENA_NEW_N(arena, struct selector_requirement, selector->len);

	for (size_t i = 0; i < selector->len; i++) {
		const struct selector_requirement *from = &selector->items[i];

		items[i] = (struct selector_requirement){
			.key = arena_str(arena, from->key),
			.op = from->op,
			.values = sorted_values(from->values.items, from->values.len, false, arena),
		};
	}
	return (struct selector){.items = items, .len = selector->len, .nothing = selector->nothing};
}

static bool has_value(const struct str_slice *values, struct str value)
{
	SLICE_FOREACH (item, *values)
		if (str_eq(*item, value))
			return true;
	return false;
}

/* @value is NULL when there is no such key. */
static bool requirement_matches(const struct selector_requirement *r, const struct str *value)
{
	int64_t a, b;

	switch (r->op) {
	case SELECT_EQUALS:
	case SELECT_IN:
		return value && has_value(&r->values, *value);
	case SELECT_NOT_EQUALS:
	case SELECT_NOT_IN:
		return !value || !has_value(&r->values, *value);
	case SELECT_EXISTS:
		return value;
	case SELECT_DOES_NOT_EXIST:
		return !value;
	default:
		if (!value || r->values.len != 1 || str_parse_int64(*value, &a) < 0 ||
		    str_parse_int64(r->values.items[0], &b) < 0)
			return false;
		return r->op == SELECT_GREATER ? a > b : a < b;
	}
}

bool selector_matches(const struct selector *selector, const struct str_map *labels)
{
	if (selector->nothing)
		return false;
	for (size_t i = 0; i < selector->len; i++)
		if (!requirement_matches(&selector->items[i], str_map_get(labels, selector->items[i].key)))
			return false;
	return true;
}

bool selector_matches_fields(const struct selector *selector, struct str (*get)(const void *object, struct str path),
			     const void *object)
{
	if (selector->nothing)
		return false;
	for (size_t i = 0; i < selector->len; i++) {
		struct str value = get(object, selector->items[i].key);

		if (!requirement_matches(&selector->items[i], &value))
			return false;
	}
	return true;
}

struct str selector_format(const struct selector *selector, struct arena *arena)
{
	cleanup_buf struct buf out;

	buf_init(&out, LIMIT_OBJECT);
	for (size_t i = 0; i < selector->len; i++) {
		const struct selector_requirement *r = &selector->items[i];
		bool set = r->op == SELECT_IN || r->op == SELECT_NOT_IN;

		buf_c(&out, i ? "," : "");
		buf_c(&out, r->op == SELECT_DOES_NOT_EXIST ? "!" : "");
		buf_str(&out, r->key);
		buf_c(&out, operator_names[r->op]);
		buf_c(&out, set ? "(" : "");
		for (size_t j = 0; j < r->values.len; j++) {
			buf_c(&out, j ? "," : "");
			buf_str(&out, r->values.items[j]);
		}
		buf_c(&out, set ? ")" : "");
	}
	return arena_str(arena, buf_view(&out));
}

/* Where @key is or would be. */
static size_t map_position(const struct str_map *map, struct str key, bool *ret_found)
{
	size_t low = 0, high = map->len;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = str_cmp(key, map->items[middle].key);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ret_found = false;
	return low;
}

const struct str *str_map_get(const struct str_map *map, struct str key)
{
	bool found;
	size_t at = map_position(map, key, &found);

	return found ? &map->items[at].value : NULL;
}

struct str_map str_map_set(const struct str_map *map, struct str key, struct str value, struct arena *arena)
{
	bool found;
	size_t at = map_position(map, key, &found);
	size_t len = map->len + !found;
	struct str_pair *items = ARENA_NEW_N(arena, struct str_pair, len);

	if (at)
		memcpy(items, map->items, at * sizeof(*items));
	items[at] = (struct str_pair){arena_str(arena, key), arena_str(arena, value)};
	if (at + 1 < len)
		memcpy(items + at + 1, map->items + at + found, (len - at - 1) * sizeof(*items));
	return (struct str_map){items, len};
}

struct str_map str_map_without(const struct str_map *map, struct str key, struct arena *arena)
{
	struct str_pair *pairs = ARENA_NEW_N(arena, struct str_pair, map->len + 1);
	size_t len = 0;

	SLICE_FOREACH (pair, *map)
		if (!str_eq(pair->key, key))
			pairs[len++] = *pair;
	return (struct str_map){pairs, len};
}
