/*
 * A gRPC server of grpc.health.v1.Health, by nghttp2 alone: the other side of the kubelet's probe.  What it answers is
 *in the service's name:
 *
 *	""		SERVING
 *	"/path"		SERVING while that file is there, else NOT_SERVING
 *	"unknown"	status NOT_FOUND, "unknown service", in a trailer-only answer
 *	"unimplemented"	status UNIMPLEMENTED
 *	"garbage"	a message that is none
 *	"mute"		nothing, ever
 *	"plain"		HTTP's 503 and no gRPC
 */
#ifndef WHERRY_TESTS_UNIT_KUBELET_HEALTH_SERVER_H
#define WHERRY_TESTS_UNIT_KUBELET_HEALTH_SERVER_H

/* Serves the connections of a listening socket, one after the other, until it is shut down. */
void health_serve(int listener);

#endif
