/*
 * TLS contexts: certificates, trust, and who the peer is.
 *
 * A context is counted and may be used by many loops; what it serves (certificate, client authorities) may be replaced
 * while it is in use: connections made before keep what they have.  TLS 1.2 and newer; ALPN offers h2 and http/1.1.
 *
 * Server: a client certificate is asked for when client_ca_pem is given, and never demanded; one that does not verify
 * does not fail the handshake, the peer is then marked as not verified and authentication turns it away (401), as
 * upstream does.
 */
#ifndef WHERRY_NET_TLS_H
#define WHERRY_NET_TLS_H

#include "base/arena.h"
#include "base/error.h"

struct tls_context;

struct tls_server_config {
	struct str certificate_pem; /* the leaf, then its chain */
	struct str key_pem;
	struct str client_ca_pem; /* empty: client certificates are not asked for */
};

struct tls_client_config {
	struct str ca_pem;	    /* empty: the system's authorities */
	struct str certificate_pem; /* may be empty, together with the key */
	struct str key_pem;
	bool insecure; /* takes any server certificate (insecure-skip-tls-verify) */
};

int tls_context_new_server(const struct tls_server_config *config, struct tls_context **ret,
			   struct error *err) MUST_CHECK;
int tls_context_new_client(const struct tls_client_config *config, struct tls_context **ret,
			   struct error *err) MUST_CHECK;
/* Replaces certificate, key and authorities for connections to come; on failure nothing changes.  Any thread. */
int tls_context_reload_server(struct tls_context *context, const struct tls_server_config *config,
			      struct error *err) MUST_CHECK;
int tls_context_reload_client(struct tls_context *context, const struct tls_client_config *config,
			      struct error *err) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *context);
/* NULL is fine; returns NULL. */
struct tls_context *tls_context_unref(struct tls_context *context);

/* Who presented a certificate. */
struct tls_peer {
	bool verified;		/* by client_ca_pem, in time, for client authentication */
	struct str common_name; /* of the subject; empty when there is none */
	struct str_list {
		const struct str *items;
		size_t len;
	} organizations;	  /* of the subject, in order */
	uint8_t fingerprint[32];  /* SHA-256 of the certificate */
	void *certificate;	  /* X509 *, for whoever wants more; lives as long as this struct */
	const char *verify_error; /* why it is not verified, or NULL */
};

#endif
