/*
 * TLS contexts; see tls.h.
 *
 * A struct tls_context holds a counted SSL_CTX behind a lock; a reload makes a new SSL_CTX and puts it in the old one's
 * place.  Sessions keep the SSL_CTX they were made from, so nothing that is in use ever changes.
 *
 * Session tickets stay on for servers (a returning client saves a signature), with one ticket instead of two.
 * Certificates of clients come with the ticket's session, so a resumed connection has the same identity; the session id
 * context is per SSL_CTX, so a ticket from before a reload of the authorities is of no use.
 */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#include "base/random.h"
#include "net/tls_internal.h"
#include "sys/thread.h"

struct tls_context {
	atomic_uint refs;
	struct mutex lock; /* guards ctx */
	SSL_CTX *ctx;
};

void tls_error_text(char *out, size_t size)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	snprintf(out, size, "%s", reason ? reason : "failed");
	ERR_clear_error();
}

static int fail(struct error *err, const char *what)
{
	char text[128];

	tls_error_text(text, sizeof(text));
	return error_set(err, ERR_INVALID, "%s: %s", what, text);
}

static int no_password(char *buf UNUSED, int size UNUSED, int rwflag UNUSED, void *data UNUSED)
{
	return 0;
}

static BIO *pem_bio(struct str pem)
{
	return BIO_new_mem_buf(pem.data ? pem.data : "", (int)MIN(pem.len, (size_t)INT32_MAX));
}

static int use_certificate(SSL_CTX *ctx, struct str certificate_pem, struct str key_pem, struct error *err)
{
	BIO *bio = pem_bio(certificate_pem);
	X509 *cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	EVP_PKEY *key;
	bool ok = cert && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	while (ok && (cert = PEM_read_bio_X509(bio, NULL, no_password, NULL)))
		ok = SSL_CTX_add0_chain_cert(ctx, cert) == 1;
	BIO_free(bio);
	if (!ok)
		return fail(err, "read a certificate");
	ERR_clear_error();
	bio = pem_bio(key_pem);
	key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	ok = key && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ok ? 0 : fail(err, "read the certificate's key");
}

/* Trusts all certificates in @pem; @announce: names them to clients in the request for a certificate. */
static int use_authorities(SSL_CTX *ctx, struct str pem, bool announce, struct error *err)
{
	BIO *bio = pem_bio(pem);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	size_t count = 0;
	bool ok = true;
	X509 *cert;

	while (ok && (cert = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
		ok = X509_STORE_add_cert(store, cert) == 1 && (!announce || SSL_CTX_add_client_CA(ctx, cert) == 1);
		X509_free(cert);
		count++;
	}
	BIO_free(bio);
	if (!ok || !count)
		return fail(err, "read the authorities' certificates");
	ERR_clear_error();
	return 0;
}

/* Lets every handshake go on; the result of the verification is looked at afterwards. */
static int verify_later(int ok UNUSED, X509_STORE_CTX *context UNUSED)
{
	return 1;
}

static int select_alpn(SSL *ssl UNUSED, const unsigned char **ret, unsigned char *ret_len, const unsigned char *in,
		       unsigned in_len, void *data UNUSED)
{
	static const unsigned char ours[] = "\x02h2\x08http/1.1";
	/* Only reads @ours, but its result may point there or into @in, and it knows no const. */
	unsigned char *selected = NULL;

	if (SSL_select_next_proto(&selected, ret_len, ours, sizeof(ours) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*ret = selected;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_ctx(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!ctx)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	return ctx;
}

static int make_server(const struct tls_server_config *config, SSL_CTX **ret, struct error *err)
{
	SSL_CTX *ctx = new_ctx(TLS_server_method());
	unsigned char id[16];
	int r;

	if (!ctx)
		return fail(err, "make a TLS context");
	random_bytes(id, sizeof(id));
	SSL_CTX_set_session_id_context(ctx, id, sizeof(id));
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
	r = use_certificate(ctx, config->certificate_pem, config->key_pem, err);
	if (r == 0 && config->client_ca_pem.len) {
		r = use_authorities(ctx, config->client_ca_pem, true, err);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, verify_later);
	}
	if (r < 0) {
		SSL_CTX_free(ctx);
		return r;
	}
	*ret = ctx;
	return 0;
}

static int make_client(const struct tls_client_config *config, SSL_CTX **ret, struct error *err)
{
	SSL_CTX *ctx = new_ctx(TLS_client_method());
	int r = 0;

	if (!ctx)
		return fail(err, "make a TLS context");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (config->ca_pem.len)
		r = use_authorities(ctx, config->ca_pem, false, err);
	else if (!config->insecure)
		SSL_CTX_set_default_verify_paths(ctx);
	if (r == 0 && config->certificate_pem.len)
		r = use_certificate(ctx, config->certificate_pem, config->key_pem, err);
	if (r < 0) {
		SSL_CTX_free(ctx);
		return r;
	}
	SSL_CTX_set_verify(ctx, config->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	*ret = ctx;
	return 0;
}

static struct tls_context *wrap(SSL_CTX *ctx)
{
	struct tls_context *context = XNEW(struct tls_context);

	atomic_init(&context->refs, 1);
	mutex_init(&context->lock);
	context->ctx = ctx;
	return context;
}

static void replace(struct tls_context *context, SSL_CTX *ctx)
{
	SSL_CTX *old;

	mutex_lock(&context->lock);
	old = context->ctx;
	context->ctx = ctx;
	mutex_unlock(&context->lock);
	SSL_CTX_free(old);
}

int tls_context_new_server(const struct tls_server_config *config, struct tls_context **ret, struct error *err)
{
	SSL_CTX *ctx = NULL;
	int r = make_server(config, &ctx, err);

	if (r == 0)
		*ret = wrap(ctx);
	return r;
}

int tls_context_new_client(const struct tls_client_config *config, struct tls_context **ret, struct error *err)
{
	SSL_CTX *ctx = NULL;
	int r = make_client(config, &ctx, err);

	if (r == 0)
		*ret = wrap(ctx);
	return r;
}

int tls_context_reload_server(struct tls_context *context, const struct tls_server_config *config, struct error *err)
{
	SSL_CTX *ctx = NULL;
	int r = make_server(config, &ctx, err);

	if (r == 0)
		replace(context, ctx);
	return r;
}

int tls_context_reload_client(struct tls_context *context, const struct tls_client_config *config, struct error *err)
{
	SSL_CTX *ctx = NULL;
	int r = make_client(config, &ctx, err);

	if (r == 0)
		replace(context, ctx);
	return r;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
	return context;
}

struct tls_context *tls_context_unref(struct tls_context *context)
{
	if (context && atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) == 1) {
		SSL_CTX_free(context->ctx);
		mutex_release(&context->lock);
		free(context);
	}
	return NULL;
}

SSL *tls_context_new_ssl(struct tls_context *context)
{
	MUTEX_GUARD(&context->lock);

	return SSL_new(context->ctx);
}

struct str tls_asn1_text(const ASN1_STRING *string, struct arena *arena)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, string);
	struct str text = STR_EMPTY;

	if (len >= 0)
		text = arena_str(arena, (struct str){(const char *)utf8, (size_t)len});
	OPENSSL_free(utf8);
	return text;
}

