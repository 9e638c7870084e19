/*
 * DNS messages as bytes: reading a question, writing an answer (RFC 1035, 6891).
 *
 * Own code and small, on the hot path: nothing is allocated.  Everything read is checked against the message's end
 * first; compression pointers only ever lead backwards, so following them ends.  Names keep the case they came in.
 */
#ifndef WHERRY_DNS_WIRE_H
#define WHERRY_DNS_WIRE_H

#include "base/address.h"

#define DNS_HEADER_SIZE	 12
#define DNS_NAME_SIZE	 255 /* of a name in wire form */
#define DNS_LABEL_SIZE	 63
#define DNS_LABELS	 128  /* of a name */
#define DNS_UDP_SIZE	 512  /* what every client takes */
#define DNS_EDNS_SIZE	 1232 /* what we send and take at most over UDP: never fragmented */
#define DNS_MESSAGE_SIZE 65535
#define DNS_QUERY_SIZE	 512 /* the largest query we make: header, one name, one OPT */

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
};
enum dns_class { DNS_IN = 1 };
enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};
/* Bits of the header's second word. */
enum dns_flag { DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100, DNS_RA = 0x0080, DNS_CD = 0x0010 };

/* A name in wire form without compression: labels, each after its length, and the root's zero. */
struct dns_name {
	uint8_t len;
	uint8_t wire[DNS_NAME_SIZE];
};

/* From text: "web.default.svc.cluster.local", a dot at the end or not; -EINVAL. */
int dns_name_parse(struct str text, struct dns_name *ret) MUST_CHECK;
/* Equal but for the case of letters. */
bool dns_name_eq(const struct dns_name *a, const struct dns_name *b);
/* Puts @label before what is there; false when the name would be too long.  Start with dns_name_root(). */
bool dns_name_prepend(struct dns_name *name, struct str label);
void dns_name_root(struct dns_name *name);

/* A name's labels in lower case; they point into the struct itself. */
struct dns_labels {
	size_t len;
	struct str items[DNS_LABELS];
	char text[DNS_NAME_SIZE];
};
void dns_labels_of(const struct dns_name *name, struct dns_labels *ret);

struct dns_question {
	uint16_t id;
	uint16_t flags;
	struct dns_name name;
	uint16_t type, klass;
	bool edns;	   /* an OPT record came with it */
	bool dnssec;	   /* its DO bit */
	uint16_t udp_size; /* what the client takes over UDP, DNS_UDP_SIZE to DNS_EDNS_SIZE */
};
/*
 * DNS_NOERROR and the question; another code to answer with, id, flags and, as far as it was read, the question being
 * set; or -EBADMSG: not to be answered at all (an answer, or less than a header).
 */
int dns_question_parse(const uint8_t *data, size_t size, struct dns_question *ret) MUST_CHECK;

/* Where the next thing is read. */
struct dns_reader {
	const uint8_t *data;
	size_t size, at;
};
/* A name, compressed or not; 0 or -EBADMSG.  @ret may be NULL to skip it. */
int dns_read_name(struct dns_reader *reader, struct dns_name *ret) MUST_CHECK;
int dns_read_u16(struct dns_reader *reader, uint16_t *ret) MUST_CHECK;
int dns_read_u32(struct dns_reader *reader, uint32_t *ret) MUST_CHECK;

struct dns_record {
	struct dns_name name;
	uint16_t type, klass;
	uint32_t ttl;
	size_t ttl_at;	 /* where the TTL is in the message */
	size_t rdata_at; /* where the data is */
	uint16_t rdata_len;
};
int dns_read_record(struct dns_reader *reader, struct dns_record *ret) MUST_CHECK;

/* A message being written.  What does not fit is left out whole and sets `truncated`. */
#define DNS_SUFFIXES 64
struct dns_writer {
	uint8_t *data;
	size_t limit, len;
	uint16_t counts[4]; /* questions, answers, authorities, additionals */
	uint16_t suffixes[DNS_SUFFIXES];
	size_t suffixes_len;
	bool truncated;
};
enum dns_section { DNS_ANSWER = 1, DNS_AUTHORITY = 2, DNS_ADDITIONAL = 3 };

/* Starts an answer to @question of at most @limit bytes: header, question; room for the OPT record is kept back. */
void dns_writer_init(struct dns_writer *writer, uint8_t *data, size_t limit, const struct dns_question *question);
/* Sections in order.  Data that is a name is compressed where RFC 3597 allows. */
void dns_write_address(struct dns_writer *writer, enum dns_section section, const struct dns_name *name, uint32_t ttl,
		       const struct ip_address *address);
void dns_write_name(struct dns_writer *writer, enum dns_section section, const struct dns_name *name, uint16_t type,
		    uint32_t ttl, const struct dns_name *target);
void dns_write_srv(struct dns_writer *writer, const struct dns_name *name, uint32_t ttl, uint16_t priority,
		   uint16_t weight, uint16_t port, const struct dns_name *target);
void dns_write_txt(struct dns_writer *writer, const struct dns_name *name, uint32_t ttl, struct str text);
struct dns_soa {
	struct dns_name mname, rname;
	uint32_t serial, refresh, retry, expire, minimum;
};
void dns_write_soa(struct dns_writer *writer, enum dns_section section, const struct dns_name *name, uint32_t ttl,
		   const struct dns_soa *soa);
/* Sets flags and code, appends the OPT record when the question had one; the size of the whole. */
size_t dns_writer_finish(struct dns_writer *writer, const struct dns_question *question, enum dns_rcode rcode,
			 uint16_t flags);

/* A query of ours with that id into @out, of DNS_QUERY_SIZE bytes; its size. */
size_t dns_query_write(uint8_t *out, uint16_t id, const struct dns_question *question);

#endif
