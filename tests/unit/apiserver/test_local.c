/* The whole pipeline below HTTP, on a store in memory: a ConfigMap's life, as a component of the process sees it. */
#include "unit.h"

#include "apiserver/local.h"
#include "apiserver/server.h"
#include "component/health.h"
#include "component/metrics.h"
#include "types/gen/core_v1.h"
#include "types/object.h"

static const struct str masters[] = {STR_INIT("system:masters")};
static const struct user_info admin = {.name = STR_INIT("admin"), .groups = {masters, 1}};
static const struct user_info nobody = {.name = STR_INIT("nobody")};

struct fixture {
	struct store *store;
	struct health *health;
	struct metrics *metrics;
	struct apiserver *server;
	const struct resource *config_maps;
};

static int setup(void **state)
{
	static const struct store_options options = {.objects = &apiserver_store_objects};
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct apiserver_config config = {.advertise_address = STR("10.0.0.1"), .secure_port = 6443, .anonymous = true};
	struct error err = {0};

	assert_int_equal(ip_prefix_parse(STR("10.96.0.0/16"), &config.service_range), 0);
	f->store = store_open_memory(&options);
	f->health = health_new();
	f->metrics = metrics_new();
	f->server = apiserver_new(&config, f->store, f->metrics, f->health);
	f->config_maps = resource_find(STR_EMPTY, STR("v1"), STR("configmaps"));
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
	free(f);
	return 0;
}

static struct local_call call_of(struct fixture *f, const char *verb)
{
	return (struct local_call){
		.user = &admin,
		.verb = str_from(verb),
		.resource = f->config_maps,
		.name_space = STR("default"),
		.name = STR("a"),
	};
}

static struct object *create(struct fixture *f, const char *name, struct error *err)
{
	static const struct str_pair data[] = {{STR_INIT("k"), STR_INIT("v")}};
	struct core_v1_config_map map = {.metadata = {.name = str_from(name)}, .data = {data, 1}};
	struct local_call call = call_of(f, "create");
	struct local_answer answer = {0};

	call.body = &map;
	call.name = STR_EMPTY;
	if (apiserver_call(f->server, &call, &answer, err) < 0)
		return NULL;
	return answer.object;
}

static void test_create_get_delete(void **state)
{
	struct fixture *f = *state;
	struct local_call call = call_of(f, "get");
	struct local_answer answer = {0};
	struct error err = {0};
	struct object *made = create(f, "a", &err);

	assert_non_null(made);
	assert_str_equal(made->meta->namespace, "default");
	assert_int_equal(made->meta->uid.len, 36);
	assert_true(made->meta->creation_timestamp.is_set);
	assert_true(made->revision > 0);
	assert_int_equal(apiserver_call(f->server, &call, &answer, &err), 0);
	assert_int_equal(answer.object->revision, made->revision);
	assert_int_equal(OBJECT_AS(core_v1_config_map, answer.object)->data.len, 1);
	object_unref(answer.object);
	object_unref(made);

	assert_null(create(f, "a", &err));
	assert_int_equal(err.code, ERR_ALREADY_EXISTS);
	assert_string_equal(err.message, "configmaps \"a\" already exists");
	error_clear(&err);

	call.verb = STR("delete");
	assert_int_equal(apiserver_call(f->server, &call, &answer, &err), 0);
	object_unref(answer.object);
	call.verb = STR("get");
	assert_true(apiserver_call(f->server, &call, &answer, &err) < 0);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.message, "configmaps \"a\" not found");
}

static void test_patch_and_list(void **state)
{
	struct fixture *f = *state;
	struct local_call call = call_of(f, "patch");
	struct local_answer answer = {0};
	struct error err = {0};

	object_unref(create(f, "a", &err));
	object_unref(create(f, "b", &err));
	call.patch_type = STR("application/merge-patch+json");
	call.patch = STR("{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"data\":{\"k\":null,\"n\":\"1\"}}");
	if (apiserver_call(f->server, &call, &answer, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(answer.object->meta->labels.len, 1);
	assert_str_equal(OBJECT_AS(core_v1_config_map, answer.object)->data.items[0].key, "n");
	object_unref(answer.object);

	call = call_of(f, "list");
	call.name = STR_EMPTY;
	call.label_selector = STR("x=y");
	assert_int_equal(apiserver_call(f->server, &call, &answer, &err), 0);
	assert_int_equal(answer.items_len, 1);
	assert_str_equal(answer.items[0]->meta->name, "a");
	object_unref(answer.items[0]);
	free(answer.items);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	struct core_v1_config_map map = {.metadata = {.name = STR("a")}};
	struct local_call call = call_of(f, "create");
	struct local_answer answer = {0};
	struct error err = {0};

	call.body = &map;
	call.user = &nobody;
	assert_true(apiserver_call(f->server, &call, &answer, &err) < 0);
	assert_int_equal(err.code, ERR_FORBIDDEN);
	error_clear(&err);
	call.user = &admin;
	call.name_space = STR("none");
	assert_true(apiserver_call(f->server, &call, &answer, &err) < 0);
	assert_string_equal(err.message, "namespaces \"none\" not found");
	error_clear(&err);
	call.name_space = STR("default");
	map.metadata.name = STR("A");
	assert_true(apiserver_call(f->server, &call, &answer, &err) < 0);
	assert_int_equal(err.code, ERR_INVALID);
	error_clear(&err);
	map.metadata.name = STR("a");
	map.metadata.resource_version = STR("5");
	call.verb = STR("update");
	assert_true(apiserver_call(f->server, &call, &answer, &err) < 0);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create_get_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_patch_and_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
