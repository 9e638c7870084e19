/* URLs and queries; see url.h. */
#include "net/url.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(struct str text, bool plus_is_blank, struct arena *arena, struct str *ret)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '%') {
			int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
			int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			out[len++] = (char)(high << 4 | low);
			i += 2;
		} else {
			out[len++] = plus_is_blank && text.data[i] == '+' ? ' ' : text.data[i];
		}
	}
	out[len] = '\0';
	*ret = (struct str){out, len};
	return 0;
}

int url_decode_path(struct str text, struct arena *arena, struct str *ret)
{
	return decode(text, false, arena, ret);
}

int url_decode_query(struct str text, struct arena *arena, struct str *ret)
{
	return decode(text, true, arena, ret);
}

void url_encode(struct buf *out, struct str text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		    c == '_' || c == '.' || c == '~') {
			buf_char(out, c);
		} else {
			char encoded[3] = {'%', digits[(unsigned char)c >> 4], digits[(unsigned char)c & 15]};

			buf_append(out, encoded, sizeof(encoded));
		}
	}
}

static uint16_t default_port(struct str scheme)
{
	if (str_eq_c(scheme, "https") || str_eq_c(scheme, "wss"))
		return 443;
	return str_eq_c(scheme, "http") || str_eq_c(scheme, "ws") ? 80 : 0;
}

/* No blanks and control characters: they would end up in a request line. */
static bool is_clean(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.data[i] <= ' ' || s.data[i] == 0x7f)
			return false;
	return true;
}

static int parse_authority(struct str authority, struct url *url)
{
	ptrdiff_t at = str_last_index(authority, '@');
	struct str port = STR_EMPTY;
	uint64_t number;

	if (at >= 0) {
		url->userinfo = str_sub(authority, 0, (size_t)at);
		authority = str_from_at(authority, (size_t)at + 1);
	}
	if (authority.len && authority.data[0] == '[') {
		ptrdiff_t end = str_index(authority, ']');

		if (end < 0)
			return -EINVAL;
		url->host = str_sub(authority, 1, (size_t)end - 1);
		port = str_from_at(authority, (size_t)end + 1);
		if (port.len && port.data[0] != ':')
			return -EINVAL;
		port = str_from_at(port, 1);
	} else {
		str_cut(authority, ':', &url->host, &port);
	}
	if (str_empty(url->host))
		return -EINVAL;
	url->port = default_port(url->scheme);
	if (port.len) {
		if (str_parse_uint64(port, &number) < 0 || number > 65535)
			return -EINVAL;
		url->port = (uint16_t)number;
		url->port_given = true;
	}
	return 0;
}

