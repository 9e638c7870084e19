/* Command lines; see flags.h. */
#include "component/flags.h"

#include "types/duration.h"

int flag_parse_duration(struct str text, int64_t *ret)
{
	struct error err = {0};

	return duration_parse(text, ret, &err) < 0 ? -EINVAL : 0;
}

static const struct flag *find_long(const struct flag *flags, size_t len, struct str name)
{
	for (size_t i = 0; i < len; i++)
		if (str_eq_c(name, flags[i].name))
			return &flags[i];
	return NULL;
}

static const struct flag *find_letter(const struct flag *flags, size_t len, char letter)
{
	for (size_t i = 0; i < len; i++)
		if (flags[i].letter == letter)
			return &flags[i];
	return NULL;
}

static int bad_value(const struct flag *flag, struct str value, const char *wanted, struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST, "invalid argument \"" STR_FMT "\" for \"--%s\": %s", STR_ARG(value),
			 flag->name, wanted);
}

static int add_to_list(const struct flag *flag, struct flag_list *list, struct str value, struct error *err)
{
	do {
		struct str item = value;

		if (flag->type == FLAG_LIST)
			str_cut(value, ',', &item, &value);
		else
			value = STR_EMPTY;
		if (list->len == FLAG_LIST_MAX)
			return error_set(err, ERR_BAD_REQUEST, "--%s: more than %d values", flag->name, FLAG_LIST_MAX);
		list->items[list->len++] = item;
	} while (value.len);
	return 0;
}

static int set_value(const struct flag *flag, void *options, struct str value, struct error *err)
{
	char *member = (char *)options + flag->offset;
	int64_t number;

	switch (flag->type) {
	case FLAG_STRING:
		*(struct str *)(void *)member = value;
		return 0;
	case FLAG_BOOL:
		if (str_eq(value, STR("true")) || str_eq(value, STR("1")))
			*(bool *)member = true;
		else if (str_eq(value, STR("false")) || str_eq(value, STR("0")))
			*(bool *)member = false;
		else
			return bad_value(flag, value, "true or false is wanted", err);
		return 0;
	case FLAG_INT:
		if (str_parse_int64(value, &number) < 0)
			return bad_value(flag, value, "a number is wanted", err);
		*(int64_t *)(void *)member = number;
		return 0;
	case FLAG_PORT:
		if (str_parse_int64(value, &number) < 0 || number < 0 || number > 65535)
			return bad_value(flag, value, "a port between 0 and 65535 is wanted", err);
		*(uint16_t *)(void *)member = (uint16_t)number;
		return 0;
	case FLAG_DURATION:
		if (flag_parse_duration(value, &number) < 0)
			return bad_value(flag, value, "a duration such as 10s or 1m30s is wanted", err);
		*(int64_t *)(void *)member = number;
		return 0;
	case FLAG_LIST:
	case FLAG_LIST_WHOLE:
		return add_to_list(flag, (struct flag_list *)(void *)member, value, err);
	}
	return 0;
}

/* One argument that begins with '-'; *at moves past a value taken from the next one. */
static int parse_one(const struct flag *flags, size_t len, int argc, char **argv, int *at, void *options,
		     struct error *err)
{
	struct str text = str_from(argv[*at]), name, value;
	const struct flag *flag;
	bool has_value;

	if (str_has_prefix(text, STR("--"))) {
		has_value = str_cut(str_from_at(text, 2), '=', &name, &value);
		flag = find_long(flags, len, name);
	} else {
		flag = find_letter(flags, len, text.data[1]);
		value = str_from_at(text, 2);
		has_value = value.len > 0;
	}
	if (!flag)
		return error_set(err, ERR_BAD_REQUEST, "unknown flag: " STR_FMT, STR_ARG(text));
	if (!has_value && flag->type == FLAG_BOOL)
		return set_value(flag, options, STR("true"), err);
	if (!has_value) {
		if (*at + 1 >= argc)
			return error_set(err, ERR_BAD_REQUEST, "flag needs an argument: --%s", flag->name);
		value = str_from(argv[++*at]);
	}
	return set_value(flag, options, value, err);
}

int flags_parse(const struct flag *flags, size_t len, int argc, char **argv, void *options, bool *ret_help,
		struct error *err)
{
	int positional = 0;
	bool rest = false;

	*ret_help = false;
	for (int i = 1; i < argc; i++) {
		if (!rest && strcmp(argv[i], "--") == 0) {
			rest = true;
			continue;
		}
		if (!rest && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
			*ret_help = true;
			continue;
		}
		if (rest || argv[i][0] != '-' || argv[i][1] == 0) {
			argv[1 + positional++] = argv[i];
			continue;
		}
		if (parse_one(flags, len, argc, argv, &i, options, err) < 0)
			return -ERR_BAD_REQUEST;
	}
	return positional;
}

static void print_default(const struct flag *flag, const void *options, FILE *out)
{
	const char *member = (const char *)options + flag->offset;
	const struct str *text = (const void *)member;

	if (flag->type == FLAG_STRING && text->len)
		fprintf(out, " (default " STR_FMT ")", STR_ARG(*text));
	else if (flag->type == FLAG_PORT && *(const uint16_t *)(const void *)member)
		fprintf(out, " (default %u)", *(const uint16_t *)(const void *)member);
	else if (flag->type == FLAG_INT && *(const int64_t *)(const void *)member)
		fprintf(out, " (default %lld)", *(const long long *)(const void *)member);
	else if (flag->type == FLAG_BOOL && *(const bool *)member)
		fprintf(out, " (default true)");
}

void flags_usage(const struct flag *flags, size_t len, const void *options, FILE *out)
{
	for (size_t i = 0; i < len; i++) {
		char left[80];

		snprintf(left, sizeof(left), "--%s%s%s", flags[i].name, flags[i].value ? " " : "",
			 flags[i].value ? flags[i].value : "");
		fprintf(out, "  %-36s %s", left, flags[i].help);
		print_default(&flags[i], options, out);
		fputc('\n', out);
	}
}
