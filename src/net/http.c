/* Header lookup, status names, lent bytes; see http.h. */
#include "net/http.h"

struct str http_headers_get(struct http_headers headers, struct str name)
{
	for (size_t i = 0; i < headers.len; i++)
		if (str_eq(headers.items[i].name, name))
			return headers.items[i].value.data ? headers.items[i].value : STR_EMPTY;
	return (struct str){0};
}

bool http_headers_has_token(struct http_headers headers, struct str name, struct str token)
{
	for (size_t i = 0; i < headers.len; i++) {
		struct str rest = headers.items[i].value, item;

		if (!str_eq(headers.items[i].name, name))
			continue;
		while (rest.len) {
			str_cut(rest, ',', &item, &rest);
			if (str_eq_nocase(str_trim(item), token))
				return true;
		}
	}
	return false;
}

struct http_headers http_headers_dup(struct http_headers headers, struct arena *arena)
{
	struct http_header *items = ARENA_NEW_N(arena, struct http_header, headers.len);

	for (size_t i = 0; i < headers.len; i++) {
		items[i].name = arena_lower(arena, headers.items[i].name);
		items[i].value = arena_str(arena, headers.items[i].value);
	}
	return (struct http_headers){items, headers.len};
}

void http_header_write(struct buf *out, struct str name, struct str value)
{
	bool up = true;
	char *at = buf_reserve(out, name.len + value.len + 4);

	if (!at)
		return;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];

		at[i] = up && c >= 'a' && c <= 'z' ? (char)(c - 0x20) : c;
		up = c == '-';
	}
	at += name.len;
	*at++ = ':';
	*at++ = ' ';
	if (value.len)
		memcpy(at, value.data, value.len);
	/* No value ends a line, whatever it holds: what follows would be a header of its own. */
	for (size_t i = 0; i < value.len; i++)
		if (at[i] == '\r' || at[i] == '\n' || at[i] == '\0')
			at[i] = ' ';
	at += value.len;
	*at++ = '\r';
	*at++ = '\n';
	buf_advance(out, name.len + value.len + 4);
}

void payload_release(struct payload *payload)
{
	void (*release)(void *data) = payload->release;

	payload->release = NULL;
	payload->bytes = STR_EMPTY;
	if (release)
		release(payload->data);
}

static const struct {
	int status;
	const char *text;
} statuses[] = {
	{100, "Continue"},
	{101, "Switching Protocols"},
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{203, "Non-Authoritative Information"},
	{204, "No Content"},
	{205, "Reset Content"},
	{206, "Partial Content"},
	{300, "Multiple Choices"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{402, "Payment Required"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{407, "Proxy Authentication Required"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Request Entity Too Large"},
	{414, "Request URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Requested Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{422, "Unprocessable Entity"},
	{426, "Upgrade Required"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

const char *http_status_text(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	return "Status";
}
