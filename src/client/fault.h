/*
 * The point at which a test makes a component crash.
 *
 * Components call it when they begin work on an object.  Here it does nothing; tests link a program whose
 * fault_point() (tests/e2e/fault.c) crashes on an annotation, which shows what a faulty component would do to the rest.
 */
#ifndef WHERRY_CLIENT_FAULT_H
#define WHERRY_CLIENT_FAULT_H

#include "types/object.h"

/* @object may be NULL. */
void fault_point(const char *component, const struct object *object);

#endif
