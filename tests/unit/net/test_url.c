/* URLs, queries and header values, by tables. */
#include "unit.h"

#include "net/headers.h"
#include "net/url.h"

static void test_parse(void **state UNUSED)
{
	static const struct {
		const char *text, *scheme, *host, *path, *query, *authority;
		int port, result;
	} cases[] = {
		{"https://10.0.0.1:6443/api?x=1#f", "https", "10.0.0.1", "/api", "x=1", "10.0.0.1:6443", 6443, 0},
		{"HTTP://Example.com", "http", "Example.com", "/", "", "Example.com", 80, 0},
		{"https://[::1]:8443?a", "https", "::1", "/", "a", "[::1]:8443", 8443, 0},
		{"http://u:p@h/", "http", "h", "/", "", "h", 80, 0},
		{.text = "http://", .result = -EINVAL},
		{.text = "/relative", .result = -EINVAL},
		{.text = "http://h:99999/", .result = -EINVAL},
		{.text = "http://[::1", .result = -EINVAL},
		{.text = "http://[::1]x", .result = -EINVAL},
		{.text = "http://h/a b", .result = -EINVAL},
		{.text = "http://h/a\r\nx:y", .result = -EINVAL},
		{.text = "", .result = -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct url url;

		assert_int_equal(url_parse(str_from(cases[i].text), &arena, &url), cases[i].result);
		if (cases[i].result)
			continue;
		assert_str_equal(url.scheme, cases[i].scheme);
		assert_str_equal(url.host, cases[i].host);
		assert_str_equal(url.path, cases[i].path);
		assert_str_equal(url.query, cases[i].query);
		assert_int_equal(url.port, cases[i].port);
		assert_str_equal(url_authority(&url, &arena), cases[i].authority);
	}
}

static void test_resolve(void **state UNUSED)
{
	static const struct {
		const char *reference, *result;
	} cases[] = {
		{"http://other/x", "http://other/x"}, {"//other/x", "http://other/x"}, {"/x?y=1", "http://h:81/x?y=1"},
		{"x", "http://h:81/a/b/x"},	      {"../x", "http://h:81/a/x"},     {"../../../x", "http://h:81/x"},
		{"./", "http://h:81/a/b/"},	      {"?z", "http://h:81/a/b/c?z"},   {"", "http://h:81/a/b/c?q"},
	};
	struct arena cleanup_arena arena = {0};
	struct url base;

	assert_int_equal(url_parse(STR("http://h:81/a/b/c?q"), &arena, &base), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str result;

		assert_int_equal(url_resolve(&base, str_from(cases[i].reference), &arena, &result), 0);
		assert_str_equal(result, cases[i].result);
	}
}

static void test_query(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct query query;
	struct buf cleanup_buf out;

	assert_int_equal(query_parse(STR("labelSelector=a%3Db%2Cc&watch=true&&x&y=1+2&x=2"), &arena, &query), 0);
	assert_int_equal(query.len, 5);
	assert_str_equal(query_get(&query, STR("labelSelector")), "a=b,c");
	assert_str_equal(query_get(&query, STR("y")), "1 2");
	assert_true(query_has(&query, STR("x")));
	assert_false(query_has(&query, STR("z")));
	assert_int_equal(query_parse(STR("a=%zz&b=%4&c=1;d=2&e=%41"), &arena, &query), -EINVAL);
	assert_int_equal(query.len, 1);
	assert_str_equal(query_get(&query, STR("e")), "A");
	buf_init(&out, 100);
	url_encode(&out, STR("a b/c~\xff"));
	assert_string_equal(out.data, "a%20b%2Fc~%FF");
}

static void test_accept(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct http_headers headers = HTTP_HEADERS(
		{STR("accept"), STR("*/*;q=0.1, application/json;as=Table;v=v1;g=meta.k8s.io,broken,text/x;q=0")},
		{STR("accept"), STR("application/*, application/vnd.kubernetes.protobuf;x=\"a,\\\"b\"")},
		{STR("accept-encoding"), STR("deflate;q=0, gzip;q=0.5")});
	struct accept accept = accept_parse(headers, &arena);

	assert_int_equal(accept.len, 4);
	assert_str_equal(accept.items[0].subtype, "json");
	assert_str_equal(media_type_param(&accept.items[0], STR("as")), "Table");
	assert_str_equal(media_type_param(&accept.items[1], STR("x")), "a,\"b");
	assert_str_equal(accept.items[2].subtype, "*");
	assert_int_equal(accept.items[3].quality, 100);
	assert_true(media_type_matches(&accept.items[2], STR("application"), STR("yaml")));
	assert_true(accept_encoding_has(headers, STR("gzip")));
	assert_false(accept_encoding_has(headers, STR("deflate")));
	assert_false(accept_encoding_has(headers, STR("br")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_accept),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
