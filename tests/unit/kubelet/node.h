/*
 * A kubelet's context without a kubelet: a folder of its own, and an API that is a table of objects written as JSON.
 */
#ifndef WHERRY_TESTS_UNIT_KUBELET_NODE_H
#define WHERRY_TESTS_UNIT_KUBELET_NODE_H

#include "client/fake_transport.h"
#include "kubelet/context.h"

#define NODE_OBJECTS 8

struct test_node {
	char folder[64];
	struct fake_transport transport;
	struct kubelet_config config;
	struct kubelet_context context;
	struct arena arena; /* of the test */
	struct object *objects[NODE_OBJECTS];
	size_t objects_len;
	unsigned calls, tokens;
	bool unreachable;
};

void test_node_init(struct test_node *node);
void test_node_release(struct test_node *node);
/* The object becomes what the API answers for its kind, namespace and name. */
void test_node_has(struct test_node *node, const struct schema *schema, const char *json);
const struct core_v1_pod *test_node_pod(struct test_node *node, const char *json);

#endif
