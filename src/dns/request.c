/*
 * One question's way: parsed, answered from the zone, or asked of the world; see dns.h.
 *
 * An ExternalName service is answered with its CNAME and what that leads to, found in the zone or asked of the world:
 * the resolvers of C libraries take an answer as it is and follow nothing.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "dns/resolv.h"
#include "dns/server_internal.h"

#define CHASE_MAX 8 /* CNAMEs within the zone */

/* The most a message to this client may have. */
static size_t limit_of(const struct dns_client *client, const struct dns_question *question)
{
	return client->connection ? DNS_MESSAGE_SIZE : question->udp_size;
}

static void send_code(const struct dns_client *client, const struct dns_question *question, enum dns_rcode rcode)
{
	uint8_t message[DNS_UDP_SIZE];
	struct dns_writer writer;

	dns_writer_init(&writer, message, sizeof(message), question);
	dns_client_send(client, message, dns_writer_finish(&writer, question, rcode, DNS_RA));
}

/* The file is looked at once a second at most, and only when somebody asks. */
static void refresh_upstreams(struct dns_server *server)
{
	struct dns_upstream upstreams[DNS_UPSTREAMS];
	int64_t now = clock_monotonic_ns();
	struct stat seen = {0};
	size_t len;

	if (!server->config->resolv_conf || (server->resolv_checked && now - server->resolv_checked < NS_PER_SEC))
		return;
	if (stat(server->config->resolv_conf, &seen) < 0)
		seen = (struct stat){0};
	if (server->resolv_checked && seen.st_ino == server->resolv_seen.st_ino &&
	    seen.st_size == server->resolv_seen.st_size && seen.st_mtim.tv_sec == server->resolv_seen.st_mtim.tv_sec &&
	    seen.st_mtim.tv_nsec == server->resolv_seen.st_mtim.tv_nsec) {
		server->resolv_checked = now;
		return;
	}
	server->resolv_checked = now;
	server->resolv_seen = seen;
	len = dns_resolv_read(server->config->resolv_conf, server->own, server->own_len, upstreams);
	dns_forward_set_upstreams(server->forward, upstreams, len);
}

static void finish(struct dns_request *request)
{
	if (request->client.connection)
		dns_connection_remove(request);
	request->server->requests--;
	free(request);
}

/* The records of an answer that concern us, after what is written already. */
static void add_answers(struct dns_writer *writer, const uint8_t *message, size_t size)
{
	struct dns_reader reader = {message, size, 4};
	uint16_t questions, answers, word;

	if (dns_read_u16(&reader, &questions) < 0 || dns_read_u16(&reader, &answers) < 0 || questions != 1)
		return;
	reader.at = DNS_HEADER_SIZE;
	if (dns_read_name(&reader, NULL) < 0 || dns_read_u16(&reader, &word) < 0 || dns_read_u16(&reader, &word) < 0)
		return;
	for (unsigned i = 0; i < answers; i++) {
		struct dns_reader data;
		struct dns_record record;
		struct ip_address address = {0};
		struct dns_name target;

		if (dns_read_record(&reader, &record) < 0)
			return;
		data = (struct dns_reader){message, record.rdata_at + record.rdata_len, record.rdata_at};
		if ((record.type == DNS_A && record.rdata_len == 4) ||
		    (record.type == DNS_AAAA && record.rdata_len == 16)) {
			address.family = record.type == DNS_A ? IP_V4 : IP_V6;
			memcpy(address.bytes, message + record.rdata_at, record.rdata_len);
			dns_write_address(writer, DNS_ANSWER, &record.name, record.ttl, &address);
		} else if (record.type == DNS_CNAME && dns_read_name(&data, &target) == 0) {
			dns_write_name(writer, DNS_ANSWER, &record.name, DNS_CNAME, record.ttl, &target);
		}
	}
}

/*
 * Writes the zone's part.  With DNS_OUTCOME_CHASE, *target is the question that is left for the world and the CNAMEs to
 * it are written.
 */
static enum dns_outcome answer(struct dns_server *server, const struct dns_question *question,
			       struct dns_writer *writer, enum dns_rcode *ret_rcode, struct dns_question *target)
{
	enum dns_outcome outcome = DNS_OUTCOME_CHASE;

	*target = *question;
	for (int i = 0; i < CHASE_MAX && outcome == DNS_OUTCOME_CHASE; i++) {
		struct dns_name name;

		outcome = dns_answer(&server->zone, server->records, target, writer, ret_rcode, &name);
		if (outcome == DNS_OUTCOME_CHASE)
			target->name = name;
		else if (outcome == DNS_OUTCOME_FORWARD && i > 0)
			return DNS_OUTCOME_CHASE;
	}
	/* CNAMEs in a circle. */
	if (outcome == DNS_OUTCOME_CHASE) {
		*ret_rcode = DNS_SERVFAIL;
		return DNS_OUTCOME_ANSWERED;
	}
	return outcome;
}