static int parse_scheme(struct str text, struct arena *arena, struct str *ret_scheme, struct str *ret_rest)
{
	ptrdiff_t colon = str_index(text, ':');
	char *scheme;

	if (colon <= 0 || !str_has_prefix(str_from_at(text, (size_t)colon), STR("://")))
		return -EINVAL;
	scheme = arena_alloc(arena, (size_t)colon + 1);
	for (ptrdiff_t i = 0; i < colon; i++) {
		char c = text.data[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
			return -EINVAL;
		scheme[i] = letter ? (char)(c | 0x20) : c;
	}
	scheme[colon] = '\0';
	*ret_scheme = (struct str){scheme, (size_t)colon};
	*ret_rest = str_from_at(text, (size_t)colon + 3);
	return 0;
}

int url_parse(struct str text, struct arena *arena, struct url *ret)
{
	struct url url = {.path = STR("/")};
	struct str rest, tail;
	size_t end = 0;

	if (!is_clean(text) || parse_scheme(text, arena, &url.scheme, &rest) < 0)
		return -EINVAL;
	str_cut(rest, '#', &rest, &url.fragment);
	while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?')
		end++;
	if (parse_authority(str_sub(rest, 0, end), &url) < 0)
		return -EINVAL;
	str_cut(str_from_at(rest, end), '?', &tail, &url.query);
	if (tail.len)
		url.path = tail;
	*ret = url;
	return 0;
}

struct str url_authority(const struct url *url, struct arena *arena)
{
	bool brackets = str_index(url->host, ':') >= 0;
	const char *open = brackets ? "[" : "", *close = brackets ? "]" : "";

	if (url->port == default_port(url->scheme))
		return arena_printf(arena, "%s" STR_FMT "%s", open, STR_ARG(url->host), close);
	return arena_printf(arena, "%s" STR_FMT "%s:%u", open, STR_ARG(url->host), close, url->port);
}

/* RFC 3986, 5.2.4: the segments "." and ".." are worked off. */
static struct str remove_dots(struct str path, struct arena *arena)
{
	char *out = arena_alloc(arena, path.len + 2);
	size_t len = 0;
	struct str segment, rest = path;
	bool more = true, dots = false;

	if (rest.len && rest.data[0] == '/')
		rest = str_from_at(rest, 1);
	while (more) {
		more = str_cut(rest, '/', &segment, &rest);
		dots = str_eq_c(segment, ".") || str_eq_c(segment, "..");
		if (str_eq_c(segment, "..")) {
			while (len && out[--len] != '/')
				;
		} else if (!dots) {
			out[len++] = '/';
			memcpy(out + len, segment.data, segment.len);
			len += segment.len;
		}
	}
	if (dots || len == 0)
		out[len++] = '/';
	out[len] = '\0';
	return (struct str){out, len};
}

int url_resolve(const struct url *base, struct str reference, struct arena *arena, struct str *ret)
{
	struct str path, query, directory, authority;
	struct url url;
	bool has_query;

	if (!is_clean(reference))
		return -EINVAL;
	if (url_parse(reference, arena, &url) == 0) {
		*ret = reference;
		return 0;
	}
	if (str_has_prefix(reference, STR("//"))) {
		*ret = arena_printf(arena, STR_FMT ":" STR_FMT, STR_ARG(base->scheme), STR_ARG(reference));
		return url_parse(*ret, arena, &url);
	}
	str_cut(reference, '#', &reference, &path);
	has_query = str_cut(reference, '?', &path, &query);
	if (str_empty(path)) {
		path = base->path;
		query = has_query ? query : base->query;
	} else if (path.data[0] != '/') {
		directory = str_sub(base->path, 0, (size_t)(str_last_index(base->path, '/') + 1));
		path = arena_concat(arena, directory, path);
	}
	path = remove_dots(path, arena);
	authority = url_authority(base, arena);
	*ret = arena_printf(arena, STR_FMT "://" STR_FMT STR_FMT "%s" STR_FMT, STR_ARG(base->scheme),
			    STR_ARG(authority), STR_ARG(path), query.len || has_query ? "?" : "", STR_ARG(query));
	return 0;
}

int query_parse(struct str text, struct arena *arena, struct query *ret)
{
	VEC_OF(struct query_param) params = {0};
	struct str pair, name, value;
	int result = 0;

	while (text.len) {
		struct query_param param;

		str_cut(text, '&', &pair, &text);
		if (str_empty(pair))
			continue;
		str_cut(pair, '=', &name, &value);
		/* Go turns ';' away: it used to be a separator, and readers differ. */
		if (str_index(pair, ';') >= 0 || url_decode_query(name, arena, &param.name) < 0 ||
		    url_decode_query(value, arena, &param.value) < 0)
			result = -EINVAL;
		else
			vec_push(arena, &params, param);
	}
	*ret = (struct query){params.items, params.len};
	return result;
}

struct str query_get(const struct query *query, struct str name)
{
	for (size_t i = 0; i < query->len; i++)
		if (str_eq(query->items[i].name, name))
			return query->items[i].value;
	return (struct str){0};
}

bool query_has(const struct query *query, struct str name)
{
	return query_get(query, name).data != NULL;
}
