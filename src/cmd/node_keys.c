/* The kubelet's serving certificate; see node_keys.h. */
#include "cmd/node_keys.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "net/pki.h"
#include "sys/path.h"

#define CERT_FILE   "kubelet.crt"
#define KEY_FILE    "kubelet.key"
#define DAY	    (INT64_C(24) * 60 * 60)
#define VALID	    (365 * DAY)
#define RENEW_AHEAD (30 * DAY)

static bool fits(const struct pki_cert *cert, struct str node, const struct ip_address *address, int64_t now)
{
	struct arena cleanup_arena arena = {0};
	struct pki_cert_config in;
	struct error err = {0};
	bool named = false, placed = false;

	if (pki_cert_read(cert, &arena, &in, &err) < 0 || now + RENEW_AHEAD > in.not_after)
		return false;
	for (size_t i = 0; i < in.dns_names_len; i++)
		named |= str_eq(in.dns_names[i], node);
	for (size_t i = 0; i < in.addresses_len; i++)
		placed |= ip_eq(&in.addresses[i], address);
	return named && placed;
}

static bool read_file(int folder, const char *name, struct arena *arena, struct str *ret)
{
	struct buf cleanup_buf text;

	buf_init(&text, LIMIT_RECORD);
	if (path_read(folder, name, &text) < 0)
		return false;
	*ret = arena_str(arena, buf_view(&text));
	return true;
}

/* Those of an earlier start, if they are still good. */
static bool load(int folder, struct str node, const struct ip_address *address, int64_t now, struct arena *arena,
		 struct node_keys *ret)
{
	struct pki_key *key = NULL;
	struct pki_cert *cert = NULL;
	struct error err = {0};
	bool good = read_file(folder, CERT_FILE, arena, &ret->cert_pem) &&
		    read_file(folder, KEY_FILE, arena, &ret->key_pem) &&
		    pki_cert_load(ret->cert_pem, &cert, &err) == 0 && pki_key_load(ret->key_pem, &key, &err) == 0 &&
		    pki_cert_has_key(cert, key) && fits(cert, node, address, now);

	pki_cert_unref(cert);
	pki_key_unref(key);
	return good;
}

/* A key and an authority for one signature, which nobody keeps. */
static int make(struct str node, const struct ip_address *address, int64_t now, struct arena *arena,
		struct node_keys *ret, struct error *err)
{
	struct pki_cert_config config = {
		.common_name = arena_printf(arena, STR_FMT "-ca@%lld", STR_ARG(node), (long long)now),
		.not_before = now - 60 * 60,
		.not_after = now + VALID,
	};
	struct pki_key *ca_key = NULL, *key = NULL;
	struct pki_cert *ca = NULL, *cert = NULL;
	struct str cert_pem, ca_pem;
	int result = pki_key_generate(&ca_key, err);

	if (result == 0)
		result = pki_ca_new(&config, ca_key, &ca, err);
	if (result == 0)
		result = pki_key_generate(&key, err);
	config.common_name = arena_printf(arena, STR_FMT "@%lld", STR_ARG(node), (long long)now);
	config.dns_names = &node;
	config.dns_names_len = 1;
	config.addresses = address;
	config.addresses_len = 1;
	config.usages = PKI_USAGE_SERVER;
	if (result == 0)
		result = pki_sign(&config, key, ca, ca_key, &cert, err);
	if (result == 0)
		result = pki_cert_pem(cert, arena, &cert_pem, err);
	if (result == 0)
		result = pki_cert_pem(ca, arena, &ca_pem, err);
	if (result == 0)
		result = pki_key_pem(key, arena, &ret->key_pem, err);
	if (result == 0)
		ret->cert_pem = arena_concat(arena, cert_pem, ca_pem);
	pki_cert_unref(ca);
	pki_cert_unref(cert);
	pki_key_unref(ca_key);
	pki_key_unref(key);
	return result;
}

int node_keys_open(struct str folder, struct str node, struct ip_address address, int64_t now, struct arena *arena,
		   struct node_keys *ret, struct error *err)
{
	int result = path_make_dirs(AT_FDCWD, str_c(folder), 0700);
	cleanup_close int dir = result < 0 ? -1 : open(str_c(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_set_errno(err, result < 0 ? -result : errno, "folder " STR_FMT, STR_ARG(folder));
	if (load(dir, node, &address, now, arena, ret))
		return 0;
	if (make(node, &address, now, arena, ret, err) < 0)
		return error_wrap(err, "the kubelet's certificate");
	result = path_write_atomic(dir, KEY_FILE, ret->key_pem, 0600, true);
	if (result == 0)
		result = path_write_atomic(dir, CERT_FILE, ret->cert_pem, 0600, true);
	return result < 0
		       ? error_set_errno(err, -result, "write the kubelet's certificate to " STR_FMT, STR_ARG(folder))
		       : 0;
}
