/* Volumes on disk: the atomic writer, parts that must not lead out, types of node paths, all of a pod. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "kubelet/subpath.h"
#include "kubelet/tokens.h"
#include "kubelet/volumes.h"
#include "kubelet/volumes/ownership.h"
#include "kubelet/volumes/payload.h"
#include "node.h"
#include "sys/path.h"
#include "types/gen/core_v1.h"

#define NOW (INT64_C(1790000000) * NS_PER_SEC + 7)

static struct test_node node;

static int setup(void **state UNUSED)
{
	test_node_init(&node);
	return 0;
}

static int teardown(void **state UNUSED)
{
	test_node_release(&node);
	return 0;
}

static struct str at(const char *name)
{
	return arena_printf(&node.arena, "%s/%s", node.folder, name);
}

static void assert_file(const char *name, const char *content, mode_t mode)
{
	char text[256];
	struct stat info;

	assert_true(path_read_small(AT_FDCWD, str_c(at(name)), text, sizeof(text)) >= 0);
	assert_string_equal(text, content);
	assert_int_equal(stat(str_c(at(name)), &info), 0);
	assert_int_equal(info.st_mode & 07777, mode);
}

static struct str link_of(const char *name)
{
	char text[256];
	ssize_t len = readlink(str_c(at(name)), text, sizeof(text));

	return len < 0 ? STR_EMPTY : arena_str(&node.arena, (struct str){text, (size_t)len});
}

static unsigned entries(const char *name)
{
	DIR *dir = opendir(str_c(at(name)));
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static void write_payload(struct payload *payload, int64_t now)
{
	struct error err = {0};

	if (payload_write(payload, at("v"), NULL, now, &err) < 0)
		fail_msg("%s", err.message);
}

static void test_writes_at_once(void **state UNUSED)
{
	struct payload payload = {.arena = &node.arena}, next = {.arena = &node.arena}, empty = {.arena = &node.arena};
	struct str first;

	assert_int_equal(mkdir(str_c(at("v")), 0755), 0);
	payload_set(&payload, STR("a"), STR("old"), 0644);
	payload_set(&payload, STR("a"), STR("1"), 0644);
	payload_set(&payload, STR("sub/b"), STR("line\nnext"), 0600);
	write_payload(&payload, NOW);
	assert_file("v/a", "1", 0644);
	assert_file("v/sub/b", "line\nnext", 0600);
	assert_str_equal(link_of("v/a"), "..data/a");
	assert_str_equal(link_of("v/..data"), "..2026_09_21_14_13_20.000000007");
	assert_int_equal(entries("v"), 4);

	/* Nothing changed: the version stays. */
	first = link_of("v/..data");
	write_payload(&payload, NOW + NS_PER_SEC);
	assert_true(str_eq(link_of("v/..data"), first));

	payload_set(&next, STR("a"), STR("22"), 0644);
	payload_set(&next, STR("c"), STR(""), 0644);
	write_payload(&next, NOW); /* the name is taken: another is found */
	assert_file("v/a", "22", 0644);
	assert_file("v/c", "", 0644);
	assert_int_equal(access(str_c(at("v/sub")), F_OK), -1);
	assert_int_equal(entries("v"), 4);

	write_payload(&empty, NOW + 3);
	assert_int_equal(entries("v"), 2);
}

static void test_puts_a_broken_update_right(void **state UNUSED)
{
	struct payload payload = {.arena = &node.arena};

	assert_int_equal(mkdir(str_c(at("v")), 0755), 0);
	payload_set(&payload, STR("a"), STR("1"), 0644);
	write_payload(&payload, NOW);
	/* As a writer leaves it that was killed in the middle. */
	assert_int_equal(mkdir(str_c(at("v/..2020_01_01_00_00_00.1")), 0755), 0);
	assert_int_equal(symlink("..2020_01_01_00_00_00.1", str_c(at("v/..data_tmp"))), 0);
	assert_int_equal(unlink(str_c(at("v/a"))), 0);
	payload_set(&payload, STR("b"), STR("2"), 0644);
	write_payload(&payload, NOW + 1);
	assert_file("v/a", "1", 0644);
	assert_file("v/b", "2", 0644);
	assert_int_equal(entries("v"), 4);
}

