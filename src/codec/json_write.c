/*
 * Writing JSON as Go does; see json.h.
 *
 * Containers are written with a comma after every member and the last comma is replaced by the closing bracket: no
 * state is carried from member to member.
 */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "codec/json_doc.h"

/* Bytes that cannot simply be copied: controls, quotes, backslash, Go's HTML set, and all that is not ASCII. */
static const bool special[256] = {
	[0 ... 0x1f] = true, ['"'] = true, ['\\'] = true,	   ['<'] = true,
	['>'] = true,	     ['&'] = true, [0x80 ... 0xff] = true,
};

/* How many plain bytes @s starts with, eight at a time while there are eight. */
static size_t plain_length(const char *s, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t word, quote, slash, less, more, amp;

		memcpy(&word, s + i, 8);
		quote = word ^ (ones * '"');
		slash = word ^ (ones * '\\');
		less = word ^ (ones * '<');
		more = word ^ (ones * '>');
		amp = word ^ (ones * '&');
		/* A top bit in each byte that is below 0x20, has its own top bit set, or became zero above. */
		if (((word - ones * 0x20) | word | (quote - ones) | (slash - ones) | (less - ones) | (more - ones) |
		     (amp - ones)) &
		    tops)
			break;
	}
	while (i < len && !special[(unsigned char)s[i]])
		i++;
	return i;
}

static void write_ascii_escape(unsigned char c, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	char letter = c == '"' || c == '\\' ? (char)c
		      : c == '\n'	    ? 'n'
		      : c == '\r'	    ? 'r'
		      : c == '\t'	    ? 't'
		      : c == '\b'	    ? 'b'
		      : c == '\f'	    ? 'f'
					    : 0;

	if (letter) {
		text[1] = letter;
		buf_append(out, text, 2);
	} else {
		buf_append(out, text, 6);
	}
}

/* One character that is not ASCII; returns its length. */
static size_t write_wide(const char *s, size_t left, struct buf *out)
{
	static const char separator[] = "\xe2\x80";
	size_t n = 0;

	if (left >= 3 && memcmp(s, separator, 2) == 0 && ((s[2] & 0xff) == 0xa8 || (s[2] & 0xff) == 0xa9)) {
		buf_c(out, (s[2] & 0xff) == 0xa8 ? "\\u2028" : "\\u2029");
		return 3;
	}
	for (size_t k = 2; k <= 4 && k <= left && !n; k++)
		if (str_is_utf8((struct str){s, k}))
			n = k;
	if (!n) {
		buf_c(out, "\\ufffd");
		return 1;
	}
	buf_append(out, s, n);
	return n;
}

void json_write_str(struct str s, struct buf *out)
{
	size_t at = plain_length(s.data, s.len);
	char *p = buf_reserve(out, s.len + 2);

	if (!p)
		return;
	if (at == s.len) {
		p[0] = '"';
		if (s.len)
			memcpy(p + 1, s.data, s.len);
		p[1 + s.len] = '"';
		buf_advance(out, s.len + 2);
		return;
	}
	buf_char(out, '"');
	buf_append(out, s.data, at);
	while (at < s.len) {
		unsigned char c = (unsigned char)s.data[at];
		size_t plain;

		if (c < 0x80) {
			write_ascii_escape(c, out);
			at++;
		} else {
			at += write_wide(s.data + at, s.len - at, out);
		}
		plain = plain_length(s.data + at, s.len - at);
		buf_append(out, s.data + at, plain);
		at += plain;
	}
	buf_char(out, '"');
}

/* Digits and exponent of the shortest text: d.ddd x 10^exponent. */
static int shortest(double number, char *digits, size_t *ret_len)
{
	char text[32];
	int exponent = 0;

	for (int precision = 0; precision <= 16; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, number);
		if (strtod(text, NULL) == number)
			break;
	}
	*ret_len = 0;
	for (const char *p = text; *p; p++) {
		if (*p == 'e') {
			exponent = (int)strtol(p + 1, NULL, 10);
			break;
		}
		if (*p >= '0' && *p <= '9')
			digits[(*ret_len)++] = *p;
	}
	return exponent;
}

static void write_plain(const char *digits, int len, int exponent, struct buf *out)
{
	if (exponent < 0) {
		buf_c(out, "0.");
		for (int i = -1; i > exponent; i--)
			buf_char(out, '0');
		buf_append(out, digits, (size_t)len);
		return;
	}
	for (int i = 0; i <= exponent || i < len; i++) {
		if (i == exponent + 1)
			buf_char(out, '.');
		buf_char(out, i < len ? digits[i] : '0');
	}
}

