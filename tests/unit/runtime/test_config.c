/* Records out and in again, OCI configurations, capabilities, users, and the shim's messages. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <yyjson.h>

#include "base/limits.h"
#include "runtime/caps.h"
#include "runtime/oci.h"
#include "runtime/record.h"
#include "runtime/shim/wire.h"
#include "runtime/user.h"
#include "sys/path.h"

static struct arena arena;

static int teardown(void **state UNUSED)
{
	arena_release(&arena);
	return 0;
}

static void test_record(void **state UNUSED)
{
	struct str strs[] = {STR("a"), STR("b \"quoted\" \n\x01")};
	struct runtime_pair pairs[] = {{STR("k"), STR("v")}, {STR("k\\2"), STR("")}};
	struct runtime_mount mounts[] = {{STR("/c"), STR("/h"), true, RUNTIME_PROPAGATION_BIDIRECTIONAL}};
	int64_t groups[] = {-1, 5000000000};
	struct container_record in = {
		.id = STR("id"), .state = RUNTIME_CONTAINER_EXITED, .exit_code = -7, .created_at = 1};
	struct container_record out;
	struct error err = {0};
	struct buf cleanup_buf text;

	in.config.command = (struct runtime_strs){strs, 2};
	in.config.envs = (struct runtime_pairs){pairs, 2};
	in.config.mounts = mounts;
	in.config.mounts_len = 1;
	in.config.tty = true;
	in.config.security.supplemental_groups = (struct runtime_ints){groups, 2};
	in.config.resources.cpu_quota = -1;
	in.process = (struct process_id){77, UINT64_C(1) << 40};
	buf_init(&text, MIB);
	container_record_write(&in, &text);
	assert_int_equal(container_record_read(buf_view(&text), &arena, &out, &err), 0);
	assert_int_equal(out.config.command.len, 2);
	assert_true(str_eq(out.config.command.items[1], strs[1]));
	assert_true(str_eq(runtime_pairs_get(out.config.envs, STR("k\\2")), STR("")));
	assert_null(runtime_pairs_get(out.config.envs, STR("none")).data);
	assert_int_equal(out.config.mounts_len, 1);
	assert_true(out.config.mounts[0].readonly);
	assert_int_equal(out.config.mounts[0].propagation, RUNTIME_PROPAGATION_BIDIRECTIONAL);
	assert_true(out.config.tty && !out.config.stdin);
	assert_int_equal(out.config.security.supplemental_groups.items[1], 5000000000);
	assert_int_equal(out.config.resources.cpu_quota, -1);
	assert_int_equal(out.exit_code, -7);
	assert_int_equal(out.process.pid, 77);
	assert_int_equal(out.process.start_time, UINT64_C(1) << 40);
	assert_int_equal(container_record_read(STR("{\"id\":\"x\",\"later\":[1]}"), &arena, &out, &err), 0);
	assert_int_equal(out.config.mounts_len, 0);
	assert_true(container_record_read(STR("{\"id\":"), &arena, &out, &err) < 0);
}

static void test_sandbox_record(void **state UNUSED)
{
	struct ip_address ips[2];
	struct runtime_port_mapping ports[] = {{RUNTIME_PROTOCOL_UDP, 53, 5353, {.family = IP_NONE}}};
	struct sandbox_record in = {.id = STR("pod"), .ips = {ips, 2}}, out;
	struct error err = {0};
	struct buf cleanup_buf text;

	assert_int_equal(ip_parse(STR("10.1.2.3"), &ips[0]), 0);
	assert_int_equal(ip_parse(STR("fd00::1"), &ips[1]), 0);
	in.config.port_mappings = ports;
	in.config.port_mappings_len = 1;
	buf_init(&text, MIB);
	sandbox_record_write(&in, &text);
	assert_int_equal(sandbox_record_read(buf_view(&text), &arena, &out, &err), 0);
	assert_int_equal(out.ips.len, 2);
	assert_true(ip_eq(&out.ips.items[1], &ips[1]));
	assert_int_equal(out.config.port_mappings[0].host_port, 5353);
	assert_int_equal(out.config.port_mappings[0].protocol, RUNTIME_PROTOCOL_UDP);
}

static void test_caps(void **state UNUSED)
{
	static const struct {
		bool privileged;
		const char *add, *drop, *has, *has_not;
	} cases[] = {
		{false, NULL, NULL, "CHOWN", "SYS_ADMIN"},
		{false, "SYS_ADMIN", NULL, "SYS_ADMIN", "SYS_BOOT"},
		{false, "CAP_SYS_ADMIN", NULL, "SYS_ADMIN", NULL},
		{false, NULL, "CHOWN", "KILL", "CHOWN"},
		{false, NULL, "ALL", NULL, "KILL"},
		{false, "KILL", "ALL", "KILL", "CHOWN"},
		{false, "ALL", "SYS_ADMIN", "BPF", "SYS_ADMIN"},
		{true, NULL, "ALL", "SYS_ADMIN", NULL},
		{false, "no_such", NULL, "CHOWN", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str add = str_from(cases[i].add), drop = str_from(cases[i].drop);
		uint64_t set = caps_wanted(cases[i].privileged, (struct runtime_strs){&add, cases[i].add != NULL},
					   (struct runtime_strs){&drop, cases[i].drop != NULL});

		if (cases[i].has)
			assert_true(set & (UINT64_C(1) << caps_number(str_from(cases[i].has))));
		if (cases[i].has_not)
			assert_false(set & (UINT64_C(1) << caps_number(str_from(cases[i].has_not))));
	}
}

static bool has_group(const struct user *user, int64_t gid)
{
	SLICE_FOREACH (group, user->groups) {
		if (*group == gid)
			return true;
	}
	return false;
}

/* The image's groups, the primary one and the given ones come in order, each once. */
static void check_group_order(int root)
{
	static const int64_t want[] = {7, 50, 1001, 6000};
	int64_t given[] = {6000, 50, 7, 1001, 6000};
	struct runtime_security_context security = {.supplemental_groups = {given, ARRAY_LEN(given)}};
	struct error err = {0};
	struct user user;

	assert_int_equal(user_resolve(root, &security, STR("guest"), &arena, &user, &err), 0);
	assert_int_equal(user.groups.len, ARRAY_LEN(want));
	assert_memory_equal(user.groups.items, want, sizeof(want));
	/* Strict: 50, of the image's /etc/group, is there only when it was given. */
	security.strict_groups = true;
	security.supplemental_groups.len = 1;
	assert_int_equal(user_resolve(root, &security, STR("guest"), &arena, &user, &err), 0);
	assert_int_equal(user.groups.len, 2);
	assert_int_equal(user.groups.items[0], 1001);
	assert_int_equal(user.groups.items[1], 6000);
}

