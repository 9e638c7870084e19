/*
 * Credentials that change under a client: files rotated whole, in halves, broken and taken away, beneath the HTTPS
 * transport of a kubeconfig and a real TLS server that tells whom it saw.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/limits.h"
#include "client/client.h"
#include "client/kubeconfig.h"
#include "net/net_fixture.h"
#include "sys/path.h"
#include "types/gen/core_v1.h"

struct world {
	struct authority authority, other;
	struct http_server *server;
	struct tls_context *tls;
	atomic_bool turn_away; /* answers 401 */
	/* The last watch: a reference; what its sink heard. */
	struct http_stream *stream;
	atomic_bool has_stream;
	struct watch_sink sink;
	atomic_int events, closed;
	char folder[64];
	int dir;
	struct transport *transport;
};

/* --- the server --- */

static const struct http_stream_ops stream_ops = {0};

static void handle(void *cookie, struct http_request *request)
{
	struct world *world = cookie;
	struct http_response ok = {.status = 200,
				   .headers = HTTP_HEADERS({STR("content-type"), STR("application/json")})};

	if (atomic_load(&world->turn_away)) {
		http_respond_text(request, 401, "who?");
	} else if (str_index(request->query, 'w') >= 0) {
		world->stream = http_stream_ref(http_stream_start(request, &ok, &stream_ops, world));
		atomic_store(&world->has_stream, true);
	} else {
		http_respond_text(request, 200,
				  "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"data\":{\"who\":\"" STR_FMT
				  " " STR_FMT "\"}}",
				  STR_ARG(request->peer ? request->peer->common_name : STR("nobody")),
				  STR_ARG(http_request_header(request, STR("authorization"))));
	}
}

/* --- files --- */

static void put(struct world *world, const char *name, struct str text)
{
	assert_int_equal(path_write_atomic(world->dir, name, text, 0600, false), 0);
}

static void put_identity(struct world *world, const char *name, const char *cert_file, const char *key_file)
{
	struct str cert, key;

	authority_issue(&world->authority, name, NULL, &cert, &key);
	if (cert_file)
		put(world, cert_file, cert);
	if (key_file)
		put(world, key_file, key);
}

static void put_kubeconfig(struct world *world)
{
	struct arena cleanup_arena arena = {0};

	put(world, "kubeconfig",
	    arena_printf(
		    &arena,
		    "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
		    "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
		    "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:%u', certificate-authority: ca.crt}}]\n"
		    "users: [{name: u, user: {client-certificate: tls.crt, client-key: tls.key, tokenFile: token}}]\n",
		    http_server_port(world->server)));
}

static void read_config(struct world *world, int64_t period, struct arena *arena, struct https_config *ret)
{
	struct str path = arena_printf(arena, "%s/kubeconfig", world->folder);
	struct error err = {0};

	must(kubeconfig_load(str_c(path), STR_EMPTY, arena, ret, &err), &err);
	ret->credentials.period = period;
}

