/* fixture.c - a device for tests. */
#include "support/fixture.h"

#include <stdlib.h>
#include <string.h>

void fixture_setup(void)
{
    setenv("OCELLI_POISON", "1", 1);
}

oc_device *fixture_open(void)
{
    oc_device *device = NULL;
    fixture_setup();
    CHECK(oc_device_open(&device, NULL));
    return device;
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value == '1';
}

bool fixture_quick(void)
{
    return is_set("OCELLI_TEST_QUICK");
}

bool fixture_interpreted(void)
{
    return is_set("OCELLI_TEST_INTERPRETED");
}

void fixture_check(oc_status status, const char *expression, const char *file, int line)
{
    cr_assert(status == OC_OK, "%s:%d: %s: %s: %s", file, line, expression, oc_status_name(status),
              oc_last_error());
}

enum pass fixture_pass(const oc_profile_entry *entry)
{
    if (!entry->backward)
        return PASS_RESULTS;
    return strcmp(entry->op, "conv_backward_filter") == 0 ? PASS_FILTERS : PASS_GRADIENTS;
}
