/* Events of events.k8s.io, which are kept as those of the core group. */
#include "apiserver/registry/conversions.h"
#include "types/gen/core_v1.h"
#include "types/gen/events_v1.h"

static const struct renamed_member names[] = {
	{"reportingController", "reportingComponent"},
	{"regarding", "involvedObject"},
	{"note", "message"},
	{"deprecatedSource", "source"},
	{"deprecatedFirstTimestamp", "firstTimestamp"},
	{"deprecatedLastTimestamp", "lastTimestamp"},
	{"deprecatedCount", "count"},
};

const struct conversion conversion_events = {.a = &schema_events_v1_event, .b = &schema_core_v1_event, RENAMED(names)};
