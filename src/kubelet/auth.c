/* Who may ask the kubelet's server for what; see auth.h. */
#include "kubelet/auth.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "kubelet/review_cache.h"
#include "net/headers.h"
#include "types/gen/authorization_v1.h"

struct auth {
	const struct client *client;
	struct str node_name;
	const struct resource *token_reviews, *access_reviews;
	struct review_cache *tokens, *rights; /* the loop's */
};

struct auth *auth_new(const struct client *client, struct str node_name)
{
	struct auth *auth = XNEW(struct auth);

	auth->client = client;
	auth->node_name = node_name;
	auth->token_reviews = client_resource("authentication.k8s.io", "v1", "tokenreviews");
	auth->access_reviews = client_resource("authorization.k8s.io", "v1", "subjectaccessreviews");
	auth->tokens = review_cache_new(LIMIT_KUBELET_REVIEWS);
	auth->rights = review_cache_new(LIMIT_KUBELET_REVIEWS);
	return auth;
}

struct auth *auth_free(struct auth *auth)
{
	if (!auth)
		return NULL;
	review_cache_free(auth->tokens);
	review_cache_free(auth->rights);
	free(auth);
	return NULL;
}

/* --- What is asked for ------------------------------------------------------------------------------------------- */

struct str auth_verb(struct str method)
{
	static const struct {
		const char *method;
		struct str verb;
	} verbs[] = {
		{"GET", STR_INIT("get")},     {"POST", STR_INIT("create")},   {"PUT", STR_INIT("update")},
		{"PATCH", STR_INIT("patch")}, {"DELETE", STR_INIT("delete")},
	};

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_eq_c(method, verbs[i].method))
			return verbs[i].verb;
	return STR_EMPTY;
}

static bool is_below(struct str path, struct str top)
{
	return str_has_prefix(path, top) && (path.len == top.len || path.data[top.len] == '/');
}

size_t auth_subresources(struct str path, struct str ret[AUTH_SUBRESOURCES_MAX])
{
	static const struct {
		struct str top, subresource;
		bool proxy; /* so does the right to everything else */
	} rules[] = {
		{STR_INIT("/pods"), STR_INIT("pods"), true},
		{STR_INIT("/runningpods"), STR_INIT("pods"), true},
		{STR_INIT("/healthz"), STR_INIT("healthz"), true},
		{STR_INIT("/configz"), STR_INIT("configz"), true},
		{STR_INIT("/stats"), STR_INIT("stats"), false},
		{STR_INIT("/metrics"), STR_INIT("metrics"), false},
		{STR_INIT("/logs"), STR_INIT("log"), false},
		{STR_INIT("/checkpoint"), STR_INIT("checkpoint"), false},
		{STR_INIT("/statusz"), STR_INIT("statusz"), false},
		{STR_INIT("/flagz"), STR_INIT("configz"), false},
	};
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (is_below(path, rules[i].top)) {
			ret[len++] = rules[i].subresource;
			if (!rules[i].proxy)
				return len;
			break;
		}
	ret[len++] = STR("proxy");
	return len;
}

static void put_part(struct buf *out, struct str part)
{
	buf_printf(out, "%zu:" STR_FMT, part.len, STR_ARG(part));
}

static void put_parts(struct buf *out, struct str_slice parts)
{
	buf_printf(out, "%zu ", parts.len);
	SLICE_FOREACH (part, parts)
		put_part(out, *part);
}

/* All that decides the answer to an access review; no two are the same text. */
static struct str access_question(const struct auth_request *request)
{
	const struct authentication_v1_user_info *user = &request->user;
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_REQUEST_MEMORY);
	put_part(&text, user->username);
	put_part(&text, user->uid);
	put_parts(&text, user->groups);
	SLICE_FOREACH (pair, user->extra) {
		put_part(&text, pair->key);
		put_parts(&text, pair->value);
	}
	put_part(&text, auth_verb(request->method));
	put_part(&text, request->subresources[request->current]);
	return arena_str(request->arena, buf_view(&text));
}

/* --- Asking ------------------------------------------------------------------------------------------------------ */

/* What is kept of the answer does not hold the token. */
static int review_token(struct auth *auth, struct auth_request *request)
{
	struct authentication_v1_token_review review = {0};
	struct object cleanup_object *answer = NULL;

	http_bearer_token(request->authorization, &review.spec.token);
	if (client_create(auth->client, auth->token_reviews, &review, &answer, &request->err) < 0)
		return -1;
	if (answer) {
		review.spec.token = STR_EMPTY;
		review.status = OBJECT_AS(authentication_v1_token_review, answer)->status;
		request->answer = object_publish(&schema_authentication_v1_token_review, &review);
	}
	return 0;
}

static int review_access(struct auth *auth, struct auth_request *request)
{
	const struct authorization_v1_resource_attributes attributes = {
		.verb = auth_verb(request->method),
		.version = STR("v1"),
		.resource = STR("nodes"),
		.subresource = request->subresources[request->current],
		.name = auth->node_name,
	};
	const struct authorization_v1_subject_access_review review = {
		.spec = {.resource_attributes = &attributes,
			 .user = request->user.username,
			 .groups = request->user.groups,
			 .extra = request->user.extra,
			 .uid = request->user.uid},
	};

	return client_create(auth->client, auth->access_reviews, &review, &request->answer, &request->err);
}

