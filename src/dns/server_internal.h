/* What the files of the DNS server share: sockets on one side, requests on the other; nobody else includes this. */
#ifndef WHERRY_DNS_SERVER_INTERNAL_H
#define WHERRY_DNS_SERVER_INTERNAL_H

#include <sys/socket.h>
#include <sys/stat.h>

#include "dns/answer.h"
#include "dns/dns.h"
#include "dns/feed.h"
#include "dns/forward.h"
#include "sys/loop.h"

#define OWN_ADDRESSES 16

struct dns_server {
	const struct dns_config *config;
	struct loop *loop;
	struct dns_zone zone;
	struct dns_records *records; /* NULL until the first snapshot */
	struct dns_feed feed;
	struct dns_forward *forward;
	struct ip_address own[OWN_ADDRESSES]; /* what we listen on */
	size_t own_len;
	struct stat resolv_seen; /* of the resolv.conf in use */
	int64_t resolv_checked;
	size_t requests;	 /* waiting for the world */
	struct list connections; /* struct connection, the one idle longest first */
	size_t connections_len;
	struct error *error; /* what ended the loop */
};

/* Where an answer goes. */
struct dns_client {
	int fd;				 /* the UDP socket */
	struct sockaddr_storage address; /* and whom to send to */
	socklen_t address_size;
	struct connection *connection; /* or TCP; NULL with fd -1: it has gone away */
};

/* Sends one whole message. */
void dns_client_send(const struct dns_client *client, const uint8_t *message, size_t size);
/* A connection that ends forgets its requests; they find their client gone. */
struct dns_request;
void dns_connection_add(struct connection *connection, struct dns_request *request);
void dns_connection_remove(struct dns_request *request);

/* Answers a message, now or when the world has answered. */
void dns_request_start(struct dns_server *server, const struct dns_client *client, const uint8_t *message, size_t size);

struct dns_request {
	struct dns_server *server;
	struct dns_client client;
	struct list link; /* in the connection's list */
	struct dns_question question;
	/* An ExternalName: what the CNAME of ours leads to, and that question. */
	bool chasing;
	struct dns_question target;
	struct dns_waiter waiter;
};

struct connection {
	struct dns_server *server;
	struct list link;
	struct list requests;
	size_t requests_len;
	int fd;
	struct loop_watch *watch;
	struct loop_timer idle;
	struct buf in, out;
};

/* TCP: accepts from a listening socket of the configuration. */
void dns_tcp_accept(struct dns_server *server, int fd);
void dns_tcp_release(struct dns_server *server);

#endif