static void test_users(void **state UNUSED)
{
	static const struct {
		const char *image_user, *username;
		int64_t run_as, run_group; /* -1: not given */
		int64_t uid, gid, group;   /* uid -1: fails */
	} cases[] = {
		{"", "", -1, -1, 0, 0, 50},
		{"guest", "", -1, -1, 1000, 1001, 50},
		{"1000", "", -1, -1, 1000, 1001, 50},
		{"guest:wheel", "", -1, -1, 1000, 50, -1},
		{"guest:7", "", -1, -1, 1000, 7, 50},
		{"root", "", 1000, -1, 1000, 1001, 50},
		{"guest", "", 4242, -1, 4242, 0, -1},
		{"guest", "", -1, 9, 1000, 9, 50},
		{"nobody-here", "", -1, -1, -1, 0, -1},
		{"", "guest", -1, -1, 1000, 1001, 50},
		{"guest:none", "", -1, -1, -1, 0, -1},
	};
	char folder[] = "/tmp/wherry-test-user.XXXXXX";
	cleanup_close int root = -1;

	assert_non_null(mkdtemp(folder));
	root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	assert_int_equal(path_write_atomic(root, "p",
					   STR("\nbroken\n:x:1:1\nroot:x:0:0:r:/:/bin/sh\nguest:x:1000:1001::/:/\n"),
					   0644, false),
			 0);
	assert_int_equal(renameat(root, "p", root, "etc/passwd"), 0);
	assert_int_equal(
		path_write_atomic(root, "g", STR("root:x:0:\nwheel:x:50:root,guest\nguest:x:1001:\n"), 0644, false), 0);
	assert_int_equal(renameat(root, "g", root, "etc/group"), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct runtime_security_context security = {.has_run_as_user = cases[i].run_as >= 0,
							    .run_as_user = cases[i].run_as,
							    .has_run_as_group = cases[i].run_group >= 0,
							    .run_as_group = cases[i].run_group,
							    .run_as_username = str_from(cases[i].username)};
		struct error err = {0};
		struct user user;
		int r = user_resolve(root, &security, str_from(cases[i].image_user), &arena, &user, &err);

		assert_int_equal(r < 0, cases[i].uid < 0);
		if (r < 0)
			continue;
		assert_int_equal(user.uid, cases[i].uid);
		assert_int_equal(user.gid, cases[i].gid);
		assert_int_equal(user.known, user.uid != 4242);
		assert_int_equal(user.groups.len, 1 + (cases[i].group >= 0));
		assert_true(has_group(&user, cases[i].gid));
		if (cases[i].group >= 0)
			assert_true(has_group(&user, cases[i].group));
	}
	check_group_order(root);
	assert_int_equal(path_remove_tree(AT_FDCWD, folder), 0);
}

