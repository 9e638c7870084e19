/*
 * The way to the kubelets: requests whose answer a node gives (logs, exec, attach, nodes/proxy).
 *
 * A request is handed over and comes back only when the kubelet could not answer it; what the kubelet says goes to the
 * client as it comes, on the request's own loop, with no thread held and no more than LIMIT_RELAY_BUFFER bytes of it
 * waiting.  An upgrade (WebSocket) becomes a relay of bytes between the two connections.
 *
 * The kubelet is shown a certificate of the cluster's authority; its own certificate is not checked, as upstream's
 * server does unless told whom to trust.  One client with its connections for each loop, made when first wanted.
 */
#ifndef WHERRY_APISERVER_KUBELET_PROXY_H
#define WHERRY_APISERVER_KUBELET_PROXY_H

#include "apiserver/request.h"

struct tls_context;

/* @tls: of a client, with the certificate to show; a reference is taken. */
struct kubelet_proxy *kubelet_proxy_new(struct tls_context *tls);
/* When no loop that used it runs any more.  NULL is fine; returns NULL. */
struct kubelet_proxy *kubelet_proxy_free(struct kubelet_proxy *proxy);

/* Where the node's kubelet listens, "https://10.0.0.1:10250"; else the request has failed. */
enum step_result kubelet_proxy_locate(struct request *request, struct str node, struct str *ret_url);

enum kubelet_proxy_form {
	KUBELET_PROXY_RAW,     /* the answer as it is */
	KUBELET_PROXY_LOG,     /* text; what is no success becomes a Status */
	KUBELET_PROXY_UPGRADE, /* another protocol, or what the kubelet says to that */
};
/* Takes the request over: STEP_SUSPENDED, or it has failed.  @url lives in the request's arena. */
enum step_result kubelet_proxy_forward(struct request *request, enum kubelet_proxy_form form, struct str url);

#endif
