/*
 * What runs in the control plane's process besides the API server: the controller manager and the scheduler, each on a
 * thread of its own, speaking through in-process transports.
 */
#ifndef WHERRY_CMD_COMPONENTS_H
#define WHERRY_CMD_COMPONENTS_H

#include "base/error.h"
#include "base/str.h"

struct apiserver;
struct components;

struct components_config {
	struct apiserver *server;
	struct str cluster_ca;	 /* PEM */
	struct str cluster_cidr; /* of pods; empty: nodes get no ranges */
	int64_t node_monitor_period_ns, node_monitor_grace_period_ns;
	bool no_scheduler, no_controllers;
};

int components_start(const struct components_config *config, struct components **ret, struct error *err) MUST_CHECK;
/* Waits for their work under way; before the API server is freed.  NULL is fine; returns NULL. */
struct components *components_stop(struct components *components);

#endif