/* The value at a JSON pointer of the configuration made from @spec, as text. */
static struct str config_value(const struct oci_spec *spec, const char *pointer)
{
	struct error err = {0};
	struct buf cleanup_buf text;
	yyjson_doc *doc;
	yyjson_val *value;
	char *printed;
	struct str result;

	buf_init(&text, MIB);
	assert_int_equal(oci_write_config(spec, &text, &err), 0);
	doc = yyjson_read(text.data, text.len, 0);
	assert_non_null(doc);
	value = yyjson_doc_ptr_get(doc, pointer);
	printed = value ? yyjson_val_write(value, 0, NULL) : NULL;
	result = printed ? arena_str_c(&arena, printed) : STR("absent");
	free(printed);
	yyjson_doc_free(doc);
	return result;
}

static void test_oci(void **state UNUSED)
{
	struct str image_env[] = {STR("PATH=/image"), STR("A=1")}, entrypoint = STR("/entry"), cmd = STR("cmd");
	struct str command = STR("/command"), arg = STR("arg");
	struct runtime_pair env = {STR("A"), STR("2")};
	struct sandbox_record sandbox = {.id = STR("s")};
	struct container_record container = {.id = STR("c"), .cgroup = STR("/g/c")};
	struct image_config image = {
		.env = {image_env, 2}, .entrypoint = {&entrypoint, 1}, .cmd = {&cmd, 1}, .working_dir = STR("/work")};
	struct user user = {.uid = 5, .gid = 6};
	struct oci_spec spec = {.sandbox = &sandbox,
				.container = &container,
				.image = &image,
				.user = &user,
				.run_dir = STR("/run/x"),
				.hostname = STR("web"),
				.bounding = 1U << 0,
				.oom_score_floor = -500};
	struct error err = {0};
	struct buf cleanup_buf text;

	container.config.security.namespaces.pid = RUNTIME_NAMESPACE_CONTAINER;
	assert_str_equal(config_value(&spec, "/process/args"), "[\"/entry\",\"cmd\"]");
	container.config.args = (struct runtime_strs){&arg, 1};
	assert_str_equal(config_value(&spec, "/process/args"), "[\"/entry\",\"arg\"]");
	container.config.command = (struct runtime_strs){&command, 1};
	assert_str_equal(config_value(&spec, "/process/args"), "[\"/command\",\"arg\"]");
	container.config.args.len = 0;
	assert_str_equal(config_value(&spec, "/process/args"), "[\"/command\"]");
	container.config.envs = (struct runtime_pairs){&env, 1};
	assert_str_equal(config_value(&spec, "/process/env"), "[\"PATH=/image\",\"HOSTNAME=web\",\"HOME=/\",\"A=2\"]");
	user.known = true;
	assert_str_equal(config_value(&spec, "/process/env"), "[\"PATH=/image\",\"HOSTNAME=web\",\"A=2\"]");
	assert_str_equal(config_value(&spec, "/process/cwd"), "\"/work\"");
	assert_str_equal(config_value(&spec, "/process/user"), "{\"uid\":5,\"gid\":6}");
	assert_str_equal(config_value(&spec, "/process/capabilities/effective"), "[\"CAP_CHOWN\"]");
	assert_str_equal(config_value(&spec, "/linux/namespaces/2"), "{\"type\":\"network\",\"path\":\"/run/x/net\"}");
	assert_str_equal(config_value(&spec, "/linux/seccomp"), "absent");
	spec.seccomp_profile = oci_default_seccomp();
	assert_str_equal(config_value(&spec, "/linux/seccomp/defaultAction"), "\"SCMP_ACT_ALLOW\"");
	container.config.security.privileged = true;
	assert_str_equal(config_value(&spec, "/linux/seccomp"), "absent");
	assert_str_equal(config_value(&spec, "/linux/maskedPaths"), "absent");
	container.config.resources.oom_score_adj = -997;
	assert_str_equal(config_value(&spec, "/process/oomScoreAdj"), "-500");
	container.config.resources.oom_score_adj = 900;
	assert_str_equal(config_value(&spec, "/process/oomScoreAdj"), "900");
	container.config.command.len = 0;
	image.entrypoint.len = image.cmd.len = 0;
	buf_init(&text, MIB);
	assert_int_equal(oci_write_config(&spec, &text, &err), -ERR_INVALID);
}

