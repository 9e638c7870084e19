/*
 * Schemas: what a type looks like, as data.
 *
 * One engine decodes, encodes, copies, compares, patches and prints every type by walking its schema.  Schemas come
 * from two places and are used the same way:
 *   - generated from api/ at build time (types/gen/): they describe C structs, and every field has the offset of its
 *     member;
 *   - made at run time, from a CustomResourceDefinition: they describe trees (struct value) alone and have no offsets.
 *
 * A field is a type in a shape: `string` in shape LIST is a list of strings, MESSAGE in shape OPTIONAL is a pointer to
 * another struct.  How a shape is laid out in a struct:
 *   ONE           the value itself
 *   OPTIONAL      `const T *`, NULL when absent
 *   LIST          `{const T *items; size_t len;}`; items == NULL is Go's nil, a non-NULL empty list is present
 *   MAP           `{const struct {struct str key; T value;} *items; size_t len;}`, sorted by key
 *   MAP_OF_LISTS  the same with a list as value
 * C types of the scalars are told at enum field_type.
 *
 * Embedded types (Go's inlining): in JSON their fields stand in the parent, in protobuf they are a nested message (or,
 * without a number, nothing).  `fields` therefore holds the JSON fields first, embedded ones expanded in place and
 * marked FIELD_EMBEDDED (their offsets are from the outer struct), and after them, from index len on, one entry for
 * each embedded message, for protobuf alone.  `by_number` lists the fields that protobuf has, in ascending order.
 *
 * A schema that stands for a value which is no object (a list of lists in a custom resource, say) has SCHEMA_VALUE: its
 * single, nameless field is that value.
 *
 * All schemas are immutable once made; any thread may read them.  Generated ones live for ever.
 */
#ifndef WHERRY_TYPES_SCHEMA_H
#define WHERRY_TYPES_SCHEMA_H

#include "base/str.h"

enum field_type {
	FIELD_STRING,	     /* struct str */
	FIELD_BOOL,	     /* bool */
	FIELD_INT32,	     /* int32_t */
	FIELD_INT64,	     /* int64_t */
	FIELD_DOUBLE,	     /* double */
	FIELD_BYTES,	     /* struct bytes; base64 in JSON */
	FIELD_QUANTITY,	     /* struct quantity */
	FIELD_INT_OR_STRING, /* struct int_or_string */
	FIELD_TIME,	     /* struct timestamp, whole seconds in JSON */
	FIELD_MICRO_TIME,    /* struct timestamp, microseconds in JSON */
	FIELD_DURATION,	     /* int64_t, nanoseconds; Go's text in JSON */
	FIELD_RAW,	     /* struct raw_json: any JSON value, kept as its text */
	FIELD_MESSAGE,	     /* the struct of field->message */
	FIELD_TYPE_MAX
};

enum field_shape { SHAPE_ONE, SHAPE_OPTIONAL, SHAPE_LIST, SHAPE_MAP, SHAPE_MAP_OF_LISTS, SHAPE_MAX };

enum {
	FIELD_OMITEMPTY = 1 << 0,     /* left out of JSON when empty (no effect on ONE of a struct-like type) */
	FIELD_OMITZERO = 1 << 1,      /* left out of JSON when zero (a time) */
	FIELD_REQUIRED = 1 << 2,      /* required in the published schema */
	FIELD_EMBEDDED = 1 << 3,      /* expanded from an embedded type: not in the parent's protobuf message */
	FIELD_WRAPPED = 1 << 4,	      /* the list is a message {repeated items = 1} in protobuf */
	FIELD_NO_JSON = 1 << 5,	      /* never in JSON */
	FIELD_IS_FIELDS_V1 = 1 << 6,  /* a RAW that must be an object: managed fields */
	FIELD_IS_RAW_OBJECT = 1 << 7, /* a RAW that is RawExtension: published as an object of any form */
};

/* How lists and maps merge under strategic merge patch and server-side apply. */
enum list_type { LIST_TYPE_NONE, LIST_TYPE_ATOMIC, LIST_TYPE_SET, LIST_TYPE_MAP };
enum patch_strategy { PATCH_MERGE = 1 << 0, PATCH_REPLACE = 1 << 1, PATCH_RETAIN_KEYS = 1 << 2 };

