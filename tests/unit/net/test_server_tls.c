/*
 * The HTTP/1.1 server under TLS, where bytes wait in two places: in the socket, and decrypted or not in the TLS
 * session. Requests are pipelined in every way records and segments can cut them; each must be answered, in order.
 */
#include "unit.h"

#include <openssl/ssl.h>

#include "base/limits.h"
#include "net_fixture.h"
#include "sys/thread.h"

#define REQUESTS 20

struct site {
	struct authority authority;
	struct http_server *server;
	struct tls_context *tls;
	struct worker_pool *pool;
};

static void answer(void *data)
{
	struct http_request *request = data;

	http_respond_text(request, 200, "<" STR_FMT ">" STR_FMT, STR_ARG(request->path), STR_ARG(request->body));
}

/* Some requests are answered inside the handler, some later: both ways back to reading are taken. */
static void handle(void *cookie, struct http_request *request)
{
	struct site *site = cookie;

	if (str_has_prefix(request->path, STR("/worker")))
		worker_pool_submit(site->pool, answer, request);
	else
		answer(request);
}

static int set_up(void **state)
{
	struct site *site = XNEW(struct site);
	struct http_server_config config = {
		.address = {.family = IP_V4, .bytes = {127, 0, 0, 1}},
		.threads = 1,
		.handle = handle,
		.cookie = site,
	};
	struct tls_server_config tls = {0};
	struct error err = {0};

	authority_init(&site->authority);
	authority_issue(&site->authority, "server", NULL, &tls.certificate_pem, &tls.key_pem);
	must(tls_context_new_server(&tls, &site->tls, &err), &err);
	config.tls = site->tls;
	site->pool = worker_pool_new("test", 2);
	must(http_server_new(&config, &site->server, &err), &err);
	*state = site;
	return 0;
}

static int tear_down(void **state)
{
	struct site *site = *state;

	worker_pool_free(site->pool);
	http_server_free(site->server);
	tls_context_unref(site->tls);
	authority_release(&site->authority);
	free(site);
	return 0;
}

/* A client whose records are made in memory, so that it says what goes into one write. */
struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *records;
	int fd;
};

static void client_init(struct client *client, uint16_t port)
{
	struct timeval patience = {.tv_sec = DEADLINE / NS_PER_SEC};

	client->fd = dial(port);
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	client->ctx = SSL_CTX_new(TLS_client_method());
	client->ssl = SSL_new(client->ctx);
	SSL_set_fd(client->ssl, client->fd);
	assert_int_equal(SSL_connect(client->ssl), 1);
	client->records = BIO_new(BIO_s_mem());
	SSL_set0_wbio(client->ssl, client->records);
}

static void client_release(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->ctx);
	close_fd(client->fd);
}

static void add_record(struct client *client, const char *bytes, size_t size)
{
	assert_int_equal(SSL_write(client->ssl, bytes, (int)size), (int)size);
}

static void send_records(struct client *client)
{
	char *bytes = NULL;
	long size = BIO_get_mem_data(client->records, &bytes);

	say_bytes(client->fd, bytes, (size_t)size);
	(void)BIO_reset(client->records);
}

static void read_all(struct client *client, struct buf *in)
{
	char part[4096];
	int n;

	while ((n = SSL_read(client->ssl, part, sizeof(part))) > 0)
		buf_append(in, part, (size_t)n);
}

enum cut { ONE_RECORD, RECORD_EACH, RECORD_EACH_BYTE, SEGMENT_EACH, SEGMENT_EACH_BYTE };

static const struct {
	const char *path;
	enum cut cut;
	size_t body;
} pipelines[] = {
	{"/worker", ONE_RECORD, 10},	   {"/worker", RECORD_EACH, 10},       {"/worker", RECORD_EACH, 5000},
	{"/worker", RECORD_EACH_BYTE, 10}, {"/worker", SEGMENT_EACH, 10},      {"/worker", SEGMENT_EACH_BYTE, 10},
	{"/direct", ONE_RECORD, 10},	   {"/direct", RECORD_EACH, 5000},     {"/direct", RECORD_EACH_BYTE, 10},
	{"/direct", SEGMENT_EACH, 10},	   {"/direct", SEGMENT_EACH_BYTE, 10},
};

static void add_requests(struct buf *out, const char *path, size_t body, int first, int last)
{
	for (int i = first; i <= last; i++) {
		buf_printf(out, "POST %s/%d HTTP/1.1\r\nHost: x\r\n%s", path, i,
			   i == REQUESTS ? "Connection: close\r\n" : "");
		if (i % 2)
			buf_printf(out, "Content-Length: %zu\r\n\r\n%*d", body, (int)body, i);
		else
			buf_printf(out, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%*d\r\n0\r\n\r\n", body, (int)body,
				   i);
	}
}

static void send_cut(struct client *client, struct str text, enum cut cut)
{
	size_t step = cut == RECORD_EACH_BYTE || cut == SEGMENT_EACH_BYTE ? 1 : text.len;

	for (size_t at = 0; at < text.len; at += step) {
		add_record(client, text.data + at, step);
		if (cut == SEGMENT_EACH_BYTE)
			send_records(client);
	}
	if (cut == SEGMENT_EACH)
		send_records(client);
}

static void say_pipeline(struct client *client, size_t which)
{
	struct buf cleanup_buf text;
	int step = pipelines[which].cut == ONE_RECORD ? REQUESTS : 1;

	buf_init(&text, MIB);
	for (int i = 1; i <= REQUESTS; i += step) {
		buf_clear(&text);
		add_requests(&text, pipelines[which].path, pipelines[which].body, i, i + step - 1);
		send_cut(client, buf_view(&text), pipelines[which].cut);
	}
	send_records(client);
}

static void test_pipelines(void **state)
{
	struct site *site = *state;

	for (size_t i = 0; i < ARRAY_LEN(pipelines); i++) {
		struct client client;
		struct buf cleanup_buf in;
		const char *at;
		char want[64];

		buf_init(&in, MIB);
		client_init(&client, http_server_port(site->server));
		say_pipeline(&client, i);
		read_all(&client, &in);
		at = in.data ? in.data : "";
		for (int j = 1; j <= REQUESTS; j++) {
			snprintf(want, sizeof(want), "<%s/%d>", pipelines[i].path, j);
			at = strstr(at, want);
			if (!at)
				fail_msg("pipeline %zu: no answer to request %d", i, j);
			at += strlen(want) + pipelines[i].body;
		}
		client_release(&client);
	}
}

/* Slots are not held by those who never finish their handshake, nor by those who never begin. */
static void test_silent_handshake(void **state)
{
	struct site *site = *state;
	struct http_server_config config = {
		.address = {.family = IP_V4, .bytes = {127, 0, 0, 1}},
		.threads = 1,
		.handle = handle,
		.cookie = site,
		.tls = site->tls,
		.header_timeout = 300 * NS_PER_MS,
	};
	struct http_server *server = NULL;
	struct error err = {0};

	must(http_server_new(&config, &server, &err), &err);
	for (int i = 0; i < 2; i++) {
		/* The header of a record that never comes. */
		static const char start[] = {0x16, 3, 1, 2, 0};
		int fd = dial(http_server_port(server));
		struct buf cleanup_buf in;

		buf_init(&in, MIB);
		say_bytes(fd, start, i ? sizeof(start) : 0);
		hear(fd, &in, NULL);
		assert_int_equal(in.len, 0);
		close_fd(fd);
	}
	http_server_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pipelines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silent_handshake, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("server_tls", tests, NULL, NULL);
}
