/* Media types and Accept; see headers.h. */
#include "net/headers.h"

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.data[i] <= ' ' || (unsigned char)s.data[i] >= 0x7f ||
		    strchr("()<>@,;:\\\"/[]?={}", s.data[i]))
			return false;
	return s.len > 0;
}

/* The part of *@text before the next @separator that is not within quotes; *text becomes what follows it. */
static struct str cut_unquoted(struct str *text, char separator)
{
	bool quoted = false;
	struct str part;
	size_t i;

	for (i = 0; i < text->len; i++) {
		char c = text->data[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == separator && !quoted)
			break;
	}
	part = str_sub(*text, 0, i);
	*text = str_from_at(*text, i + 1);
	return part;
}

static struct str unquote(struct str value, struct arena *arena)
{
	char *out;
	size_t len = 0;

	if (value.len < 2 || value.data[0] != '"' || value.data[value.len - 1] != '"')
		return arena_str(arena, value);
	out = arena_alloc(arena, value.len);
	for (size_t i = 1; i < value.len - 1; i++) {
		if (value.data[i] == '\\' && i + 1 < value.len - 1)
			i++;
		out[len++] = value.data[i];
	}
	out[len] = '\0';
	return (struct str){out, len};
}

/* "0.25" in thousandths; 1000 for what is not a quality. */
static unsigned parse_quality(struct str value)
{
	unsigned quality = 0, scale = 100;

	if (str_empty(value) || (value.data[0] != '0' && value.data[0] != '1') || value.len > 5 ||
	    (value.len > 1 && value.data[1] != '.'))
		return 1000;
	quality = value.data[0] == '1' ? 1000 : 0;
	for (size_t i = 2; i < value.len; i++, scale /= 10) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return 1000;
		quality += (unsigned)(value.data[i] - '0') * scale;
	}
	return MIN(quality, 1000u);
}

int media_type_parse(struct str text, struct arena *arena, struct media_type *ret)
{
	VEC_OF(struct media_param) params = {0};
	struct media_type type = {.quality = 1000};
	struct str rest = text, whole = str_trim(cut_unquoted(&rest, ';')), major, minor;

	if (!str_cut(whole, '/', &major, &minor) || !is_token(major) || !is_token(minor))
		return -EINVAL;
	type.type = arena_lower(arena, major);
	type.subtype = arena_lower(arena, minor);
	while (rest.len) {
		struct str part = str_trim(cut_unquoted(&rest, ';')), name, value;

		if (str_empty(part))
			continue;
		str_cut(part, '=', &name, &value);
		name = str_trim(name);
		if (!is_token(name))
			return -EINVAL;
		if (str_eq_nocase(name, STR("q")))
			type.quality = parse_quality(str_trim(value));
		else
			vec_push(arena, &params,
				 (struct media_param){arena_lower(arena, name), unquote(str_trim(value), arena)});
	}
	type.params = params.items;
	type.params_len = params.len;
	*ret = type;
	return 0;
}

struct str media_type_param(const struct media_type *type, struct str name)
{
	for (size_t i = 0; i < type->params_len; i++)
		if (str_eq(type->params[i].name, name))
			return type->params[i].value;
	return (struct str){0};
}

bool media_type_matches(const struct media_type *clause, struct str type, struct str subtype)
{
	return (str_eq_c(clause->type, "*") || str_eq(clause->type, type)) &&
	       (str_eq_c(clause->subtype, "*") || str_eq(clause->subtype, subtype));
}

static int specificity(const struct media_type *type)
{
	if (str_eq_c(type->type, "*"))
		return 0;
	return str_eq_c(type->subtype, "*") ? 1 : 2;
}

static bool goes_before(const struct media_type *a, const struct media_type *b)
{
	if (a->quality != b->quality)
		return a->quality > b->quality;
	return specificity(a) > specificity(b);
}

#define ACCEPT_MAX 64

struct accept accept_parse(struct http_headers headers, struct arena *arena)
{
	VEC_OF(struct media_type) types = {0};

	for (size_t i = 0; i < headers.len; i++) {
		struct str rest = headers.items[i].value;
		struct media_type type;

		if (!str_eq_c(headers.items[i].name, "accept"))
			continue;
		while (rest.len && types.len < ACCEPT_MAX) {
			struct str clause = str_trim(cut_unquoted(&rest, ','));

			if (media_type_parse(clause, arena, &type) < 0 || type.quality == 0)
				continue;
			vec_push(arena, &types, type);
			/* Insertion keeps equal ones in order, and there are few. */
			for (size_t j = types.len - 1; j > 0 && goes_before(&types.items[j], &types.items[j - 1]);
			     j--) {
				type = types.items[j];
				types.items[j] = types.items[j - 1];
				types.items[j - 1] = type;
			}
		}
	}
	return (struct accept){types.items, types.len};
}

bool accept_encoding_has(struct http_headers headers, struct str coding)
{
	bool any = false;

	for (size_t i = 0; i < headers.len; i++) {
		struct str rest = headers.items[i].value, item, name, param;

		if (!str_eq_c(headers.items[i].name, "accept-encoding"))
			continue;
		while (rest.len) {
			bool wanted = true;

			str_cut(rest, ',', &item, &rest);
			str_cut(item, ';', &name, &param);
			name = str_trim(name);
			param = str_trim(param);
			if (str_has_prefix(param, STR("q=")))
				wanted = parse_quality(str_from_at(param, 2)) > 0;
			if (str_eq_nocase(name, coding))
				return wanted;
			any |= str_eq_c(name, "*") && wanted;
		}
	}
	return any;
}

bool http_bearer_token(struct str authorization, struct str *ret)
{
	static const struct str scheme = STR_INIT("Bearer ");

	if (authorization.len <= scheme.len || !str_eq_nocase(str_sub(authorization, 0, scheme.len), scheme))
		return false;
	*ret = str_from_at(authorization, scheme.len);
	return true;
}
