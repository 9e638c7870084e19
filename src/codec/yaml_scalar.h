/* What a plain YAML scalar means; for yaml.c and yaml_write.c. */
#ifndef WHERRY_CODEC_YAML_SCALAR_H
#define WHERRY_CODEC_YAML_SCALAR_H

#include "base/str.h"

enum yaml_meaning {
	YAML_MEANS_STRING,
	YAML_MEANS_NULL,
	YAML_MEANS_BOOL,
	YAML_MEANS_INT,
	YAML_MEANS_FLOAT,
	YAML_MEANS_TIME, /* read as a string, but written in quotes */
	YAML_MEANS_MERGE,
};

struct yaml_scalar {
	enum yaml_meaning meaning;
	bool boolean;
	int64_t integer;
	double number; /* of FLOAT; may be infinite or not a number */
};

struct yaml_scalar yaml_resolve(struct str text);

#endif
