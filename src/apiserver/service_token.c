/* Tokens of service accounts; see service_token.h. */
#include "apiserver/service_token.h"

#include "apiserver/signature_cache.h"
#include "apiserver/stored.h"
#include "base/limits.h"
#include "codec/json.h"
#include "net/jws.h"
#include "types/field_error.h"
#include "types/gen/core_v1.h"
#include "types/object.h"
#include "types/resource.h"

#define LEEWAY	    60
#define TOKEN_MAX   (16 * KIB)
#define USER_PREFIX "system:serviceaccount:"
#define EXTRA(word) "authentication.kubernetes.io/" word

/* --- Signing */

static void set_ref(struct arena *arena, struct value *object, const char *key, const struct service_token_ref *ref)
{
	struct value *value;

	if (ref->name.len == 0)
		return;
	value = value_object(arena);
	value_set(arena, value, STR("name"), value_string(arena, ref->name));
	if (ref->uid.len)
		value_set(arena, value, STR("uid"), value_string(arena, ref->uid));
	value_set(arena, object, str_from(key), value);
}

static struct str subject_of(const struct service_token *token, struct arena *arena)
{
	return arena_printf(arena, USER_PREFIX STR_FMT ":" STR_FMT, STR_ARG(token->name_space),
			    STR_ARG(token->account.name));
}

/* Members in the order of their names, as upstream's encoder has them. */
static struct value *claims(const struct service_token_issuer *issuer, const struct service_token *token,
			    struct arena *arena)
{
	struct value *root = value_object(arena), *audiences = value_array(arena), *own = value_object(arena);

	for (size_t i = 0; i < token->audiences.len; i++)
		value_append(arena, audiences, value_string(arena, token->audiences.items[i]));
	value_set(arena, root, STR("aud"), audiences);
	value_set(arena, root, STR("exp"), value_int(arena, token->expires_at));
	value_set(arena, root, STR("iat"), value_int(arena, token->issued_at));
	value_set(arena, root, STR("iss"), value_string(arena, issuer->name));
	if (token->id.len)
		value_set(arena, root, STR("jti"), value_string(arena, token->id));
	value_set(arena, own, STR("namespace"), value_string(arena, token->name_space));
	set_ref(arena, own, "node", &token->node);
	set_ref(arena, own, "pod", &token->pod);
	set_ref(arena, own, "secret", &token->secret);
	set_ref(arena, own, "serviceaccount", &token->account);
	if (token->warn_after)
		value_set(arena, own, STR("warnafter"), value_int(arena, token->warn_after));
	value_set(arena, root, STR("kubernetes.io"), own);
	value_set(arena, root, STR("nbf"), value_int(arena, token->not_before));
	value_set(arena, root, STR("sub"), value_string(arena, subject_of(token, arena)));
	return root;
}

int service_token_sign(const struct service_token_issuer *issuer, const struct service_token *token,
		       struct arena *arena, struct str *ret, struct error *err)
{
	struct buf cleanup_buf text;

	buf_init(&text, TOKEN_MAX);
	json_write(claims(issuer, token, arena), &text);
	if (text.overflow)
		return error_set(err, ERR_TOO_LARGE, "the token would be larger than %zu bytes", (size_t)TOKEN_MAX);
	return jws_sign(buf_view(&text), jws_key_id(issuer->key, arena), issuer->key, arena, ret, err);
}

/* --- Reading */

static struct service_token_ref get_ref(const struct value *own, const char *key)
{
	const struct value *ref = value_get(own, str_from(key));

	return (struct service_token_ref){value_get_str(value_get(ref, STR("name")), STR_EMPTY),
					  value_get_str(value_get(ref, STR("uid")), STR_EMPTY)};
}

/* One string, or a list. */
static struct str_slice get_audiences(const struct value *value, struct arena *arena)
{
	VEC_OF(struct str) list = {0};

	if (value && value->kind == VALUE_STRING)
		vec_push(arena, &list, value->string);
	if (value && value->kind == VALUE_ARRAY)
		for (size_t i = 0; i < value->array.len; i++)
			vec_push(arena, &list, value_get_str(value->array.items[i], STR_EMPTY));
	return (struct str_slice){list.items, list.len};
}

