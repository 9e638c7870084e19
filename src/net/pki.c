/*
 * Certificates and keys over OpenSSL; see pki.h.
 *
 * EVP_PKEY and X509 are counted and, once made, only read, which OpenSSL allows from any thread; so a struct pki_key is
 * an EVP_PKEY under another name, and a struct pki_cert an X509.
 */
#include "net/pki.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/random.h"
#include "net/tls_internal.h"

static EVP_PKEY *evp(const struct pki_key *key)
{
	/* OpenSSL's readers take non-const pointers. */
	return UNCONST(EVP_PKEY *, key);
}

static X509 *x509(const struct pki_cert *cert)
{
	return UNCONST(X509 *, cert);
}

/* Sets @err from OpenSSL's queue, which it empties. */
static int fail(struct error *err, enum error_code code, const char *what)
{
	unsigned long reason = ERR_peek_error();
	char text[256];

	ERR_error_string_n(reason, text, sizeof(text));
	ERR_clear_error();
	return error_set(err, code, "%s: %s", what, reason ? text : "failed");
}

int pki_key_generate(struct pki_key **ret, struct error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key)
		return fail(err, ERR_INTERNAL, "generate a key");
	*ret = (struct pki_key *)key;
	return 0;
}

static int no_password(char *buf UNUSED, int size UNUSED, int rwflag UNUSED, void *data UNUSED)
{
	return 0;
}

int pki_key_load(struct str pem, struct pki_key **ret, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem.data ? pem.data : "", (int)MIN(pem.len, (size_t)1 << 20));
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);

	BIO_free(bio);
	if (!key)
		return fail(err, ERR_INVALID, "read a private key");
	*ret = (struct pki_key *)key;
	return 0;
}

int pki_public_key_load(struct str pem, struct pki_key **ret, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem.data ? pem.data : "", (int)MIN(pem.len, (size_t)1 << 20));
	EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	struct pki_cert *cert = NULL;
	struct error ignored = {0};

	BIO_free(bio);
	if (!key && pki_cert_load(pem, &cert, &ignored) == 0) {
		key = X509_get_pubkey(x509(cert));
		pki_cert_unref(cert);
	}
	if (!key && ignored.code && pki_key_load(pem, (struct pki_key **)&key, &(struct error){0}) < 0)
		key = NULL;
	if (!key)
		return fail(err, ERR_INVALID, "read a public key");
	ERR_clear_error();
	*ret = (struct pki_key *)key;
	return 0;
}

static int take_bio(BIO *bio, int written, struct arena *arena, struct str *ret, struct error *err)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	if (written != 1) {
		BIO_free(bio);
		return fail(err, ERR_INTERNAL, "write PEM");
	}
	*ret = arena_str(arena, (struct str){data, (size_t)len});
	BIO_free(bio);
	return 0;
}

int pki_key_pem(const struct pki_key *key, struct arena *arena, struct str *ret, struct error *err)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int written = PEM_write_bio_PrivateKey_traditional(bio, evp(key), NULL, NULL, 0, NULL, NULL);

	return take_bio(bio, written, arena, ret, err);
}

int pki_public_key_pem(const struct pki_key *key, struct arena *arena, struct str *ret, struct error *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int written = PEM_write_bio_PUBKEY(bio, evp(key));

	return take_bio(bio, written, arena, ret, err);
}

struct pki_key *pki_key_ref(struct pki_key *key)
{
	EVP_PKEY_up_ref(evp(key));
	return key;
}

struct pki_key *pki_key_unref(struct pki_key *key)
{
	EVP_PKEY_free(evp(key));
	return NULL;
}

void *pki_key_evp(const struct pki_key *key)
{
	return evp(key);
}

static bool add_name(X509_NAME *name, const char *field, struct str value)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value.data, (int)value.len,
					  -1, 0) == 1;
}

static bool fill_name(X509_NAME *name, const struct pki_cert_config *config)
{
	bool ok = true;

	for (size_t i = 0; i < config->organizations_len; i++)
		ok &= add_name(name, "O", config->organizations[i]);
	if (config->common_name.len)
		ok &= add_name(name, "CN", config->common_name);
	return ok;
}

