/*
 * Credentials: who we are to a server and whom we trust, kept current with the files they came from.
 *
 * Authorities, certificate, key and token are texts; each may have a file.  Files are read again when somebody asks
 * for a refresh and a period has passed since the last look (a minute, as upstream's token source has), or when the
 * server has said that it does not believe us: nothing polls.  What cannot be read, or does not fit together (a new
 * certificate whose key is still to come), leaves what was: rotation may take its time.
 *
 * Any thread.
 *
 *	if (credentials_refresh(credentials, clock_monotonic_ns()))
 *		...					connections made before still show the old certificate
 */
#ifndef WHERRY_CLIENT_CREDENTIALS_H
#define WHERRY_CLIENT_CREDENTIALS_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

#define CREDENTIALS_PERIOD (60 * NS_PER_SEC)

struct credentials;
struct tls_context;

/* A text, and the file it was read from, if any. */
struct credential {
	struct str text;
	struct str file; /* a path that does not depend on the folder we are in, or empty */
};

struct credentials_config {
	struct credential ca;		    /* PEM; empty: the system's authorities */
	struct credential certificate, key; /* PEM; may be empty */
	struct credential token;	    /* bearer; may be empty */
	bool insecure;			    /* takes any server certificate */
	int64_t period;			    /* for tests; 0: CREDENTIALS_PERIOD */
};

/* Everything is copied.  @now: clock_monotonic_ns(), of the moment the texts were read. */
int credentials_new(const struct credentials_config *config, int64_t now, struct credentials **ret,
		    struct error *err) MUST_CHECK;
/* NULL is fine; returns NULL. */
struct credentials *credentials_free(struct credentials *credentials);
/* Looks at the files if it is time; true: connections to come show another certificate, or trust others. */
bool credentials_refresh(struct credentials *credentials, int64_t now);
/* It is time at the next refresh: the server took us for a stranger, or we it. */
void credentials_doubt(struct credentials *credentials);
/* The context that always has the current certificate; lives as long as the credentials. */
struct tls_context *credentials_tls(struct credentials *credentials);
/* A copy of the token, empty when there is none. */
struct str credentials_token(struct credentials *credentials, struct arena *arena);

/* The content of a file of credentials, into @arena. */
int credential_read(struct str path, struct arena *arena, struct str *ret, struct error *err) MUST_CHECK;

#endif
