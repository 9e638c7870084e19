/* A number or a string; see int_or_string.h. */
#include "types/int_or_string.h"

struct int_or_string int_or_string_from_int(int32_t number)
{
	return (struct int_or_string){.number = number};
}

struct int_or_string int_or_string_from_str(struct str string)
{
	return (struct int_or_string){.is_string = true, .string = string};
}

struct int_or_string int_or_string_parse(struct str text)
{
	int64_t number;

	if (str_parse_int64(text, &number) == 0 && number >= INT32_MIN && number <= INT32_MAX)
		return int_or_string_from_int((int32_t)number);
	return int_or_string_from_str(text);
}

bool int_or_string_eq(const struct int_or_string *a, const struct int_or_string *b)
{
	if (a->is_string != b->is_string)
		return false;
	return a->is_string ? str_eq(a->string, b->string) : a->number == b->number;
}

int int_or_string_scaled(const struct int_or_string *value, int64_t total, bool round_up, int64_t *ret,
			 struct error *err)
{
	int64_t percent, product;

	if (!value->is_string) {
		*ret = value->number;
		return 0;
	}
	if (!str_has_suffix(value->string, STR("%")))
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid value for IntOrString: invalid type: string is not a percentage");
	if (str_parse_int64(str_sub(value->string, 0, value->string.len - 1), &percent) < 0 ||
	    __builtin_mul_overflow(percent, total, &product))
		return error_set(err, ERR_BAD_REQUEST,
				 "invalid value for IntOrString: invalid value \"" STR_FMT
				 "\": strconv.Atoi: parsing \"" STR_FMT "\": invalid syntax",
				 STR_ARG(value->string), (int)value->string.len - 1, value->string.data);
	/* C divides toward zero; up is away from it for what is positive, and down is away for what is negative. */
	*ret = product / 100;
	if (round_up && product % 100 > 0)
		(*ret)++;
	else if (!round_up && product % 100 < 0)
		(*ret)--;
	return 0;
}
