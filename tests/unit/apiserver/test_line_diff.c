/* Unified diffs of texts: what difflib makes of the same. */
#include "unit.h"

#include "apiserver/registry/line_diff.h"
#include "base/buf.h"
#include "base/limits.h"

static void test_table(void **state UNUSED)
{
	static const char *const cases[][3] = {
		{"a\nb", "a\nb", ""},
		{"", "a", "@@ -1 +1 @@\n-\n+a\n"},
		{"a\nb\nc", "a\nc", "@@ -1,3 +1,2 @@\n a\n-b\n c\n"},
		{"a", "a\nb", "@@ -1 +1,2 @@\n a\n+b\n"},
		{"a\nb", "b", "@@ -1,2 +1 @@\n-a\n b\n"},
		{"1\n2\n3\n4\n5\n6\n7\n8\n9", "1\n2\n3\n4\nx\n6\n7\n8\n9",
		 "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		/* Six lines between two changes share a hunk, seven do not. */
		{"x\n1\n2\n3\n4\n5\n6\ny", "a\n1\n2\n3\n4\n5\n6\nb",
		 "@@ -1,8 +1,8 @@\n-x\n+a\n 1\n 2\n 3\n 4\n 5\n 6\n-y\n+b\n"},
		{"x\n1\n2\n3\n4\n5\n6\n7\ny", "a\n1\n2\n3\n4\n5\n6\n7\nb",
		 "@@ -1,4 +1,4 @@\n-x\n+a\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-y\n+b\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_arena struct arena arena = {0};
		struct str diff = line_diff(str_from(cases[i][0]), str_from(cases[i][1]), &arena);

		assert_string_equal(str_c(diff), cases[i][2]);
	}
}

/* More lines than are compared. */
static void test_too_long(void **state UNUSED)
{
	cleanup_arena struct arena arena = {0};
	cleanup_buf struct buf text;

	buf_init(&text, LIMIT_OBJECT);
	for (size_t i = 0; i <= LIMIT_DIFF_LINES; i++)
		buf_c(&text, "x\n");
	assert_int_equal(line_diff(buf_view(&text), STR("y"), &arena).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
