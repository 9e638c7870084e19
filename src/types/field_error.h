/*
 * Lists of field errors: what validation finds, in upstream's words (field.ErrorList).
 *
 * A validator gets a list, a path and a value, adds what is wrong and goes on; it returns nothing.  Paths are chains of
 * small structs on the stack, made with FIELD, INDEX and KEY, and turned to text only when something is wrong:
 *
 *	static void check_port(struct field_errors *errors, const struct path *path, const struct core_v1_service_port
 **p)
 *	{
 *		if (!p->port)
 *			field_required(errors, FIELD(path, "port"), NULL);
 *		else if (p->port > 65535)
 *			field_invalid(errors, FIELD(path, "port"), VALUE(p->port), "must be between ...");
 *	}
 *	check_port(errors, INDEX(FIELD(spec_path, "ports"), i), port);
 *
 * A path made by these macros lives until the end of the block it is written in.  Texts live in the list's arena.
 */
#ifndef WHERRY_TYPES_FIELD_ERROR_H
#define WHERRY_TYPES_FIELD_ERROR_H

#include "base/arena.h"
#include "types/scalar.h"
#include "types/schema.h"

struct path {
	const struct path *parent;
	const char *name; /* a field ("spec", or several: "spec.template"), or NULL */
	struct str key;	  /* a map's key, when data is not NULL */
	size_t index;
};

/* One step below @above, which may be NULL: the root. */
#define FIELD(above, field)    (&(const struct path){.parent = (above), .name = (field)})
#define INDEX(above, position) (&(const struct path){.parent = (above), .index = (position)})
#define KEY(above, word)       path_key(&(struct path){.parent = (above)}, (word))

static inline const struct path *path_key(struct path *path, struct str key)
{
	path->key = key.data ? key : STR_EMPTY;
	return path;
}

/* "spec.containers[0].name"; "<nil>" for NULL. */
struct str path_format(const struct path *path, struct arena *arena);

/* type, its name in causes, its text */
#define FIELD_ERROR_TYPES(X)                                                                                           \
	X(NOT_FOUND, "FieldValueNotFound", "Not found")                                                                \
	X(REQUIRED, "FieldValueRequired", "Required value")                                                            \
	X(DUPLICATE, "FieldValueDuplicate", "Duplicate value")                                                         \
	X(INVALID, "FieldValueInvalid", "Invalid value")                                                               \
	X(NOT_SUPPORTED, "FieldValueNotSupported", "Unsupported value")                                                \
	X(FORBIDDEN, "FieldValueForbidden", "Forbidden")                                                               \
	X(TOO_LONG, "FieldValueTooLong", "Too long")                                                                   \
	X(TOO_MANY, "FieldValueTooMany", "Too many")                                                                   \
	X(TOO_FEW, "FieldValueTooFew", "Too few")                                                                      \
	X(TOO_SHORT, "FieldValueTooShort", "Too short")                                                                \
	X(INTERNAL, "InternalError", "Internal error")                                                                 \
	X(TYPE_INVALID, "FieldValueTypeInvalid", "Invalid value")

enum field_error_type {
#define X(type, reason, text) FIELD_ERROR_##type,
	FIELD_ERROR_TYPES(X)
#undef X
		FIELD_ERROR_MAX
};

struct field_error {
	enum field_error_type type;
	struct str field;   /* the path */
	struct str message; /* without the path: `Invalid value: "x": must be ...` */
};

/* Needs only its arena set: struct field_errors errors = {.arena = arena}. */
struct field_errors {
	struct arena *arena;
	struct field_error *items;
	size_t len, cap;
};

/* The value an error shows: quoted text, a number, true or false, JSON as it is, or nothing. */
struct field_value {
	enum { FIELD_VALUE_TEXT, FIELD_VALUE_INTEGER, FIELD_VALUE_BOOL, FIELD_VALUE_JSON, FIELD_VALUE_OMITTED } kind;
	struct str text;
	int64_t number;
};

