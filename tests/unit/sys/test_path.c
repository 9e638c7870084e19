/* Walks that must stay under a directory, trees removed, files replaced at once. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>

#include "sys/path.h"

static char folder[64];
static int folder_fd = -1;

static int setup(void **state UNUSED)
{
	snprintf(folder, sizeof(folder), "/tmp/wherry-test-path.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder_fd < 0 ? -1 : 0;
}

static int teardown(void **state UNUSED)
{
	close_fd(folder_fd);
	return path_remove_tree(AT_FDCWD, folder);
}

static void test_walks_stay_inside(void **state UNUSED)
{
	static const struct {
		const char *path;
		int beneath, in_root; /* expected errno, or 0 */
	} cases[] = {
		{"a/b/file", 0, 0},	   {"../outside", EXDEV, ENOENT},    {"a/../../outside", EXDEV, ENOENT},
		{"/a/b/file", EXDEV, 0},   {"escape/passwd", EXDEV, ENOENT}, {"absolute/b/file", EXDEV, 0},
		{"relative/b/file", 0, 0}, {"loop", ELOOP, ELOOP},
	};

	assert_int_equal(path_make_dirs(folder_fd, "a/b", 0755), 0);
	assert_int_equal(path_write_atomic(folder_fd, "x", STR("1"), 0644, true), 0);
	assert_int_equal(renameat(folder_fd, "x", folder_fd, "a/b/file"), 0);
	assert_int_equal(symlinkat("../../../etc", folder_fd, "escape"), 0);
	assert_int_equal(symlinkat("/a", folder_fd, "absolute"), 0);
	assert_int_equal(symlinkat("a", folder_fd, "relative"), 0);
	assert_int_equal(symlinkat("loop", folder_fd, "loop"), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = path_open_beneath(folder_fd, cases[i].path, O_RDONLY, 0);

		assert_int_equal(fd < 0 ? -fd : 0, cases[i].beneath);
		close_fd(fd);
		fd = path_open_in_root(folder_fd, cases[i].path, O_RDONLY, 0);
		assert_int_equal(fd < 0 ? -fd : 0, cases[i].in_root);
		close_fd(fd);
	}
}

static void test_make_dirs_in_root(void **state UNUSED)
{
	struct stat st;
	int fd;

	assert_int_equal(symlinkat("/target", folder_fd, "link"), 0);
	assert_int_equal(mkdirat(folder_fd, "target", 0755), 0);
	fd = path_make_dirs_in_root(folder_fd, "link/one/../two/./three", 0755);
	assert_true(fd >= 0);
	close_fd(fd);
	assert_int_equal(fstatat(folder_fd, "target/two/three", &st, 0), 0);
	fd = path_make_dirs_in_root(folder_fd, "../../up", 0755);
	assert_true(fd >= 0);
	close_fd(fd);
	assert_int_equal(fstatat(folder_fd, "up", &st, 0), 0);
}

static void test_write_atomic(void **state UNUSED)
{
	char text[16];

	assert_int_equal(path_write_atomic(folder_fd, "f", STR("a longer one"), 0600, false), 0);
	assert_int_equal(path_write_atomic(folder_fd, "f", STR("short"), 0600, false), 0);
	assert_int_equal(path_read_small(folder_fd, "f", text, sizeof(text)), 5);
	assert_string_equal(text, "short");
	assert_int_equal(path_write_atomic(folder_fd, "missing/f", STR(""), 0600, false), -ENOENT);
}

static void test_remove_tree(void **state UNUSED)
{
	struct stat st;

	assert_int_equal(path_make_dirs(folder_fd, "keep", 0755), 0);
	assert_int_equal(path_make_dirs(folder_fd, "tree/a/b/c", 0755), 0);
	assert_int_equal(symlinkat("../keep", folder_fd, "tree/link"), 0);
	assert_int_equal(path_remove_tree(folder_fd, "tree"), 0);
	assert_int_equal(fstatat(folder_fd, "tree", &st, 0), -1);
	assert_int_equal(fstatat(folder_fd, "keep", &st, 0), 0);
	assert_int_equal(path_remove_tree(folder_fd, "tree"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_walks_stay_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_make_dirs_in_root, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_atomic, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_tree, setup, teardown),
	};

	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
