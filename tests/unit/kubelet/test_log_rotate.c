/* Logs of containers kept within bounds: names, compression, what is removed, and turns that were cut short or fail. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <zlib.h>

#include "base/clock.h"
#include "kubelet/log_rotate.h"
#include "sys/path.h"

#define NOW   (INT64_C(1767323045) * NS_PER_SEC) /* 2026-01-02 03:04:05 */
#define STAMP "20260102-0304"

static char folder[64], path[96];
static int folder_fd = -1;
static struct arena arena;
static unsigned reopened;
static bool reopen_fails;

static int setup(void **state UNUSED)
{
	snprintf(folder, sizeof(folder), "/tmp/wherry-test-rotate.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/0.log", folder);
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	reopened = 0;
	reopen_fails = false;
	return folder_fd < 0 ? -1 : 0;
}

static int teardown(void **state UNUSED)
{
	close_fd(folder_fd);
	arena_release(&arena);
	return path_remove_tree(AT_FDCWD, folder);
}

static void put(const char *name, const char *text)
{
	assert_int_equal(path_write_atomic(folder_fd, name, str_from(text), 0640, false), 0);
}

/* A container's side: a new, empty file. */
static int reopen(void *cookie UNUSED, struct error *err)
{
	reopened++;
	if (reopen_fails)
		return error_set(err, ERR_CLOSED, "the shim is gone");
	put("0.log", "");
	return 0;
}

static int rotate(int64_t max_size, int64_t max_files, int64_t seconds, struct error *err)
{
	const struct log_policy policy = {max_size, max_files};

	return log_rotate(&policy, str_from(path), NOW + seconds * NS_PER_SEC, reopen, NULL, err);
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The names in the folder, sorted, with spaces between. */
static void expect_files(const char *want)
{
	DIR *stream = opendir(folder);
	VEC_OF(struct str) names = {0};
	struct str all = STR_EMPTY;
	struct dirent *entry;

	assert_non_null(stream);
	while ((entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			vec_push(&arena, &names, arena_str_c(&arena, entry->d_name));
	closedir(stream);
	if (names.len)
		qsort(names.items, names.len, sizeof(struct str), by_text);
	for (size_t i = 0; i < names.len; i++)
		all = arena_printf(&arena, STR_FMT "%s" STR_FMT, STR_ARG(all), i ? " " : "", STR_ARG(names.items[i]));
	assert_string_equal(str_c(all), want);
}

/* The file's text, through zlib, which passes over what is not compressed. */
static void expect_text(const char *name, const char *want)
{
	gzFile file = gzopen(str_c(arena_printf(&arena, "%s/%s", folder, name)), "rb");
	char text[256];
	int n;

	assert_non_null(file);
	n = gzread(file, text, sizeof(text) - 1);
	assert_int_equal(gzclose(file), Z_OK);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, want);
}

static void one_after_the_other(void **state UNUSED)
{
	static const char *const files[] = {
		"0.log 0.log." STAMP "05",
		"0.log 0.log." STAMP "05.gz 0.log." STAMP "06",
		"0.log 0.log." STAMP "05.gz 0.log." STAMP "06.gz 0.log." STAMP "07",
		"0.log 0.log." STAMP "06.gz 0.log." STAMP "07.gz 0.log." STAMP "08",
	};
	struct error err = {0};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		put("0.log", str_c(arena_printf(&arena, "text %zu\n", i)));
		assert_int_equal(rotate(7, 4, (int64_t)i, &err), 0);
		assert_int_equal(reopened, i + 1);
		expect_files(files[i]);
	}
	expect_text("0.log." STAMP "06.gz", "text 1\n");
	expect_text("0.log." STAMP "08", "text 3\n");
	assert_int_equal(log_remove(str_from(path), &err), 0);
	expect_files("");
}

static void two_files_at_most(void **state UNUSED)
{
	struct error err = {0};

	put("0.log", "a\n");
	put("0.log." STAMP "01", "b\n");
	put("0.log." STAMP "02.gz", "c\n");
	assert_int_equal(rotate(1, 2, 0, &err), 0);
	expect_files("0.log 0.log." STAMP "05");
}

static void what_is_left_alone(void **state UNUSED)
{
	struct error err = {0};

	put("0.log", "123456\n");
	put("10.log." STAMP "01", "another container's\n");
	assert_int_equal(rotate(8, 2, 0, &err), 0);
	assert_int_equal(rotate(-1, 2, 0, &err), 0);
	assert_int_equal(reopened, 0);
	assert_int_equal(rotate(7, 2, 0, &err), 0);
	assert_int_equal(log_remove(str_from(path), &err), 0);
	expect_files("10.log." STAMP "01");
	/* Taken away by someone else: made anew. */
	assert_int_equal(rotate(7, 2, 0, &err), 0);
	expect_files("0.log 10.log." STAMP "01");
}

static void turns_cut_short(void **state UNUSED)
{
	struct error err = {0};

	put("0.log", "now\n");
	put("0.log." STAMP "01", "compressed, not yet removed\n");
	put("0.log." STAMP "01.gz", "whole\n");
	put("0.log." STAMP "02.tmp", "half");
	put("0.log." STAMP "02", "second\n");
	assert_int_equal(rotate(1, 9, 0, &err), 0);
	expect_files("0.log 0.log." STAMP "01.gz 0.log." STAMP "02.gz 0.log." STAMP "05");
	expect_text("0.log." STAMP "01.gz", "whole\n");
	expect_text("0.log." STAMP "02.gz", "second\n");
}

static void the_container_goes_on_with_its_file_when_it_cannot_reopen(void **state UNUSED)
{
	struct error err = {0};

	put("0.log", "text\n");
	reopen_fails = true;
	assert_true(rotate(1, 3, 0, &err) < 0);
	assert_non_null(strstr(err.message, "the shim is gone"));
	expect_files("0.log");
	expect_text("0.log", "text\n");
}

static void a_name_that_is_taken(void **state UNUSED)
{
	struct error err = {0};

	put("0.log", "text\n");
	put("0.log." STAMP "02", "old\n");
	assert_int_equal(path_make_dirs(folder_fd, "0.log." STAMP "02.tmp/x", 0755), 0);
	assert_true(rotate(1, 9, 0, &err) < 0);
	assert_int_equal(reopened, 0);
	expect_text("0.log", "text\n");
	expect_text("0.log." STAMP "02", "old\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_after_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(two_files_at_most, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(turns_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(the_container_goes_on_with_its_file_when_it_cannot_reopen, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_name_that_is_taken, setup, teardown),
	};

	return cmocka_run_group_tests_name("log_rotate", tests, NULL, NULL);
}
