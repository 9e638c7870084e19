/*
 * The registry protocol (OCI distribution) as far as a pull needs it: manifests, indexes, blobs, token authentication.
 *
 * How bytes travel is behind `struct registry_transport`, so that the protocol is tested against answers written down
 * in a table.
 */
#ifndef WHERRY_RUNTIME_REGISTRY_H
#define WHERRY_RUNTIME_REGISTRY_H

#include "runtime/image.h"

struct registry_request {
	const char *method; /* "GET", "POST" */
	struct str url;
	struct str accept;	  /* "" for none */
	struct str authorization; /* the header's whole value, "" for none; never sent to another host by a redirect */
	struct str form;	  /* the body of a POST, application/x-www-form-urlencoded */
};

struct registry_response {
	int status;
	struct str content_type, challenge; /* Content-Type and WWW-Authenticate, "" when absent */
	struct str content_digest;	    /* Docker-Content-Digest */
	struct str body;		    /* when no sink was given */
};

/* Takes a piece of a successful answer's body; negative stops the transfer with the error set. */
typedef int registry_sink(void *data, struct str bytes, struct error *err);

struct registry_transport {
	/*
	 * One exchange, waited for.  With a sink the body of a 2xx goes to it, else to ret->body, at most
	 * LIMIT_IMAGE_JSON.  Any status is success; fails when there is no answer at all.
	 */
	int (*exchange)(struct registry_transport *transport, const struct registry_request *request,
			registry_sink *sink, void *sink_data, struct arena *arena, struct registry_response *ret,
			struct error *err);
};

/* Fetches @name whole into the store; *ret_id is its configuration's digest.  Errors as pull_image() in runtime.h. */
int registry_pull(struct image_store *store, struct registry_transport *transport, const struct image_name *name,
		  const struct runtime_auth *auth, struct arena *arena, struct str *ret_id,
		  struct error *err) MUST_CHECK;

/* The parameter @key of a challenge like `Bearer realm="https://x/token",service="x"`; absent: data == NULL. */
struct str registry_challenge_get(struct str challenge, const char *key, struct arena *arena);
/* "https://host", or "http://host" for loopback. */
struct str registry_base_url(struct str domain, struct arena *arena);

#endif