struct peer_memory {
	struct tls_peer peer;
	atomic_uint refs;
	struct arena arena;
};

static void read_subject(struct peer_memory *memory, const X509_NAME *name)
{
	VEC_OF(struct str) organizations = {0};

	for (int i = 0; i < X509_NAME_entry_count(name); i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
		struct str text;

		if (nid != NID_commonName && nid != NID_organizationName)
			continue;
		text = tls_asn1_text(X509_NAME_ENTRY_get_data(entry), &memory->arena);
		if (nid == NID_commonName)
			memory->peer.common_name = text;
		else
			vec_push(&memory->arena, &organizations, text);
	}
	memory->peer.organizations.items = organizations.items;
	memory->peer.organizations.len = organizations.len;
}

struct tls_peer *tls_peer_new(SSL *ssl)
{
	X509 *cert = SSL_get1_peer_certificate(ssl);
	struct peer_memory *memory;
	long result;

	if (!cert)
		return NULL;
	memory = XNEW(struct peer_memory);
	atomic_init(&memory->refs, 1);
	memory->peer.certificate = cert;
	memory->peer.common_name = STR_EMPTY;
	result = SSL_get_verify_result(ssl);
	memory->peer.verified = result == X509_V_OK;
	memory->peer.verify_error = result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
	X509_digest(cert, EVP_sha256(), memory->peer.fingerprint, NULL);
	read_subject(memory, X509_get_subject_name(cert));
	return &memory->peer;
}

struct tls_peer *tls_peer_ref(const struct tls_peer *peer)
{
	struct peer_memory *memory = CONTAINER_OF(peer, struct peer_memory, peer);

	atomic_fetch_add_explicit(&memory->refs, 1, memory_order_relaxed);
	return &memory->peer;
}

struct tls_peer *tls_peer_unref(const struct tls_peer *peer)
{
	struct peer_memory *memory = CONTAINER_OF(peer, struct peer_memory, peer);

	if (peer && atomic_fetch_sub_explicit(&memory->refs, 1, memory_order_acq_rel) == 1) {
		X509_free(peer->certificate);
		arena_release(&memory->arena);
		free(memory);
	}
	return NULL;
}