/* What only some passes ask of a field; kept apart so that the records decoders walk stay small. */
struct field_rules {
	enum list_type list_type;
	struct str list_map_keys[4]; /* of LIST_TYPE_MAP, an empty one ends them */
	bool atomic;		     /* a map or struct that apply treats as one value */
	bool granular;		     /* said to be the opposite, which it is anyway */
	unsigned patch_strategy;     /* PATCH_ bits; 0: replace, the default */
	struct str patch_merge_key;
	struct str default_json;  /* of the default marker, JSON text: published and set */
	struct str set_json;	  /* a default that is set but not published */
	const struct str *values; /* the closed set of an enum */
	size_t values_len;
	struct str feature_gates; /* comma separated */
	struct str validation;	  /* the declarative markers, separated by spaces, "~" before those not enforced */
};

struct schema_field {
	struct str name;		 /* JSON name */
	const struct schema *message;	 /* of MESSAGE, else NULL */
	const struct field_rules *rules; /* never NULL */
	uint32_t offset;		 /* of the member in the struct; 0 in run-time schemas */
	uint16_t number;		 /* protobuf field number, 0: none */
	uint16_t flags;			 /* FIELD_ bits */
	uint8_t type;			 /* enum field_type */
	uint8_t shape;			 /* enum field_shape */
};

enum {
	SCHEMA_TOP_LEVEL = 1 << 0,	  /* JSON carries kind and apiVersion */
	SCHEMA_OBJECT = 1 << 1,		  /* registered as an object of its group and version */
	SCHEMA_ATOMIC = 1 << 2,		  /* apply treats it as one value */
	SCHEMA_VALUE = 1 << 3,		  /* stands for its single, nameless field */
	SCHEMA_PRESERVE_UNKNOWN = 1 << 4, /* fields it does not know are kept (run-time schemas) */
	/* JSON forms of their own, in apiextensions.k8s.io/v1: */
	SCHEMA_JSON_ANY = 1 << 5,	      /* any JSON value (bytes `raw`) */
	SCHEMA_JSON_OR_ARRAY = 1 << 6,	      /* schema, or array of schemas */
	SCHEMA_JSON_OR_BOOL = 1 << 7,	      /* schema, or bool */
	SCHEMA_JSON_OR_STRING_ARRAY = 1 << 8, /* schema, or array of strings */
	SCHEMA_HAS_DEFAULTS = 1 << 9,	      /* some field, here or further down, has one (types/defaults.h) */
};

struct schema {
	struct str name;	 /* "core/v1.Pod"; names of run-time schemas are for messages only */
	struct str group;	 /* "" for core */
	struct str version;	 /* "v1" */
	struct str api_version;	 /* "v1", "apps/v1" */
	struct str kind;	 /* "Pod" */
	struct str openapi_name; /* "io.k8s.api.core.v1.Pod" */
	const struct schema_field *fields;
	const uint16_t *by_name;   /* JSON fields' indexes sorted by name; len of them */
	const uint16_t *by_number; /* indexes into fields in ascending order of number */
	uint16_t len;		   /* JSON fields */
	uint16_t numbers_len;
	uint32_t size;	/* of the struct; 0 in run-time schemas */
	uint32_t flags; /* SCHEMA_ bits */
	/* Of a union: its discriminator (empty: none), ':', and "field=VALUE" for each member, separated by commas. */
	struct str members;
	struct str deprecation; /* what clients of the type are warned of; empty: it is not deprecated */
};

/* Members every generated list and map has, for code that walks them without knowing the type. */
struct any_slice {
	const void *items;
	size_t len;
};

/* Bytes of one value of @type in C; @message for MESSAGE. */
size_t field_type_size(enum field_type type, const struct schema *message);
/* Bytes between two entries of a map whose values are of the field's type (or slices, for MAP_OF_LISTS). */
size_t field_entry_size(const struct schema_field *field);
/* Where in an entry its value starts. */
#define FIELD_ENTRY_VALUE_OFFSET sizeof(struct str)

/* The JSON field called @name, or NULL. */
const struct schema_field *schema_find(const struct schema *schema, struct str name);
/* The field with protobuf number @number, or NULL. */
const struct schema_field *schema_find_number(const struct schema *schema, uint32_t number);
/* The generated schema called @name ("core/v1.Pod"), or NULL. */
const struct schema *schema_by_name(struct str name);
/* The generated schema of an object's apiVersion and kind, or NULL. */
const struct schema *schema_by_kind(struct str api_version, struct str kind);

#endif