static void test_wire(void **state UNUSED)
{
	char *buffer = xmalloc(LIMIT_SHIM_MESSAGE);
	struct wire_message message;
	int pair[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct buf cleanup_buf out;
	struct str value;
	uint16_t tag;
	size_t at = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	buf_init(&out, LIMIT_SHIM_MESSAGE);
	wire_begin(&out, SHIM_START);
	wire_put_str(&out, SHIM_TAG_ARGV, STR("one"));
	wire_put_str(&out, (enum shim_tag)999, STR("of a later release"));
	wire_put_str(&out, SHIM_TAG_ARGV, STR(""));
	wire_put_int(&out, SHIM_TAG_PID, -5);
	assert_int_equal(wire_send(pair[0], &out, &null, 1), 0);
	assert_int_equal(wire_receive(pair[1], buffer, LIMIT_SHIM_MESSAGE, &message), 0);
	assert_int_equal(message.type, SHIM_START);
	assert_int_equal(message.version, SHIM_VERSION);
	assert_int_equal(message.fds_len, 1);
	wire_close_fds(&message);
	assert_str_equal(wire_get_str(&message, SHIM_TAG_ARGV), "one");
	assert_int_equal(wire_get_int(&message, SHIM_TAG_PID, 0), -5);
	assert_int_equal(wire_get_int(&message, SHIM_TAG_CODE, 42), 42);
	assert_null(wire_get_str(&message, SHIM_TAG_TEXT).data);
	for (int fields = 0; wire_next(message.fields, &at, &tag, &value); fields++)
		assert_true(fields < 4);
	/* Lengths that lie. */
	out.data[12] = '\x7f';
	out.data[13] = '\x7f';
	assert_int_equal(wire_send(pair[0], &out, NULL, 0), 0);
	assert_int_equal(wire_receive(pair[1], buffer, LIMIT_SHIM_MESSAGE, &message), 0);
	at = 0;
	assert_false(wire_next(message.fields, &at, &tag, &value));
	assert_int_equal(write(pair[0], "\x09\0\0\0\x01\0\x10\0", 8), 8);
	assert_int_equal(wire_receive(pair[1], buffer, LIMIT_SHIM_MESSAGE, &message), -EPROTO);
	assert_int_equal(write(pair[0], "x", 1), 1);
	assert_int_equal(wire_receive(pair[1], buffer, LIMIT_SHIM_MESSAGE, &message), -EPROTO);
	close_fd(pair[0]);
	assert_int_equal(wire_receive(pair[1], buffer, LIMIT_SHIM_MESSAGE, &message), -EPIPE);
	close_fd(pair[1]);
	close_fd(null);
	free(buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_record, teardown),
		cmocka_unit_test_teardown(test_sandbox_record, teardown),
		cmocka_unit_test(test_caps),
		cmocka_unit_test_teardown(test_users, teardown),
		cmocka_unit_test_teardown(test_oci, teardown),
		cmocka_unit_test(test_wire),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
