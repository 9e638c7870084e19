/* How a failure travels; see error.h. */
#include "base/error.h"

#include <stdio.h>

static const struct {
	int http;
	const char *reason;
} codes[ERR_MAX] = {
#define X(name, http, reason) [ERR_##name] = {http, reason},
	ERROR_CODES(X)
#undef X
};

int error_setv(struct error *err, enum error_code code, const char *format, va_list args)
{
	assert(err->code == ERR_NONE && code != ERR_NONE);
	err->code = code;
	err->os_errno = 0;
	vsnprintf(err->message, sizeof(err->message), format, args);
	return -(int)code;
}

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_setv(err, code, format, args);
	va_end(args);
	return -(int)code;
}

int error_set_errno(struct error *err, int os_errno, const char *format, ...)
{
	va_list args;
	size_t len;

	va_start(args, format);
	error_setv(err, ERR_SYSTEM, format, args);
	va_end(args);
	err->os_errno = os_errno;
	len = strlen(err->message);
	snprintf(err->message + len, sizeof(err->message) - len, ": %s", strerrordesc_np(os_errno));
	return -(int)ERR_SYSTEM;
}

int error_wrap(struct error *err, const char *format, ...)
{
	char context[ERROR_MESSAGE_SIZE], whole[2 * ERROR_MESSAGE_SIZE + 2];
	va_list args;

	assert(err->code != ERR_NONE);
	va_start(args, format);
	vsnprintf(context, sizeof(context), format, args);
	va_end(args);
	snprintf(whole, sizeof(whole), "%s: %s", context, err->message);
	memcpy(err->message, whole, sizeof(err->message) - 1);
	err->message[sizeof(err->message) - 1] = '\0';
	return -(int)err->code;
}

int error_pass(struct error *to, const struct error *from)
{
	assert(to->code == ERR_NONE && from->code != ERR_NONE);
	*to = *from;
	return -(int)to->code;
}

void error_clear(struct error *err)
{
	err->code = ERR_NONE;
	err->os_errno = 0;
	err->message[0] = '\0';
}

const char *error_code_reason(enum error_code code)
{
	return code > ERR_NONE && code < ERR_MAX ? codes[code].reason : "";
}

int error_code_http(enum error_code code)
{
	return code > ERR_NONE && code < ERR_MAX ? codes[code].http : 200;
}

enum error_code error_code_from_reason(const char *reason, int http)
{
	for (int code = ERR_NONE + 1; code < ERR_SYSTEM; code++)
		if (reason[0] && strcmp(codes[code].reason, reason) == 0)
			return code;
	for (int code = ERR_BAD_REQUEST; code < ERR_SYSTEM; code++)
		if (codes[code].http == http)
			return code;
	return ERR_INTERNAL;
}
