/* Certificates, requests and tokens: made, read back, verified; and what must not verify. */
#include "unit.h"

#include "net/jws.h"
#include "net/pki.h"
#include "net_fixture.h"

#define DAY 86400

static void test_certificates(void **state UNUSED)
{
	struct str organizations[] = {STR("system:nodes"), STR("b")}, names[] = {STR("node-1")};
	struct ip_address addresses[] = {{.family = IP_V4, .bytes = {10, 0, 0, 1}},
					 {.family = IP_V6, .bytes = {0xfd, 1}}};
	struct pki_cert_config config = {
		STR("system:node:n"), organizations,	   2, names, 1, addresses, 2, PKI_USAGE_CLIENT,
		1000000000,	      1000000000 + 2 * DAY};
	struct pki_cert_config got;
	struct authority ours, other;
	struct pki_cert *cert = NULL, *again = NULL;
	struct pki_key *key = NULL, *key_again = NULL;
	struct str pem, key_pem;
	struct error err = {0};

	authority_init(&ours);
	authority_init(&other);
	must(pki_key_generate(&key, &err), &err);
	must(pki_sign(&config, key, ours.cert, ours.key, &cert, &err), &err);
	must(pki_cert_pem(cert, &ours.arena, &pem, &err), &err);
	must(pki_key_pem(key, &ours.arena, &key_pem, &err), &err);
	assert_true(str_has_prefix(key_pem, STR("-----BEGIN EC PRIVATE KEY-----\n")));
	must(pki_cert_load(pem, &again, &err), &err);
	must(pki_key_load(key_pem, &key_again, &err), &err);
	must(pki_cert_read(again, &ours.arena, &got, &err), &err);
	assert_str_equal(got.common_name, "system:node:n");
	assert_int_equal(got.organizations_len, 2);
	assert_str_equal(got.organizations[0], "system:nodes");
	assert_str_equal(got.dns_names[0], "node-1");
	assert_true(ip_eq(&got.addresses[1], &addresses[1]));
	assert_int_equal(got.usages, PKI_USAGE_CLIENT);
	assert_int_equal(got.not_before, config.not_before);
	assert_int_equal(got.not_after, config.not_after);
	assert_false(pki_cert_is_ca(again));
	assert_true(pki_cert_is_ca(ours.cert));
	assert_true(pki_cert_has_key(again, key_again));
	assert_false(pki_cert_has_key(again, ours.key));
	/* The authority is valid now, the certificate was in 2001: one of the two is always out of time. */
	assert_false(pki_cert_verify(again, ours.cert, config.not_before + DAY));
	assert_false(pki_cert_verify(again, other.cert, clock_wall_ns() / NS_PER_SEC));
	assert_true(pki_cert_verify(ours.cert, ours.cert, clock_wall_ns() / NS_PER_SEC));
	pki_cert_unref(cert);
	config.not_before = clock_wall_ns() / NS_PER_SEC - DAY / 2;
	config.not_after = config.not_before + 30 * DAY;
	must(pki_sign(&config, key, ours.cert, ours.key, &cert, &err), &err);
	assert_true(pki_cert_verify(cert, ours.cert, clock_wall_ns() / NS_PER_SEC));
	assert_false(pki_cert_verify(cert, other.cert, clock_wall_ns() / NS_PER_SEC));
	pki_cert_unref(cert);
	pki_cert_unref(again);
	pki_key_unref(key);
	pki_key_unref(key_again);
	authority_release(&ours);
	authority_release(&other);
}

static void test_nonsense(void **state UNUSED)
{
	static const char *const texts[] = {"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct error err = {0}, err2 = {0}, err3 = {0};
		struct pki_cert *cert = NULL;
		struct pki_key *key = NULL;

		assert_int_equal(pki_cert_load(str_from(texts[i]), &cert, &err), -ERR_INVALID);
		assert_int_equal(pki_key_load(str_from(texts[i]), &key, &err2), -ERR_INVALID);
		assert_int_equal(pki_public_key_load(str_from(texts[i]), &key, &err3), -ERR_INVALID);
	}
}

static void test_requests(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct str organizations[] = {STR("system:nodes")}, names[] = {STR("n")}, pem;
	struct pki_cert_config config = {STR("system:node:n"), organizations, 1, names, 1, NULL, 0, 0, 0, 0}, got;
	struct pki_key *key = NULL, *got_key = NULL;
	struct error err = {0};
	char *broken;

	must(pki_key_generate(&key, &err), &err);
	must(pki_request_new(&config, key, &arena, &pem, &err), &err);
	must(pki_request_read(pem, &arena, &got, &got_key, &err), &err);
	assert_str_equal(got.common_name, "system:node:n");
	assert_str_equal(got.organizations[0], "system:nodes");
	assert_str_equal(got.dns_names[0], "n");
	pki_key_unref(got_key);
	/* A changed byte breaks the signature, or the text. */
	broken = xmemdup(pem.data, pem.len);
	broken[pem.len / 2] = broken[pem.len / 2] == 'A' ? 'B' : 'A';
	assert_true(pki_request_read((struct str){broken, pem.len}, &arena, &got, &got_key, &err) < 0);
	free(broken);
	pki_key_unref(key);
}

static void test_tokens(void **state UNUSED)
{
	struct arena cleanup_arena arena = {0};
	struct pki_key *key = NULL, *other = NULL, *public_key = NULL;
	struct error err = {0};
	struct str token, pem;
	struct jws jws;
	char *changed;

	must(pki_key_generate(&key, &err), &err);
	must(pki_key_generate(&other, &err), &err);
	must(pki_public_key_pem(key, &arena, &pem, &err), &err);
	must(pki_public_key_load(pem, &public_key, &err), &err);
	assert_true(str_eq(jws_key_id(key, &arena), jws_key_id(public_key, &arena)));
	must(jws_sign(STR("{\"iss\":\"x\"}"), jws_key_id(key, &arena), key, &arena, &token, &err), &err);
	must(jws_parse(token, &arena, &jws, &err), &err);
	assert_str_equal(jws.payload, "{\"iss\":\"x\"}");
	assert_true(str_has_prefix(jws.header, STR("{\"alg\":\"ES256\",\"kid\":\"")));
	assert_true(jws_verify(&jws, STR("ES256"), public_key));
	assert_false(jws_verify(&jws, STR("ES256"), other));
	assert_false(jws_verify(&jws, STR("none"), public_key));
	assert_false(jws_verify(&jws, STR("RS256"), public_key));
	changed = xmemdup(token.data, token.len);
	changed[25] ^= 1;
	if (jws_parse((struct str){changed, token.len}, &arena, &jws, &err) == 0)
		assert_false(jws_verify(&jws, STR("ES256"), public_key));
	error_clear(&err);
	free(changed);
	assert_int_equal(jws_parse(STR("a.b"), &arena, &jws, &err), -ERR_UNAUTHORIZED);
	error_clear(&err);
	assert_int_equal(jws_parse(STR("a=.YQ.YQ"), &arena, &jws, &err), -ERR_UNAUTHORIZED);
	pki_key_unref(key);
	pki_key_unref(other);
	pki_key_unref(public_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests_name("pki", tests, NULL, NULL);
}
