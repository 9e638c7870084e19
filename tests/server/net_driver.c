/*
 * The HTTP server as a process, for other people's clients to judge.
 *
 *	net_driver FOLDER [THREADS]
 *
 * Writes ca.crt, client.crt and client.key into FOLDER, prints "tls PORT plain PORT" and serves until its standard
 *input ends: /body/SIZE (SIZE bytes), /echo (method, version and body), /who (the client's certificate), /stream/N (N
 *lines), /ws (a WebSocket that echoes); anything else is 404.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/http_server.h"
#include "net/pki.h"
#include "net/tls.h"
#include "net/websocket.h"

static struct arena memory;
static char block[1024 * 1024];

static void must(int r, const struct error *err)
{
	if (r < 0) {
		fprintf(stderr, "net_driver: %s\n", err->message);
		exit(1);
	}
}

static void keep(void *data)
{
	(void)data;
}

static void echo(struct websocket *socket, void *data, enum websocket_type type, struct str bytes)
{
	(void)data;
	websocket_send(socket, type, bytes);
}

static void closed(struct websocket *socket, void *data, int code)
{
	(void)socket;
	(void)data;
	(void)code;
}

static const struct websocket_ops echo_ops = {.message = echo, .closed = closed};

static void stream(struct http_request *request, uint64_t lines)
{
	struct http_response response = {.status = 200,
					 .headers = HTTP_HEADERS({STR("content-type"), STR("text/plain")})};
	struct http_stream *out = http_stream_start(request, &response, NULL, NULL);

	for (uint64_t i = 0; i < lines; i++) {
		char line[32];

		snprintf(line, sizeof(line), "line %" PRIu64 "\n", i);
		http_stream_write(out, PAYLOAD(str_from(line)));
	}
	http_stream_end(out);
}

static void respond_body(struct http_request *request, uint64_t size)
{
	struct http_response response = {
		.status = 200,
		.headers = HTTP_HEADERS({STR("content-type"), STR("application/json")}),
		.body = {.bytes = {block, MIN(size, sizeof(block))}, .release = keep},
		.gzip = true,
	};

	http_respond(request, &response);
}

static void handle(void *cookie, struct http_request *request)
{
	static const char *const protocols[] = {"v4.channel.k8s.io"};
	const struct tls_peer *peer = request->peer;
	uint64_t number = 0;

	(void)cookie;
	if (str_has_prefix(request->path, STR("/body/")) && !str_parse_uint64(str_from_at(request->path, 6), &number))
		respond_body(request, number);
	else if (str_has_prefix(request->path, STR("/stream/")) &&
		 !str_parse_uint64(str_from_at(request->path, 8), &number))
		stream(request, number);
	else if (str_eq_c(request->path, "/echo"))
		http_respond_text(request, 200, STR_FMT " %s " STR_FMT, STR_ARG(request->method),
				  request->version == HTTP_VERSION_2 ? "h2" : "h1", STR_ARG(request->body));
	else if (str_eq_c(request->path, "/who"))
		http_respond_text(request, peer && !peer->verified ? 401 : 200, STR_FMT,
				  STR_ARG(peer ? peer->common_name : STR("nobody")));
	else if (!str_eq_c(request->path, "/ws") || !websocket_accept(request, protocols, 1, &echo_ops, NULL))
		http_respond_text(request, 404, "nothing here");
}

static void put(const char *folder, const char *name, struct str text)
{
	struct str path = arena_printf(&memory, "%s/%s", folder, name);
	int fd = open(str_c(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len) {
		perror(str_c(path));
		exit(1);
	}
	close_fd(fd);
}

static void issue(const char *name, struct pki_cert *ca, struct pki_key *ca_key, struct str *ret_cert,
		  struct str *ret_key)
{
	struct str names[] = {STR("localhost")};
	struct ip_address addresses[] = {{.family = IP_V4, .bytes = {127, 0, 0, 1}}};
	int64_t now = clock_wall_ns() / NS_PER_SEC;
	struct pki_cert_config config = {
		.common_name = str_from(name),
		.dns_names = names,
		.dns_names_len = 1,
		.addresses = addresses,
		.addresses_len = 1,
		.usages = PKI_USAGE_SERVER | PKI_USAGE_CLIENT,
		.not_before = now - 60,
		.not_after = now + 3600,
	};
	struct pki_key *key = ca_key;
	struct pki_cert *cert = NULL;
	struct error err = {0};

	if (!ca) {
		must(pki_ca_new(&config, key, &cert, &err), &err);
	} else {
		must(pki_key_generate(&key, &err), &err);
		must(pki_sign(&config, key, ca, ca_key, &cert, &err), &err);
	}
	must(pki_cert_pem(cert, &memory, ret_cert, &err), &err);
	must(pki_key_pem(key, &memory, ret_key, &err), &err);
	pki_cert_unref(cert);
	if (ca)
		pki_key_unref(key);
}

int main(int argc, char **argv)
{
	struct http_server_config config = {.address = {.family = IP_V4, .bytes = {127, 0, 0, 1}}, .handle = handle};
	struct http_server *tls_server = NULL, *plain_server = NULL;
	struct str ca_pem, ca_key_pem, client_pem, client_key_pem;
	struct tls_server_config tls = {0};
	struct pki_key *ca_key = NULL;
	struct pki_cert *ca = NULL;
	struct error err = {0};
	uint64_t threads = 0;

	if (argc < 2 || (argc > 2 && str_parse_uint64(str_from(argv[2]), &threads) < 0)) {
		fprintf(stderr, "net_driver FOLDER [THREADS]\n");
		return 2;
	}
	memset(block, 'x', sizeof(block));
	must(pki_key_generate(&ca_key, &err), &err);
	issue("test-ca", NULL, ca_key, &ca_pem, &ca_key_pem);
	must(pki_cert_load(ca_pem, &ca, &err), &err);
	issue("server", ca, ca_key, &tls.certificate_pem, &tls.key_pem);
	issue("alice", ca, ca_key, &client_pem, &client_key_pem);
	put(argv[1], "ca.crt", ca_pem);
	put(argv[1], "client.crt", client_pem);
	put(argv[1], "client.key", client_key_pem);
	put(argv[1], "server.crt", tls.certificate_pem);
	put(argv[1], "server.key", tls.key_pem);
	tls.client_ca_pem = ca_pem;
	config.threads = (unsigned)threads;
	must(http_server_new(&config, &plain_server, &err), &err);
	must(tls_context_new_server(&tls, &config.tls, &err), &err);
	must(http_server_new(&config, &tls_server, &err), &err);
	printf("tls %u plain %u\n", http_server_port(tls_server), http_server_port(plain_server));
	fflush(stdout);
	while (getchar() != EOF)
		;
	http_server_free(tls_server);
	http_server_free(plain_server);
	tls_context_unref(config.tls);
	pki_key_unref(ca_key);
	pki_cert_unref(ca);
	arena_release(&memory);
	return 0;
}
