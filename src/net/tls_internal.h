/* What conn.c needs of TLS contexts, and pki.c of their certificates. */
#ifndef WHERRY_NET_TLS_INTERNAL_H
#define WHERRY_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* A new session object for one connection, with what the context serves now; NULL when OpenSSL has no memory. */
SSL *tls_context_new_ssl(struct tls_context *context);
/* Reads who the peer is, after the handshake; NULL when it presented nothing.  Counted, any thread. */
struct tls_peer *tls_peer_new(SSL *ssl);
struct tls_peer *tls_peer_ref(const struct tls_peer *peer);
struct tls_peer *tls_peer_unref(const struct tls_peer *peer);
/* A text of a certificate as UTF-8; empty when it has no such form. */
struct str tls_asn1_text(const ASN1_STRING *string, struct arena *arena);
/* Writes the first error of OpenSSL's queue, and empties it. */
void tls_error_text(char *out, size_t size);

#endif