static void read_claims(const struct value *root, struct arena *arena, struct service_token *ret)
{
	const struct value *own = value_get(root, STR("kubernetes.io"));

	*ret = (struct service_token){
		.audiences = get_audiences(value_get(root, STR("aud")), arena),
		.issued_at = value_get_int(value_get(root, STR("iat")), 0),
		.not_before = value_get_int(value_get(root, STR("nbf")), 0),
		.expires_at = value_get_int(value_get(root, STR("exp")), 0),
		.warn_after = value_get_int(value_get(own, STR("warnafter")), 0),
		.id = value_get_str(value_get(root, STR("jti")), STR_EMPTY),
		.name_space = value_get_str(value_get(own, STR("namespace")), STR_EMPTY),
		.account = get_ref(own, "serviceaccount"),
		.pod = get_ref(own, "pod"),
		.secret = get_ref(own, "secret"),
		.node = get_ref(own, "node"),
	};
}

int service_token_parse(const struct service_token_issuer *issuer, struct str text, struct arena *arena,
			struct service_token *ret, struct error *err)
{
	struct error ignored = {0};
	struct value *header, *root;
	struct service_token token;
	struct jws jws;

	/* What is no JWT, or another issuer's, may be somebody else's to judge. */
	if (text.len > TOKEN_MAX || jws_parse(text, arena, &jws, &ignored) < 0)
		return 0;
	if (json_parse(jws.payload, arena, NULL, &root, &ignored) < 0 ||
	    !str_eq(value_get_str(value_get(root, STR("iss")), STR_EMPTY), issuer->name))
		return 0;
	if (!signature_cache_has(text, issuer->key)) {
		if (json_parse(jws.header, arena, NULL, &header, &ignored) < 0 ||
		    !jws_verify(&jws, value_get_str(value_get(header, STR("alg")), STR_EMPTY), issuer->key))
			return error_set(err, ERR_UNAUTHORIZED, "invalid signature");
		signature_cache_add(text, issuer->key);
	}
	read_claims(root, arena, &token);
	if (!str_eq(value_get_str(value_get(root, STR("sub")), STR_EMPTY), subject_of(&token, arena)))
		return error_set(err, ERR_UNAUTHORIZED, "the token's subject is not its account");
	*ret = token;
	return 1;
}

/* --- Judging */

static int check_times(const struct service_token *token, int64_t now, struct error *err)
{
	if (now - LEEWAY > token->expires_at)
		return error_set(err, ERR_UNAUTHORIZED, "service account token has expired");
	if (now + LEEWAY < token->not_before)
		return error_set(err, ERR_UNAUTHORIZED, "service account token is not valid yet");
	if (now + LEEWAY < token->issued_at)
		return error_set(err, ERR_UNAUTHORIZED, "service account token is issued in the future");
	return 0;
}

/* The uid of a stored object, in @arena; a reference-free copy of what the checks need. */
struct found {
	struct str uid;
	bool deleted; /* its deletion began before now, leeway included */
};

static bool find(struct store *store, const char *plural, struct str name_space, struct str name, int64_t now,
		 struct arena *arena, struct found *ret)
{
	const struct resource *resource = resource_find(STR_EMPTY, STR("v1"), str_from(plural));
	const struct store_record *record = store_get(store, stored_key(resource, name_space, name, arena));
	struct object *object;
	struct error ignored = {0};
	int result;

	if (!record)
		return false;
	result = stored_object(record, stored_schema(resource), &object, &ignored);
	store_record_unref(record);
	if (result < 0)
		return false;
	ret->uid = arena_str(arena, object->meta->uid);
	ret->deleted = object->meta->deletion_timestamp && object->meta->deletion_timestamp->seconds < now - LEEWAY;
	object_unref(object);
	return true;
}

static int check_account(const struct service_token *token, struct store *store, int64_t now, struct arena *arena,
			 struct error *err)
{
	struct found found;

	if (!find(store, "serviceaccounts", token->name_space, token->account.name, now, arena, &found))
		return error_set(err, ERR_UNAUTHORIZED, "serviceaccounts \"" STR_FMT "\" not found",
				 STR_ARG(token->account.name));
	if (!str_eq(found.uid, token->account.uid))
		return error_set(err, ERR_UNAUTHORIZED,
				 "service account UID (" STR_FMT ") does not match claim (" STR_FMT ")",
				 STR_ARG(found.uid), STR_ARG(token->account.uid));
	if (found.deleted)
		return error_set(err, ERR_UNAUTHORIZED, "service account " STR_FMT "/" STR_FMT " has been deleted",
				 STR_ARG(token->name_space), STR_ARG(token->account.name));
	return 0;
}

