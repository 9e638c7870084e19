/*
 * What a kind needs of its own: one const struct per resource, in apiserver/registry/<group>/<kind>.c.
 *
 * Every member is optional.  A resource with no strategy still works: metadata is defaulted and checked, a status
 *(where there is a status subresource) is reset on create and kept on update, updates through the status subresource
 *keep the spec.  A strategy adds to that; it never does what the generic registry does already.
 *
 *	static void prepare_create(struct strategy_context *context, void *object)
 *	{
 *		struct core_v1_pod *pod = object;
 *
 *		pod->status = (struct core_v1_pod_status){.phase = STR("Pending")};
 *	}
 *
 *	const struct strategy strategy_core_pods = {
 *		.group = STR_INIT(""), .plural = STR_INIT("pods"),
 *		.generation = GENERATION_SPEC,
 *		.prepare_create = prepare_create,
 *		...
 *	};
 *
 * and a line in apiserver/registry/strategies.h makes it known.
 *
 * Objects.  Every function gets the struct of the resource's *storage version* (resource->storage_version): a request
 *in another version was converted before, and an answer is converted after.  An `object` without const was made by a
 * decoder in this request's arena and is nobody else's: its top may be assigned to, and what it points to may be
 *changed through EDIT() (types/object.h).  `old` is published: read only, shared with other threads.  What a function
 *adds to the object lives in context->arena, which lives as long as the object does before it is published; pointing
 *from the new object into the old one is fine too (publishing copies).
 *
 * Order (upstream's):
 *   create   decode, convert, default_object, mutating admission, metadata filled, prepare_create, validate_create
 *            (with the metadata's checks), warnings, canonicalize, validating admission, commit
 *   update   decode or patch, convert, default_object, mutating admission, metadata kept, prepare_update, generation,
 *            validate_update, warnings, canonicalize, validating admission, commit
 *   status   the same with prepare_status and validate_status; spec is the old one's before prepare_status is called
 *   delete   graceful_period
 *
 * Threads.  Functions are called from I/O and handler threads, many at a time: no state, no blocking, no clock (the
 *time is in the context), no randomness but from the context's helpers.
 */
#ifndef WHERRY_APISERVER_STRATEGY_H
#define WHERRY_APISERVER_STRATEGY_H

#include "apiserver/user.h"
#include "base/arena.h"
#include "codec/value.h"
#include "types/resource.h"
#include "types/validate_name.h"

struct allocator; /* apiserver/allocator.h */
struct object;	  /* types/object.h */

/* What the request gives a strategy beside the object. */
struct strategy_context {
	struct arena *arena;
	const struct resource *resource; /* in the version of the request */
	struct timestamp now;
	const struct user_info *user;
	struct str name_space, name; /* of the request; empty when it has none */
	struct str subresource;	     /* "", "status", "resize" ... */
	VEC_OF(struct str) warnings; /* texts of Warning headers, without code and agent */
	const struct object *(*lookup)(struct strategy_context *context, struct str group, struct str plural,
				       struct str name_space, struct str name); /* the stored object or NULL; lives as
											  long as the request */
	void *lookup_data;
	struct allocator *allocator; /* apiserver/allocator.h */
};

/* When metadata.generation moves.  On create it is 1 (NONE: absent); deletionTimestamp moves it too where it is > 0. */
enum generation_rule {
	GENERATION_NONE,     /* never set: ConfigMap, Secret, Node ... */
	GENERATION_SPEC,     /* 1, +1 when anything but metadata and status changed */
	GENERATION_CONSTANT, /* 1 and stays: PriorityClass */
	GENERATION_CUSTOM,   /* the strategy's prepare_create and prepare_update set it themselves */
};

/* How dependents are treated when a delete says nothing. */
enum collection_default { COLLECT_BACKGROUND, COLLECT_ORPHAN, COLLECT_UNSUPPORTED };

/*
 * A Table column.  Cells are filled by the strategy in this order, by table_cell_*() below; type is "string",
 * "integer", "boolean", "number" or "date"; kubectl hides priority > 0 unless asked for -o wide.
 */
struct table_column {
	struct str name, type, format, description;
	int priority;
};

/* One row in the making: cells are JSON values, appended in column order. */
struct table_row {
	struct arena *arena;
	struct timestamp now;	  /* for ages */
	struct value *cells;	  /* array */
	struct value *conditions; /* array or NULL: upstream's row conditions (Completed pods) */
};

/* A subresource with rules of its own that updates the same object: pods/resize, CSR approval, namespaces/finalize. */
struct strategy_subresource {
	struct str name;
	/* Brings from @old to @object all that this subresource may not change. */
	void (*prepare_update)(struct strategy_context *context, void *object, const void *old);
	void (*validate_update)(struct strategy_context *context, const void *object, const void *old,
				struct field_errors *errors);
	struct str reset_fields; /* as in struct strategy; none: like the object itself */
};

struct strategy {
	struct str group, plural; /* which resource; all its versions share the strategy */

