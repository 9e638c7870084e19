/* The contract on the memory back end. */
#include "contract.h"

int main(void)
{
	const struct contract_backend memory = {.open = store_open_memory};
	struct CMUnitTest tests[CONTRACT_CASES_MAX];
	size_t len = contract_cases(&memory, tests);

	return _cmocka_run_group_tests("memory", tests, len, NULL, NULL);
}
