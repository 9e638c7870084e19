/*
 * The contract of store.h as a list of cases that any back end must pass; a test program per back end runs it.
 *
 * The back end opens its store by contract_open, empty, with the options the case wants; `reopen` closes and opens it
 * again and is NULL where nothing survives that.
 */
#ifndef WHERRY_TESTS_STORE_CONTRACT_H
#define WHERRY_TESTS_STORE_CONTRACT_H

#include "unit.h"

#include "store/store.h"

struct contract_backend {
	const char *name;
	struct store *(*open)(const struct store_options *options);
	struct store *(*reopen)(struct store *store, const struct store_options *options);
};

/* Runs all cases; returns how many failed. */
int contract_run(const struct contract_backend *backend);

#endif
