/*
 * Failures in upstream's words.
 *
 * Each function makes the request's Status and answers STEP_DONE, so that a step ends with
 *	return status_not_found(request, name);
 * The object is built once, here; how it is encoded is the way out's business.
 */
#ifndef WHERRY_APISERVER_STATUS_H
#define WHERRY_APISERVER_STATUS_H

#include "apiserver/request.h"

/* Any failure: reason and HTTP status follow from @code. */
enum step_result status_fail(struct request *request, enum error_code code, const char *format, ...) PRINTF_LIKE(3, 4);
/* A failure whose code is a function's struct error. */
enum step_result status_from_error(struct request *request, const struct error *err);
/* What the store's result of a write means for the object called @name. */
enum step_result status_from_store(struct request *request, int result, struct str name, const char *message);

/* `configmaps "a" not found`, with details. */
enum step_result status_not_found(struct request *request, struct str name);
enum step_result status_not_found_in(struct request *request, struct str group, struct str plural, struct str name);
enum step_result status_already_exists(struct request *request, struct str name);
/* `Operation cannot be fulfilled on configmaps "a": ...`. */
enum step_result status_conflict(struct request *request, struct str name, const char *why);
/* The same, named by kind. */
enum step_result status_conflict_kind(struct request *request, struct str name, const char *why);
/* 409 of a server-side apply: what other managers have. */
enum step_result status_apply_conflict(struct request *request, const struct meta_v1_status_cause_slice *causes,
				       struct str message);
/* A Status with neither reason nor details, for errors upstream did not foresee. */
enum step_result status_plain(struct request *request, int code, struct str message);
#define STATUS_MODIFIED "the object has been modified; please apply your changes to the latest version and try again"
/* `configmaps "a" is forbidden: ...`. */
enum step_result status_forbidden(struct request *request, struct str group, struct str plural, struct str name,
				  struct str why);
/* 403 with the cause NamespaceTerminating. */
enum step_result status_namespace_terminating(struct request *request, struct str name_space);
enum step_result status_bad_request(struct request *request, const char *format, ...) PRINTF_LIKE(2, 3);
/* `the server could not find the requested resource`: a path that leads nowhere. */
enum step_result status_no_such_path(struct request *request);
enum step_result status_method_not_allowed(struct request *request);
/* `ConfigMap "a" is invalid: ...`, the causes as details. */
enum step_result status_invalid(struct request *request, struct str group, struct str kind, struct str name,
				const struct meta_v1_status_cause_slice *causes, struct str message);
/* The same of what validation found. */
enum step_result status_field_errors(struct request *request, struct str group, struct str kind, struct str name,
				     const struct field_errors *errors);
/* A patch whose outcome cannot be read back, shown as a field of no object. */
enum step_result status_bad_patch(struct request *request, struct str shown, struct str why);
enum step_result status_unauthorized(struct request *request);
/* The snapshot of a list in slices is gone; @token goes on without it. */
enum step_result status_continue_expired(struct request *request, struct str token);
enum step_result status_too_large_version(struct request *request, uint64_t asked, uint64_t current);
/* 406, with what this endpoint can give. */
/* 415 of a patch. */
enum step_result status_unsupported(struct request *request);
enum step_result status_not_acceptable(struct request *request);
/* The Status of success, for deletes. */
enum step_result status_deleted(struct request *request, const struct meta_v1_object_meta *meta);

/* Plural and group as messages name them: "deployments.apps". */
struct str status_resource_name(struct arena *arena, struct str group, struct str plural);
/* A Status as JSON, for watch streams and the like. */
void status_encode(const struct meta_v1_status *status, struct buf *out);
/* What a failed request's Status says, as a struct error: for calls in process. */
int status_to_error(const struct meta_v1_status *status, struct error *err);

#endif
