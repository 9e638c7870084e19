/*
 * The contract of store.h as a list of cases that any back end must pass; test programs run it.
 *
 * The back end opens its store by contract_open, empty, with the options the case wants; `reopen` closes and opens it
 * again and is NULL where nothing survives that.
 */
#ifndef WHERRY_TESTS_STORE_CONTRACT_H
#define WHERRY_TESTS_STORE_CONTRACT_H

#include "unit.h"

#include "store/store.h"

struct contract_backend {
	struct store *(*open)(const struct store_options *options);
	struct store *(*reopen)(struct store *store, const struct store_options *options);
};

#define CONTRACT_CASES_MAX 40

/* Puts the cases for @backend, which lives on, into @out; returns how many.  A program runs one group of cases. */
size_t contract_cases(const struct contract_backend *backend, struct CMUnitTest *out);

#endif
