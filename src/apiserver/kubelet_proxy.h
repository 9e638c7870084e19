/*
 * The way from the API server to kubelets: logs, exec, attach, port-forward.
 *
 * The actions on pods (action_pod_connect.c) find out which kubelet and which of its paths; a proxy carries the request
 * there and the answer back, bytes both ways for what is upgraded.  How a kubelet is reached (directly over HTTPS with
 * the server's client certificate, or through a tunnel) is the proxy's business.  The server has at most one
 * (apiserver->kubelet_proxy, set before it serves, freed with it).
 */
#ifndef WHERRY_APISERVER_KUBELET_PROXY_H
#define WHERRY_APISERVER_KUBELET_PROXY_H

#include "apiserver/request.h"

/* Where to; strings live in the request's arena. */
struct kubelet_target {
	struct str node;	    /* name of the Node */
	struct str_slice addresses; /* in the order to be tried: InternalIP, ExternalIP, Hostname */
	uint16_t port;
	struct str path, query; /* "/containerLogs/default/web/app", "follow=true" */
};

struct kubelet_proxy {
	/*
	 * Takes the request, called on a handler thread: answers on request->http, from request->loop, and frees the
	 * request with request_free(); returns STEP_SUSPENDED.  Or fails at once: a Status and STEP_DONE.
	 */
	enum step_result (*forward)(struct kubelet_proxy *proxy, struct request *request,
				    const struct kubelet_target *target);
	void (*free)(struct kubelet_proxy *proxy);
};

#endif
