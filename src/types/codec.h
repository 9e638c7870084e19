/*
 * Bytes to typed objects and back, by schema.
 *
 * Decoders build the struct in the given arena; strings and lists live there, with a NUL after each string.  Input is
 * hostile: depth, size (arena_over_budget) and every length are checked.  Encoders append to a buffer with a ceiling
 * and cannot fail otherwise.  Any thread; nothing is shared.
 *
 * JSON follows Go's encoding/json with upstream's case-sensitive keys: null leaves a member zero, an unknown or
 * repeated field is reported with its path and otherwise ignored (the last one wins), a wrong type is an error in Go's
 * words
 * ("json: cannot unmarshal string into Go struct field PodSpec.spec.replicas of type int32").
 */
#ifndef WHERRY_TYPES_CODEC_H
#define WHERRY_TYPES_CODEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "codec/value.h"
#include "types/schema.h"

/*
 * What strict decoding found: messages in upstream's words, `unknown field "spec.foo"`, `duplicate field "data.a"`. All
 * keys that a YAML document repeats are one message of several lines, the first:
 * "yaml: unmarshal errors:\n  line 6: key \"k\" already set in map".
 */
struct decode_report {
	struct arena *arena; /* where the messages live */
	VEC_OF(struct str) problems;
	struct str api_version, kind; /* as written in the document; empty when absent */
	bool identified; /* the document could be read and the two were found: an error is about what is inside */
	/* When set, asked as soon as the two are known; a failure (which sets @err) ends the decoding. */
	int (*check)(const struct decode_report *report, struct error *err);
	void *data; /* check's */
};

/* @report may be NULL: unknown and duplicate fields then pass silently. */
int decode_json(const struct schema *schema, struct str json, struct arena *arena, struct decode_report *report,
		void **ret, struct error *err) MUST_CHECK;
int decode_yaml(const struct schema *schema, struct str yaml, struct arena *arena, struct decode_report *report,
		void **ret, struct error *err) MUST_CHECK;
/* The message alone, without the envelope. */
int decode_proto(const struct schema *schema, struct bytes message, struct arena *arena, void **ret,
		 struct error *err) MUST_CHECK;
/* A tree to a struct: for patches and for objects that arrived as trees. */
int decode_value(const struct schema *schema, const struct value *value, struct arena *arena,
		 struct decode_report *report, void **ret, struct error *err) MUST_CHECK;

enum {
	ENCODE_KIND = 1 << 0, /* write kind and apiVersion first (a top-level type in its own document) */
	ENCODE_NO_RESOURCE_VERSION = 1 << 1, /* leave metadata.resourceVersion out: the stored form */
	/*
	 * Objects inside an object, but for a list's items, say their kind too: upstream's server writes a
	 * StatefulSet's volumeClaimTemplates so.
	 */
	ENCODE_NESTED_KIND = 1 << 2,
	/*
	 * As Go writes upstream's internal structs, whose members have no JSON names: every member, under its Go name.
	 * Some messages show values so, and one annotation.  Types of meta/v1 have names there too.
	 */
	ENCODE_UNTAGGED = 1 << 3,
};

void encode_json(const struct schema *schema, const void *data, unsigned flags, struct buf *out);
void encode_proto(const struct schema *schema, const void *data, struct buf *out);
/* The tree of a struct, as encode_json would write it. */
struct value *encode_value(const struct schema *schema, const void *data, unsigned flags, struct arena *arena);

/*
 * The protobuf envelope (runtime.Unknown): decode finds apiVersion, kind and the message inside; encode writes the
 * envelope around the struct.
 */
struct proto_envelope {
	struct str api_version, kind, content_encoding, content_type;
	struct bytes raw;
};
int decode_envelope(struct bytes bytes, struct arena *arena, struct proto_envelope *ret, struct error *err) MUST_CHECK;
void encode_envelope(const struct schema *schema, const void *data, struct buf *out);

#endif
