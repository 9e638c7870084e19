/* Who may ask the kubelet for what: paths and their rights, answers of the API, how long they hold, what is bounded. */
#include "unit.h"

#include "base/clock.h"
#include "client/fake_transport.h"
#include "kubelet/auth.h"
#include "kubelet/review_cache.h"
#include "types/gen/authorization_v1.h"
#include "types/gen/core_v1.h"

/* An API that knows one token, "good" of "jane", and what she may. */
struct fixture {
	struct fake_transport fake;
	struct client client;
	struct auth *auth;
	struct arena arena;
	bool valid, unreachable, silent;
	const char *error, *allowed; /* of the token review; the subresource she may get */
	unsigned token_reviews, access_reviews;
	int64_t now;
};

static struct object *review_token(struct fixture *fixture, const struct authentication_v1_token_review *asked)
{
	static const struct str groups[] = {STR_INIT("system:authenticated")};
	struct authentication_v1_token_review answer = *asked;

	fixture->token_reviews++;
	answer.status.error = str_from(fixture->error);
	if (fixture->valid && str_eq_c(asked->spec.token, "good")) {
		answer.status.authenticated = true;
		answer.status.user =
			(struct authentication_v1_user_info){.username = STR("jane"), .groups = {groups, 1}};
	}
	return object_publish(&schema_authentication_v1_token_review, &answer);
}

static struct object *review_access(struct fixture *fixture, const struct authorization_v1_subject_access_review *asked)
{
	const struct authorization_v1_resource_attributes *attributes = asked->spec.resource_attributes;
	struct authorization_v1_subject_access_review answer = *asked;

	fixture->access_reviews++;
	assert_str_equal(attributes->resource, "nodes");
	assert_str_equal(attributes->name, "host1");
	assert_str_equal(attributes->version, "v1");
	assert_true(asked->spec.groups.len > 0);
	answer.status.allowed = str_eq_c(attributes->verb, "get") && fixture->allowed &&
				str_eq_c(attributes->subresource, fixture->allowed);
	return object_publish(&schema_authorization_v1_subject_access_review, &answer);
}

static int answer(struct fake_transport *fake, const struct api_request *request, struct api_response *ret,
		  struct error *err)
{
	struct fixture *fixture = fake->cookie;

	if (fixture->unreachable)
		return error_set(err, ERR_CLOSED, "unreachable");
	assert_int_equal(request->operation, API_CREATE);
	*ret = (struct api_response){0};
	if (fixture->silent)
		return 0;
	ret->object = str_eq_c(request->resource->plural, "tokenreviews") ? review_token(fixture, request->body)
									  : review_access(fixture, request->body);
	return 0;
}

static void begin(struct fixture *fixture)
{
	*fixture = (struct fixture){.valid = true, .allowed = "metrics", .now = NS_PER_SEC};
	fake_transport_init(&fixture->fake);
	fixture->fake.answer = answer;
	fixture->fake.cookie = fixture;
	fixture->client = (struct client){&fixture->fake.transport, STR("kubelet")};
	fixture->auth = auth_new(&fixture->client, STR("host1"));
}

static void end(struct fixture *fixture)
{
	auth_free(fixture->auth);
	arena_release(&fixture->arena);
}

static struct auth_request request_of(struct fixture *fixture, const char *path, const char *token)
{
	struct auth_request request = {.arena = &fixture->arena, .method = STR("GET"), .path = str_from(path)};

	request.authorization = token ? arena_printf(&fixture->arena, "Bearer %s", token) : STR_EMPTY;
	return request;
}

static enum auth_verdict judge(struct fixture *fixture, struct auth_request *request)
{
	enum auth_verdict verdict;

	while ((verdict = auth_judge(fixture->auth, request, fixture->now)) == AUTH_ASK)
		auth_ask(fixture->auth, request);
	return verdict;
}

static enum auth_verdict judge_path(struct fixture *fixture, const char *path, const char *token)
{
	struct auth_request request = request_of(fixture, path, token);

	return judge(fixture, &request);
}

/* --- Cases ------------------------------------------------------------------------------------------------------- */