static void test_refuses_paths(void **state UNUSED)
{
	static const char *const paths[] = {"", "/a", "..", "../a", "a/../b", "..a", "a/.."};

	assert_int_equal(mkdir(str_c(at("v")), 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct payload payload = {.arena = &node.arena};
		struct error err = {0};

		payload_set(&payload, str_from(paths[i]), STR("x"), 0644);
		assert_int_equal(payload_write(&payload, at("v"), NULL, NOW, &err), -ERR_INVALID);
		assert_int_equal(entries("v"), 0);
	}
}

static void test_group(void **state UNUSED)
{
	struct payload payload = {.arena = &node.arena};
	int64_t group = 2345;
	struct error err = {0};
	struct stat info;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(str_c(at("v")), 0755), 0);
	assert_int_equal(mkdir(str_c(at("out")), 0700), 0);
	assert_int_equal(symlink("../out", str_c(at("v/link"))), 0);
	payload_set(&payload, STR("a"), STR("1"), 0400);
	assert_int_equal(payload_write(&payload, at("v"), &group, NOW, &err), 0);
	assert_file("v/a", "1", 0440);
	assert_int_equal(stat(str_c(at("v/a")), &info), 0);
	assert_int_equal(info.st_gid, 2345);
	assert_int_equal(stat(str_c(at("out")), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0700);
	assert_int_not_equal(info.st_gid, 2345);
}

static void test_parts_stay_inside(void **state UNUSED)
{
	static const struct {
		const char *path;
		int expected; /* errno, or 0 */
		const char *made;
	} cases[] = {
		{"a", 0, NULL},
		{"new/deep", 0, "v/new/deep"},
		{"out", EXDEV, NULL},
		{"out/x", EXDEV, NULL},
		{"absolute", EXDEV, NULL},
		{"in", 0, NULL},
		{"dangling", EEXIST, NULL},
		{"file/x", ENOTDIR, NULL},
		{"loop", ELOOP, NULL},
	};
	static const char *const bad[] = {"/a", "..", "../x", "a/../../x", "a/.."};
	struct stat info;

	assert_int_equal(path_make_dirs(AT_FDCWD, str_c(at("v/a")), 0755), 0);
	assert_int_equal(chmod(str_c(at("v")), 0777), 0);
	assert_int_equal(mkdir(str_c(at("secret")), 0700), 0);
	assert_int_equal(symlink("../secret", str_c(at("v/out"))), 0);
	assert_int_equal(symlink("/etc", str_c(at("v/absolute"))), 0);
	assert_int_equal(symlink("a", str_c(at("v/in"))), 0);
	assert_int_equal(symlink("nothing", str_c(at("v/dangling"))), 0);
	assert_int_equal(symlink("loop", str_c(at("v/loop"))), 0);
	close_fd(open(str_c(at("v/file")), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = subpath_open(at("v"), str_from(cases[i].path), &node.arena);

		assert_int_equal(fd < 0 ? -fd : 0, cases[i].expected);
		if (fd >= 0)
			close_fd(fd);
		if (!cases[i].made)
			continue;
		assert_int_equal(stat(str_c(at(cases[i].made)), &info), 0);
		assert_int_equal(info.st_mode & 07777, 0777);
	}
	assert_int_equal(entries("secret"), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = {0};

		assert_int_equal(subpath_check(str_from(bad[i]), &err), -ERR_INVALID);
	}
}

static int set_up(const char *volumes, struct mounted_volumes *ret, struct error *err)
{
	struct str json = arena_printf(&node.arena,
				       "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":"
				       "{\"volumes\":%s}}",
				       volumes);

	return volumes_set_up(&node.context, test_node_pod(&node, str_c(json)), &node.arena, ret, err);
}

static void test_node_paths_have_types(void **state UNUSED)
{
	static const struct {
		const char *name, *type;
		const char *words; /* NULL: it can be had */
	} cases[] = {
		{"dir", "Directory", NULL},
		{"file", "File", NULL},
		{"new/dir", "DirectoryOrCreate", NULL},
		{"new/file", "FileOrCreate", NULL},
		{"any", "", NULL},
		{"none", "Directory", "directory"},
		{"file", "DirectoryOrCreate", "directory"},
		{"dir", "FileOrCreate", "file"},
		{"none", "File", "file"},
		{"file", "Socket", "socket file"},
		{"file", "CharDevice", "character device"},
		{"file", "BlockDevice", "block device"},
	};

	assert_int_equal(mkdir(str_c(at("dir")), 0755), 0);
	close_fd(open(str_c(at("file")), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str json = arena_printf(
			&node.arena, "[{\"name\":\"v\",\"hostPath\":{\"path\":\"" STR_FMT "\",\"type\":\"%s\"}}]",
			STR_ARG(at(cases[i].name)), cases[i].type);
		struct mounted_volumes mounted;
		struct error err = {0};
		int result = set_up(str_c(json), &mounted, &err);
		char words[512];

		if (!cases[i].words) {
			assert_int_equal(result, 0);
			assert_str_equal(mounted.items[0].host_path, str_c(at(cases[i].name)));
			continue;
		}
		snprintf(words, sizeof(words),
			 "MountVolume.SetUp failed for volume \"v\" : hostPath type check failed: %s is not a %s",
			 str_c(at(cases[i].name)), cases[i].words);
		assert_string_equal(err.message, words);
	}
}

static void test_a_pod_of_volumes(void **state UNUSED)
{
	static const char volumes[] =
		"[{\"name\":\"e\",\"emptyDir\":{}},{\"name\":\"m\",\"configMap\":{\"name\":\"m\",\"items\":"
		"[{\"key\":\"k\",\"path\":\"x/y\",\"mode\":384}]}}]";
	struct mounted_volumes mounted;
	struct error err = {0};
	struct stat info;

	assert_true(set_up(volumes, &mounted, &err) < 0);
	assert_string_equal(err.message, "MountVolume.SetUp failed for volume \"m\" : configmap \"m\" not found");
	error_clear(&err);
	test_node_has(&node, &schema_core_v1_config_map,
		      "{\"metadata\":{\"name\":\"m\",\"namespace\":\"n\"},\"data\":{\"k\":\"1\"}}");
	assert_int_equal(set_up(volumes, &mounted, &err), 0);
	assert_int_equal(mounted.len, 2);
	assert_false(mounted.items[0].read_only);
	assert_true(mounted.items[1].read_only);
	assert_int_equal(stat(str_c(mounted.items[0].host_path), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0777);
	assert_file("pods/u/volumes/kubernetes.io~configmap/m/x/y", "1", 0600);
	close_fd(
		open(str_c(at("pods/u/volumes/kubernetes.io~empty-dir/e/kept")), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));

	/* Once more: what changed is shown, what is there stays. */
	test_node_has(&node, &schema_core_v1_config_map,
		      "{\"metadata\":{\"name\":\"m\",\"namespace\":\"n\"},\"data\":{\"k\":\"2\"}}");
	assert_int_equal(set_up(volumes, &mounted, &err), 0);
	assert_file("pods/u/volumes/kubernetes.io~configmap/m/x/y", "2", 0600);
	assert_file("pods/u/volumes/kubernetes.io~empty-dir/e/kept", "", 0600);

	assert_int_equal(volumes_tear_down(&node.context, STR("u"), &err), 0);
	assert_int_equal(access(str_c(at("pods/u")), F_OK), -1);
	assert_int_equal(volumes_tear_down(&node.context, STR("u"), &err), 0);
	assert_int_equal(volumes_tear_down(&node.context, STR("../pods"), &err), -ERR_INVALID);
}

static void test_tokens_are_kept(void **state UNUSED)
{
	const struct core_v1_pod *pod =
		test_node_pod(&node, "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":"
				     "{\"serviceAccountName\":\"default\"}}");
	struct token_request request = {.pod = pod, .audience = STR("vault"), .seconds = 3600};
	int64_t now = clock_wall_ns(), refresh_at;
	struct error err = {0};
	struct str token;

	assert_int_equal(token_get(&node.context, &request, now, &node.arena, &token, &refresh_at, &err), 0);
	assert_str_equal(token, "token-1");
	assert_in_range((refresh_at - now) / NS_PER_SEC, 2870, 2890);
	assert_int_equal(token_get(&node.context, &request, refresh_at - 1, &node.arena, &token, &refresh_at, &err), 0);
	assert_str_equal(token, "token-1");
	/* Due, but the API is away: the old one serves to its end. */
	node.unreachable = true;
	assert_int_equal(token_get(&node.context, &request, refresh_at, &node.arena, &token, &refresh_at, &err), 0);
	assert_str_equal(token, "token-1");
	assert_true(token_get(&node.context, &request, now + 3700 * NS_PER_SEC, &node.arena, &token, &refresh_at,
			      &err) < 0);
	assert_string_equal(err.message, "failed to fetch token: unreachable");
	error_clear(&err);
	node.unreachable = false;
	tokens_forget(node.context.tokens, STR("u"));
	assert_int_equal(token_get(&node.context, &request, now, &node.arena, &token, &refresh_at, &err), 0);
	assert_str_equal(token, "token-2");
	assert_int_equal(token_refresh_at(0, INT64_C(100) * 24 * 3600 * NS_PER_SEC), INT64_C(24) * 3600 * NS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_writes_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_puts_a_broken_update_right, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts_stay_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_node_paths_have_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_pod_of_volumes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tokens_are_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
