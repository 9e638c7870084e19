/*
 * From a question and what is known to an answer: Kubernetes' DNS specification, schema 1.1.0, as a pure function.
 *
 * Within the zone the answer is authoritative and final.  Reverse names are answered when somebody of ours has the
 * address; else they, and every other name, are for the world's name servers.  An ExternalName service is a CNAME: what
 * it leads to must be looked up too, since resolvers in pods do not follow it themselves.
 */
#ifndef WHERRY_DNS_ANSWER_H
#define WHERRY_DNS_ANSWER_H

#include "dns/records.h"
#include "dns/wire.h"

struct dns_zone {
	struct str name; /* "cluster.local" */
	struct dns_name apex;
	uint32_t ttl;
	struct dns_address_slice servers; /* of ns.dns.<zone> */
};
/* -EINVAL: not a name. */
int dns_zone_init(struct dns_zone *zone, struct str name, uint32_t ttl) MUST_CHECK;

enum dns_outcome {
	DNS_OUTCOME_ANSWERED, /* the writer has the records: finish it with *ret_rcode and DNS_AA */
	DNS_OUTCOME_CHASE,    /* the writer has the CNAME; look *ret_target up and add what is found */
	DNS_OUTCOME_FORWARD,  /* not ours */
};

/* @records may be NULL: nothing is known yet, and the zone answers SERVFAIL. */
enum dns_outcome dns_answer(const struct dns_zone *zone, const struct dns_records *records,
			    const struct dns_question *question, struct dns_writer *writer, enum dns_rcode *ret_rcode,
			    struct dns_name *ret_target);

#endif
