/*
 * What a request is about, read off its method and path alone, as upstream's RequestInfo.
 *
 * Pure: no look-up of resources, so the result is also there for what does not exist.  Strings are slices of the path
 * given, or literals.
 *
 *	GET /api/v1/namespaces/default/pods/web/log	verb get, namespace default, resource pods, name web,
 *subresource log GET /apis/apps/v1/deployments			verb list GET /healthz
 *is_resource false, verb get
 */
#ifndef WHERRY_APISERVER_REQUEST_INFO_H
#define WHERRY_APISERVER_REQUEST_INFO_H

#include "base/arena.h"
#include "net/url.h"
#include "types/scalar.h"

struct request_info {
	bool is_resource;
	struct str path; /* decoded, without the query */
	struct str verb; /* "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"; for what
			    is no resource the method in lower case */
	struct str api_prefix; /* "api" or "apis" */
	struct str group, version;
	struct str name_space, resource, subresource, name;
	struct str_slice parts; /* from the resource on */
};

/* Is the flag set, as upstream converts bools: absent, "false" and "0" are false, all else is true. */
bool query_flag(const struct query *query, struct str name);

void request_info_parse(struct str method, struct str path, const struct query *query, struct arena *arena,
			struct request_info *ret);

#endif