static bool add_extension(X509 *cert, int nid, bool critical, void *value)
{
	return X509_add1_ext_i2d(cert, nid, value, critical, X509V3_ADD_REPLACE) == 1;
}

static bool add_one_name(GENERAL_NAMES *names, int type, const void *data, size_t len)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *string = type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
	bool ok = ASN1_STRING_set(string, data, (int)len) == 1;

	GENERAL_NAME_set0_value(name, type, string);
	return sk_GENERAL_NAME_push(names, name) > 0 && ok;
}

static GENERAL_NAMES *alternative_names(const struct pki_cert_config *config)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool ok = true;

	for (size_t i = 0; i < config->dns_names_len; i++)
		ok &= add_one_name(names, GEN_DNS, config->dns_names[i].data, config->dns_names[i].len);
	for (size_t i = 0; i < config->addresses_len; i++)
		ok &= add_one_name(names, GEN_IPADD, config->addresses[i].bytes,
				   ip_family_bits(config->addresses[i].family) / 8);
	if (!ok) {
		GENERAL_NAMES_free(names);
		return NULL;
	}
	return names;
}

static bool set_usage(X509 *cert, const struct pki_cert_config *config, bool is_ca)
{
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
	ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
	EXTENDED_KEY_USAGE *extended = EXTENDED_KEY_USAGE_new();
	bool ok;

	constraints->ca = is_ca ? 0xff : 0;
	/* Bits of RFC 5280: digitalSignature 0, keyEncipherment 2, keyCertSign 5. */
	ASN1_BIT_STRING_set_bit(usage, 0, 1);
	ASN1_BIT_STRING_set_bit(usage, 2, 1);
	if (is_ca)
		ASN1_BIT_STRING_set_bit(usage, 5, 1);
	if (config->usages & PKI_USAGE_SERVER)
		sk_ASN1_OBJECT_push(extended, OBJ_nid2obj(NID_server_auth));
	if (config->usages & PKI_USAGE_CLIENT)
		sk_ASN1_OBJECT_push(extended, OBJ_nid2obj(NID_client_auth));
	ok = add_extension(cert, NID_basic_constraints, true, constraints) &&
	     add_extension(cert, NID_key_usage, true, usage) &&
	     (is_ca || !config->usages || add_extension(cert, NID_ext_key_usage, false, extended));
	BASIC_CONSTRAINTS_free(constraints);
	ASN1_BIT_STRING_free(usage);
	EXTENDED_KEY_USAGE_free(extended);
	return ok;
}

static bool set_key_ids(X509 *cert, const X509 *ca)
{
	unsigned char id[EVP_MAX_MD_SIZE];
	unsigned int id_len;
	ASN1_OCTET_STRING *subject = ASN1_OCTET_STRING_new();
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	const ASN1_OCTET_STRING *issuer;
	bool ok = X509_pubkey_digest(cert, EVP_sha1(), id, &id_len) == 1 &&
		  ASN1_OCTET_STRING_set(subject, id, (int)id_len) == 1 &&
		  add_extension(cert, NID_subject_key_identifier, false, subject);

	/* X509_get0_subject_key_id() fills a cache in the certificate, hence its missing const. */
	issuer = ca ? X509_get0_subject_key_id(UNCONST(X509 *, ca)) : subject;
	if (ok && issuer) {
		authority->keyid = ASN1_OCTET_STRING_dup(issuer);
		ok = add_extension(cert, NID_authority_key_identifier, false, authority);
	}
	ASN1_OCTET_STRING_free(subject);
	AUTHORITY_KEYID_free(authority);
	return ok;
}

static bool set_serial(X509 *cert)
{
	unsigned char bytes[16];
	BIGNUM *number;
	bool ok;

	random_bytes(bytes, sizeof(bytes));
	bytes[0] &= 0x7f;
	bytes[0] |= 0x40;
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return ok;
}

static bool set_times(X509 *cert, const struct pki_cert_config *config)
{
	return ASN1_TIME_adj(X509_getm_notBefore(cert), (time_t)config->not_before, 0, 0) &&
	       ASN1_TIME_adj(X509_getm_notAfter(cert), (time_t)config->not_after, 0, 0);
}

