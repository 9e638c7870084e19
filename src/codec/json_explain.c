/*
 * Why a JSON text is wrong, in the words of Go's encoding/json, and the repair of what Go lets pass.
 *
 * Both run only after yyjson refused a text, so they go for exactness, not speed: a scanner with one function for each
 * thing that may come next and a stack of the open containers.
 */
#include <stdio.h>

#include "base/limits.h"
#include "codec/json_doc.h"

struct scanner {
	struct str text;
	size_t at;
	struct arena *arena;
	struct str message; /* set by the first complaint */
	VEC_OF(char) open;  /* '{' and '[' */
};

/* A byte as Go's %q of a one-byte rune shows it. */
static struct str quote_byte(struct scanner *s, unsigned char c)
{
	static const char short_names[] = "abtnvfr"; /* from \a, 7, on */

	if (c == '\'')
		return STR("'\\''");
	if (c == '"')
		return STR("'\"'");
	if (c == '\\')
		return STR("'\\\\'");
	if (c >= 7 && c <= 13)
		return arena_printf(s->arena, "'\\%c'", short_names[c - 7]);
	if (c < 0x20 || c == 0x7f)
		return arena_printf(s->arena, "'\\x%02x'", c);
	if (c < 0x80)
		return arena_printf(s->arena, "'%c'", c);
	if (c <= 0xa0 || c == 0xad)
		return arena_printf(s->arena, "'\\u%04x'", c);
	return arena_printf(s->arena, "'%c%c'", 0xc0 | (c >> 6), 0x80 | (c & 0x3f));
}

/* False, for the caller to return; at the end of the text the complaint is always the same. */
static bool complain(struct scanner *s, const char *where)
{
	if (s->at >= s->text.len)
		s->message = STR("unexpected end of JSON input");
	else
		s->message = arena_printf(s->arena, "invalid character " STR_FMT " %s",
					  STR_ARG(quote_byte(s, (unsigned char)s->text.data[s->at])), where);
	return false;
}

static int peek(const struct scanner *s)
{
	return s->at < s->text.len ? (unsigned char)s->text.data[s->at] : -1;
}

