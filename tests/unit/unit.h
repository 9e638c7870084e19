/*
 * What every unit test includes first: cmocka and the headers it wants before itself.
 *
 * A test program is a table of cases, one function each; where the thing under test is a table, so is the test.
 */
#ifndef WHERRY_TESTS_UNIT_H
#define WHERRY_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_str_equal(actual, expected)                                                                             \
	do {                                                                                                           \
		struct str actual_ = (actual);                                                                         \
		assert_int_equal(actual_.len, strlen(expected));                                                       \
		assert_memory_equal(actual_.len ? actual_.data : "", (expected), actual_.len);                         \
	} while (0)

#endif
