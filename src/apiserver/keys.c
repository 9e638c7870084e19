/* The cluster's keys; see keys.h. */
#include "apiserver/keys.h"

#include <openssl/crypto.h>

#include "base/limits.h"
#include "codec/base64.h"
#include "sys/path.h"

#define DAY	     (INT64_C(24) * 3600)
#define CA_LIFE	     (3650 * DAY)
#define LEAF_LIFE    (365 * DAY)
#define RENEW_BEFORE (30 * DAY)
#define CLOCK_SKEW   300
#define FILE_MAX     (1 * MIB)

static int write_file(int directory, const char *name, struct str text, mode_t mode, struct error *err)
{
	int result = path_write_atomic(directory, name, text, mode, true);

	return result < 0 ? error_set_errno(err, -result, "write %s", name) : 0;
}

/* 1 and the text, 0 when there is no such file. */
static int read_file(int directory, const char *name, struct arena *arena, struct str *ret, struct error *err)
{
	struct buf cleanup_buf text;
	int result;

	buf_init(&text, FILE_MAX);
	result = path_read(directory, name, &text);
	if (result == -ENOENT)
		return 0;
	if (result < 0)
		return error_set_errno(err, -result, "read %s", name);
	*ret = arena_str(arena, buf_view(&text));
	return 1;
}

static int make_ca(struct cluster_keys *keys, const struct cluster_keys_config *config, struct error *err)
{
	struct pki_cert_config ca = {
		.common_name = STR("kubernetes"),
		.not_before = config->now - CLOCK_SKEW,
		.not_after = config->now + CA_LIFE,
	};
	struct str key_pem;

	if (pki_key_generate(&keys->ca_key, err) < 0 || pki_ca_new(&ca, keys->ca_key, &keys->ca, err) < 0 ||
	    pki_cert_pem(keys->ca, &keys->arena, &keys->ca_pem, err) < 0 ||
	    pki_key_pem(keys->ca_key, &keys->arena, &key_pem, err) < 0)
		return -(int)err->code;
	/* The key first: a certificate without its key would be of no use to the next start. */
	if (write_file(config->directory, "ca.key", key_pem, 0600, err) < 0 ||
	    write_file(config->directory, "ca.crt", keys->ca_pem, 0644, err) < 0)
		return -(int)err->code;
	return 0;
}

/* 1: loaded, 0: there is none. */
static int load_ca(struct cluster_keys *keys, int directory, struct error *err)
{
	struct str key_pem;
	int result = read_file(directory, "ca.crt", &keys->arena, &keys->ca_pem, err);

	if (result <= 0)
		return result;
	result = read_file(directory, "ca.key", &keys->arena, &key_pem, err);
	if (result < 0)
		return result;
	if (result == 0)
		return error_set(err, ERR_INTERNAL, "ca.crt is there, but ca.key is not");
	if (pki_cert_load(keys->ca_pem, &keys->ca, err) < 0 || pki_key_load(key_pem, &keys->ca_key, err) < 0)
		return error_wrap(err, "cluster authority");
	if (!pki_cert_has_key(keys->ca, keys->ca_key))
		return error_set(err, ERR_INTERNAL, "ca.crt and ca.key do not belong together");
	return 1;
}

static int open_token_key(struct cluster_keys *keys, int directory, struct error *err)
{
	struct str pem, public_pem;
	int result = read_file(directory, "sa.key", &keys->arena, &pem, err);

	if (result < 0)
		return result;
	if (result > 0)
		return pki_key_load(pem, &keys->token_key, err);
	if (pki_key_generate(&keys->token_key, err) < 0 || pki_key_pem(keys->token_key, &keys->arena, &pem, err) < 0 ||
	    pki_public_key_pem(keys->token_key, &keys->arena, &public_pem, err) < 0)
		return -(int)err->code;
	result = write_file(directory, "sa.pub", public_pem, 0644, err);
	return result < 0 ? result : write_file(directory, "sa.key", pem, 0600, err);
}

static bool has_name(const struct pki_cert_config *cert, struct str name)
{
	for (size_t i = 0; i < cert->dns_names_len; i++)
		if (str_eq(cert->dns_names[i], name))
			return true;
	return false;
}

static bool has_address(const struct pki_cert_config *cert, const struct ip_address *address)
{
	for (size_t i = 0; i < cert->addresses_len; i++)
		if (ip_eq(&cert->addresses[i], address))
			return true;
	return false;
}

/* Is the serving certificate at hand still good for what is wanted? */
static bool covers(struct cluster_keys *keys, const struct pki_cert *cert, const struct pki_cert_config *wanted,
		   int64_t now)
{
	struct pki_cert_config found;
	struct error err = {0};

	if (pki_cert_read(cert, &keys->arena, &found, &err) < 0 || found.not_after < now + RENEW_BEFORE ||
	    !pki_cert_verify(cert, keys->ca, now))
		return false;
	for (size_t i = 0; i < wanted->dns_names_len; i++)
		if (!has_name(&found, wanted->dns_names[i]))
			return false;
	for (size_t i = 0; i < wanted->addresses_len; i++)
		if (!has_address(&found, &wanted->addresses[i]))
			return false;
	return true;
}

static int make_serving(struct cluster_keys *keys, const struct cluster_keys_config *config,
			const struct pki_cert_config *wanted, struct error *err)
{
	struct pki_key *key = NULL;
	struct pki_cert *cert = NULL;
	int result = pki_key_generate(&key, err);

	if (result == 0)
		result = pki_sign(wanted, key, keys->ca, keys->ca_key, &cert, err);
	if (result == 0)
		result = pki_cert_pem(cert, &keys->arena, &keys->serving_pem, err);
	if (result == 0)
		result = pki_key_pem(key, &keys->arena, &keys->serving_key_pem, err);
	pki_cert_unref(cert);
	pki_key_unref(key);
	if (result == 0)
		result = write_file(config->directory, "apiserver.key", keys->serving_key_pem, 0600, err);
	if (result == 0)
		result = write_file(config->directory, "apiserver.crt", keys->serving_pem, 0644, err);
	return result;
}

