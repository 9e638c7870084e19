/*
 * What the query (and the body of a delete) say about how to do it: ListOptions and its siblings, decoded and checked.
 */
#ifndef WHERRY_APISERVER_OPTIONS_H
#define WHERRY_APISERVER_OPTIONS_H

#include "apiserver/request_info.h"
#include "base/error.h"
#include "types/selector.h"

enum field_validation { FIELD_VALIDATION_WARN, FIELD_VALIDATION_IGNORE, FIELD_VALIDATION_STRICT };
enum version_match { VERSION_MATCH_UNSET, VERSION_MATCH_EXACT, VERSION_MATCH_NOT_OLDER };

struct request_options {
	/* Reads. */
	struct selector labels, fields;
	struct str label_text, field_text; /* as they came */
	int64_t limit;
	struct str continue_token;
	struct str resource_version; /* as it came; empty: unset */
	uint64_t revision;	     /* of it */
	enum version_match version_match;
	int64_t timeout_seconds; /* 0: not given */
	bool bookmarks;
	bool send_initial_events, send_initial_events_set;
	struct str include_object; /* of a Table: "", "None", "Metadata", "Object" */
	bool pretty;

	/* Writes. */
	bool dry_run;
	struct str field_manager;
	enum field_validation field_validation;
	bool force;
};

#endif
