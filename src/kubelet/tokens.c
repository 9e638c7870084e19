/* Tokens of service accounts; see tokens.h. */
#include "kubelet/tokens.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "sys/thread.h"
#include "types/gen/authentication_v1.h"

#define AGE_MAX_NS  (INT64_C(24) * 3600 * NS_PER_SEC)
#define RETRY_NS    (10 * NS_PER_SEC)
#define LIFE_TENTHS 8

struct token {
	struct str key; /* follows the struct */
	char *text;
	size_t len;
	int64_t refresh_at, until;
};

struct tokens {
	struct mutex lock; /* guards by_key and what is in it */
	struct map by_key; /* "uid/audience/seconds" */
};

int64_t token_refresh_at(int64_t from, int64_t until)
{
	return from + MIN((until - from) / 10 * LIFE_TENTHS, AGE_MAX_NS);
}

struct tokens *tokens_new(void)
{
	struct tokens *tokens = XNEW(struct tokens);

	mutex_init(&tokens->lock);
	return tokens;
}

static void token_free(struct token *token)
{
	if (!token)
		return;
	if (token->text)
		explicit_bzero(token->text, token->len);
	free(token->text);
	free(token);
}

struct tokens *tokens_free(struct tokens *tokens)
{
	if (!tokens)
		return NULL;
	MAP_FOREACH (it, &tokens->by_key)
		token_free(it->value);
	map_release(&tokens->by_key);
	mutex_release(&tokens->lock);
	free(tokens);
	return NULL;
}

void tokens_forget(struct tokens *tokens, struct str uid)
{
	struct arena cleanup_arena arena = {0};
	VEC_OF(struct token *) theirs = {0};
	MUTEX_GUARD(&tokens->lock);

	MAP_FOREACH (it, &tokens->by_key)
		if (it->key.len > uid.len && it->key.data[uid.len] == '/' && str_has_prefix(it->key, uid))
			vec_push(&arena, &theirs, (struct token *)it->value);
	for (size_t i = 0; i < theirs.len; i++) {
		map_remove(&tokens->by_key, theirs.items[i]->key);
		token_free(theirs.items[i]);
	}
}

static bool find(struct tokens *tokens, struct str key, int64_t now, bool even_if_due, struct arena *arena,
		 struct str *ret, int64_t *ret_refresh_at)
{
	const struct token *token;
	MUTEX_GUARD(&tokens->lock);

	token = map_get(&tokens->by_key, key);
	if (!token || now >= (even_if_due ? token->until : token->refresh_at))
		return false;
	*ret = arena_str(arena, (struct str){token->text, token->len});
	*ret_refresh_at = token->refresh_at;
	return true;
}

static void keep(struct tokens *tokens, struct str key, struct str text, int64_t refresh_at, int64_t until)
{
	struct token *token = xcalloc(1, sizeof(*token) + key.len + 1), *before;
	char *copy = (char *)(token + 1);

	memcpy(copy, key.data, key.len);
	token->key = (struct str){copy, key.len};
	token->text = xcalloc(1, text.len + 1);
	memcpy(token->text, text.data, text.len);
	token->len = text.len;
	token->refresh_at = refresh_at;
	token->until = until;
	mutex_lock(&tokens->lock);
	before = map_set(&tokens->by_key, token->key, token);
	mutex_unlock(&tokens->lock);
	token_free(before);
}

static int ask(const struct kubelet_context *context, const struct token_request *request, struct arena *arena,
	       struct str *ret, int64_t *ret_until, struct error *err)
{
	const struct meta_v1_object_meta *meta = &request->pod->metadata;
	struct authentication_v1_bound_object_reference bound = {
		.kind = STR("Pod"), .api_version = STR("v1"), .name = meta->name, .uid = meta->uid};
	struct authentication_v1_token_request body = {
		.spec = {.audiences = {&request->audience, request->audience.len > 0},
			 .expiration_seconds = &request->seconds,
			 .bound_object_ref = &bound}};
	struct api_request call = {.operation = API_CREATE,
				   .resource = context->serviceaccounts,
				   .namespace = meta->namespace,
				   .name = request->pod->spec.service_account_name,
				   .subresource = STR("token"),
				   .body_schema = &schema_authentication_v1_token_request,
				   .body = &body};
	const struct authentication_v1_token_request *answer;
	struct api_response response = {0};

	if (context->client.transport->ops->call(context->client.transport, &call, &response, err) < 0)
		return error_wrap(err, "failed to fetch token");
	answer = response.object ? OBJECT_AS(authentication_v1_token_request, response.object) : NULL;
	if (answer && answer->status.token.len) {
		*ret = arena_str(arena, answer->status.token);
		*ret_until = answer->status.expiration_timestamp.seconds * NS_PER_SEC;
	} else {
		error_set(err, ERR_INTERNAL, "failed to fetch token: the answer has none");
	}
	api_response_release(&response);
	return -(int)err->code;
}

int token_get(const struct kubelet_context *context, const struct token_request *request, int64_t now,
	      struct arena *arena, struct str *ret, int64_t *ret_refresh_at, struct error *err)
{
	struct str key = arena_printf(arena, STR_FMT "/" STR_FMT "/%lld", STR_ARG(request->pod->metadata.uid),
				      STR_ARG(request->audience), (long long)request->seconds);
	struct error got = {0};
	struct str text = STR_EMPTY;
	int64_t until = 0;

	if (find(context->tokens, key, now, false, arena, ret, ret_refresh_at))
		return 0;
	if (ask(context, request, arena, &text, &until, &got) == 0) {
		*ret = text;
		*ret_refresh_at = token_refresh_at(now, until);
		keep(context->tokens, key, text, *ret_refresh_at, until);
		return 0;
	}
	if (!find(context->tokens, key, now, true, arena, ret, ret_refresh_at))
		return error_pass(err, &got);
	log_warn("cannot renew a token", "pod=" STR_FMT " error=\"%s\"", STR_ARG(request->pod->metadata.name),
		 got.message);
	*ret_refresh_at = now + RETRY_NS;
	return 0;
}
