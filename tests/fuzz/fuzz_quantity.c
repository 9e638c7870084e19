/* Quantities: the canonical text reads back as the same value and is its own canonical text; arithmetic undoes itself.
 */
#include "fuzz.h"

#include "types/quantity.h"

static void check_quantity(const struct quantity *q, struct arena *arena)
{
	struct quantity stripped = *q, again, sum, zero;
	struct error err = {0};
	struct str text = quantity_format(q, arena);

	/* What is read as binary ends at the largest int64; what was added up does not. */
	bool readable = q->format != QUANTITY_BINARY_SI ||
			(quantity_cmp_int(q, INT64_MAX) <= 0 && quantity_cmp_int(q, -INT64_MAX) >= 0);

	if (readable) {
		FUZZ_CHECK(quantity_parse(text, arena, &again, &err) == 0);
		FUZZ_CHECK(quantity_cmp(q, &again) == 0);
		/* A binary one without a suffix reads back as decimal: 536871000 is then 536871k, upstream's too. */
		FUZZ_CHECK(q->format == QUANTITY_BINARY_SI || str_eq(quantity_format(&again, arena), text));
	}
	if (readable && q->mantissa != INT64_MAX && q->mantissa != INT64_MIN) {
		stripped.text = STR_EMPTY;
		text = quantity_format(&stripped, arena);
		FUZZ_CHECK(quantity_parse(text, arena, &again, &err) == 0);
		FUZZ_CHECK(quantity_cmp(q, &again) == 0);
	}
	FUZZ_CHECK(quantity_sign(q) == quantity_cmp_int(q, 0));
	zero = quantity_sub(q, q, arena);
	FUZZ_CHECK(quantity_sign(&zero) == 0);
	again = quantity_neg(q, arena);
	sum = quantity_add(q, &again, arena);
	FUZZ_CHECK(quantity_sign(&sum) == 0);
	again = quantity_round_up(q, 0, arena);
	FUZZ_CHECK(quantity_sign(q) >= 0 ? quantity_cmp(&again, q) >= 0 : quantity_cmp(&again, q) <= 0);
	sum = quantity_mul(q, 3, arena);
	FUZZ_CHECK(quantity_sign(&sum) == quantity_sign(q));
	(void)quantity_milli_value(q);
	(void)quantity_as_double(q);
}

/* Two quantities, a blank between them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena cleanup_arena arena = {0};
	struct str first, second, text = {(const char *)data, size};
	struct quantity a, b, sum, back;
	struct error err = {0};

	str_cut(text, ' ', &first, &second);
	if (size > 1000 || quantity_parse(first, &arena, &a, &err) < 0)
		return 0;
	check_quantity(&a, &arena);
	if (quantity_parse(second, &arena, &b, &err) < 0)
		return 0;
	FUZZ_CHECK(quantity_cmp(&a, &b) == -quantity_cmp(&b, &a));
	/* Far apart, the sum has too many digits and is the larger of the two. */
	if (first.len + second.len > 60 || str_index(first, 'e') >= 0 || str_index(second, 'e') >= 0 ||
	    str_index(first, 'E') >= 0 || str_index(second, 'E') >= 0)
		return 0;
	sum = quantity_add(&a, &b, &arena);
	back = quantity_sub(&sum, &b, &arena);
	FUZZ_CHECK(quantity_cmp(&back, &a) == 0);
	check_quantity(&sum, &arena);
	return 0;
}
