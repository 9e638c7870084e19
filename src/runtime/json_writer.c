/* JSON into a buffer; see json_writer.h. */
#include "runtime/json_writer.h"

static void put_quoted(struct buf *out, struct str s)
{
	buf_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c == '"' || c == '\\') {
			buf_char(out, '\\');
			buf_char(out, (char)c);
		} else if (c < 0x20) {
			buf_printf(out, "\\u%04x", c);
		} else {
			buf_char(out, (char)c);
		}
	}
	buf_char(out, '"');
}

static void put_key(struct json_writer *w, const char *key)
{
	if (w->comma)
		buf_char(w->out, ',');
	w->comma = true;
	if (key) {
		put_quoted(w->out, str_from(key));
		buf_char(w->out, ':');
	}
}

void json_open(struct json_writer *w, const char *key, char bracket)
{
	put_key(w, key);
	buf_char(w->out, bracket);
	w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
	buf_char(w->out, bracket);
	w->comma = true;
}

void json_str(struct json_writer *w, const char *key, struct str value)
{
	put_key(w, key);
	put_quoted(w->out, value);
}

void json_c(struct json_writer *w, const char *key, const char *value)
{
	json_str(w, key, str_from(value));
}

void json_str_at(struct json_writer *w, struct str key, struct str value)
{
	put_key(w, NULL);
	put_quoted(w->out, key);
	buf_char(w->out, ':');
	put_quoted(w->out, value);
}

void json_int(struct json_writer *w, const char *key, int64_t value)
{
	put_key(w, key);
	buf_int64(w->out, value);
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
	put_key(w, key);
	buf_c(w->out, value ? "true" : "false");
}

void json_raw(struct json_writer *w, const char *key, struct str value)
{
	put_key(w, key);
	buf_str(w->out, value);
}