static void send_chased(struct dns_request *request, const uint8_t *message, size_t size)
{
	size_t limit = limit_of(&request->client, &request->question);
	cleanup_free uint8_t *out = xmalloc(limit);
	struct dns_question ignored;
	struct dns_writer writer;
	enum dns_rcode rcode;

	dns_writer_init(&writer, out, limit, &request->question);
	/* The records may have changed since; then what they say now is as good. */
	if (answer(request->server, &request->question, &writer, &rcode, &ignored) == DNS_OUTCOME_CHASE) {
		rcode = message ? message[3] & 0xf : DNS_SERVFAIL;
		if (message)
			add_answers(&writer, message, size);
	}
	dns_client_send(&request->client, out, dns_writer_finish(&writer, &request->question, rcode, DNS_AA | DNS_RA));
}

/* The world's message with the client's id and letters; cut to header and question when the client cannot take it. */
static void send_forwarded(const struct dns_request *request, const uint8_t *message, size_t size)
{
	const struct dns_question *question = &request->question;
	size_t limit = limit_of(&request->client, question), question_size = DNS_HEADER_SIZE + question->name.len + 4U;
	cleanup_free uint8_t *out = NULL;

	if (size < question_size || size > limit) {
		struct dns_writer writer;

		out = xmalloc(DNS_UDP_SIZE);
		dns_writer_init(&writer, out, DNS_UDP_SIZE, question);
		writer.truncated = true;
		dns_client_send(&request->client, out, dns_writer_finish(&writer, question, message[3] & 0xf, DNS_RA));
		return;
	}
	out = xmemdup(message, size);
	out[0] = (uint8_t)(question->id >> 8);
	out[1] = (uint8_t)question->id;
	memcpy(out + DNS_HEADER_SIZE, question->name.wire, question->name.len);
	/* What was asked of us is what is said to have been asked; we do recurse. */
	out[2] = (uint8_t)((out[2] & ~(DNS_RD >> 8)) | (question->flags >> 8 & DNS_RD >> 8));
	out[3] |= DNS_RA;
	dns_client_send(&request->client, out, size);
}

static void take_answer(struct dns_waiter *waiter, const uint8_t *message, size_t size)
{
	struct dns_request *request = CONTAINER_OF(waiter, struct dns_request, waiter);

	if (request->chasing)
		send_chased(request, message, size);
	else if (!message)
		send_code(&request->client, &request->question, DNS_SERVFAIL);
	else
		send_forwarded(request, message, size);
	finish(request);
}

static void ask_world(struct dns_server *server, const struct dns_client *client, const struct dns_question *question,
		      const struct dns_question *target, bool chasing)
{
	struct dns_request *request;

	if (server->requests >= LIMIT_DNS_REQUESTS) {
		send_code(client, question, DNS_SERVFAIL);
		return;
	}
	refresh_upstreams(server);
	request = XNEW(struct dns_request);
	request->server = server;
	request->client = *client;
	request->question = *question;
	request->target = *target;
	request->chasing = chasing;
	request->waiter.done = take_answer;
	list_init(&request->link);
	server->requests++;
	if (client->connection)
		dns_connection_add(client->connection, request);
	dns_forward_ask(server->forward, &request->target, &request->waiter);
}

void dns_request_start(struct dns_server *server, const struct dns_client *client, const uint8_t *message, size_t size)
{
	struct dns_question question, target;
	int result = dns_question_parse(message, size, &question);
	uint8_t small[DNS_EDNS_SIZE];
	cleanup_free uint8_t *large = NULL;
	struct dns_writer writer;
	enum dns_outcome outcome;
	enum dns_rcode rcode;
	uint8_t *out = small;

	if (result < 0)
		return;
	if (result != DNS_NOERROR) {
		send_code(client, &question, result);
		return;
	}
	if (client->connection)
		out = large = xmalloc(DNS_MESSAGE_SIZE);
	dns_writer_init(&writer, out, limit_of(client, &question), &question);
	outcome = answer(server, &question, &writer, &rcode, &target);
	if (outcome == DNS_OUTCOME_ANSWERED)
		dns_client_send(client, out, dns_writer_finish(&writer, &question, rcode, DNS_AA | DNS_RA));
	else
		ask_world(server, client, &question, &target, outcome == DNS_OUTCOME_CHASE);
}
