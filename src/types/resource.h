/*
 * Resources: what is served under a path, as data.
 *
 * Generated from the `resource` lines of api/.  A resource has a kind, the schema of its objects in this version, and
 * the identity of its storage: several versions of one resource share one key prefix and one storage version. Resources
 * made at run time (custom ones) are the same struct.
 */
#ifndef WHERRY_TYPES_RESOURCE_H
#define WHERRY_TYPES_RESOURCE_H

#include "types/scalar.h"
#include "types/schema.h"

enum verb {
	VERB_GET = 1 << 0,
	VERB_LIST = 1 << 1,
	VERB_WATCH = 1 << 2,
	VERB_CREATE = 1 << 3,
	VERB_UPDATE = 1 << 4,
	VERB_PATCH = 1 << 5,
	VERB_DELETE = 1 << 6,
	VERB_DELETE_COLLECTION = 1 << 7,
};

enum stability { STABILITY_GA, STABILITY_BETA, STABILITY_ALPHA };

struct subresource {
	struct str name;
	struct str group, version, kind; /* of the body */
	const struct schema *schema;	 /* of the body, NULL where there is none (log) */
	unsigned verbs;
	bool connect; /* long-lived or proxied */
};

struct resource {
	struct str group, version, api_version;
	struct str plural, singular, kind, list_kind;
	struct str_slice short_names, categories;
	bool namespaced;
	unsigned verbs;
	enum stability stability;
	const struct schema *schema;	  /* NULL for versions we have no types for */
	const struct schema *list_schema; /* NULL where the resource cannot be listed */
	struct str storage_version;	  /* api version of the stored form, "autoscaling/v2" */
	struct str storage_key;		  /* under the root: "pods", "services/specs" */
	const struct subresource *subresources;
	size_t subresources_len;
};

struct api_group_version {
	struct str group, version;
	int priority; /* place in discovery; lower first */
};

extern const struct resource resources[];
extern const size_t resources_len;
/* In discovery order, all that have a type or a resource. */
extern const struct api_group_version api_group_versions[];
extern const size_t api_group_versions_len;

/* The served resource called @plural, or NULL. */
const struct resource *resource_find(struct str group, struct str version, struct str plural);
/* The resource whose objects are of this kind, or NULL. */
const struct resource *resource_by_kind(struct str api_version, struct str kind);
const struct subresource *resource_subresource(const struct resource *resource, struct str name);

/* "get", "deletecollection"; 0 for a word that is no verb of a resource. */
unsigned verb_parse(struct str word);
const char *verb_name(enum verb verb);

#endif
