/*
 * Tokens of service accounts, bound to a pod, as projected volumes show them.
 *
 * A token is asked for once and kept until 80 % of its life (a day at most) has passed, then replaced; while the API
 * cannot be reached the old one serves to its end.  They are held in memory only.  Any thread.
 */
#ifndef WHERRY_KUBELET_TOKENS_H
#define WHERRY_KUBELET_TOKENS_H

#include "kubelet/context.h"

struct tokens;

struct token_request {
	const struct core_v1_pod *pod;
	struct str audience; /* empty: the API server's */
	int64_t seconds;
};

struct tokens *tokens_new(void);
/* NULL is fine; returns NULL. */
struct tokens *tokens_free(struct tokens *tokens);
/* *ret is copied to @arena; *ret_refresh_at: when to ask again. */
int token_get(const struct kubelet_context *context, const struct token_request *request, int64_t now,
	      struct arena *arena, struct str *ret, int64_t *ret_refresh_at, struct error *err) MUST_CHECK;
/* Forgets those of the pod @uid. */
void tokens_forget(struct tokens *tokens, struct str uid);
/* When a token that is valid from @from to @until is replaced. */
int64_t token_refresh_at(int64_t from, int64_t until);

#endif
