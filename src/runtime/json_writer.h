/*
 * JSON written straight into a buffer: OCI configurations and our own records.
 *
 * Members are written in the order of the calls; inside an array the key is NULL.  The buffer's overflow flag is the
 * only error.  One thread.
 *
 *	struct json_writer w = {&buf};
 *	json_open(&w, NULL, '{');
 *	json_str(&w, "ociVersion", STR("1.0.2"));
 *	json_open(&w, "args", '[');
 *	json_str(&w, NULL, arg);
 *	json_close(&w, ']');
 *	json_close(&w, '}');
 */
#ifndef WHERRY_RUNTIME_JSON_WRITER_H
#define WHERRY_RUNTIME_JSON_WRITER_H

#include "base/buf.h"

struct json_writer {
	struct buf *out;
	bool comma; /* a value stands before the next one */
};

void json_open(struct json_writer *w, const char *key, char bracket);
void json_close(struct json_writer *w, char bracket);
void json_str(struct json_writer *w, const char *key, struct str value);
void json_c(struct json_writer *w, const char *key, const char *value);
/* A member whose key comes from outside. */
void json_str_at(struct json_writer *w, struct str key, struct str value);
void json_int(struct json_writer *w, const char *key, int64_t value);
void json_bool(struct json_writer *w, const char *key, bool value);
/* Text that is JSON already. */
void json_raw(struct json_writer *w, const char *key, struct str value);

#endif
