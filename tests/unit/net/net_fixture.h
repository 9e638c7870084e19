/*
 * What the tests of net/ share: an authority with certificates, and a plain blocking client that says exactly the bytes
 * it is told.
 */
#ifndef WHERRY_TESTS_NET_FIXTURE_H
#define WHERRY_TESTS_NET_FIXTURE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/http_server.h"
#include "net/pki.h"
#include "net/tls.h"

#define DEADLINE (30 * NS_PER_SEC)

struct authority {
	struct arena arena;
	struct pki_key *key;
	struct pki_cert *cert;
	struct str ca_pem;
};

static inline void must(int r, const struct error *err)
{
	if (r < 0)
		fail_msg("%s", err->message);
}

static inline void authority_init(struct authority *authority)
{
	struct pki_cert_config config = {.common_name = STR("test-ca")};
	struct error err = {0};

	*authority = (struct authority){0};
	config.not_before = clock_wall_ns() / NS_PER_SEC - 3600;
	config.not_after = config.not_before + 86400;
	must(pki_key_generate(&authority->key, &err), &err);
	must(pki_ca_new(&config, authority->key, &authority->cert, &err), &err);
	must(pki_cert_pem(authority->cert, &authority->arena, &authority->ca_pem, &err), &err);
}

static inline void authority_release(struct authority *authority)
{
	pki_key_unref(authority->key);
	pki_cert_unref(authority->cert);
	arena_release(&authority->arena);
}

/* A certificate for 127.0.0.1 and localhost, usable on both sides. */
static inline void authority_issue(struct authority *authority, const char *name, const char *organization,
				   struct str *ret_cert, struct str *ret_key)
{
	struct str organizations[] = {str_from(organization)}, names[] = {STR("localhost")};
	struct ip_address addresses[] = {{.family = IP_V4, .bytes = {127, 0, 0, 1}}};
	struct pki_cert_config config = {
		.common_name = str_from(name),
		.organizations = organizations,
		.organizations_len = organization ? 1 : 0,
		.dns_names = names,
		.dns_names_len = 1,
		.addresses = addresses,
		.addresses_len = 1,
		.usages = PKI_USAGE_SERVER | PKI_USAGE_CLIENT,
	};
	struct pki_key *key = NULL;
	struct pki_cert *cert = NULL;
	struct error err = {0};

	config.not_before = clock_wall_ns() / NS_PER_SEC - 3600;
	config.not_after = config.not_before + 7200;
	must(pki_key_generate(&key, &err), &err);
	must(pki_sign(&config, key, authority->cert, authority->key, &cert, &err), &err);
	must(pki_cert_pem(cert, &authority->arena, ret_cert, &err), &err);
	must(pki_key_pem(key, &authority->arena, ret_key, &err), &err);
	pki_key_unref(key);
	pki_cert_unref(cert);
}

static inline int dial(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("connect: %s", strerrordesc_np(errno));
	return fd;
}

static inline void say_bytes(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

		if (n < 0)
			return; /* the server has closed: what it said before is what counts */
		text += n;
		size -= (size_t)n;
	}
}

static inline void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* Reads until @stop is in what was read, the end, or a deadline; returns the text so far. */
static inline const char *hear(int fd, struct buf *in, const char *stop)
{
	int64_t deadline = clock_monotonic_ns() + DEADLINE;

	while (!stop || !strstr(in->data, stop)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char part[4096];
		ssize_t n;

		if (clock_monotonic_ns() > deadline)
			fail_msg("no \"%s\" in time; got \"%s\"", stop ? stop : "end", in->data);
		if (poll(&p, 1, 100) <= 0)
			continue;
		n = recv(fd, part, sizeof(part), 0);
		if (n <= 0)
			break;
		buf_append(in, part, (size_t)n);
	}
	return in->data;
}

#endif
