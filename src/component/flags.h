/*
 * Command lines with upstream's conventions: --name value, --name=value, -n value; booleans alone or with =true|false;
 * a name may be given twice where the flag is a list.  --help prints what there is.
 *
 *	struct options { struct str data_dir; uint16_t port; bool no_node; };
 *	static const struct flag flags[] = {
 *		{"data-dir", 0, FLAG_STRING, offsetof(struct options, data_dir), "DIR", "where data lives"},
 *		...
 *	};
 *	if (flags_parse(flags, ARRAY_LEN(flags), argc, argv, &options, &err) < 0)
 *
 * Strings point into argv.  The usage text shows the options' values as they are before parsing: the defaults.
 */
#ifndef WHERRY_COMPONENT_FLAGS_H
#define WHERRY_COMPONENT_FLAGS_H

#include <stdio.h>

#include "base/error.h"
#include "types/scalar.h"

enum flag_type {
	FLAG_STRING,	 /* struct str */
	FLAG_BOOL,	 /* bool */
	FLAG_INT,	 /* int64_t */
	FLAG_PORT,	 /* uint16_t */
	FLAG_DURATION,	 /* int64_t nanoseconds: 10s, 1m30s, 500ms */
	FLAG_LIST,	 /* struct flag_list: every use adds, commas separate */
	FLAG_LIST_WHOLE, /* the same, commas are part of the value */
};

#define FLAG_LIST_MAX 64
struct flag_list {
	struct str items[FLAG_LIST_MAX];
	size_t len;
};

struct flag {
	const char *name;
	char letter; /* 0: none */
	enum flag_type type;
	size_t offset;	   /* of the member in the options */
	const char *value; /* what stands for the value in the usage, NULL for booleans */
	const char *help;
};

/*
 * Returns the number of positional arguments, moved to the front of @argv after argv[0]; *ret_help is set when --help
 * was given.  Errors: ERR_BAD_REQUEST in words for the person who typed.
 */
int flags_parse(const struct flag *flags, size_t len, int argc, char **argv, void *options, bool *ret_help,
		struct error *err) MUST_CHECK;
/* One line a flag, sorted as given. */
void flags_usage(const struct flag *flags, size_t len, const void *options, FILE *out);
/* "1h2m3.5s" and "300ms", as Go's time.ParseDuration; 0 or -EINVAL. */
int flag_parse_duration(struct str text, int64_t *ret) MUST_CHECK;

#endif