void auth_ask(struct auth *auth, struct auth_request *request)
{
	int result = request->identified ? review_access(auth, request) : review_token(auth, request);

	if (result == 0 && !request->answer)
		error_set(&request->err, ERR_INTERNAL, "a review without an answer");
}

/* --- Judging ----------------------------------------------------------------------------------------------------- */

static bool is_master(const struct authentication_v1_user_info *user)
{
	SLICE_FOREACH (group, user->groups)
		if (str_eq(*group, STR("system:masters")))
			return true;
	return false;
}

static void identify_by_certificate(struct auth_request *request)
{
	struct str *groups = ARENA_NEW_N(request->arena, struct str, request->certificate_groups.len + 1);
	size_t len = 0;

	SLICE_FOREACH (group, request->certificate_groups)
		groups[len++] = *group;
	groups[len++] = STR("system:authenticated");
	request->user =
		(struct authentication_v1_user_info){.username = request->certificate_name, .groups = {groups, len}};
}

static void drop_answer(void *object)
{
	object_unref(object);
}

/*
 * The answer to @question, from @cache or from auth_ask(), as long as the request lives; NULL: it has to be asked for.
 * *ret_is_new: nobody remembers it yet.
 */
static struct object *find_answer(struct review_cache *cache, struct auth_request *request, struct str question,
				  int64_t now, bool *ret_is_new)
{
	struct object *answer = TAKE_PTR(request->answer);

	*ret_is_new = answer;
	if (!answer)
		answer = review_cache_get(cache, question, now);
	if (answer)
		arena_defer(request->arena, drop_answer, answer);
	return answer;
}

/* A refusal with an error may be none the next time: it is not remembered. */
static enum auth_verdict identify_by_token(struct auth *auth, struct auth_request *request, int64_t now)
{
	const struct authentication_v1_token_review_status *status;
	struct object *answer;
	struct str token;
	bool is_new;

	if (!http_bearer_token(request->authorization, &token))
		return AUTH_UNKNOWN;
	if (request->err.code) {
		log_warn("cannot review a token", "error=\"%s\"", request->err.message);
		return AUTH_UNKNOWN;
	}
	answer = find_answer(auth->tokens, request, token, now, &is_new);
	if (!answer)
		return AUTH_ASK;
	status = &OBJECT_AS(authentication_v1_token_review, answer)->status;
	if (is_new && !status->error.len)
		review_cache_add(auth->tokens, token, answer, now + AUTH_TOKEN_TTL);
	if (!status->authenticated)
		return AUTH_UNKNOWN;
	request->user = status->user;
	return AUTH_ALLOWED;
}

static enum auth_verdict identify(struct auth *auth, struct auth_request *request, int64_t now)
{
	enum auth_verdict verdict = AUTH_ALLOWED;

	if (request->certificate_name.len)
		identify_by_certificate(request);
	else
		verdict = identify_by_token(auth, request, now);
	if (verdict == AUTH_ALLOWED) {
		request->identified = true;
		request->subresources_len = auth_subresources(request->path, request->subresources);
	}
	return verdict;
}

/* The present subresource's. */
static enum auth_verdict judge_access(struct auth *auth, struct auth_request *request, int64_t now)
{
	struct str question = access_question(request);
	const struct authorization_v1_subject_access_review_status *status;
	struct object *answer;
	bool is_new;

	if (request->err.code) {
		log_warn("cannot review a right", "user=" STR_FMT " error=\"%s\"", STR_ARG(request->user.username),
			 request->err.message);
		return AUTH_FAILED;
	}
	answer = find_answer(auth->rights, request, question, now, &is_new);
	if (!answer)
		return AUTH_ASK;
	status = &OBJECT_AS(authorization_v1_subject_access_review, answer)->status;
	if (is_new)
		review_cache_add(auth->rights, question, answer,
				 now + (status->allowed ? AUTH_ALLOWED_TTL : AUTH_DENIED_TTL));
	return status->allowed && !status->denied ? AUTH_ALLOWED : AUTH_FORBIDDEN;
}

enum auth_verdict auth_judge(struct auth *auth, struct auth_request *request, int64_t now)
{
	enum auth_verdict verdict = request->identified ? AUTH_ALLOWED : identify(auth, request, now);

	if (verdict != AUTH_ALLOWED || is_master(&request->user))
		return verdict;
	for (; request->current < request->subresources_len; request->current++) {
		verdict = judge_access(auth, request, now);
		if (verdict != AUTH_FORBIDDEN)
			return verdict;
	}
	return AUTH_FORBIDDEN;
}

struct str auth_refusal(const struct auth_request *request, enum auth_verdict verdict)
{
	const struct str *names = request->subresources;
	struct str user = request->user.username, verb = auth_verb(request->method);

	if (verdict == AUTH_UNKNOWN)
		return STR("Unauthorized");
	if (verdict == AUTH_FAILED)
		return arena_printf(request->arena,
				    "Authorization error (user=" STR_FMT ", verb=" STR_FMT
				    ", resource=nodes, subresource=" STR_FMT ")",
				    STR_ARG(user), STR_ARG(verb), STR_ARG(names[request->current]));
	return arena_printf(request->arena,
			    "Forbidden (user=" STR_FMT ", verb=" STR_FMT ", resource=nodes, subresource(s)=[" STR_FMT
			    "%s" STR_FMT "])\n",
			    STR_ARG(user), STR_ARG(verb), STR_ARG(names[0]), request->subresources_len > 1 ? " " : "",
			    STR_ARG(names[1]));
}
