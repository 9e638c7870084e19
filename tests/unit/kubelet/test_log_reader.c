/* Container logs read back: tails, limits, times, parts of lines, growth and rotation. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "kubelet/log_reader.h"

#define T1    "2026-01-02T03:04:05.100000000Z "
#define T2    "2026-01-02T03:04:06.2Z "
#define T3    "2026-01-02T03:04:07+01:00 "
#define S2    1767323046 /* of T2 */
#define THREE T1 "stdout F one\n" T1 "stderr F two\n" T2 "stdout F three\n"

static char folder[] = "/tmp/wherry-log-XXXXXX", path[64], rotated[64];

static void put_at(const char *file, const char *text, int flags)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void put(const char *text, int flags)
{
	put_at(path, text, flags);
}

static enum log_read read_on(struct log_reader *reader, struct buf *out)
{
	struct error err = {0};
	enum log_read result;

	do
		assert_int_equal(log_reader_read(reader, 5, out, &result, &err), 0);
	while (result == LOG_READ_MORE);
	return result;
}

static struct log_reader *open_log(const struct log_options *options)
{
	struct error err = {0};
	struct log_reader *reader;

	assert_int_equal(log_reader_open(str_from(path), options, &reader, &err), 0);
	return reader;
}

static const struct {
	const char *what, *file;
	int64_t tail, limit, since;
	bool timestamps;
	const char *out;
} cases[] = {
	{"all", THREE, -1, -1, 0, false, "one\ntwo\nthree\n"},
	{"an empty file", "", -1, -1, 0, false, ""},
	{"no line of the end", THREE, 0, -1, 0, false, ""},
	{"two lines of the end", THREE, 2, -1, 0, false, "two\nthree\n"},
	{"more lines than there are", THREE, 9, -1, 0, false, "one\ntwo\nthree\n"},
	{"a tail of an empty file", "", 3, -1, 0, false, ""},
	{"some bytes", THREE, -1, 6, 0, false, "one\ntw"},
	{"one byte", THREE, -1, 1, 0, false, "o"},
	{"some bytes of a tail", THREE, 2, 5, 0, false, "two\nt"},
	{"since a time", THREE, -1, -1, S2 *INT64_C(1000000000), false, "three\n"},
	{"since a time in a second", THREE, -1, -1, S2 *INT64_C(1000000000) + 200000001, false, ""},
	{"since too late", THREE, -1, -1, INT64_MAX, false, ""},
	{"times", THREE, 2, -1, 0, true, "2026-01-02T03:04:05.100000000Z two\n2026-01-02T03:04:06.200000000Z three\n"},
	{"a time of another zone", T3 "stdout F x\n", -1, -1, 0, true, "2026-01-02T03:04:07.000000000+01:00 x\n"},
	{"parts are one line", T1 "stdout P ab\n" T1 "stdout P cd\n" T2 "stdout F ef\n" T2 "stdout F g\n", -1, -1, 0,
	 false, "abcdef\ng\n"},
	{"a line in parts has one time", T1 "stdout P ab\n" T2 "stdout F cd\n" T2 "stdout F e\n", -1, -1, 0, true,
	 "2026-01-02T03:04:05.100000000Z abcd\n2026-01-02T03:04:06.200000000Z e\n"},
	{"a last line that is a part", T1 "stdout F a\n" T1 "stdout P end\n", 1, -1, 0, false, "end"},
	{"a last line without its end", T1 "stdout F a\n" T1 "stdout F en", -1, -1, 0, false, "a\nen"},
	{"empty lines", T1 "stdout F \n" T1 "stdout F \n" T1 "stdout F x\n", -1, -1, 0, false, "\n\nx\n"},
	{"more tags", T1 "stdout F:x:y a\n" T1 "stdout P:z b\n", -1, -1, 0, false, "a\nb"},
	{"lines that are none", "nonsense\n" T1 "stdin F a\n" T1 "stdout\nx stdout F a\n" T1 "stdout F ok\n", -1, -1, 0,
	 false, "ok\n"},
};

static void test_cases(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct log_options options = {.tail = cases[i].tail,
						    .limit = cases[i].limit,
						    .since = cases[i].since,
						    .timestamps = cases[i].timestamps};
		struct log_reader *reader;
		struct buf cleanup_buf out;

		buf_init(&out, MIB);
		put(cases[i].file, O_TRUNC);
		reader = open_log(&options);
		assert_int_equal(read_on(reader, &out), LOG_READ_END);
		log_reader_free(reader);
		if (!str_eq_c(buf_view(&out), cases[i].out))
			fail_msg("%s: \"%s\"", cases[i].what, out.data);
	}
}

