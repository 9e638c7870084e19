/*
 * Kubeconfigs: where a cluster is and who we are, as a file says.
 *
 * The current context (or the one named) picks a cluster and a user; data may be embedded (base64) or in files named
 * relative to the kubeconfig.  Client certificates and tokens are read, and the files' names kept, for they may
 * change (credentials.h); exec plugins and auth providers are refused.
 */
#ifndef WHERRY_CLIENT_KUBECONFIG_H
#define WHERRY_CLIENT_KUBECONFIG_H

#include "client/https.h"

/* Fills @ret, its strings in @arena, from the file at @path. */
int kubeconfig_load(const char *path, struct str context, struct arena *arena, struct https_config *ret,
		    struct error *err) MUST_CHECK;
/* The same from the text; @dir is where relative file names begin, an absolute path. */
int kubeconfig_parse(struct str text, struct str dir, struct str context, struct arena *arena, struct https_config *ret,
		     struct error *err) MUST_CHECK;

#endif
