/* Tokens of service accounts: signed, read back, tampered with, out of time, and outliving what they name. */
#include "unit.h"

#include "apiserver/local.h"
#include "apiserver/server.h"
#include "apiserver/service_token.h"
#include "component/health.h"
#include "component/metrics.h"
#include "net/pki.h"
#include "types/gen/core_v1.h"
#include "types/object.h"

#define NOW 1700000000

static const struct str masters[] = {STR_INIT("system:masters")};
static const struct user_info admin = {.name = STR_INIT("admin"), .groups = {masters, 1}};
static const struct str audience = STR_INIT("https://issuer");

struct fixture {
	struct arena arena;
	struct pki_key *key, *other_key;
	struct store *store;
	struct health *health;
	struct metrics *metrics;
	struct apiserver *server;
	struct service_token_issuer issuer;
};

static int setup(void **state)
{
	static const struct store_options options = {.objects = &apiserver_store_objects};
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct apiserver_config config = {.advertise_address = STR("10.0.0.1"), .secure_port = 6443};
	struct error err = {0};

	assert_int_equal(pki_key_generate(&f->key, &err), 0);
	assert_int_equal(pki_key_generate(&f->other_key, &err), 0);
	assert_int_equal(ip_prefix_parse(STR("10.96.0.0/16"), &config.service_range), 0);
	f->issuer = (struct service_token_issuer){audience, f->key};
	f->store = store_open_memory(&options);
	f->health = health_new();
	f->metrics = metrics_new();
	f->server = apiserver_new(&config, f->store, f->metrics, f->health);
	if (apiserver_bootstrap(f->server, &err) < 0)
		fail_msg("%s", err.message);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	apiserver_free(f->server);
	store_close(f->store);
	health_free(f->health);
	metrics_free(f->metrics);
	pki_key_unref(f->key);
	pki_key_unref(f->other_key);
	arena_release(&f->arena);
	free(f);
	return 0;
}

static struct local_call account_call(const char *verb, const void *body)
{
	return (struct local_call){
		.user = &admin,
		.verb = str_from(verb),
		.resource = resource_find(STR_EMPTY, STR("v1"), STR("serviceaccounts")),
		.name_space = STR("default"),
		.name = body ? STR_EMPTY : STR("robot"),
		.body = body,
	};
}

/* The uid of the new account "robot". */
static struct str make_account(struct fixture *f)
{
	struct core_v1_service_account account = {.metadata = {.name = STR("robot"), .namespace = STR("default")}};
	struct local_call call = account_call("create", &account);
	struct local_answer answer = {0};
	struct error err = {0};
	struct str uid;

	if (apiserver_call(f->server, &call, &answer, &err) < 0)
		fail_msg("%s", err.message);
	uid = arena_str(&f->arena, answer.object->meta->uid);
	object_unref(answer.object);
	return uid;
}

static void delete_account(struct fixture *f)
{
	struct local_call call = account_call("delete", NULL);
	struct local_answer answer = {0};
	struct error err = {0};

	assert_int_equal(apiserver_call(f->server, &call, &answer, &err), 0);
	object_unref(answer.object);
}

static struct service_token token_of(struct str uid)
{
	return (struct service_token){
		.audiences = {&audience, 1},
		.issued_at = NOW,
		.not_before = NOW,
		.expires_at = NOW + 600,
		.id = STR("some-id"),
		.name_space = STR("default"),
		.account = {STR("robot"), uid},
	};
}

static struct str sign(struct fixture *f, const struct service_token *token)
{
	struct error err = {0};
	struct str text;

	if (service_token_sign(&f->issuer, token, &f->arena, &text, &err) < 0)
		fail_msg("%s", err.message);
	return text;
}

static int authenticate(struct fixture *f, struct str text, int64_t now, struct user_info *ret, struct error *err)
{
	struct str_slice audiences = {&audience, 1}, common;

	return service_token_authenticate(&f->issuer, f->store, text, &audiences, now, &f->arena, ret, &common, err);
}

static void expect_refusal(struct fixture *f, struct str text, int64_t now, const char *why)
{
	struct user_info user;
	struct error err = {0};

	assert_true(authenticate(f, text, now, &user, &err) < 0);
	assert_string_equal(err.message, why);
}

static void test_user(void **state)
{
	struct fixture *f = *state;
	struct service_token token = token_of(make_account(f));
	struct user_info user;
	struct error err = {0};

	assert_int_equal(authenticate(f, sign(f, &token), NOW, &user, &err), 1);
	assert_str_equal(user.name, "system:serviceaccount:default:robot");
	assert_int_equal(user.groups.len, 2);
	assert_str_equal(user.groups.items[1], "system:serviceaccounts:default");
	assert_int_equal(user.extra.len, 1);
	assert_str_equal(user.extra.items[0].value.items[0], "JTI=some-id");
}

static void test_times(void **state)
{
	struct fixture *f = *state;
	struct service_token token = token_of(make_account(f));
	struct str text = sign(f, &token);
	struct user_info user;
	struct error err = {0};

	assert_int_equal(authenticate(f, text, NOW + 659, &user, &err), 1);
	expect_refusal(f, text, NOW + 661, "service account token has expired");
	expect_refusal(f, text, NOW - 61, "service account token is not valid yet");
}

static void test_not_ours(void **state)
{
	struct fixture *f = *state;
	struct service_token token = token_of(make_account(f));
	struct service_token_issuer stranger = {STR("https://else"), f->key}, forger = {audience, f->other_key};
	struct user_info user;
	struct error err = {0};
	struct str text;

	assert_int_equal(authenticate(f, STR("abc"), NOW, &user, &err), 0);
	assert_int_equal(authenticate(f, STR("a.b.c"), NOW, &user, &err), 0);
	assert_int_equal(service_token_sign(&stranger, &token, &f->arena, &text, &err), 0);
	assert_int_equal(authenticate(f, text, NOW, &user, &err), 0);
	assert_int_equal(service_token_sign(&forger, &token, &f->arena, &text, &err), 0);
	expect_refusal(f, text, NOW, "invalid signature");
}

static void test_account_gone(void **state)
{
	struct fixture *f = *state;
	struct service_token token = token_of(make_account(f)), bound = token;
	struct str text = sign(f, &token), second;

	bound.pod = (struct service_token_ref){STR("no-such-pod"), STR("uid")};
	expect_refusal(f, sign(f, &bound), NOW, "service account token has been invalidated");
	delete_account(f);
	expect_refusal(f, text, NOW, "serviceaccounts \"robot\" not found");
	second = make_account(f);
	expect_refusal(
		f, text, NOW,
		str_c(arena_printf(&f->arena, "service account UID (" STR_FMT ") does not match claim (" STR_FMT ")",
				   STR_ARG(second), STR_ARG(token.account.uid))));
}

static void test_audience(void **state)
{
	static const struct str vault = STR_INIT("vault");
	struct fixture *f = *state;
	struct service_token token = token_of(make_account(f));

	token.audiences = (struct str_slice){&vault, 1};
	expect_refusal(f, sign(f, &token), NOW,
		       "token audiences [\"vault\"] is invalid for the target audiences [\"https://issuer\"]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_user, setup, teardown),
		cmocka_unit_test_setup_teardown(test_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_account_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_audience, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
