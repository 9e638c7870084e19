/*
 * Continue tokens: where a list goes on, and in which snapshot; upstream's form, base64url of
 * {"v":"meta.k8s.io/v1","rv":5,"start":"a\u0000"}.
 */
#ifndef WHERRY_APISERVER_CONTINUE_H
#define WHERRY_APISERVER_CONTINUE_H

#include "base/arena.h"
#include "base/error.h"

struct continue_token {
	uint64_t revision; /* 0: now (an rv of -1 in the token) */
	struct str start;  /* first key wanted, below the scope */
};

/* @last: the last key that was shown, below the scope. */
struct str continue_token_make(uint64_t revision, struct str last, struct arena *arena);
/* Goes on at @start, in what there is then: for a list whose snapshot is gone. */
struct str continue_token_restart(struct str start, struct arena *arena);
/* ERR_BAD_REQUEST in upstream's words. */
int continue_token_parse(struct str text, struct arena *arena, struct continue_token *ret,
			 struct error *err) MUST_CHECK;

#endif