static void paths(void **state UNUSED)
{
	static const struct {
		const char *path, *first, *second;
	} rows[] = {
		{"/metrics", "metrics", NULL},
		{"/metrics/", "metrics", NULL},
		{"/metrics/cadvisor", "metrics", NULL},
		{"/metricsx", "proxy", NULL},
		{"/stats/summary", "stats", NULL},
		{"/stats", "stats", NULL},
		{"/logs/", "log", NULL},
		{"/logs/messages", "log", NULL},
		{"/checkpoint/a/b/c", "checkpoint", NULL},
		{"/statusz", "statusz", NULL},
		{"/flagz", "configz", NULL},
		{"/configz", "configz", "proxy"},
		{"/pods", "pods", "proxy"},
		{"/pods/", "pods", "proxy"},
		{"/podsx", "proxy", NULL},
		{"/runningpods/", "pods", "proxy"},
		{"/healthz", "healthz", "proxy"},
		{"/healthz/ping", "healthz", "proxy"},
		{"/exec/a/b/c", "proxy", NULL},
		{"/containerLogs/a/b/c", "proxy", NULL},
		{"/", "proxy", NULL},
	};
	struct str names[AUTH_SUBRESOURCES_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = auth_subresources(str_from(rows[i].path), names);

		if (len != (rows[i].second ? 2U : 1U) || !str_eq_c(names[0], rows[i].first) ||
		    (len == 2 && !str_eq_c(names[1], rows[i].second)))
			fail_msg("%s", rows[i].path);
	}
}

static void verbs(void **state UNUSED)
{
	assert_str_equal(auth_verb(STR("GET")), "get");
	assert_str_equal(auth_verb(STR("POST")), "create");
	assert_str_equal(auth_verb(STR("PUT")), "update");
	assert_str_equal(auth_verb(STR("PATCH")), "patch");
	assert_str_equal(auth_verb(STR("DELETE")), "delete");
	assert_str_equal(auth_verb(STR("HEAD")), "");
}

static void tokens(void **state UNUSED)
{
	struct fixture fixture;
	struct auth_request request;

	begin(&fixture);
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_ALLOWED);
	assert_int_equal(judge_path(&fixture, "/metrics", "bad"), AUTH_UNKNOWN);
	assert_int_equal(judge_path(&fixture, "/metrics", NULL), AUTH_UNKNOWN);
	request = request_of(&fixture, "/metrics", NULL);
	request.authorization = STR("Basic Z29vZDo=");
	assert_int_equal(judge(&fixture, &request), AUTH_UNKNOWN);
	assert_str_equal(auth_refusal(&request, AUTH_UNKNOWN), "Unauthorized");
	request = request_of(&fixture, "/pods", "good");
	assert_int_equal(judge(&fixture, &request), AUTH_FORBIDDEN);
	assert_str_equal(auth_refusal(&request, AUTH_FORBIDDEN),
			 "Forbidden (user=jane, verb=get, resource=nodes, subresource(s)=[pods proxy])\n");
	request = request_of(&fixture, "/stats/summary", "good");
	request.method = STR("POST");
	assert_int_equal(judge(&fixture, &request), AUTH_FORBIDDEN);
	assert_str_equal(auth_refusal(&request, AUTH_FORBIDDEN),
			 "Forbidden (user=jane, verb=create, resource=nodes, subresource(s)=[stats])\n");
	end(&fixture);
}

/* Either of two rights will do. */
static void second_right(void **state UNUSED)
{
	struct fixture fixture;

	begin(&fixture);
	fixture.allowed = "proxy";
	assert_int_equal(judge_path(&fixture, "/pods", "good"), AUTH_ALLOWED);
	assert_int_equal(fixture.access_reviews, 2);
	assert_int_equal(judge_path(&fixture, "/containerLogs/a/b/c", "good"), AUTH_ALLOWED);
	assert_int_equal(fixture.access_reviews, 2); /* the same right */
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_FORBIDDEN);
	end(&fixture);
}

static void certificates(void **state UNUSED)
{
	static const struct str masters[] = {STR_INIT("system:masters")};
	struct fixture fixture;
	struct auth_request request;

	begin(&fixture);
	request = request_of(&fixture, "/metrics", "bad"); /* the certificate is enough */
	request.certificate_name = STR("scraper");
	assert_int_equal(judge(&fixture, &request), AUTH_ALLOWED);
	assert_int_equal(fixture.token_reviews, 0);
	assert_int_equal(fixture.access_reviews, 1);
	request = request_of(&fixture, "/exec/a/b/c", NULL);
	request.certificate_name = STR("scraper");
	assert_int_equal(judge(&fixture, &request), AUTH_FORBIDDEN);
	/* The API's own way in does not depend on it. */
	fixture.unreachable = true;
	request = request_of(&fixture, "/exec/a/b/c", NULL);
	request.certificate_name = STR("kube-apiserver-kubelet-client");
	request.certificate_groups = (struct str_slice){masters, 1};
	assert_int_equal(judge(&fixture, &request), AUTH_ALLOWED);
	end(&fixture);
}

