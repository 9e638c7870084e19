/*
 * The control plane in one process: store, API server, and (as they come) scheduler and controllers.
 *
 * Runs in the foreground on the calling thread until SIGTERM or SIGINT.  It needs no rights but to its data folder and
 * its port.
 */
#ifndef WHERRY_CMD_CONTROLPLANE_H
#define WHERRY_CMD_CONTROLPLANE_H

#include "base/address.h"
#include "base/error.h"
#include "component/flags.h"

struct controlplane_config {
	struct str data_dir;
	struct ip_address bind_address, advertise_address; /* IP_NONE: all; the host's own */
	uint16_t secure_port;
	struct str write_kubeconfig; /* empty: not written */
	struct ip_prefix service_range;
	struct str cluster_cidr;	    /* of pods */
	struct flag_list certificate_names; /* more names of the serving certificate */
	bool memory_store;
	struct ip_address cluster_dns; /* IP_NONE: there is none */
	int64_t node_monitor_period_ns, node_monitor_grace_period_ns;
	int64_t default_not_ready_toleration_s, default_unreachable_toleration_s;
	/* Under a supervisor: where kubeconfigs and "ready" go instead (handover.h), and whose node; else -1. */
	int handover;
	struct str node_name;
	bool disable_scheduler, disable_controller_manager;
};

int controlplane_run(const struct controlplane_config *config, struct error *err) MUST_CHECK;

#endif
