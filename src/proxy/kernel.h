/*
 * The proxy's tables in the kernel: loading the skeleton, reading what is there, applying a plan.
 *
 * A table is sound when its fixed chains have the rules of this version and its chains for N endpoints are exactly
 * those that elements lead to.  A sound table is brought up to date by elements, one that is not is made anew.
 */
#ifndef WHERRY_PROXY_KERNEL_H
#define WHERRY_PROXY_KERNEL_H

#include "proxy/skeleton.h"

/* Replaces the table by an empty one. */
int proxy_kernel_load(const struct proxy_skeleton *skeleton, struct error *err) MUST_CHECK;
/* 1: sound, and its elements, sorted, in the empty list *ret.  0: not sound or not there. */
int proxy_kernel_read(struct nft *nft, const struct proxy_skeleton *skeleton, struct proxy_elements *ret,
		      struct error *err) MUST_CHECK;
/* One transaction. */
int proxy_kernel_apply(struct nft *nft, const struct proxy_skeleton *skeleton, const struct proxy_plan *plan,
		       struct error *err) MUST_CHECK;

#endif
