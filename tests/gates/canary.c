/* canary.c - planted mistakes. If one of them does not turn its test red, the tests cannot be trusted. */
#include <criterion/criterion.h>

#include <stdlib.h>

Test(canary, healthy)
{
    char *block = malloc(16);
    cr_assert(block);
    free(block);
}

Test(canary, heap_overflow)
{
    volatile char *block = malloc(16);
    volatile size_t beyond = 16;
    block[beyond] = 1;
    free((void *)block);
}

/* Criterion counts this as passed; only the report on stderr tells. */
Test(canary, leak)
{
    volatile char *block = malloc(16);
    block[0] = 1;
    block = NULL;
}

Test(canary, int_overflow)
{
    volatile int large = 2147483647;
    large = large + 1;
}
