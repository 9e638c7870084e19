/*
 * The value types of the API that JSON knows as strings or numbers, and the list and map types every group uses.
 *
 * They are plain values.  Text inside them (a quantity's, a string's) lives in the arena of the object they belong to.
 * Parsing and printing are in quantity.h, timestamp.h, duration.h and int_or_string.h.
 */
#ifndef WHERRY_TYPES_SCALAR_H
#define WHERRY_TYPES_SCALAR_H

#include "base/str.h"

/*
 * A decimal number with a suffix, resource.Quantity: value = mantissa x 10^exponent (or a power of two for binary
 * suffixes, folded into the mantissa).  The canonical text is made when it is printed.  Quantities that do not fit
 * 64 bits keep their digits in `text` (with mantissa saturated), so nothing is lost.
 */
enum quantity_format { QUANTITY_DECIMAL_SI, QUANTITY_BINARY_SI, QUANTITY_DECIMAL_EXPONENT };

struct quantity {
	int64_t mantissa;
	int32_t exponent; /* of ten; 0 or negative down to -9, or positive */
	uint8_t format;	  /* enum quantity_format */
	bool is_set;	  /* false: Go's zero value, printed as "0" */
	struct str text;  /* canonical text, when known (from a decoder), else empty */
};

/* An int32 or a string: a port's number or name, a count or a percentage. */
struct int_or_string {
	bool is_string;
	int32_t number;
	struct str string;
};

/* A point in time; is_set == false is Go's zero time, null in JSON. */
struct timestamp {
	int64_t seconds; /* since 1970 */
	int32_t nanos;
	bool is_set;
};

/* JSON text of any form, kept as it came (compacted).  data == NULL: absent. */
struct raw_json {
	struct str text;
};

#define SCALAR_SLICE(name, type)                                                                                       \
	struct name##_slice {                                                                                          \
		type const *items;                                                                                     \
		size_t len;                                                                                            \
	}
#define SCALAR_MAP(name, type)                                                                                         \
	struct name##_pair {                                                                                           \
		struct str key;                                                                                        \
		type value;                                                                                            \
	};                                                                                                             \
	struct name##_map {                                                                                            \
		const struct name##_pair *items;                                                                       \
		size_t len;                                                                                            \
	}

SCALAR_SLICE(str, struct str);
SCALAR_SLICE(bool, bool);
SCALAR_SLICE(int32, int32_t);
SCALAR_SLICE(int64, int64_t);
SCALAR_SLICE(double, double);
SCALAR_SLICE(bytes, struct bytes);
SCALAR_SLICE(quantity, struct quantity);
SCALAR_SLICE(int_or_string, struct int_or_string);
SCALAR_SLICE(timestamp, struct timestamp);
SCALAR_SLICE(raw_json, struct raw_json);

SCALAR_MAP(str, struct str);
SCALAR_MAP(bool, bool);
SCALAR_MAP(int32, int32_t);
SCALAR_MAP(int64, int64_t);
SCALAR_MAP(bytes, struct bytes);
SCALAR_MAP(quantity, struct quantity);
SCALAR_MAP(int_or_string, struct int_or_string);
SCALAR_MAP(timestamp, struct timestamp);
SCALAR_MAP(str_slice, struct str_slice);

#endif
