/* URLs, queries and header values: what is read can be written and read again, and resolving ends. */
#include "fuzz.h"

#include "net/headers.h"
#include "net/url.h"

static void check_url(struct str text, struct arena *arena)
{
	struct url url, again;
	struct str resolved;

	if (url_parse(text, arena, &url) < 0)
		return;
	FUZZ_CHECK(url.host.len > 0 && url.path.len > 0);
	if (url_resolve(&url, STR("a/../b?c"), arena, &resolved) == 0 && !url.userinfo.len && !str_empty(url.scheme))
		FUZZ_CHECK(url_parse(resolved, arena, &again) == 0 && str_eq(again.host, url.host));
}

static void check_query(struct str text, struct arena *arena)
{
	struct buf encoded;
	struct query query, again;

	(void)query_parse(text, arena, &query);
	buf_init(&encoded, 1 << 20);
	for (size_t i = 0; i < query.len; i++) {
		if (i)
			buf_char(&encoded, '&');
		url_encode(&encoded, query.items[i].name);
		buf_char(&encoded, '=');
		url_encode(&encoded, query.items[i].value);
	}
	FUZZ_CHECK(encoded.overflow || query_parse(buf_view(&encoded), arena, &again) == 0);
	FUZZ_CHECK(encoded.overflow || again.len == query.len);
	buf_release(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct http_headers headers = HTTP_HEADERS({STR("accept"), text}, {STR("accept-encoding"), text});
	struct arena arena = {0};
	struct accept accept;

	check_url(text, &arena);
	check_query(text, &arena);
	accept = accept_parse(headers, &arena);
	for (size_t i = 1; i < accept.len; i++)
		FUZZ_CHECK(accept.items[i - 1].quality >= accept.items[i].quality);
	(void)accept_encoding_has(headers, STR("gzip"));
	arena_release(&arena);
	return 0;
}
