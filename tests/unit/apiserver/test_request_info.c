/* What a request is about, read off method, path and query; and which form of an answer its Accept asks for. */
#include "unit.h"

#include "apiserver/negotiate.h"
#include "apiserver/request_info.h"

static void test_request_info(void **state UNUSED)
{
	static const struct {
		const char *method, *path, *query;
		bool is_resource;
		const char *verb, *group, *version, *name_space, *resource, *subresource, *name;
	} cases[] = {
		{"GET", "/api/v1/namespaces/d/pods", "", true, "list", "", "v1", "d", "pods", "", ""},
		{"GET", "/api/v1/namespaces/d/pods/p", "", true, "get", "", "v1", "d", "pods", "", "p"},
		{"GET", "/api/v1/namespaces/d/pods/p/log", "", true, "get", "", "v1", "d", "pods", "log", "p"},
		{"GET", "/api/v1/pods", "watch=true", true, "watch", "", "v1", "", "pods", "", ""},
		{"GET", "/api/v1/pods", "watch=false", true, "list", "", "v1", "", "pods", "", ""},
		{"GET", "/api/v1/watch/namespaces/d/pods", "", true, "watch", "", "v1", "d", "pods", "", ""},
		{"POST", "/apis/apps/v1/namespaces/d/deployments", "", true, "create", "apps", "v1", "d", "deployments",
		 "", ""},
		{"PUT", "/apis/apps/v1/namespaces/d/deployments/x/scale", "", true, "update", "apps", "v1", "d",
		 "deployments", "scale", "x"},
		{"DELETE", "/api/v1/namespaces/d/pods", "", true, "deletecollection", "", "v1", "d", "pods", "", ""},
		{"GET", "/api/v1/namespaces", "", true, "list", "", "v1", "", "namespaces", "", ""},
		{"GET", "/api/v1/namespaces/d", "", true, "get", "", "v1", "d", "namespaces", "", "d"},
		{"PUT", "/api/v1/namespaces/d/finalize", "", true, "update", "", "v1", "d", "namespaces", "finalize",
		 "d"},
		{"GET", "/api/v1/pods", "fieldSelector=metadata.name%3Dp", true, "list", "", "v1", "", "pods", "", "p"},
		{"GET", "/apis/apps/v1", "", false, "get", "", "", "", "", "", ""},
		{"GET", "/api/v1", "", false, "get", "", "", "", "", "", ""},
		{"GET", "/healthz", "", false, "get", "", "", "", "", "", ""},
		{"GET", "/", "", false, "get", "", "", "", "", "", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct request_info info;
		struct query query;

		assert_int_equal(query_parse(str_from(cases[i].query), &arena, &query), 0);
		request_info_parse(str_from(cases[i].method), str_from(cases[i].path), &query, &arena, &info);
		assert_int_equal(info.is_resource, cases[i].is_resource);
		assert_str_equal(info.verb, cases[i].verb);
		assert_str_equal(info.group, cases[i].group);
		assert_str_equal(info.version, cases[i].version);
		assert_str_equal(info.name_space, cases[i].name_space);
		assert_str_equal(info.resource, cases[i].resource);
		assert_str_equal(info.subresource, cases[i].subresource);
		assert_str_equal(info.name, cases[i].name);
	}
}

static void test_negotiate(void **state UNUSED)
{
	static const struct {
		const char *accept;
		bool can;
		enum media_format format;
		enum media_kind kind;
	} cases[] = {
		{"", true, MEDIA_JSON, MEDIA_OBJECT},
		{"*/*", true, MEDIA_JSON, MEDIA_OBJECT},
		{"application/yaml", true, MEDIA_YAML, MEDIA_OBJECT},
		{"application/vnd.kubernetes.protobuf,application/json", true, MEDIA_PROTOBUF, MEDIA_OBJECT},
		{"text/html,application/json;q=0.5", true, MEDIA_JSON, MEDIA_OBJECT},
		{"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", true, MEDIA_JSON, MEDIA_TABLE},
		{"application/json;as=Table;v=v1;g=foo,application/json", true, MEDIA_JSON, MEDIA_OBJECT},
		{"application/json;as=Table;v=v1;g=foo", false, MEDIA_JSON, MEDIA_OBJECT},
		{"application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", true, MEDIA_JSON, MEDIA_PARTIAL},
		{"text/plain", false, MEDIA_JSON, MEDIA_OBJECT},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena cleanup_arena arena = {0};
		struct answer_form form = {0};

		assert_int_equal(
			negotiate_accept(str_from(cases[i].accept), NEGOTIATE_TABLE | NEGOTIATE_PARTIAL, &arena, &form),
			cases[i].can);
		if (!cases[i].can)
			continue;
		assert_int_equal(form.format, cases[i].format);
		assert_int_equal(form.kind, cases[i].kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_info),
		cmocka_unit_test(test_negotiate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
