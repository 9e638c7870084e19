/* /.well-known/openid-configuration and /openid/v1/jwks: what others need to verify service accounts' tokens. */
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "apiserver/encode.h"
#include "apiserver/paths.h"
#include "apiserver/server.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "net/jws.h"

#define COORDINATE_SIZE 32 /* of P-256 */

static bool append_coordinate(const struct pki_key *key, const char *name, struct buf *out)
{
	uint8_t bytes[COORDINATE_SIZE];
	BIGNUM *number = NULL;
	bool good = EVP_PKEY_get_bn_param(pki_key_evp(key), name, &number) == 1 &&
		    BN_bn2binpad(number, bytes, sizeof(bytes)) == (int)sizeof(bytes);

	BN_free(number);
	if (good)
		base64_url_encode((struct bytes){bytes, sizeof(bytes)}, out);
	return good;
}

static enum step_result respond(struct request *request, struct str content_type)
{
	request->response.code = 200;
	request->response.content_type = content_type;
	response_header(request, STR("cache-control"), STR("public, max-age=3600"));
	return STEP_DONE;
}

enum step_result path_openid_keys(struct request *request)
{
	const struct pki_key *key = request->server->config.token_issuer.key;
	struct buf *out = &request->response.body;
	struct str id;

	if (!key)
		return path_not_found(request);
	id = jws_key_id(key, &request->arena);
	buf_printf(out,
		   "{\"keys\":[{\"use\":\"sig\",\"kty\":\"EC\",\"kid\":\"" STR_FMT
		   "\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"x\":\"",
		   STR_ARG(id));
	if (!append_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, out))
		return path_not_found(request);
	buf_c(out, "\",\"y\":\"");
	if (!append_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, out))
		return path_not_found(request);
	buf_c(out, "\"}]}");
	return respond(request, STR("application/jwk-set+json"));
}

enum step_result path_openid_configuration(struct request *request)
{
	const struct service_token_issuer *issuer = &request->server->config.token_issuer;
	struct buf *out = &request->response.body;
	struct str address = apiserver_address(request);

	if (!issuer->key)
		return path_not_found(request);
	buf_c(out, "{\"issuer\":");
	json_write_str(issuer->name, out);
	buf_printf(out,
		   ",\"jwks_uri\":\"https://" STR_FMT "/openid/v1/"
		   "jwks\",\"response_types_supported\":[\"id_token\"],\"subject_types_supported\":[\"public\"],"
		   "\"id_token_signing_alg_values_supported\":[\"ES256\"]}",
		   STR_ARG(address));
	return respond(request, STR("application/json"));
}
