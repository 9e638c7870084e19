/*
 * Value trees: any JSON-like document in memory.
 *
 * What has no C type lives here: custom resources, patches, kubectl's objects, webhooks' reviews.  A tree is mutable
 *and belongs to one arena and one thread; a published tree (types/object.h) is only handed out as const.  Objects keep
 *their members in the order they came; a key occurs once (readers report duplicates and keep the last, as Go does).
 *
 *	struct value *spec = value_object(arena);
 *	value_set(arena, spec, STR("replicas"), value_int(arena, 3));
 *	int64_t n = value_get_int(value_find(root, "spec", "replicas", NULL), 1);
 */
#ifndef WHERRY_CODEC_VALUE_H
#define WHERRY_CODEC_VALUE_H

#include "base/arena.h"

enum value_kind {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_DOUBLE,
	VALUE_STRING,
	VALUE_ARRAY,
	VALUE_OBJECT,
	VALUE_KIND_MAX
};

struct value;

struct value_member {
	struct str key;
	struct value *value;
};

struct value {
	enum value_kind kind;
	union {
		bool boolean;
		int64_t integer; /* JSON numbers without fraction or exponent that fit */
		double number;	 /* all others; never NaN or infinite */
		struct str string;
		struct {
			struct value **items;
			size_t len, cap;
		} array;
		struct {
			struct value_member *members;
			size_t len, cap;
		} object;
	};
};

struct value *value_null(struct arena *arena);
struct value *value_bool(struct arena *arena, bool boolean);
struct value *value_int(struct arena *arena, int64_t integer);
struct value *value_double(struct arena *arena, double number);
/* The bytes of @string are not copied. */
struct value *value_string(struct arena *arena, struct str string);
struct value *value_array(struct arena *arena);
struct value *value_object(struct arena *arena);

/* Is it JSON's null?  Absent (NULL) is not. */
bool value_is_null(const struct value *value);
/* The member @key of an object, NULL when there is none or @object is NULL or no object. */
struct value *value_get(const struct value *object, struct str key);
/* Follows a path of C string keys ended by NULL. */
struct value *value_find(const struct value *object, ...) __attribute__((sentinel));
/* Sets or adds a member.  The key's bytes are not copied. */
void value_set(struct arena *arena, struct value *object, struct str key, struct value *value);
/* Adds a member that the object is known not to have: the same, without looking. */
void value_add(struct arena *arena, struct value *object, struct str key, struct value *value);
/* Removes a member, keeping the order of the others; false when there was none. */
bool value_remove(struct value *object, struct str key);
void value_append(struct arena *arena, struct value *array, struct value *item);
void value_insert(struct arena *arena, struct value *array, size_t at, struct value *item);
void value_remove_at(struct value *array, size_t at);

/* The scalar in @value, or the fallback when it is NULL or of another kind. */
struct str value_get_str(const struct value *value, struct str fallback);
int64_t value_get_int(const struct value *value, int64_t fallback);
bool value_get_bool(const struct value *value, bool fallback);

/* A copy that shares nothing with @value, strings included. */
struct value *value_copy(struct arena *arena, const struct value *value);
/* Deep equality; objects regardless of order; an integer equals a double of the same value. */
bool value_eq(const struct value *a, const struct value *b);
/* Sorts the members of every object by key (Go's map order). */
void value_sort(struct value *value);
/* "object", "array", "string" ...: the kind for messages, as JSON names it. */
const char *value_kind_name(enum value_kind kind);

#endif