void json_write_double(double number, struct buf *out)
{
	char digits[32];
	size_t len;
	int exponent;

	if (!isfinite(number)) {
		buf_c(out, "null");
		return;
	}
	if (signbit(number))
		buf_char(out, '-');
	number = fabs(number);
	if (number == 0) {
		buf_char(out, '0');
		return;
	}
	exponent = shortest(number, digits, &len);
	if (number >= 1e-6 && number < 1e21) {
		write_plain(digits, (int)len, exponent, out);
		return;
	}
	buf_char(out, digits[0]);
	if (len > 1) {
		buf_char(out, '.');
		buf_append(out, digits + 1, len - 1);
	}
	buf_printf(out, exponent < 0 ? "e-%d" : "e+%d", abs(exponent));
}

/* Ends a container whose members each wrote a comma after themselves. */
static void close_with(struct buf *out, char close)
{
	if (out->len && out->data[out->len - 1] == ',' && !out->overflow)
		out->data[out->len - 1] = close;
	else
		buf_char(out, close);
}

static void write_scalar(const struct value *value, struct buf *out)
{
	switch (value->kind) {
	case VALUE_BOOL:
		buf_c(out, value->boolean ? "true" : "false");
		break;
	case VALUE_INT:
		buf_int64(out, value->integer);
		break;
	case VALUE_DOUBLE:
		json_write_double(value->number, out);
		break;
	case VALUE_STRING:
		json_write_str(value->string, out);
		break;
	default:
		buf_c(out, "null");
		break;
	}
}

void json_write(const struct value *value, struct buf *out)
{
	if (value->kind == VALUE_ARRAY) {
		buf_char(out, '[');
		for (size_t i = 0; i < value->array.len; i++) {
			json_write(value->array.items[i], out);
			buf_char(out, ',');
		}
		close_with(out, ']');
	} else if (value->kind == VALUE_OBJECT) {
		buf_char(out, '{');
		for (size_t i = 0; i < value->object.len; i++) {
			json_write_str(value->object.members[i].key, out);
			buf_char(out, ':');
			json_write(value->object.members[i].value, out);
			buf_char(out, ',');
		}
		close_with(out, '}');
	} else {
		write_scalar(value, out);
	}
}

static void new_line(struct str indent, unsigned depth, struct buf *out)
{
	buf_char(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		buf_str(out, indent);
}

static void write_indented(const struct value *value, struct str indent, unsigned depth, struct buf *out)
{
	bool object = value->kind == VALUE_OBJECT;
	size_t len = object ? value->object.len : value->kind == VALUE_ARRAY ? value->array.len : 0;

	if (!object && value->kind != VALUE_ARRAY) {
		write_scalar(value, out);
		return;
	}
	buf_char(out, object ? '{' : '[');
	for (size_t i = 0; i < len; i++) {
		if (i)
			buf_char(out, ',');
		new_line(indent, depth + 1, out);
		if (object) {
			json_write_str(value->object.members[i].key, out);
			buf_c(out, ": ");
		}
		write_indented(object ? value->object.members[i].value : value->array.items[i], indent, depth + 1, out);
	}
	if (len)
		new_line(indent, depth, out);
	buf_char(out, object ? '}' : ']');
}

void json_write_indented(const struct value *value, struct str indent, struct buf *out)
{
	write_indented(value, indent, 0, out);
}

static int write_node(yyjson_val *node, unsigned depth, struct buf *out, struct error *err)
{
	bool object = yyjson_is_obj(node);
	size_t i, max;
	yyjson_val *key = NULL, *item;
	int rc;

	if (!object && !yyjson_is_arr(node)) {
		if (yyjson_is_str(node))
			json_write_str(json_doc_str(node), out);
		else if (yyjson_is_raw(node))
			buf_str(out, json_doc_str(node));
		else
			buf_c(out, yyjson_is_null(node) ? "null" : yyjson_is_true(node) ? "true" : "false");
		return 0;
	}
	if (depth >= LIMIT_JSON_DEPTH)
		return error_set(err, ERR_BAD_REQUEST, "exceeded max depth");
	buf_char(out, object ? '{' : '[');
	if (object) {
		yyjson_obj_foreach(node, i, max, key, item)
		{
			json_write_str(json_doc_str(key), out);
			buf_char(out, ':');
			rc = write_node(item, depth + 1, out, err);
			if (rc < 0)
				return rc;
			buf_char(out, ',');
		}
	} else {
		yyjson_arr_foreach(node, i, max, item)
		{
			rc = write_node(item, depth + 1, out, err);
			if (rc < 0)
				return rc;
			buf_char(out, ',');
		}
	}
	close_with(out, object ? '}' : ']');
	return 0;
}

int json_doc_write(yyjson_val *root, struct buf *out, struct error *err)
{
	return write_node(root, 0, out, err);
}
