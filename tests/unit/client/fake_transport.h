/*
 * A transport without a server: watches are fed by the test, calls are answered by a function of the test's.
 *
 * Everything runs on the test's thread but calls, which come from workers.
 */
#ifndef WHERRY_TESTS_UNIT_CLIENT_FAKE_TRANSPORT_H
#define WHERRY_TESTS_UNIT_CLIENT_FAKE_TRANSPORT_H

#include "client/transport.h"

struct fake_transport {
	struct transport transport;
	int (*answer)(struct fake_transport *fake, const struct api_request *request, struct api_response *ret,
		      struct error *err);
	void *cookie;
	struct watch_sink *sink; /* of the watch that is open, or NULL */
	uint64_t watch_revision; /* it was started from */
	bool metadata_only;	 /* it was asked for */
	unsigned watches;	 /* started so far */
};

void fake_transport_init(struct fake_transport *fake);

/* A published ConfigMap. */
struct object *fake_config_map(const char *namespace, const char *name, const char *data, uint64_t revision);
void fake_send(struct fake_transport *fake, enum watch_event_type type, struct object *object, uint64_t revision,
	       bool initial_end);
void fake_close(struct fake_transport *fake, enum error_code code);

#endif
