/* URLs of API requests: paths and queries. Pure. */
#ifndef WHERRY_CLIENT_HTTPS_PATH_H
#define WHERRY_CLIENT_HTTPS_PATH_H

#include "client/transport.h"

struct str https_url(struct str server, const struct api_request *request, struct arena *arena);
struct str https_watch_url(struct str server, const struct api_request *request, uint64_t revision,
			   struct arena *arena);

#endif
