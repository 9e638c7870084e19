/* Signed tokens; see jws.h.  ES256's signature is r and s, 32 bytes each, where OpenSSL speaks DER. */
#include "net/jws.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"

#define ES256_SIZE 64
#define TOKEN_MAX  (64 * 1024) /* far above what fits a header field */

static struct str encode(const void *data, size_t len, struct arena *arena)
{
	char *out = arena_alloc(arena, len / 3 * 4 + 5);
	int out_len = EVP_EncodeBlock((unsigned char *)out, data, (int)len);

	while (out_len > 0 && out[out_len - 1] == '=')
		out_len--;
	for (int i = 0; i < out_len; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	out[out_len] = '\0';
	return (struct str){out, (size_t)out_len};
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* base64url without padding, strictly: one text for each sequence of bytes. */
static bool decode(struct str text, struct arena *arena, struct str *ret)
{
	unsigned char *out = arena_alloc(arena, text.len + 1);
	uint32_t bits = 0;
	unsigned count = 0;
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		int d = digit(text.data[i]);

		if (d < 0)
			return false;
		bits = bits << 6 | (uint32_t)d;
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[len++] = (unsigned char)(bits >> count);
		}
	}
	if (count == 6 || (bits & ((1u << count) - 1)))
		return false;
	out[len] = '\0';
	*ret = (struct str){(char *)out, len};
	return true;
}

static bool sign_es256(struct str input, EVP_PKEY *key, unsigned char out[ES256_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char der[128];
	const unsigned char *p = der;
	size_t der_len = sizeof(der);
	ECDSA_SIG *signature = NULL;
	bool ok = EVP_PKEY_is_a(key, "EC") && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestSign(context, der, &der_len, (const unsigned char *)input.data, input.len) == 1;

	if (ok)
		signature = d2i_ECDSA_SIG(NULL, &p, (long)der_len);
	ok = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32) == 32 &&
	     BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32) == 32;
	ECDSA_SIG_free(signature);
	EVP_MD_CTX_free(context);
	return ok;
}

int jws_sign(struct str payload, struct str key_id, const struct pki_key *key, struct arena *arena, struct str *ret,
	     struct error *err)
{
	unsigned char signature[ES256_SIZE];
	struct str header, input;

	/* Key ids are base64url, so nothing in them needs escaping. */
	for (size_t i = 0; i < key_id.len; i++)
		if (digit(key_id.data[i]) < 0)
			return error_set(err, ERR_INVALID, "sign a token: the key id is not base64url");
	header = arena_printf(arena, "{\"alg\":\"ES256\",\"kid\":\"" STR_FMT "\"}", STR_ARG(key_id));
	header = encode(header.data, header.len, arena);
	payload = encode(payload.data, payload.len, arena);
	input = arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(header), STR_ARG(payload));
	if (!sign_es256(input, pki_key_evp(key), signature)) {
		ERR_clear_error();
		return error_set(err, ERR_INTERNAL, "sign a token: the key cannot sign ES256");
	}
	*ret = arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(input),
			    STR_ARG(encode(signature, sizeof(signature), arena)));
	return 0;
}

int jws_parse(struct str token, struct arena *arena, struct jws *ret, struct error *err)
{
	struct str header, payload, signature, rest;
	struct jws jws;

	if (token.len > TOKEN_MAX || !str_cut(token, '.', &header, &rest) ||
	    !str_cut(rest, '.', &payload, &signature) || !decode(header, arena, &jws.header) ||
	    !decode(payload, arena, &jws.payload) || !decode(signature, arena, &jws.signature))
		return error_set(err, ERR_UNAUTHORIZED, "not a signed token");
	jws.signing_input = str_sub(token, 0, header.len + 1 + payload.len);
	*ret = jws;
	return 0;
}

static bool verify(const struct jws *jws, EVP_PKEY *key, const unsigned char *signature, size_t size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestVerify(context, signature, size, (const unsigned char *)jws->signing_input.data,
				   jws->signing_input.len) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return ok;
}

static bool verify_es256(const struct jws *jws, EVP_PKEY *key)
{
	const unsigned char *bytes = (const unsigned char *)jws->signature.data;
	unsigned char *der = NULL;
	ECDSA_SIG *signature;
	bool ok = false;
	int size;

	if (jws->signature.len != ES256_SIZE || EVP_PKEY_get_bits(key) != 256)
		return false;
	signature = ECDSA_SIG_new();
	ECDSA_SIG_set0(signature, BN_bin2bn(bytes, 32, NULL), BN_bin2bn(bytes + 32, 32, NULL));
	size = i2d_ECDSA_SIG(signature, &der);
	if (size > 0)
		ok = verify(jws, key, der, (size_t)size);
	OPENSSL_free(der);
	ECDSA_SIG_free(signature);
	return ok;
}

bool jws_verify(const struct jws *jws, struct str alg, const struct pki_key *key)
{
	EVP_PKEY *evp = pki_key_evp(key);

	/* The key decides; what the token says must agree with it. */
	if (EVP_PKEY_is_a(evp, "EC"))
		return str_eq_c(alg, "ES256") && verify_es256(jws, evp);
	if (EVP_PKEY_is_a(evp, "RSA"))
		return str_eq_c(alg, "RS256") &&
		       verify(jws, evp, (const unsigned char *)jws->signature.data, jws->signature.len);
	return false;
}

struct str jws_key_id(const struct pki_key *key, struct arena *arena)
{
	unsigned char digest[32], *der = NULL;
	int size = i2d_PUBKEY(pki_key_evp(key), &der);

	if (size <= 0 || EVP_Digest(der, (size_t)size, digest, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* a loaded key can always be written */
	OPENSSL_free(der);
	return encode(digest, sizeof(digest), arena);
}