static int open_serving(struct cluster_keys *keys, const struct cluster_keys_config *config, struct error *err)
{
	static const struct str own[] = {STR_INIT("kubernetes"), STR_INIT("kubernetes.default"),
					 STR_INIT("kubernetes.default.svc"),
					 STR_INIT("kubernetes.default.svc.cluster.local"), STR_INIT("localhost")};
	struct str *names = ARENA_NEW_N(&keys->arena, struct str, ARRAY_LEN(own) + config->names_len);
	struct pki_cert_config wanted = {
		.common_name = STR("kube-apiserver"),
		.dns_names = names,
		.dns_names_len = ARRAY_LEN(own) + config->names_len,
		.addresses = config->addresses,
		.addresses_len = config->addresses_len,
		.usages = PKI_USAGE_SERVER,
		.not_before = config->now - CLOCK_SKEW,
		.not_after = config->now + LEAF_LIFE,
	};
	struct pki_cert *cert = NULL;
	bool good = false;
	int result;

	memcpy(names, own, sizeof(own));
	for (size_t i = 0; i < config->names_len; i++)
		names[ARRAY_LEN(own) + i] = config->names[i];
	result = read_file(config->directory, "apiserver.crt", &keys->arena, &keys->serving_pem, err);
	if (result > 0)
		result = read_file(config->directory, "apiserver.key", &keys->arena, &keys->serving_key_pem, err);
	if (result < 0)
		return result;
	if (result > 0) {
		struct error bad = {0};

		good = pki_cert_load(keys->serving_pem, &cert, &bad) == 0 && covers(keys, cert, &wanted, config->now);
		pki_cert_unref(cert);
	}
	return good ? 0 : make_serving(keys, config, &wanted, err);
}

int cluster_keys_open(const struct cluster_keys_config *config, struct cluster_keys **ret, struct error *err)
{
	struct cluster_keys *keys = XNEW(struct cluster_keys);
	int result = load_ca(keys, config->directory, err);

	if (result == 0)
		result = make_ca(keys, config, err);
	if (result >= 0)
		result = open_token_key(keys, config->directory, err);
	if (result >= 0)
		result = open_serving(keys, config, err);
	if (result < 0) {
		cluster_keys_free(keys);
		return result;
	}
	*ret = keys;
	return 0;
}

int cluster_keys_open_authority(int directory, struct cluster_keys **ret, struct error *err)
{
	struct cluster_keys *keys = XNEW(struct cluster_keys);
	int result = load_ca(keys, directory, err);

	if (result > 0) {
		*ret = keys;
		return 0;
	}
	cluster_keys_free(keys);
	return result < 0 ? result
			  : error_set(err, ERR_NOT_FOUND, "there is no cluster here yet: start the server first");
}

struct cluster_keys *cluster_keys_free(struct cluster_keys *keys)
{
	if (!keys)
		return NULL;
	pki_key_unref(keys->ca_key);
	pki_key_unref(keys->token_key);
	pki_cert_unref(keys->ca);
	arena_release(&keys->arena);
	free(keys);
	return NULL;
}

int cluster_keys_sign_client(const struct cluster_keys *keys, struct str common_name, const struct str *organizations,
			     size_t organizations_len, int64_t now, struct arena *arena, struct str *ret_cert,
			     struct str *ret_key, struct error *err)
{
	struct pki_cert_config config = {
		.common_name = common_name,
		.organizations = organizations,
		.organizations_len = organizations_len,
		.usages = PKI_USAGE_CLIENT,
		.not_before = now - CLOCK_SKEW,
		.not_after = now + LEAF_LIFE,
	};
	struct pki_key *key = NULL;
	struct pki_cert *cert = NULL;
	int result = pki_key_generate(&key, err);

	if (result == 0)
		result = pki_sign(&config, key, keys->ca, keys->ca_key, &cert, err);
	if (result == 0)
		result = pki_cert_pem(cert, arena, ret_cert, err);
	if (result == 0)
		result = pki_key_pem(key, arena, ret_key, err);
	pki_cert_unref(cert);
	pki_key_unref(key);
	return result;
}

static void append_base64(struct buf *out, struct str text)
{
	base64_encode((struct bytes){(const uint8_t *)text.data, text.len}, out);
	buf_char(out, '\n');
}

struct str kubeconfig_text(struct str server, struct str ca_pem, struct str user, struct str cert_pem,
			   struct str key_pem, struct arena *arena)
{
	struct buf out;
	struct str text;

	buf_init(&out, FILE_MAX);
	buf_c(&out, "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: ");
	append_base64(&out, ca_pem);
	buf_printf(&out, "    server: " STR_FMT "\n  name: kubernetes\n", STR_ARG(server));
	buf_printf(&out,
		   "contexts:\n- context:\n    cluster: kubernetes\n    user: " STR_FMT "\n  name: " STR_FMT
		   "@kubernetes\ncurrent-context: " STR_FMT "@kubernetes\npreferences: {}\n",
		   STR_ARG(user), STR_ARG(user), STR_ARG(user));
	buf_printf(&out, "users:\n- name: " STR_FMT "\n  user:\n    client-certificate-data: ", STR_ARG(user));
	append_base64(&out, cert_pem);
	buf_c(&out, "    client-key-data: ");
	append_base64(&out, key_pem);
	text = arena_str(arena, buf_view(&out));
	OPENSSL_cleanse(out.data, out.len);
	buf_release(&out);
	return text;
}
