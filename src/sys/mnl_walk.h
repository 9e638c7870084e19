/* Walking netlink attributes: libmnl's own macros cast const away, which our flags forbid. */
#ifndef WHERRY_SYS_MNL_WALK_H
#define WHERRY_SYS_MNL_WALK_H

#include <libmnl/libmnl.h>

/* Every attribute of a message behind its family's header of @header bytes. */
#define MNL_ATTR_FOREACH(attr, message, header)                                                                        \
	for ((attr) = mnl_nlmsg_get_payload_offset((message), (header));                                               \
	     mnl_attr_ok((attr), (int)((const char *)mnl_nlmsg_get_payload_tail(message) - (const char *)(attr)));     \
	     (attr) = mnl_attr_next(attr))

/* Every attribute nested in one. */
#define MNL_ATTR_FOREACH_NESTED(attr, nest)                                                                            \
	for ((attr) = mnl_attr_get_payload(nest);                                                                      \
	     mnl_attr_ok((attr), (int)((const char *)mnl_attr_get_payload(nest) + mnl_attr_get_payload_len(nest) -     \
				       (const char *)(attr)));                                                         \
	     (attr) = mnl_attr_next(attr))

#endif