static void answers_hold_for_a_while(void **state UNUSED)
{
	struct fixture fixture;

	begin(&fixture);
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_ALLOWED);
	fixture.valid = false; /* the token expires, or its account goes */
	fixture.now += AUTH_TOKEN_TTL - 1;
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_ALLOWED);
	assert_int_equal(fixture.token_reviews, 1);
	fixture.now += 1;
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_UNKNOWN);
	end(&fixture);

	begin(&fixture);
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_ALLOWED);
	fixture.allowed = NULL; /* the right is taken away */
	fixture.now += AUTH_ALLOWED_TTL - 1;
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_ALLOWED);
	assert_int_equal(fixture.access_reviews, 1);
	fixture.now += 1;
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_FORBIDDEN);
	fixture.allowed = "metrics"; /* and given back */
	fixture.now += AUTH_DENIED_TTL - 1;
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_FORBIDDEN);
	fixture.now += 1;
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_ALLOWED);
	end(&fixture);
}

/* A token that is no good is asked about again only when the review says why, since that may pass. */
static void refusals_of_tokens(void **state UNUSED)
{
	struct fixture fixture;

	begin(&fixture);
	assert_int_equal(judge_path(&fixture, "/metrics", "bad"), AUTH_UNKNOWN);
	assert_int_equal(judge_path(&fixture, "/metrics", "bad"), AUTH_UNKNOWN);
	assert_int_equal(fixture.token_reviews, 1);
	fixture.error = "no way to tell";
	assert_int_equal(judge_path(&fixture, "/metrics", "worse"), AUTH_UNKNOWN);
	assert_int_equal(judge_path(&fixture, "/metrics", "worse"), AUTH_UNKNOWN);
	assert_int_equal(fixture.token_reviews, 3);
	end(&fixture);
}

static void failures_are_not_remembered(void **state UNUSED)
{
	struct fixture fixture;
	struct auth_request request;

	begin(&fixture);
	fixture.unreachable = true;
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_UNKNOWN);
	fixture.unreachable = false;
	fixture.silent = true;
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_UNKNOWN);
	fixture.silent = false;
	assert_int_equal(judge_path(&fixture, "/metrics", "good"), AUTH_ALLOWED);
	fixture.unreachable = true;
	request = request_of(&fixture, "/stats/summary", "good");
	assert_int_equal(judge(&fixture, &request), AUTH_FAILED);
	assert_str_equal(auth_refusal(&request, AUTH_FAILED),
			 "Authorization error (user=jane, verb=get, resource=nodes, subresource=stats)");
	fixture.unreachable = false;
	fixture.allowed = "stats";
	assert_int_equal(judge_path(&fixture, "/stats/summary", "good"), AUTH_ALLOWED);
	end(&fixture);
}

static void the_cache_is_bounded(void **state UNUSED)
{
	static const struct str keys[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c"), STR_INIT("d")};
	struct review_cache *cache = review_cache_new(3);
	const struct core_v1_pod pod = {0};
	struct object *object = object_publish(&schema_core_v1_pod, &pod);

	for (size_t i = 0; i < 3; i++)
		review_cache_add(cache, keys[i], object, 100);
	object_unref(review_cache_get(cache, keys[0], 0)); /* used: the next is the oldest */
	review_cache_add(cache, keys[3], object, 100);
	assert_int_equal(review_cache_len(cache), 3);
	assert_null(review_cache_get(cache, keys[1], 0));
	review_cache_add(cache, keys[0], object, 200); /* in place of the one before */
	assert_int_equal(review_cache_len(cache), 3);
	assert_ptr_equal(review_cache_get(cache, keys[0], 199), object);
	object_unref(object);
	assert_null(review_cache_get(cache, keys[0], 200));
	assert_null(review_cache_get(cache, keys[2], 100));
	assert_int_equal(review_cache_len(cache), 1);
	object_unref(object);
	review_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(verbs),
		cmocka_unit_test(tokens),
		cmocka_unit_test(second_right),
		cmocka_unit_test(certificates),
		cmocka_unit_test(answers_hold_for_a_while),
		cmocka_unit_test(refusals_of_tokens),
		cmocka_unit_test(failures_are_not_remembered),
		cmocka_unit_test(the_cache_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
