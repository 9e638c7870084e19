/* Users by client certificate: CN is the name, each O a group. */
#include "apiserver/authenticator.h"
#include "base/buf.h"
#include "codec/base64.h"

#define HEX_SIZE 64

/* Which certificate it was, for whoever reads later who asked. */
static struct str_slice_map credential_id(const struct credentials *credentials, struct arena *arena)
{
	struct str_slice_pair *pair = ARENA_NEW(arena, struct str_slice_pair);
	struct str *id = ARENA_NEW(arena, struct str);
	struct buf cleanup_buf hex;

	buf_init(&hex, HEX_SIZE + 1);
	hex_encode(credentials->fingerprint, &hex);
	*id = arena_concat(arena, STR("X509SHA256="), buf_view(&hex));
	*pair = (struct str_slice_pair){STR("authentication.kubernetes.io/credential-id"), {id, 1}};
	return (struct str_slice_map){pair, 1};
}

static int authenticate(struct authenticator *authenticator UNUSED, const struct credentials *credentials,
			struct arena *arena, struct user_info *ret, struct error *err)
{
	if (credentials->bad_certificate)
		return error_set(err, ERR_UNAUTHORIZED, "the client certificate does not verify");
	if (credentials->common_name.len == 0)
		return 0;
	*ret = (struct user_info){.name = credentials->common_name,
				  .groups = credentials->organizations,
				  .extra = credential_id(credentials, arena)};
	return 1;
}

static void free_it(struct authenticator *authenticator)
{
	free(authenticator);
}

struct authenticator *authenticator_new_certificate(void)
{
	struct authenticator *authenticator = XNEW(struct authenticator);

	*authenticator = (struct authenticator){
		.name = "x509",
		.authenticate = authenticate,
		.free = free_it,
	};
	return authenticator;
}