static int set_up(void **state)
{
	struct world *world = XNEW(struct world);
	struct http_server_config config = {
		.address = {.family = IP_V4, .bytes = {127, 0, 0, 1}}, .threads = 1, .handle = handle, .cookie = world};
	struct tls_server_config tls = {0};
	struct arena cleanup_arena arena = {0};
	struct https_config https;
	struct error err = {0};

	authority_init(&world->authority);
	authority_init(&world->other);
	tls.client_ca_pem = world->authority.ca_pem;
	authority_issue(&world->authority, "server", NULL, &tls.certificate_pem, &tls.key_pem);
	must(tls_context_new_server(&tls, &world->tls, &err), &err);
	config.tls = world->tls;
	must(http_server_new(&config, &world->server, &err), &err);
	snprintf(world->folder, sizeof(world->folder), "/tmp/wherry-credentials.XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	world->dir = open(world->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	put(world, "ca.crt", world->authority.ca_pem);
	put(world, "token", STR("one\n"));
	put_identity(world, "alice", "tls.crt", "tls.key");
	put_kubeconfig(world);
	read_config(world, 1, &arena, &https); /* a nanosecond: every call looks */
	must(https_transport_new(&https, &world->transport, &err), &err);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	transport_free(world->transport);
	http_server_free(world->server);
	http_stream_unref(world->stream);
	tls_context_unref(world->tls);
	authority_release(&world->authority);
	authority_release(&world->other);
	close_fd(world->dir);
	assert_int_equal(path_remove_tree(AT_FDCWD, world->folder), 0);
	free(world);
	return 0;
}

static void expect(struct world *world, const char *who)
{
	struct client client = {.transport = world->transport};
	const struct core_v1_config_map *map;
	struct object *object = NULL;
	struct error err = {0};

	must(client_get(&client, client_resource("", "v1", "configmaps"), STR("a"), STR("b"), &object, &err), &err);
	map = object->data;
	assert_int_equal(map->data.len, 1);
	assert_str_equal(map->data.items[0].value, who);
	object_unref(object);
}

static void expect_failure(struct world *world, enum error_code code)
{
	struct client client = {.transport = world->transport};
	struct error err = {0};

	assert_true(client_get(&client, client_resource("", "v1", "configmaps"), STR("a"), STR("b"), NULL, &err) < 0);
	assert_int_equal(err.code, code);
}

/* --- a watch beside it --- */

static void on_event(struct watch_sink *sink, enum watch_event_type type UNUSED, struct object *object UNUSED,
		     uint64_t revision UNUSED, bool initial_end UNUSED)
{
	atomic_fetch_add(&CONTAINER_OF(sink, struct world, sink)->events, 1);
}

static void on_closed(struct watch_sink *sink, const struct error *err UNUSED)
{
	atomic_fetch_add(&CONTAINER_OF(sink, struct world, sink)->closed, 1);
}

static struct transport_watch *watch(struct world *world)
{
	struct api_request request = {.operation = API_LIST, .resource = client_resource("", "v1", "configmaps")};
	struct transport_watch *watch = NULL;
	struct error err = {0};

	world->sink = (struct watch_sink){.event = on_event, .closed = on_closed};
	must(world->transport->ops->watch(world->transport, &request, 1, &world->sink, &watch, &err), &err);
	for (int64_t end = clock_monotonic_ns() + DEADLINE; !atomic_load(&world->has_stream); usleep(1000))
		assert_true(clock_monotonic_ns() < end);
	return watch;
}

static void expect_event(struct world *world, int count)
{
	http_stream_write_post(world->stream, PAYLOAD(STR("{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\","
							  "\"apiVersion\":\"v1\"}}\n")));
	for (int64_t end = clock_monotonic_ns() + DEADLINE; atomic_load(&world->events) < count; usleep(1000))
		assert_true(clock_monotonic_ns() < end);
	assert_int_equal(atomic_load(&world->closed), 0);
}

/* --- cases --- */

static void test_rotation(void **state)
{
	struct world *world = *state;
	struct transport_watch *beside = watch(world);
	struct tls_server_config tls = {.client_ca_pem = world->authority.ca_pem};
	struct arena cleanup_arena arena = {0};
	struct error err = {0};

	expect_event(world, 1);
	expect(world, "alice Bearer one");
	put(world, "token", STR("two"));
	put_identity(world, "bob", "tls.crt", "tls.key");
	expect(world, "bob Bearer two");
	/* Half of a rotation, and its other half. */
	put_identity(world, "carol", "tls.crt", NULL);
	expect(world, "bob Bearer two");
	put_identity(world, "dave", "tls.crt", "tls.key");
	expect(world, "dave Bearer two");
	/* What is not there, or makes no sense, changes nothing. */
	assert_int_equal(unlinkat(world->dir, "token", 0), 0);
	put(world, "ca.crt", STR("nonsense"));
	expect(world, "dave Bearer two");
	put(world, "token", STR(" \n"));
	assert_int_equal(unlinkat(world->dir, "ca.crt", 0), 0);
	expect(world, "dave Bearer two");
	/* Another authority for the server: both are trusted, then it changes, then the old one goes. */
	put(world, "ca.crt", arena_concat(&arena, world->authority.ca_pem, world->other.ca_pem));
	expect(world, "dave Bearer two");
	authority_issue(&world->other, "server", NULL, &tls.certificate_pem, &tls.key_pem);
	must(tls_context_reload_server(world->tls, &tls, &err), &err);
	put(world, "ca.crt", world->other.ca_pem);
	expect(world, "dave Bearer two");
	put(world, "ca.crt", world->authority.ca_pem);
	expect_failure(world, ERR_CLOSED);
	/* The watch has seen none of it. */
	expect_event(world, 2);
	world->transport->ops->watch_close(beside);
}

/* With a minute between two looks nothing is read again before, unless the server does not believe us. */
static void test_period(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct credentials *credentials;
	struct https_config https;
	struct error err = {0};

	read_config(world, 0, &arena, &https);
	must(credentials_new(&https.credentials, 1000, &credentials, &err), &err);
	put(world, "token", STR("two"));
	put_identity(world, "bob", "tls.crt", "tls.key");
	assert_false(credentials_refresh(credentials, 1000 + CREDENTIALS_PERIOD - 1));
	assert_str_equal(credentials_token(credentials, &arena), "one");
	assert_true(credentials_refresh(credentials, 1000 + CREDENTIALS_PERIOD));
	assert_str_equal(credentials_token(credentials, &arena), "two");
	assert_false(credentials_refresh(credentials, 1000 + 2 * CREDENTIALS_PERIOD));
	put(world, "token", STR("three"));
	credentials_doubt(credentials);
	assert_false(credentials_refresh(credentials, 1001 + 2 * CREDENTIALS_PERIOD));
	assert_str_equal(credentials_token(credentials, &arena), "three");
	credentials_free(credentials);
}

static void test_turned_away(void **state)
{
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct https_config https;
	struct error err = {0};

	transport_free(world->transport);
	read_config(world, 0, &arena, &https);
	must(https_transport_new(&https, &world->transport, &err), &err);
	put(world, "token", STR("two"));
	expect(world, "alice Bearer one");
	atomic_store(&world->turn_away, true);
	expect_failure(world, ERR_UNAUTHORIZED);
	atomic_store(&world->turn_away, false);
	expect(world, "alice Bearer two");
}

static void test_missing_files(void **state)
{
	static const char *const names[] = {"ca.crt", "tls.crt", "tls.key", "token"};
	struct world *world = *state;
	struct arena cleanup_arena arena = {0};
	struct str path = arena_printf(&arena, "%s/kubeconfig", world->folder);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct https_config https;
		struct error err = {0};
		struct str text;

		must(credential_read(arena_printf(&arena, "%s/%s", world->folder, names[i]), &arena, &text, &err),
		     &err);
		assert_int_equal(unlinkat(world->dir, names[i], 0), 0);
		assert_true(kubeconfig_load(str_c(path), STR_EMPTY, &arena, &https, &err) < 0);
		assert_non_null(strstr(err.message, names[i]));
		put(world, names[i], text);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_rotation),
		CASE(test_period),
		CASE(test_turned_away),
		CASE(test_missing_files),
	};

	return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
