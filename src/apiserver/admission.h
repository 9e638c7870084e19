/*
 * Admission: what may still change or refuse a write that the user is allowed to make.
 *
 * Plug-ins run in the order of admission_plugins.h, first all that change, later (after validation) all that only
 * judge.  In between the kind's own rules run.  A plug-in sees the request: request->object (on delete NULL),
 * request->old, user, resource, subresource; it looks other objects up with request_lookup().
 */
#ifndef WHERRY_APISERVER_ADMISSION_H
#define WHERRY_APISERVER_ADMISSION_H

#include "apiserver/request.h"

struct admission_plugin {
	const char *name;    /* upstream's: "NamespaceLifecycle" */
	unsigned operations; /* OP_ bits it is for */
	/* Each may be NULL.  STEP_NEXT: fine; else the request was ended with a Status. */
	enum step_result (*mutate)(struct request *request);
	enum step_result (*validate)(struct request *request);
};

/* What admission sees: whatever makes an object is a create. */
static inline enum operation admission_operation(const struct request *request)
{
	return request->created ? OP_CREATE : request->operation;
}

enum step_result admission_mutate(struct request *request);
enum step_result admission_validate(struct request *request);

#endif
