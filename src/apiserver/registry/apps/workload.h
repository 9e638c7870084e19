/* What kinds that keep pods running share. */
#ifndef WHERRY_APISERVER_REGISTRY_APPS_WORKLOAD_H
#define WHERRY_APISERVER_REGISTRY_APPS_WORKLOAD_H

#include "apiserver/registry/core/pod_check.h"
#include "types/gen/apps_v1.h"

/*
 * The selector, and the template it must match (NULL: the selector alone); @empty is what is said of a selector that
 * selects everything, @kind names the owner.
 */
void check_selector_and_template(struct field_errors *errors, const struct path *path,
				 const struct meta_v1_label_selector *selector,
				 const struct core_v1_pod_template_spec *template, const char *empty, const char *kind);
/* A count that is not negative, or a percentage. */
void check_int_or_percent(struct field_errors *errors, const struct path *path, const struct int_or_string *value);
void check_not_over_100_percent(struct field_errors *errors, const struct path *path,
				const struct int_or_string *value);
/* As JSON has it: 3 or "25%". */
struct field_value field_value_int_or_string(const struct int_or_string *value, struct arena *arena);
/* Is it 0 or "0%"? */
bool is_zero_int_or_percent(const struct int_or_string *value);

/* One of the status' counters and, unless NULL, what it may not be greater than. */
void check_counter(struct field_errors *errors, const char *name, int64_t value);
void check_counter_at_most(struct field_errors *errors, const char *name, int32_t value, int32_t max, const char *text);
/* What is ready is among the replicas, and what is available among those that are ready. */
void check_ready_and_available(struct field_errors *errors, int32_t replicas, int32_t ready, int32_t available);

#endif