static void test_follow(void **state UNUSED)
{
	static const struct log_options options = {.follow = true, .tail = 1, .limit = -1};
	struct buf cleanup_buf out;
	struct log_reader *reader;

	buf_init(&out, MIB);
	put(THREE, O_TRUNC);
	reader = open_log(&options);
	assert_int_equal(read_on(reader, &out), LOG_READ_WAIT);
	assert_str_equal(buf_view(&out), "three\n");
	/* A line comes in two writes, and is there when it is whole. */
	put(T2 "stdout F fo", O_APPEND);
	assert_int_equal(read_on(reader, &out), LOG_READ_WAIT);
	assert_str_equal(buf_view(&out), "three\n");
	put("ur\n", O_APPEND);
	assert_int_equal(read_on(reader, &out), LOG_READ_WAIT);
	assert_str_equal(buf_view(&out), "three\nfour\n");
	/* Rotation: what the old file still gets is read, then the new one from its beginning. */
	put(T2 "stdout F five\n", O_APPEND);
	assert_int_equal(rename(path, rotated), 0);
	assert_int_equal(read_on(reader, &out), LOG_READ_WAIT);
	put_at(rotated, T2 "stdout F late\n", O_APPEND);
	put(T2 "stdout F six\n", O_EXCL);
	assert_int_equal(read_on(reader, &out), LOG_READ_WAIT);
	assert_str_equal(buf_view(&out), "three\nfour\nfive\nlate\nsix\n");
	put(T2 "stdout F seven\n" T2 "stdout P 8", O_APPEND);
	log_reader_finish(reader);
	assert_int_equal(read_on(reader, &out), LOG_READ_END);
	assert_str_equal(buf_view(&out), "three\nfour\nfive\nlate\nsix\nseven\n8");
	assert_int_equal(read_on(reader, &out), LOG_READ_END);
	log_reader_free(reader);
	unlink(rotated);
}

static void rotate(const char *to)
{
	char name[96];

	snprintf(name, sizeof(name), "%s.%s", path, to);
	assert_int_equal(rename(path, name), 0);
}

static void drop(const char *to)
{
	char name[96];

	snprintf(name, sizeof(name), "%s.%s", path, to);
	assert_int_equal(unlink(name), 0);
}

/* A follower behind reads the file that was rotated away last too; older ones are compressed and passed over. */
static void test_behind(void **state UNUSED)
{
	static const struct log_options options = {.follow = true, .tail = -1, .limit = -1};
	struct buf cleanup_buf out;
	struct log_reader *reader;
	char compressed[96];

	snprintf(compressed, sizeof(compressed), "%s.20260102-030405.gz", path);
	buf_init(&out, MIB);
	put(T1 "stdout F one\n", O_TRUNC);
	reader = open_log(&options);
	assert_int_equal(read_on(reader, &out), LOG_READ_WAIT);
	put(T1 "stdout F late\n", O_APPEND);
	rotate("20260102-030405");
	put(T1 "stdout F two\n", O_EXCL);
	rotate("20260102-030406");
	put(T1 "stdout F three\n", O_EXCL);
	drop("20260102-030405"); /* as compressing does */
	put_at(compressed, "compressed", O_TRUNC);
	assert_int_equal(read_on(reader, &out), LOG_READ_WAIT);
	assert_str_equal(buf_view(&out), "one\nlate\ntwo\nthree\n");
	for (int i = 7; i < 10; i++) {
		char time[] = "20260102-030400";

		time[14] = (char)('0' + i);
		rotate(time);
		put(i == 9 ? T2 "stdout F six\n" : i == 8 ? T2 "stdout F five\n" : T2 "stdout F four\n", O_EXCL);
	}
	drop("20260102-030406");
	drop("20260102-030407");
	drop("20260102-030408");
	log_reader_finish(reader);
	assert_int_equal(read_on(reader, &out), LOG_READ_END);
	assert_str_equal(buf_view(&out), "one\nlate\ntwo\nthree\nfive\nsix\n");
	drop("20260102-030409");
	unlink(compressed);
	log_reader_free(reader);
}

/* A tail that begins in another block than the file's end, and lines longer than a block. */
static void test_long(void **state UNUSED)
{
	static const struct log_options options = {.tail = 2, .limit = -1};
	struct buf cleanup_buf file, cleanup_buf want, cleanup_buf out;
	struct log_reader *reader;

	buf_init(&file, MIB);
	buf_init(&want, MIB);
	buf_init(&out, MIB);
	for (int i = 0; i < 3; i++) {
		buf_c(&file, T1 "stdout F ");
		for (int j = 0; j < 40000; j++) {
			buf_char(&file, (char)('a' + i));
			if (i)
				buf_char(&want, (char)('a' + i));
		}
		buf_char(&file, '\n');
		if (i)
			buf_char(&want, '\n');
	}
	put(file.data, O_TRUNC);
	reader = open_log(&options);
	assert_int_equal(read_on(reader, &out), LOG_READ_END);
	assert_true(str_eq(buf_view(&out), buf_view(&want)));
	log_reader_free(reader);
}

/* A file that is no log is not read into memory whole. */
static void test_no_log(void **state UNUSED)
{
	static const struct log_options options = {.tail = -1, .limit = -1};
	struct buf cleanup_buf file, cleanup_buf out;
	struct error err = {0};
	struct log_reader *reader;
	enum log_read result;

	buf_init(&file, MIB);
	buf_init(&out, MIB);
	while (file.len <= LIMIT_LOG_RAW_LINE)
		buf_char(&file, 'x');
	put(file.data, O_TRUNC);
	reader = open_log(&options);
	assert_true(log_reader_read(reader, MIB, &out, &result, &err) < 0);
	log_reader_free(reader);
	error_clear(&err);
	assert_true(log_reader_open(STR("/nonexistent/0.log"), &options, &reader, &err) < 0);
}

static int setup(void **state UNUSED)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/0.log", folder);
	snprintf(rotated, sizeof(rotated), "%s/0.log.1", folder);
	return 0;
}

static int teardown(void **state UNUSED)
{
	unlink(path);
	unlink(rotated);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases), cmocka_unit_test(test_follow), cmocka_unit_test(test_behind),
		cmocka_unit_test(test_long),  cmocka_unit_test(test_no_log),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
