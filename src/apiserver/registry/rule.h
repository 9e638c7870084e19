/*
 * What is wrong with an object, as a table: one row per rule, run in the order of the rows, which is upstream's order
 *of errors.
 *
 * A row names a field by its path of JSON names below the struct the table is about, and what is demanded of it.  Rows
 * say what is simple; a rule that relates several fields is a function, called by its row so that it keeps its place:
 *
 *	static const struct rule port_rules[] = {
 *		RULE_NAME("name", name_is_dns_label),
 *		RULE_RANGE("port", 1, 65535),
 *	};
 *	static const struct rule rules[] = {
 *		RULE_REQUIRED_NAME("spec.controller", name_is_path_segment),
 *		RULE_NOT_NEGATIVE("spec.replicas"),
 *		RULE_OF("spec.ports", port_rules),
 *		RULE_CHECK("spec.strategy", check_strategy),
 *	};
 *	CHECK_RULES(errors, NULL, &schema_apps_v1_thing, thing, rules);
 *
 * A row about something that is not there demands nothing, unless it is one of RULE_REQUIRED; a row about a list judges
 * each item at its own index (but for RULE_REQUIRED and RULE_CHECK, which see the list).  That a path exists in the
 * schema, and that the rule suits the type, is asserted.  Tables stand outside functions and are
 * immutable: any thread.
 */
#ifndef WHERRY_APISERVER_REGISTRY_RULE_H
#define WHERRY_APISERVER_REGISTRY_RULE_H

#include "apiserver/registry/common.h"

enum rule_kind {
	RULE_KIND_REQUIRED,
	RULE_KIND_NAME,
	RULE_KIND_ONE_OF,
	RULE_KIND_RANGE,
	RULE_KIND_NOT_NEGATIVE,
	RULE_KIND_LABELS,
	RULE_KIND_SELECTOR,
	RULE_KIND_OF,
	RULE_KIND_CHECK,
	RULE_KIND_IMMUTABLE,
	RULE_KIND_MAX
};

/* What to do when a string is empty: nothing, say that it is required, or judge it like any other. */
enum rule_empty { RULE_EMPTY_SKIP, RULE_EMPTY_REQUIRED, RULE_EMPTY_JUDGE };

struct rule {
	enum rule_kind kind;
	enum rule_empty empty;
	const char *path;
	const char *detail;				  /* of REQUIRED; may be NULL */
	struct name_problems (*is_name)(struct str name); /* of NAME; NULL: any */
	const char *const *values;			  /* of ONE_OF: as they are told, NULL at the end */
	int64_t min, max;
	const struct rule *rules; /* of OF */
	size_t rules_len;
	void (*check)(struct field_errors *errors, const struct path *path, const void *value);
};

/* An empty string, list or map, zero, or nothing at all. */
#define RULE_REQUIRED(path_)                                                                                           \
	{                                                                                                              \
		.kind = RULE_KIND_REQUIRED, .path = (path_)                                                            \
	}
#define RULE_REQUIRED_SAYING(path_, text_)                                                                             \
	{                                                                                                              \
		.kind = RULE_KIND_REQUIRED, .path = (path_), .detail = (text_)                                         \
	}
/* Strings that @is_name_ finds nothing wrong with; empty ones: not judged, required, judged as well. */
#define RULE_NAME(path_, is_name_)                                                                                     \
	{                                                                                                              \
		.kind = RULE_KIND_NAME, .path = (path_), .is_name = (is_name_)                                         \
	}
#define RULE_REQUIRED_NAME(path_, is_name_)                                                                            \
	{                                                                                                              \
		.kind = RULE_KIND_NAME, .path = (path_), .is_name = (is_name_), .empty = RULE_EMPTY_REQUIRED           \
	}
/* Not empty, when it is there at all. */
#define RULE_NOT_EMPTY(path_)                                                                                          \
	{                                                                                                              \
		.kind = RULE_KIND_NAME, .path = (path_), .empty = RULE_EMPTY_REQUIRED                                  \
	}
#define RULE_STRICT_NAME(path_, is_name_)                                                                              \
	{                                                                                                              \
		.kind = RULE_KIND_NAME, .path = (path_), .is_name = (is_name_), .empty = RULE_EMPTY_JUDGE              \
	}
/* One of the words that follow, in the order in which they are told. */
#define RULE_WORDS(...)                                                                                                \
	.values = (const char *const[])                                                                                \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}
#define RULE_ONE_OF(path_, ...)                                                                                        \
	{                                                                                                              \
		.kind = RULE_KIND_ONE_OF, .path = (path_), RULE_WORDS(__VA_ARGS__)                                     \
	}
#define RULE_REQUIRED_ONE_OF(path_, ...)                                                                               \
	{                                                                                                              \
		.kind = RULE_KIND_ONE_OF, .path = (path_), .empty = RULE_EMPTY_REQUIRED, RULE_WORDS(__VA_ARGS__)       \
	}
#define RULE_STRICT_ONE_OF(path_, ...)                                                                                 \
	{                                                                                                              \
		.kind = RULE_KIND_ONE_OF, .path = (path_), .empty = RULE_EMPTY_JUDGE, RULE_WORDS(__VA_ARGS__)          \
	}
#define RULE_RANGE(path_, min_, max_)                                                                                  \
	{                                                                                                              \
		.kind = RULE_KIND_RANGE, .path = (path_), .min = (min_), .max = (max_)                                 \
	}
#define RULE_NOT_NEGATIVE(path_)                                                                                       \
	{                                                                                                              \
		.kind = RULE_KIND_NOT_NEGATIVE, .path = (path_)                                                        \
	}
/* A map of labels; a label selector. */
#define RULE_LABELS(path_)                                                                                             \
	{                                                                                                              \
		.kind = RULE_KIND_LABELS, .path = (path_)                                                              \
	}
#define RULE_SELECTOR(path_)                                                                                           \
	{                                                                                                              \
		.kind = RULE_KIND_SELECTOR, .path = (path_)                                                            \
	}
/* Another table, about the struct there, or about each of the list. */
#define RULE_OF(path_, rules_)                                                                                         \
	{                                                                                                              \
		.kind = RULE_KIND_OF, .path = (path_), .rules = (rules_), .rules_len = ARRAY_LEN(rules_)               \
	}
/* A function, with the member's address (of what an optional one points to, when it is there). */
#define RULE_CHECK(path_, check_)                                                                                      \
	{                                                                                                              \
		.kind = RULE_KIND_CHECK, .path = (path_), .check = (check_)                                            \
	}
/* Of updates alone: the same as it was. */
#define RULE_IMMUTABLE(path_)                                                                                          \
	{                                                                                                              \
		.kind = RULE_KIND_IMMUTABLE, .path = (path_)                                                           \
	}

void check_rules(struct field_errors *errors, const struct path *path, const struct schema *schema, const void *data,
		 const struct rule *rules, size_t len);
/* The same for an update: @rules may have RULE_IMMUTABLE too; every other row judges @data alone. */
void check_update_rules(struct field_errors *errors, const struct path *path, const struct schema *schema,
			const void *data, const void *old, const struct rule *rules, size_t len);

#define CHECK_RULES(errors_, path_, schema_, data_, rules_)                                                            \
	check_rules(errors_, path_, schema_, data_, rules_, ARRAY_LEN(rules_))
#define CHECK_UPDATE_RULES(errors_, path_, schema_, data_, old_, rules_)                                               \
	check_update_rules(errors_, path_, schema_, data_, old_, rules_, ARRAY_LEN(rules_))

#endif
