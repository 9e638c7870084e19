/* The class that is the default one, for the plug-ins that fill it in. */
#ifndef WHERRY_APISERVER_ADMISSION_DEFAULT_CLASS_H
#define WHERRY_APISERVER_ADMISSION_DEFAULT_CLASS_H

#include "apiserver/request.h"

/*
 * The name of the object of @resource that has one of the annotations (the last is NULL) with the value "true"; of
 * several the newest, then the first by name.  NULL: there is none.  Lives in the request's arena.
 */
const struct str *find_default_class(struct request *request, const struct resource *resource,
				     const char *const *annotations);

#endif
