/*
 * Which form of an answer a client takes, which form a body has.
 *
 * Follows upstream's negotiation: the clauses of Accept by quality, the first that we serve wins; parameters as, v and
 * g ask for another kind (Table, PartialObjectMetadata), pretty for indented text.
 */
#ifndef WHERRY_APISERVER_NEGOTIATE_H
#define WHERRY_APISERVER_NEGOTIATE_H

#include "base/arena.h"

enum media_format { MEDIA_JSON, MEDIA_YAML, MEDIA_PROTOBUF, MEDIA_FORMAT_MAX };

/* What the object is turned into. */
enum media_kind { MEDIA_OBJECT, MEDIA_TABLE, MEDIA_PARTIAL, MEDIA_PARTIAL_LIST, MEDIA_KIND_MAX };

struct answer_form {
	bool negotiated;
	enum media_format format;
	enum media_kind kind;
	struct str kind_version; /* "v1" or "v1beta1" of meta.k8s.io */
	bool pretty;
	bool stream;		   /* stream=watch was asked for */
	bool aggregated_discovery; /* as=APIGroupDiscoveryList, g=apidiscovery.k8s.io, v=v2 */
};

/* Which of the forms an endpoint can give. */
enum {
	NEGOTIATE_TABLE = 1 << 0,
	NEGOTIATE_PARTIAL = 1 << 1,
	NEGOTIATE_DISCOVERY = 1 << 2,
	NEGOTIATE_NO_PROTOBUF = 1 << 3
};

/* False: nothing that is asked for can be given (406). An empty header takes anything. */
bool negotiate_accept(struct str accept, unsigned can, struct arena *arena, struct answer_form *ret);
/* Does any clause name a media type of ours, whatever its parameters?  If not, the 406 has other words. */
bool accept_names_any(struct str accept, struct arena *arena);
/* The format of a body by its Content-Type (empty: JSON); false: unknown (415). */
bool negotiate_content(struct str content_type, enum media_format *ret);
/* The media type without its parameters, blanks trimmed. */
struct str content_type_name(struct str content_type);
/* "application/json" ... */
struct str media_format_name(enum media_format format);

#endif
