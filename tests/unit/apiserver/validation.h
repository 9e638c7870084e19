/*
 * Rows of validation: an object of a kind, or an object and what it was before, and the exact errors.
 *
 *	static const struct validation_row rows[] = {
 *		{"batch/v1/jobs", "{...}", ""},
 *		{"batch/v1/jobs", "{...}", "spec.backoffLimit: Invalid value: ...", .old = "{...}"},
 *	};
 *	check_validation(rows, ARRAY_LEN(rows));
 *
 * Objects go through defaults and preparation as a create or an update runs them; a name and a uid are given to those
 * that have none.
 */
#ifndef WHERRY_TESTS_VALIDATION_H
#define WHERRY_TESTS_VALIDATION_H

#include <stdbool.h>
#include <stddef.h>

struct validation_row {
	const char *resource; /* "apps/v1/deployments", "/v1/pods" */
	const char *json;
	const char *errors; /* joined as in a Status; "" when it passes */
	const char *old;
	bool as_read; /* of an update: what a client has read and changed, so with what the server adds on create */
};

void check_validation(const struct validation_row *rows, size_t len);

#endif
