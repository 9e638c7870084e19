/*
 * How a failure travels.
 *
 * A function that can fail returns 0, or a negative code; where a person will read why, it takes a struct error as
 * its last parameter, never NULL, and returns error_set(err, ...), which is negative.  The one who detects sets; those
 * between may wrap; the one who handles reads.  On failure the outputs are untouched, on success all are set.
 *
 *	int open_store(const char *path, struct store **ret, struct error *err)
 *	{
 *		if (fd < 0)
 *			return error_set_errno(err, errno, "open %s", path);
 *		...
 *	}
 *
 *	struct error err = {0};
 *	if (open_store(path, &store, &err) < 0)
 *		return error_wrap(&err, "data folder");		"data folder: open /x: No such file or directory"
 *
 * Wrong: setting an error twice (asserted), reading one after success, keeping one beyond the call that made it.
 *
 * The code maps one to one to a Kubernetes Status reason; the table is the X-macro below.  Messages are cut at
 * ERROR_MESSAGE_SIZE; lists of field errors are not struct error's business (types/field_error.h).
 */
#ifndef WHERRY_BASE_ERROR_H
#define WHERRY_BASE_ERROR_H

#include <stdarg.h>

#include "base/alloc.h"

/* code, HTTP status, Kubernetes reason */
#define ERROR_CODES(X)                                                                                                 \
	X(INTERNAL, 500, "InternalError")                                                                              \
	X(BAD_REQUEST, 400, "BadRequest")                                                                              \
	X(UNAUTHORIZED, 401, "Unauthorized")                                                                           \
	X(FORBIDDEN, 403, "Forbidden")                                                                                 \
	X(NOT_FOUND, 404, "NotFound")                                                                                  \
	X(METHOD_NOT_ALLOWED, 405, "MethodNotAllowed")                                                                 \
	X(NOT_ACCEPTABLE, 406, "NotAcceptable")                                                                        \
	X(ALREADY_EXISTS, 409, "AlreadyExists")                                                                        \
	X(CONFLICT, 409, "Conflict")                                                                                   \
	X(GONE, 410, "Gone")                                                                                           \
	X(EXPIRED, 410, "Expired")                                                                                     \
	X(TOO_LARGE, 413, "RequestEntityTooLarge")                                                                     \
	X(UNSUPPORTED_MEDIA_TYPE, 415, "UnsupportedMediaType")                                                         \
	X(INVALID, 422, "Invalid")                                                                                     \
	X(TOO_MANY_REQUESTS, 429, "TooManyRequests")                                                                   \
	X(SERVER_TIMEOUT, 500, "ServerTimeout")                                                                        \
	X(SERVICE_UNAVAILABLE, 503, "ServiceUnavailable")                                                              \
	X(TIMEOUT, 504, "Timeout")                                                                                     \
	X(STORAGE_READ, 500, "StorageReadError")                                                                       \
	/* Not of the API: an operating system's answer, a closed peer, a cancelled wait, not now. */                  \
	X(SYSTEM, 500, "InternalError")                                                                                \
	X(CLOSED, 503, "ServiceUnavailable")                                                                           \
	X(CANCELLED, 499, "")                                                                                          \
	X(AGAIN, 503, "ServiceUnavailable")

enum error_code {
	ERR_NONE = 0,
#define X(name, http, reason) ERR_##name,
	ERROR_CODES(X)
#undef X
		ERR_MAX
};

#define ERROR_MESSAGE_SIZE 1024

struct error {
	enum error_code code;
	int os_errno; /* the errno behind it, or 0 */
	char message[ERROR_MESSAGE_SIZE];
};

/* Sets an empty error; returns -code. */
int error_set(struct error *err, enum error_code code, const char *format, ...) PRINTF_LIKE(3, 4);
int error_setv(struct error *err, enum error_code code, const char *format, va_list args) PRINTF_LIKE(3, 0);
/* Sets an empty error from an errno, whose text is added after ": "; returns -ERR_SYSTEM. */
int error_set_errno(struct error *err, int os_errno, const char *format, ...) PRINTF_LIKE(3, 4);
/* Puts "context: " before the message of a set error; returns -code. */
int error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
/* Copies a set error to an empty one; returns -code. */
int error_pass(struct error *to, const struct error *from);
/* Makes it empty again, for a caller that handled it and goes on. */
void error_clear(struct error *err);

/* "NotFound", and 404; the name in lower case for logs. */
const char *error_code_reason(enum error_code code);
int error_code_http(enum error_code code);
/* The code for a reason and an HTTP status a server sent: by reason, else by status, else ERR_INTERNAL. */
enum error_code error_code_from_reason(const char *reason, int http);

#endif
