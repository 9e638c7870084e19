/*
 * Waiting for a key of the store: for admission that needs an object which somebody is about to make.
 *
 * No thread waits with a request that came over HTTP: the store's watch or a timer of its home loop sends it on.  A
 * call in process waits on its caller's thread, as it does for the commit.
 */
#ifndef WHERRY_APISERVER_AWAIT_H
#define WHERRY_APISERVER_AWAIT_H

#include "apiserver/request.h"

/*
 * For a step to return: the step runs again, with request->awaited set, when @key is there or after @patience
 * nanoseconds.  At most once for a request.
 */
enum step_result request_await(struct request *request, struct str key, int64_t patience);

#endif
