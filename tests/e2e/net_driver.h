/*
 * The network engines at the end of a pipe: a line on standard input is a call, a line on standard output its result.
 *
 * Test programs in Python make hosts as network namespaces and put one driver into each, so that pod network and proxy
 * are judged by traffic before, and apart from, the node that will call them.  A result is "ok" and what there is to
 * tell, or "error" and the message.
 */
#ifndef WHERRY_TESTS_E2E_NET_DRIVER_H
#define WHERRY_TESTS_E2E_NET_DRIVER_H

#include "base/address.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* One line: words, memory that goes with it, and where the result is written. */
struct call {
	struct arena *arena;
	const char *const *words;
	size_t len;
	struct buf *out;
};

struct command {
	const char *name;
	size_t words_min; /* after the name */
	int (*run)(const struct call *call, struct error *err);
};

/* Each table ends with an empty entry. */
extern const struct command podnet_commands[];
extern const struct command proxy_commands[];

/* "a,b" -> addresses or prefixes; "-" is none. */
int parse_addresses(const struct call *call, const char *text, const struct ip_address **ret, size_t *ret_len,
		    struct error *err) MUST_CHECK;
int parse_prefixes(const struct call *call, const char *text, const struct ip_prefix **ret, size_t *ret_len,
		   struct error *err) MUST_CHECK;
int parse_port(const char *text, uint16_t *ret, struct error *err) MUST_CHECK;
int parse_protocol(const char *text, uint8_t *ret, struct error *err) MUST_CHECK;
/* The words of a line, split at blanks. */
size_t split_words(struct arena *arena, struct str line, const char *const **ret);

#endif