static inline struct field_value field_value_text(struct str text)
{
	return (struct field_value){.kind = FIELD_VALUE_TEXT, .text = text};
}
static inline struct field_value field_value_c(const char *text)
{
	return field_value_text(str_from(text));
}
static inline struct field_value field_value_integer(int64_t number)
{
	return (struct field_value){.kind = FIELD_VALUE_INTEGER, .number = number};
}
static inline struct field_value field_value_bool(bool boolean)
{
	return (struct field_value){.kind = FIELD_VALUE_BOOL, .number = boolean};
}
static inline struct field_value field_value_json(struct str json)
{
	return (struct field_value){.kind = FIELD_VALUE_JSON, .text = json};
}
#define VALUE(x)                                                                                                       \
	_Generic((x), struct str                                                                                       \
		 : field_value_text, const char *                                                                      \
		 : field_value_c, char *                                                                               \
		 : field_value_c, bool                                                                                 \
		 : field_value_bool, int32_t                                                                           \
		 : field_value_integer, int64_t                                                                        \
		 : field_value_integer, uint32_t                                                                       \
		 : field_value_integer, uint64_t                                                                       \
		 : field_value_integer)(x)
#define VALUE_NULL field_value_json(STR("null"))
/* {"a":"b"}, or null for a nil map. */
struct field_value field_value_map(const struct str_map *map, struct arena *arena);
/* ["a","b"], or null for a nil list. */
struct field_value field_value_list(const struct str_slice *list, struct arena *arena);

/* A time as it is in JSON, or null when absent. */
struct field_value field_value_time(const struct timestamp *time, struct arena *arena);

/* @detail may be NULL where it is a plain string. */
void field_required(struct field_errors *errors, const struct path *path, const char *detail);
void field_forbidden(struct field_errors *errors, const struct path *path, const char *format, ...) PRINTF_LIKE(3, 4);
void field_invalid(struct field_errors *errors, const struct path *path, struct field_value value, const char *format,
		   ...) PRINTF_LIKE(4, 5);
void field_duplicate(struct field_errors *errors, const struct path *path, struct field_value value);
void field_not_found(struct field_errors *errors, const struct path *path, struct field_value value);
void field_internal(struct field_errors *errors, const struct path *path, const char *format, ...) PRINTF_LIKE(3, 4);
/* Longer than @max bytes. */
void field_too_long(struct field_errors *errors, const struct path *path, size_t max);
void field_too_many(struct field_errors *errors, const struct path *path, size_t actual, size_t max);
void field_too_few(struct field_errors *errors, const struct path *path, size_t actual, size_t min);
/* @values in the order they are to be shown (upstream sorts them). */
void field_not_supported(struct field_errors *errors, const struct path *path, struct field_value value,
			 const struct str *values, size_t len);
/* The same with the values as C strings: field_not_supported_c(errors, path, VALUE(x), "TCP", "UDP", NULL). */
void field_not_supported_c(struct field_errors *errors, const struct path *path, struct field_value value, ...)
	__attribute__((sentinel));
/* The same for a closed set of the schema: the values of @schema's field called @name, sorted. */
void field_not_in_enum(struct field_errors *errors, const struct path *path, struct str value,
		       const struct schema *schema, const char *name);
/* Is @value one of that closed set? */
bool field_in_enum(struct str value, const struct schema *schema, const char *name);

/* For callers that build the rest themselves. */
void field_add(struct field_errors *errors, enum field_error_type type, const struct path *path, struct str message);

const char *field_error_reason(enum field_error_type type);
/* "path: message", one error; "[a, b]" without repetitions, several. */
struct str field_errors_join(const struct field_errors *errors, struct arena *arena);
/* `Deployment.apps "x" is invalid: ...`, the message of the Status. */
struct str field_errors_message(const struct field_errors *errors, struct str group, struct str kind, struct str name,
				struct arena *arena);

/* Go's %q: in double quotes, with Go's escapes. */
struct str quote_go(struct str text, struct arena *arena);

#endif
