/* Files of variables; see env_file.h. */
#include "kubelet/env_file.h"

static struct str trim_left(struct str s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = str_from_at(s, 1);
	return s;
}

/* The next line without its end ("\n" or "\r\n"). */
static bool next_line(struct str *text, struct str *ret)
{
	struct str line, rest;

	if (!text->len)
		return false;
	str_cut(*text, '\n', &line, &rest);
	*text = rest;
	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	*ret = line;
	return true;
}

/* The quoted value that begins in @line and goes on in @text; false when it is not closed or more follows. */
static bool read_value(struct str *text, struct str line, struct arena *arena, struct str *ret)
{
	struct str value = STR_EMPTY, part, after;

	while (!str_cut(line, '\'', &part, &after)) {
		value = arena_printf(arena, STR_FMT STR_FMT "\n", STR_ARG(value), STR_ARG(line));
		if (!next_line(text, &line))
			return false;
	}
	*ret = arena_concat(arena, value, part);
	after = trim_left(after);
	return !after.len || after.data[0] == '#';
}

bool env_file_find(struct str text, struct str key, struct arena *arena, struct str *ret)
{
	struct str line;

	while (next_line(&text, &line)) {
		struct str name, value;

		line = trim_left(line);
		if (!line.len || line.data[0] == '#')
			continue;
		if (!str_cut(line, '=', &name, &value) || !name.len || name.data[name.len - 1] == ' ' ||
		    name.data[name.len - 1] == '\t')
			return false;
		if (trim_left(value).len != value.len) {
			value = STR_EMPTY;
		} else if (!value.len || value.data[0] != '\'' ||
			   !read_value(&text, str_from_at(value, 1), arena, &value)) {
			return false;
		}
		if (str_eq(name, key)) {
			*ret = value;
			return true;
		}
	}
	*ret = STR_EMPTY;
	return true;
}
