/*
 * Files of variables that an init container left in a volume (fileKeyRef): lines NAME='value'.
 *
 * Values stand in single quotes, literally, and may span lines; blank lines and those that begin with # are skipped; a
 * comment may follow the closing quote.  A blank after the = makes the value empty.  Pure.
 */
#ifndef WHERRY_KUBELET_ENV_FILE_H
#define WHERRY_KUBELET_ENV_FILE_H

#include "base/arena.h"

/* The value of @key, empty when it is not there; false when @text is not well formed up to it. */
bool env_file_find(struct str text, struct str key, struct arena *arena, struct str *ret) MUST_CHECK;

#endif
