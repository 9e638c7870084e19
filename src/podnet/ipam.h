/*
 * Which address of a range is free: a bitmap and a cursor.
 *
 * The network's own address, the gateway (the first after it), and an IPv4 range's last are never given.  Of a very
 * wide range the first IPAM_SIZE_MAX addresses are used.  Addresses are given in order and taken again only after the
 * whole range went by, so that a neighbour's stale entry for a freed address has time to die.  One thread.
 */
#ifndef WHERRY_PODNET_IPAM_H
#define WHERRY_PODNET_IPAM_H

#include "base/address.h"
#include "base/error.h"

#define IPAM_SIZE_MAX 65536

struct ipam {
	struct ip_prefix cidr; /* masked */
	uint32_t size;	       /* addresses looked after, from the network's own on */
	uint32_t next;	       /* where the search goes on */
	uint64_t *taken;       /* a bit each */
};

/* ERR_INVALID: the range is too small for a gateway and a pod. */
int ipam_init(struct ipam *ipam, const struct ip_prefix *cidr, struct error *err) MUST_CHECK;
void ipam_release(struct ipam *ipam);

struct ip_address ipam_gateway(const struct ipam *ipam);
/* 0 and a free address, now taken; -ENOSPC. */
int ipam_take(struct ipam *ipam, struct ip_address *ret) MUST_CHECK;
/* Takes this one: 0, -EEXIST when it is taken, -ERANGE when it is not ours to give. */
int ipam_claim(struct ipam *ipam, const struct ip_address *address) MUST_CHECK;
/* Gives one back; one that is not of the range is ignored. */
void ipam_give(struct ipam *ipam, const struct ip_address *address);

#endif
