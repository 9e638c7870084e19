/*
 * What several strategies share: column shorthands, cells made of usual parts, small checks.
 */
#ifndef WHERRY_APISERVER_REGISTRY_COMMON_H
#define WHERRY_APISERVER_REGISTRY_COMMON_H

#include "apiserver/registry/strategies.h"
#include "types/copy.h"
#include "types/gen/core_v1.h"
#include "types/meta_validate.h"
#include "types/object.h"
#include "types/selector.h"

#define COLUMN(name, type, priority)                                                                                   \
	{                                                                                                              \
		STR_INIT(name), STR_INIT(type), STR_INIT(""), STR_INIT(""), priority                                   \
	}
#define COLUMN_NAME                                                                                                    \
	{                                                                                                              \
		STR_INIT("Name"), STR_INIT("string"), STR_INIT("name"),                                                \
			STR_INIT("Unique in its namespace, or cluster"), 0                                             \
	}
#define COLUMN_AGE	  COLUMN("Age", "string", 0)
#define COLUMNS(columns_) .columns = (columns_), .columns_len = ARRAY_LEN(columns_)

#define FIELDS(list_)	  .selectable_fields = (list_), .selectable_fields_len = ARRAY_LEN(list_)

#define SPEC		  FIELD(NULL, "spec")

/* @text, or @otherwise when it is empty. */
static inline struct str str_or(struct str text, const char *otherwise)
{
	return text.len ? text : str_from(otherwise);
}

struct str str_lower(struct str text, struct arena *arena);

void cell_printf(struct table_row *row, const char *format, ...) PRINTF_LIKE(2, 3);
/* The names and the images of containers, joined by commas, one cell each. */
void cell_containers(struct table_row *row, const struct core_v1_container_slice *containers);
/* The selector's text, @everything when it selects all or is NULL. */
void cell_selector(struct table_row *row, const struct meta_v1_label_selector *selector, const char *everything);
/* The list joined by @separator, @empty when it is. */
void cell_list(struct table_row *row, const struct str_slice *list, const char *separator, const char *empty);
/* An optional bool, @absent when it is not there. */
void cell_bool_or(struct table_row *row, const bool *value, bool absent);
/* The first three items joined by commas, and how many more there are. */
void cell_first_three(struct table_row *row, const struct str *items, size_t len, const char *empty);
void cell_access_modes(struct table_row *row, const struct str_slice *modes);
void cell_quantity(struct table_row *row, const struct quantity_map *map, const char *key);

/* The entry of a resource list, NULL when there is none. */
const struct quantity *quantity_map_get(const struct quantity_map *map, struct str key);

/* For kinds whose generation moves with the spec and other parts: adds one to the old generation when @changed. */
void bump_generation(struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *old, bool changed);

/* Semantic equality by a schema, and the error when it does not hold: `Invalid value: {...}: field is immutable`. */
void check_immutable(struct field_errors *errors, const struct path *path, const struct schema *schema, const void *now,
		     const void *old);
/* The value of a struct as an error shows it: JSON as Go writes upstream's internal struct (ENCODE_UNTAGGED). */
struct field_value field_value_struct(const struct schema *schema, const void *data, struct arena *arena);

/*
 * For each of @len texts, @stride bytes apart: was it there before?  Without comparing each with each: a list is as
 * long as its sender likes.  REPEATED(slice, arena) of a list of texts, REPEATED_BY(slice, member, arena) of a list of
 * structs.
 */
const bool *mark_repeated(const void *first, size_t stride, size_t len, struct arena *arena);
#define REPEATED(slice_, arena_) mark_repeated((slice_)->items, sizeof(struct str), (slice_)->len, arena_)
#define REPEATED_BY(slice_, member_, arena_)                                                                           \
	mark_repeated((slice_)->len ? &(slice_)->items->member_ : NULL, sizeof(*(slice_)->items), (slice_)->len, arena_)

/* Is @word one of the C strings, the last of which is NULL? */
bool is_one_of(struct str word, ...) __attribute__((sentinel));

#endif