	/*
	 * Upstream's SetDefaults for the kind, as far as they depend on other members; what needs nothing but its
	 * parent is set after it by a walk over the schema (types/defaults.h).  Runs after a patch too.
	 */
	void (*default_object)(struct strategy_context *context, void *object);

	/* Resets what clients may not set.  The status was emptied before unless keep_status_on_create. */
	void (*prepare_create)(struct strategy_context *context, void *object);
	/* Keeps what clients may not change.  The status is the old one's before unless there is no status subresource.
	 */
	void (*prepare_update)(struct strategy_context *context, void *object, const void *old);
	void (*prepare_status)(struct strategy_context *context, void *object, const void *old);
	/*
	 * After prepare_create or prepare_update: gives the object what only the server can pick (addresses, ports).
	 * @old is NULL on create.  Errors end the request before anything else is checked.  May block.
	 */
	void (*allocate)(struct strategy_context *context, void *object, const void *old, struct field_errors *errors);

	/* Validation of all but metadata, whose checks are the registry's. */
	void (*validate_create)(struct strategy_context *context, const void *object, struct field_errors *errors);
	void (*validate_update)(struct strategy_context *context, const void *object, const void *old,
				struct field_errors *errors);
	void (*validate_status)(struct strategy_context *context, const void *object, const void *old,
				struct field_errors *errors);
	/* Is @name fit for an object of the kind (a generateName comes masked)?  NULL: DNS subdomain. */
	struct name_problems (*validate_name)(struct str name);

	/* Pushes onto context->warnings (registry/warnings.h); old is NULL on create, subresources are not asked. */
	void (*warnings)(struct strategy_context *context, const void *object, const void *old);
	/* Brings a valid object into its one form. */
	void (*canonicalize)(struct strategy_context *context, void *object);

	/*
	 * How long a delete lets the object live on, in seconds; 0: it goes at once (or as soon as finalizers let it).
	 * @asked is the request's gracePeriodSeconds, NULL when not given.  A member of NULL: always 0.
	 */
	int64_t (*graceful_period)(struct strategy_context *context, const void *object, const int64_t *asked);

	/*
	 * Changes the object for its deletion; true: it has to stay even without finalizers (namespaces:
	 * spec.finalizers). must_stay tells the same of an object an update has changed.
	 */
	bool (*prepare_delete)(struct strategy_context *context, void *object, const void *old);
	bool (*must_stay)(const void *object);

	enum generation_rule generation;
	enum collection_default collection_default;
	bool allow_create_on_update;	  /* PUT may create */
	bool forbid_unconditional_update; /* PUT without resourceVersion is Invalid */
	struct str whole_annotation;	  /* an annotation that only whole objects show */
	struct str orphan_warning;	  /* of COLLECT_ORPHAN: for deletes that say nothing of dependents */
	bool delete_returns_object;	  /* instead of a Status */
	bool keep_status_on_create;	  /* nodes, and kinds whose status clients write through the main resource */
	bool status_resets_metadata;	  /* a status update keeps labels, annotations, owners, finalizers of the old */
	int64_t expires_after;		  /* seconds until the store drops it (events: 3600); 0: never */

	const struct strategy_subresource *subresources;
	size_t subresources_len;

	/*
	 * Fields that a write resets and so gives to no manager: paths ("metadata.labels") with blanks between them,
	 * beside the status of the object itself and the spec of its status subresource.
	 */
	struct str reset_fields, status_reset_fields;

	/* Table columns; NULL: NAME and CREATED AT. */
	const struct table_column *columns;
	size_t columns_len;
	void (*cells)(struct table_row *row, const void *object);

	/*
	 * Field selectors beyond metadata.name and metadata.namespace: the paths, and the value of each (numbers and
	 * bools as text; "" when unset).  They are stored in the record's header, so a selector costs no decoding.
	 */
	const struct str *selectable_fields;
	size_t selectable_fields_len;
	struct str (*select_field)(const void *object, struct str path, struct arena *arena);
	/* Other names for paths: {"spec.host", "spec.nodeName"}, pairs. */
	const struct str (*field_aliases)[2];
	size_t field_aliases_len;
	bool aliases_only; /* clients know the other names alone */
};

/* The strategy of the resource; one with no members set when it has none.  Never NULL. */
const struct strategy *strategy_find(const struct resource *resource);

/* All defaults of an object of @schema: the strategy's own, then the schema's. */
void strategy_default_object(const struct strategy *strategy, struct strategy_context *context,
			     const struct schema *schema, void *object);

/* Cells of a Table row (registry/table.c). */
void table_cell_str(struct table_row *row, struct str text);
void table_cell_int(struct table_row *row, int64_t number);
void table_cell_bool(struct table_row *row, bool boolean);
void table_cell_null(struct table_row *row);
/* The age of @since as upstream prints it ("5m", "3d4h"; "<unknown>" when unset). */
void table_cell_age(struct table_row *row, struct timestamp since);
/* "a=b,c=d", "<none>" when empty. */
void table_cell_labels(struct table_row *row, const struct str_map *labels);
/* The text of a duration in seconds, duration.HumanDuration. */
struct str human_duration(int64_t seconds, struct arena *arena);

#endif