static int make(const struct pki_cert_config *config, const struct pki_key *key, const struct pki_cert *ca,
		const struct pki_key *ca_key, struct pki_cert **ret, struct error *err)
{
	bool is_ca = !ca, ok;
	X509 *cert = X509_new();
	GENERAL_NAMES *names = NULL;

	ok = cert && X509_set_version(cert, X509_VERSION_3) && set_serial(cert) && set_times(cert, config) &&
	     fill_name(X509_get_subject_name(cert), config) &&
	     X509_set_issuer_name(cert, X509_get_subject_name(ca ? x509(ca) : cert)) &&
	     X509_set_pubkey(cert, evp(key)) && set_usage(cert, config, is_ca) &&
	     set_key_ids(cert, ca ? x509(ca) : NULL);
	if (ok && config->dns_names_len + config->addresses_len) {
		names = alternative_names(config);
		ok = names && add_extension(cert, NID_subject_alt_name, false, names);
	}
	ok = ok && X509_sign(cert, evp(ca_key), EVP_sha256()) > 0;
	GENERAL_NAMES_free(names);
	if (!ok) {
		X509_free(cert);
		return fail(err, ERR_INTERNAL, "make a certificate");
	}
	*ret = (struct pki_cert *)cert;
	return 0;
}

int pki_ca_new(const struct pki_cert_config *config, const struct pki_key *key, struct pki_cert **ret,
	       struct error *err)
{
	return make(config, key, NULL, key, ret, err);
}

int pki_sign(const struct pki_cert_config *config, const struct pki_key *key, const struct pki_cert *ca,
	     const struct pki_key *ca_key, struct pki_cert **ret, struct error *err)
{
	return make(config, key, ca, ca_key, ret, err);
}

int pki_cert_load(struct str pem, struct pki_cert **ret, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem.data ? pem.data : "", (int)MIN(pem.len, (size_t)1 << 20));
	X509 *cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);

	BIO_free(bio);
	if (!cert)
		return fail(err, ERR_INVALID, "read a certificate");
	*ret = (struct pki_cert *)cert;
	return 0;
}

int pki_cert_pem(const struct pki_cert *cert, struct arena *arena, struct str *ret, struct error *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int written = PEM_write_bio_X509(bio, x509(cert));

	return take_bio(bio, written, arena, ret, err);
}

struct pki_cert *pki_cert_ref(struct pki_cert *cert)
{
	X509_up_ref(x509(cert));
	return cert;
}

struct pki_cert *pki_cert_unref(struct pki_cert *cert)
{
	X509_free(x509(cert));
	return NULL;
}

void *pki_cert_x509(const struct pki_cert *cert)
{
	return x509(cert);
}

static void read_name(const X509_NAME *name, struct arena *arena, struct pki_cert_config *ret)
{
	VEC_OF(struct str) organizations = {0};

	for (int i = 0; i < X509_NAME_entry_count(name); i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
		struct str text = tls_asn1_text(X509_NAME_ENTRY_get_data(entry), arena);

		if (nid == NID_commonName)
			ret->common_name = text;
		else if (nid == NID_organizationName)
			vec_push(arena, &organizations, text);
	}
	ret->organizations = organizations.items;
	ret->organizations_len = organizations.len;
}

static void read_names(const GENERAL_NAMES *names, struct arena *arena, struct pki_cert_config *ret)
{
	VEC_OF(struct str) dns = {0};
	VEC_OF(struct ip_address) addresses = {0};

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		int len = name->type == GEN_IPADD ? ASN1_STRING_length(name->d.iPAddress) : 0;

		if (name->type == GEN_DNS)
			vec_push(arena, &dns, tls_asn1_text(name->d.dNSName, arena));
		if (len == 4 || len == 16) {
			struct ip_address address = {.family = len == 4 ? IP_V4 : IP_V6};

			memcpy(address.bytes, ASN1_STRING_get0_data(name->d.iPAddress), (size_t)len);
			vec_push(arena, &addresses, address);
		}
	}
	ret->dns_names = dns.items;
	ret->dns_names_len = dns.len;
	ret->addresses = addresses.items;
	ret->addresses_len = addresses.len;
}