static void skip_blanks(struct scanner *s)
{
	while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
		s->at++;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(int c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool scan_escape(struct scanner *s)
{
	int c = peek(s);

	if (c == 'u') {
		s->at++;
		for (int i = 0; i < 4; i++, s->at++)
			if (!is_hex(peek(s)))
				return complain(s, "in \\u hexadecimal character escape");
		return true;
	}
	if (c <= 0 || !strchr("bfnrt\\/\"", c))
		return complain(s, "in string escape code");
	s->at++;
	return true;
}

static bool scan_string(struct scanner *s)
{
	for (s->at++;;) {
		int c = peek(s);

		if (c < 0x20)
			return complain(s, "in string literal");
		s->at++;
		if (c == '"')
			return true;
		if (c == '\\' && !scan_escape(s))
			return false;
	}
}

static bool scan_digits(struct scanner *s, const char *where)
{
	if (!is_digit(peek(s)))
		return complain(s, where);
	while (is_digit(peek(s)))
		s->at++;
	return true;
}

static bool scan_number(struct scanner *s)
{
	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++;
	else if (!scan_digits(s, "in numeric literal"))
		return false;
	if (peek(s) == '.') {
		s->at++;
		if (!scan_digits(s, "after decimal point in numeric literal"))
			return false;
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!scan_digits(s, "in exponent of numeric literal"))
			return false;
	}
	return true;
}

static bool scan_word(struct scanner *s, const char *word)
{
	char where[64];

	for (size_t i = 0; word[i]; i++, s->at++) {
		if (peek(s) == word[i])
			continue;
		snprintf(where, sizeof(where), "in literal %s (expecting '%c')", word, word[i]);
		return complain(s, where);
	}
	return true;
}

/* Key and colon. */
static bool scan_key(struct scanner *s)
{
	skip_blanks(s);
	if (peek(s) != '"')
		return complain(s, "looking for beginning of object key string");
	if (!scan_string(s))
		return false;
	skip_blanks(s);
	if (peek(s) != ':')
		return complain(s, "after object key");
	s->at++;
	return true;
}

/* A scalar, or the opening of a container; *ret_open says that one with something in it was opened. */
static bool scan_value(struct scanner *s, bool *ret_open)
{
	int c;

	*ret_open = false;
	skip_blanks(s);
	c = peek(s);
	if (c == '{' || c == '[') {
		s->at++;
		skip_blanks(s);
		if (peek(s) == (c == '{' ? '}' : ']')) {
			s->at++;
			return true;
		}
		if (s->open.len >= LIMIT_JSON_DEPTH) {
			s->message = STR("exceeded max depth");
			return false;
		}
		vec_push(s->arena, &s->open, (char)c);
		*ret_open = true;
		return c == '[' || scan_key(s);
	}
	if (c == '"')
		return scan_string(s);
	if (c == '-' || is_digit(c))
		return scan_number(s);
	if (c == 't' || c == 'f' || c == 'n')
		return scan_word(s, c == 't' ? "true" : c == 'f' ? "false" : "null");
	return complain(s, "looking for beginning of value");
}

/* What follows a value inside the innermost container; *ret_more says that another value must come. */
static bool scan_after(struct scanner *s, bool *ret_more)
{
	bool object = s->open.items[s->open.len - 1] == '{';
	int c;

	skip_blanks(s);
	c = peek(s);
	*ret_more = c == ',';
	if (c == ',') {
		s->at++;
		return !object || scan_key(s);
	}
	if (c != (object ? '}' : ']'))
		return complain(s, object ? "after object key:value pair" : "after array element");
	s->at++;
	s->open.len--;
	return true;
}

static void scan(struct scanner *s)
{
	bool more = true;

	do {
		if (more && !scan_value(s, &more))
			return;
		if (!more && s->open.len && !scan_after(s, &more))
			return;
	} while (s->open.len || more);
	skip_blanks(s);
	if (s->at < s->text.len)
		complain(s, "after top-level value");
}

struct str json_explain(struct str text, struct arena *arena)
{
	struct scanner s = {.text = text, .arena = arena};

	scan(&s);
	return s.message;
}

static unsigned hex4(const char *p)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++) {
		int c = p[i] | 0x20;

		n = n * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return n;
}

/* Length of the well-formed UTF-8 sequence at @p, 0 when there is none. */
static size_t utf8_length(const char *p, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (str_is_utf8((struct str){p, n}))
			return n;
	return 0;
}

/* Copies the escape at @at, both halves of a surrogate pair together; returns where it ends. */
static size_t repair_escape(struct str text, size_t at, struct buf *out)
{
	unsigned code;

	if (text.data[at + 1] != 'u') {
		buf_append(out, text.data + at, 2);
		return at + 2;
	}
	code = hex4(text.data + at + 2);
	if (code >= 0xd800 && code < 0xdc00 && at + 12 <= text.len && text.data[at + 6] == '\\' &&
	    text.data[at + 7] == 'u' && (hex4(text.data + at + 8) & 0xfc00) == 0xdc00) {
		buf_append(out, text.data + at, 12);
		return at + 12;
	}
	if (code >= 0xd800 && code < 0xe000)
		buf_str(out, STR("\\ufffd"));
	else
		buf_append(out, text.data + at, 6);
	return at + 6;
}

struct str json_repair(struct str text, struct arena *arena)
{
	struct buf cleanup_buf out;
	size_t at = 0;

	buf_init(&out, text.len * 3);
	while (at < text.len) {
		size_t n = utf8_length(text.data + at, text.len - at);

		if (text.data[at] == '\\' && at + 1 < text.len) {
			at = repair_escape(text, at, &out);
		} else if (n) {
			buf_append(&out, text.data + at, n);
			at += n;
		} else {
			buf_str(&out, STR("\xef\xbf\xbd"));
			at++;
		}
	}
	return arena_str(arena, buf_view(&out));
}