static int check_bound(const struct service_token_ref *ref, const char *plural, struct str name_space, const char *kind,
		       const char *claim, struct store *store, int64_t now, struct arena *arena, struct error *err)
{
	struct found found;

	if (ref->name.len == 0)
		return 0;
	if (!find(store, plural, name_space, ref->name, now, arena, &found))
		return error_set(err, ERR_UNAUTHORIZED, "service account token has been invalidated");
	if (!str_eq(found.uid, ref->uid))
		return error_set(err, ERR_UNAUTHORIZED,
				 "%s UID (" STR_FMT ") does not match service account %s ref claim (" STR_FMT ")", kind,
				 STR_ARG(found.uid), claim, STR_ARG(ref->uid));
	if (found.deleted)
		return error_set(err, ERR_UNAUTHORIZED, "service account token has been invalidated");
	return 0;
}

int service_token_check(const struct service_token *token, struct store *store, int64_t now, struct error *err)
{
	struct arena cleanup_arena arena = {0};

	if (check_times(token, now, err) < 0 || check_account(token, store, now, &arena, err) < 0 ||
	    check_bound(&token->secret, "secrets", token->name_space, "secret", "secret", store, now, &arena, err) <
		    0 ||
	    check_bound(&token->pod, "pods", token->name_space, "Pod", "pod", store, now, &arena, err) < 0)
		return -(int)err->code;
	/* A pod's token says where the pod ran; only a node's own token depends on the node. */
	if (token->pod.name.len)
		return 0;
	return check_bound(&token->node, "nodes", STR_EMPTY, "node", "node", store, now, &arena, err);
}

static void add_extra(struct arena *arena, struct user_info *user, struct str_slice_pair *pairs, const char *key,
		      struct str value)
{
	struct str *item;

	if (value.len == 0)
		return;
	item = ARENA_DUP(arena, struct str, &value);
	pairs[user->extra.len++] = (struct str_slice_pair){str_from(key), {item, 1}};
}

void service_token_user(const struct service_token *token, struct arena *arena, struct user_info *ret)
{
	struct str *groups = ARENA_NEW_N(arena, struct str, 2);
	struct str_slice_pair *extra = ARENA_NEW_N(arena, struct str_slice_pair, 5);

	groups[0] = STR("system:serviceaccounts");
	groups[1] = arena_printf(arena, "system:serviceaccounts:" STR_FMT, STR_ARG(token->name_space));
	*ret = (struct user_info){
		.name = subject_of(token, arena),
		.uid = token->account.uid,
		.groups = {groups, 2},
		.extra = {extra, 0},
	};
	if (token->id.len)
		add_extra(arena, ret, extra, EXTRA("credential-id"), arena_concat(arena, STR("JTI="), token->id));
	add_extra(arena, ret, extra, EXTRA("node-name"), token->node.name);
	add_extra(arena, ret, extra, EXTRA("node-uid"), token->node.uid);
	add_extra(arena, ret, extra, EXTRA("pod-name"), token->pod.name);
	add_extra(arena, ret, extra, EXTRA("pod-uid"), token->pod.uid);
}

static struct str_slice common(const struct str_slice *a, const struct str_slice *b, struct arena *arena)
{
	VEC_OF(struct str) both = {0};

	for (size_t i = 0; i < a->len; i++)
		for (size_t j = 0; j < b->len; j++)
			if (str_eq(a->items[i], b->items[j])) {
				vec_push(arena, &both, a->items[i]);
				break;
			}
	return (struct str_slice){both.items, both.len};
}

/* Go's %q of a list. */
static struct str quote_list(const struct str_slice *list, struct arena *arena)
{
	struct str text = STR("[");

	for (size_t i = 0; i < list->len; i++) {
		struct str word = quote_go(list->items[i], arena);

		text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? " " : "", STR_ARG(word));
	}
	return arena_concat(arena, text, STR("]"));
}

int service_token_authenticate(const struct service_token_issuer *issuer, struct store *store, struct str text,
			       const struct str_slice *audiences, int64_t now, struct arena *arena,
			       struct user_info *ret, struct str_slice *ret_audiences, struct error *err)
{
	struct service_token token;
	struct str_slice both;
	int result = service_token_parse(issuer, text, arena, &token, err);

	if (result <= 0)
		return result;
	both = common(audiences, &token.audiences, arena);
	if (both.len == 0) {
		struct str has = quote_list(&token.audiences, arena), wanted = quote_list(audiences, arena);

		return error_set(err, ERR_UNAUTHORIZED,
				 "token audiences " STR_FMT " is invalid for the target audiences " STR_FMT,
				 STR_ARG(has), STR_ARG(wanted));
	}
	if (service_token_check(&token, store, now, err) < 0)
		return -(int)err->code;
	service_token_user(&token, arena, ret);
	*ret_audiences = both;
	return 1;
}