static bool read_time(const ASN1_TIME *time, int64_t *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*ret = timegm(&tm);
	return true;
}

int pki_cert_read(const struct pki_cert *cert, struct arena *arena, struct pki_cert_config *ret, struct error *err)
{
	struct pki_cert_config config = {0};
	GENERAL_NAMES *names;
	uint32_t extended;

	if (!read_time(X509_get0_notBefore(x509(cert)), &config.not_before) ||
	    !read_time(X509_get0_notAfter(x509(cert)), &config.not_after))
		return fail(err, ERR_INVALID, "read a certificate's times");
	read_name(X509_get_subject_name(x509(cert)), arena, &config);
	names = X509_get_ext_d2i(x509(cert), NID_subject_alt_name, NULL, NULL);
	read_names(names, arena, &config);
	GENERAL_NAMES_free(names);
	extended = X509_get_extended_key_usage(x509(cert));
	if (extended != UINT32_MAX) {
		config.usages |= extended & XKU_SSL_SERVER ? PKI_USAGE_SERVER : 0;
		config.usages |= extended & XKU_SSL_CLIENT ? PKI_USAGE_CLIENT : 0;
	}
	*ret = config;
	return 0;
}

bool pki_cert_is_ca(const struct pki_cert *cert)
{
	return X509_check_ca(x509(cert)) == 1;
}

bool pki_cert_has_key(const struct pki_cert *cert, const struct pki_key *key)
{
	return EVP_PKEY_eq(X509_get0_pubkey(x509(cert)), evp(key)) == 1;
}

bool pki_cert_verify(const struct pki_cert *cert, const struct pki_cert *ca, int64_t now)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	bool ok =
		X509_STORE_add_cert(store, x509(ca)) == 1 && X509_STORE_CTX_init(context, store, x509(cert), NULL) == 1;

	if (ok) {
		X509_STORE_CTX_set_time(context, 0, (time_t)now);
		ok = X509_verify_cert(context) == 1;
	}
	ERR_clear_error();
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return ok;
}

int pki_request_new(const struct pki_cert_config *config, const struct pki_key *key, struct arena *arena,
		    struct str *ret_pem, struct error *err)
{
	X509_REQ *request = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	bool ok = fill_name(X509_REQ_get_subject_name(request), config) && X509_REQ_set_pubkey(request, evp(key));
	int result = -1;

	if (ok && config->dns_names_len + config->addresses_len) {
		GENERAL_NAMES *names = alternative_names(config);

		ok = names && X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
		     X509_REQ_add_extensions(request, extensions) == 1;
		GENERAL_NAMES_free(names);
	}
	if (ok && X509_REQ_sign(request, evp(key), EVP_sha256()) > 0) {
		BIO *bio = BIO_new(BIO_s_mem());
		int written = PEM_write_bio_X509_REQ(bio, request);

		result = take_bio(bio, written, arena, ret_pem, err);
	} else {
		result = fail(err, ERR_INTERNAL, "make a certificate request");
	}
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
	return result;
}

int pki_request_read(struct str pem, struct arena *arena, struct pki_cert_config *ret, struct pki_key **ret_key,
		     struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem.data ? pem.data : "", (int)MIN(pem.len, (size_t)1 << 20));
	X509_REQ *request = PEM_read_bio_X509_REQ(bio, NULL, no_password, NULL);
	STACK_OF(X509_EXTENSION) * extensions;
	struct pki_cert_config config = {0};
	GENERAL_NAMES *names;
	EVP_PKEY *key;

	BIO_free(bio);
	key = request ? X509_REQ_get0_pubkey(request) : NULL;
	if (!key || X509_REQ_verify(request, key) != 1) {
		X509_REQ_free(request);
		return fail(err, ERR_INVALID, "read a certificate request");
	}
	read_name(X509_REQ_get_subject_name(request), arena, &config);
	extensions = X509_REQ_get_extensions(request);
	names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
	read_names(names, arena, &config);
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	EVP_PKEY_up_ref(key);
	*ret_key = (struct pki_key *)key;
	*ret = config;
	X509_REQ_free(request);
	return 0;
}
