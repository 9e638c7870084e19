/* Base64 and hexadecimal; see base64.h. */
#include "codec/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct bytes bytes, const char *alphabet, bool padded, struct buf *out)
{
	char *start = buf_reserve(out, BASE64_SIZE(bytes.len)), *p = start;
	size_t i = 0, left;

	if (!start)
		return;
	for (; i + 3 <= bytes.len; i += 3) {
		uint32_t word = (uint32_t)bytes.data[i] << 16 | (uint32_t)bytes.data[i + 1] << 8 | bytes.data[i + 2];

		*p++ = alphabet[word >> 18];
		*p++ = alphabet[word >> 12 & 63];
		*p++ = alphabet[word >> 6 & 63];
		*p++ = alphabet[word & 63];
	}
	left = bytes.len - i;
	if (left) {
		uint32_t word = (uint32_t)bytes.data[i] << 16 | (left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0);

		*p++ = alphabet[word >> 18];
		*p++ = alphabet[word >> 12 & 63];
		if (left > 1)
			*p++ = alphabet[word >> 6 & 63];
		for (size_t k = left; padded && k < 3; k++)
			*p++ = '=';
	}
	buf_advance(out, (size_t)(p - start));
}

static int value_of(char c, bool for_url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (for_url ? '-' : '+'))
		return 62;
	return c == (for_url ? '_' : '/') ? 63 : -1;
}

static size_t skip_lines(struct str text, size_t at)
{
	while (at < text.len && (text.data[at] == '\r' || text.data[at] == '\n'))
		at++;
	return at;
}

static int illegal(size_t at, struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST, "illegal base64 data at input byte %zu", at);
}

/* The end of padded text: @n characters of the last group were read and '=' is at @at. */
static int check_padding(struct str text, size_t at, int n, struct error *err)
{
	if (n < 2)
		return illegal(at, err);
	at = skip_lines(text, at + 1);
	if (n == 2) {
		if (at >= text.len)
			return illegal(text.len, err);
		if (text.data[at] != '=')
			return illegal(at - 1, err);
		at++;
	}
	at = skip_lines(text, at);
	return at < text.len ? illegal(at, err) : 0;
}

static int decode(struct str text, bool for_url, struct arena *arena, struct bytes *ret, struct error *err)
{
	uint8_t *data = arena_alloc(arena, text.len / 4 * 3 + 4), *p = data;
	uint32_t word = 0;
	size_t at = 0;
	int n = 0;

	for (at = skip_lines(text, 0); at < text.len; at = skip_lines(text, at + 1)) {
		int value = value_of(text.data[at], for_url);

		if (value < 0) {
			int rc = for_url || text.data[at] != '=' ? illegal(at, err) : check_padding(text, at, n, err);

			if (rc < 0)
				return rc;
			break;
		}
		word = word << 6 | (uint32_t)value;
		if (++n == 4) {
			*p++ = (uint8_t)(word >> 16);
			*p++ = (uint8_t)(word >> 8);
			*p++ = (uint8_t)word;
			n = 0;
		}
	}
	if (n && (n == 1 || (at >= text.len && !for_url)))
		return illegal(text.len - (size_t)n, err);
	if (n >= 2)
		*p++ = (uint8_t)(word >> (n == 2 ? 4 : 10));
	if (n == 3)
		*p++ = (uint8_t)(word >> 2);
	*p = 0;
	*ret = (struct bytes){data, (size_t)(p - data)};
	return 0;
}

void base64_encode(struct bytes bytes, struct buf *out)
{
	encode(bytes, standard, true, out);
}

int base64_decode(struct str text, struct arena *arena, struct bytes *ret, struct error *err)
{
	return decode(text, false, arena, ret, err);
}

void base64_url_encode(struct bytes bytes, struct buf *out)
{
	encode(bytes, url, false, out);
}

int base64_url_decode(struct str text, struct arena *arena, struct bytes *ret, struct error *err)
{
	return decode(text, true, arena, ret, err);
}

void hex_encode(struct bytes bytes, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	char *p = buf_reserve(out, bytes.len * 2);

	if (!p)
		return;
	for (size_t i = 0; i < bytes.len; i++) {
		p[2 * i] = digits[bytes.data[i] >> 4];
		p[2 * i + 1] = digits[bytes.data[i] & 15];
	}
	buf_advance(out, bytes.len * 2);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_decode(struct str text, struct arena *arena, struct bytes *ret, struct error *err)
{
	uint8_t *data = arena_alloc(arena, text.len / 2 + 1);

	for (size_t i = 0; i < text.len; i++) {
		int value = hex_value(text.data[i]);

		if (value < 0)
			return error_set(err, ERR_BAD_REQUEST, "encoding/hex: invalid byte at %zu", i);
		data[i / 2] = (uint8_t)(i % 2 ? data[i / 2] | value : value << 4);
	}
	if (text.len % 2)
		return error_set(err, ERR_BAD_REQUEST, "encoding/hex: odd length hex string");
	*ret = (struct bytes){data, text.len / 2};
	return 0;
}
