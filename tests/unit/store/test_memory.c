/* The contract on the memory back end. */
#include "contract.h"

int main(void)
{
	return contract_run(&(struct contract_backend){.name = "memory", .open = store_open_memory});
}
