/*
 * What a node has to do with an object: is there a pod on the node that uses it?
 *
 * The original keeps a graph of pods and what they refer to.  Here the question goes to the store's head: of the pods
 * in the object's namespace those on the node are found by the fields in their records' headers, and only they are
 * looked into.  So the answer is never behind, and costs nothing while nobody asks.  Any thread; no locks.
 */
#ifndef WHERRY_APISERVER_NODE_RELATIONS_H
#define WHERRY_APISERVER_NODE_RELATIONS_H

#include "base/str.h"

struct store;

enum node_relation {
	NODE_RELATION_POD,
	NODE_RELATION_SECRET,
	NODE_RELATION_CONFIG_MAP,
	NODE_RELATION_CLAIM,	      /* PersistentVolumeClaim */
	NODE_RELATION_VOLUME,	      /* PersistentVolume: through its claim */
	NODE_RELATION_ACCOUNT,	      /* ServiceAccount */
	NODE_RELATION_RESOURCE_CLAIM, /* of dynamic resources */
	NODE_RELATION_ATTACHMENT,     /* VolumeAttachment */
	NODE_RELATION_MAX
};

bool node_is_related(struct store *store, struct str node, enum node_relation relation, struct str name_space,
		     struct str name);

#endif
