/*
 * Checks of what every object has: ObjectMeta on create and update, labels, annotations, selectors, conditions.
 *
 * Messages and their order are upstream's.  Any thread; inputs are only read.
 */
#ifndef WHERRY_TYPES_META_VALIDATE_H
#define WHERRY_TYPES_META_VALIDATE_H

#include "types/gen/meta_v1.h"
#include "types/validate_name.h"

/* @is_name judges name and generateName (its trailing dash masked); NULL: DNS subdomain. */
void check_object_meta(struct field_errors *errors, const struct path *path, const struct meta_v1_object_meta *meta,
		       bool namespaced, struct name_problems (*is_name)(struct str name));
/* What may not change, and what must be well formed in any case. */
void check_object_meta_update(struct field_errors *errors, const struct path *path,
			      const struct meta_v1_object_meta *meta, const struct meta_v1_object_meta *old);

void check_labels(struct field_errors *errors, const struct path *path, const struct str_map *labels);
void check_annotations(struct field_errors *errors, const struct path *path, const struct str_map *annotations);
void check_finalizers(struct field_errors *errors, const struct path *path, const struct str_slice *finalizers);
/* Without a "/" only orphan, foregroundDeletion and kubernetes. */
void check_kube_finalizers(struct field_errors *errors, const struct path *path, const struct str_slice *finalizers);
/* @selector may be NULL: nothing to check. */
void check_label_selector(struct field_errors *errors, const struct path *path,
			  const struct meta_v1_label_selector *selector);
void check_label_selector_requirement(struct field_errors *errors, const struct path *path,
				      const struct meta_v1_label_selector_requirement *requirement);
void check_conditions(struct field_errors *errors, const struct path *path,
		      const struct meta_v1_condition_slice *conditions);

/* `field is immutable` when the two differ. */
void check_immutable_str(struct field_errors *errors, const struct path *path, struct str now, struct str old);
void check_immutable_bool(struct field_errors *errors, const struct path *path, const bool *now, const bool *old);

/* "a" for "abc-": a generated name ends otherwise than its prefix does. */
struct str mask_trailing_dash(struct str name, struct arena *arena);

#endif
