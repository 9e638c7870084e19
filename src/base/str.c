/* Strings by reference; see str.h. */
#include "base/str.h"

#include <strings.h>

#include "base/random.h"

int str_cmp(struct str a, struct str b)
{
	size_t common = MIN(a.len, b.len);
	int order = common ? memcmp(a.data, b.data, common) : 0;

	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool str_eq_nocase(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

bool str_has_prefix(struct str s, struct str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

bool str_has_suffix(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq(str_from_at(s, s.len - suffix.len), suffix);
}

bool str_contains(struct str s, struct str part)
{
	return part.len == 0 || (s.len && memmem(s.data, s.len, part.data, part.len) != NULL);
}

ptrdiff_t str_index(struct str s, char c)
{
	const char *p = s.len ? memchr(s.data, c, s.len) : NULL;

	return p ? p - s.data : -1;
}

ptrdiff_t str_last_index(struct str s, char c)
{
	const char *p = s.len ? memrchr(s.data, c, s.len) : NULL;

	return p ? p - s.data : -1;
}

struct str str_from_at(struct str s, size_t from)
{
	return str_sub(s, from, SIZE_MAX);
}

struct str str_sub(struct str s, size_t from, size_t len)
{
	if (from >= s.len)
		return STR_EMPTY;
	return (struct str){s.data + from, MIN(len, s.len - from)};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.len && is_blank(s.data[0]))
		s = (struct str){s.data + 1, s.len - 1};
	while (s.len && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

bool str_cut(struct str s, char sep, struct str *ret_before, struct str *ret_after)
{
	ptrdiff_t at = str_index(s, sep);

	if (at < 0) {
		*ret_before = s;
		*ret_after = STR_EMPTY;
		return false;
	}
	*ret_after = str_from_at(s, (size_t)at + 1);
	*ret_before = str_sub(s, 0, (size_t)at);
	return true;
}

int str_parse_uint64(struct str s, uint64_t *ret)
{
	uint64_t n = 0;

	if (s.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(s.data[i] - '0'), &n))
			return -ERANGE;
	}
	*ret = n;
	return 0;
}

int str_parse_int64(struct str s, int64_t *ret)
{
	bool negative = s.len && s.data[0] == '-';
	uint64_t n;
	int r = str_parse_uint64(negative ? str_from_at(s, 1) : s, &n);

	if (r < 0)
		return r;
	if (n > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return -ERANGE;
	*ret = negative ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

bool str_eq_secret(struct str a, struct str b)
{
	volatile unsigned char difference = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		difference |= (unsigned char)(a.data[i] ^ b.data[i]);
	return difference == 0;
}

/* The length of the well-formed sequence at the start of @p, or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t len)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t need;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		need = 2;
	} else if ((p[0] & 0xf0) == 0xe0) {
		need = 3;
		if (p[0] == 0xe0)
			low = 0xa0;
		if (p[0] == 0xed)
			high = 0x9f;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		need = 4;
		if (p[0] == 0xf0)
			low = 0x90;
		if (p[0] == 0xf4)
			high = 0x8f;
	} else {
		return 0;
	}
	if (len < need || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

bool str_is_utf8(struct str s)
{
	for (size_t i = 0; i < s.len;) {
		size_t n = utf8_sequence((const unsigned char *)s.data + i, s.len - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

/* A multiply-and-fold hash: quick on the short keys we have, keyed so that nobody outside can choose collisions. */
uint64_t str_hash(struct str s)
{
	uint64_t h = random_process_key() ^ (s.len * UINT64_C(0x9e3779b97f4a7c15));

	for (size_t i = 0; i < s.len; i += 8) {
		uint64_t word = 0;
		unsigned __int128 wide;

		memcpy(&word, s.data + i, MIN((size_t)8, s.len - i));
		wide = (unsigned __int128)(h ^ word) * UINT64_C(0xd6e8feb86659fd93);
		h = (uint64_t)wide ^ (uint64_t)(wide >> 64);
	}
	return h ^ (h >> 32);
}
