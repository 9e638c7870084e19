/*
 * The cluster's keys and certificates: made at the first start, read at every later one.
 *
 * They live in one folder (DATA/server/pki, 0700): ca.crt and ca.key, the authority of everything; apiserver.crt and
 * .key; sa.key and sa.pub, which sign and verify service account tokens.  EC P-256.  The serving certificate is made
 * anew when it does not cover the names wanted or ends soon; the authority never.
 *
 * Client certificates (the administrator's, nodes') are signed when somebody asks and are not kept here.
 */
#ifndef WHERRY_APISERVER_KEYS_H
#define WHERRY_APISERVER_KEYS_H

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"
#include "net/pki.h"

struct cluster_keys {
	struct arena arena; /* owns the texts */
	struct pki_key *ca_key, *token_key;
	struct pki_cert *ca;
	struct str ca_pem, serving_pem, serving_key_pem;
};

/* Names and addresses the serving certificate must cover beyond kubernetes, localhost and the like. */
struct cluster_keys_config {
	int directory; /* descriptor of the folder */
	const struct str *names;
	size_t names_len;
	const struct ip_address *addresses;
	size_t addresses_len;
	int64_t now; /* seconds since 1970 */
};

int cluster_keys_open(const struct cluster_keys_config *config, struct cluster_keys **ret,
		      struct error *err) MUST_CHECK;
/* The authority alone, for those who only sign; fails when there is none yet. */
int cluster_keys_open_authority(int directory, struct cluster_keys **ret, struct error *err) MUST_CHECK;
/* Takes NULL; returns NULL. */
struct cluster_keys *cluster_keys_free(struct cluster_keys *keys);

/* A client's certificate and key, good for a year. */
int cluster_keys_sign_client(const struct cluster_keys *keys, struct str common_name, const struct str *organizations,
			     size_t organizations_len, int64_t now, struct arena *arena, struct str *ret_cert,
			     struct str *ret_key, struct error *err) MUST_CHECK;

/* A kubeconfig in block YAML with everything embedded; @server is a URL. */
struct str kubeconfig_text(struct str server, struct str ca_pem, struct str user, struct str cert_pem,
			   struct str key_pem, struct arena *arena);

#endif
