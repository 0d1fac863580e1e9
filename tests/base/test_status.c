/* test_status.c - names of statuses, the last error, and the log. */
#include "base/log.h"
#include "base/status.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

Test(status, every_status_has_its_name)
{
    cr_assert_str_eq(oc_status_name(OC_OK), "OC_OK");
    cr_assert_str_eq(oc_status_name(OC_E_INTERRUPTED), "OC_E_INTERRUPTED");
    for (int i = OC_OK + 1; i <= OC_E_INTERRUPTED; i++)
        cr_assert(strncmp(oc_status_name((oc_status)i), "OC_E_", 5) == 0, "%d", i);
    cr_assert_str_eq(oc_status_name((oc_status)99), "unknown status");
}

static oc_status forward(oc_status status)
{
    TRY(status);
    return fail(OC_E_SHAPE, "reached");
}

Test(status, a_failure_keeps_its_sentence)
{
    cr_assert_str_eq(oc_last_error(), "");
    cr_assert_eq(fail(OC_E_FILE, "%s has %d", "a", 3), OC_E_FILE);
    cr_assert_str_eq(oc_last_error(), "a has 3");
    cr_assert_eq(forward(OC_E_FILE), OC_E_FILE);
    cr_assert_str_eq(oc_last_error(), "a has 3");
    cr_assert_eq(fail_in(OC_E_FILE, "path"), OC_E_FILE);
    cr_assert_str_eq(oc_last_error(), "path: a has 3");
    fail(OC_E_FILE, "again %s", oc_last_error());
    cr_assert_str_eq(oc_last_error(), "again path: a has 3");
    cr_assert_eq(forward(OC_OK), OC_E_SHAPE);
    cr_assert_eq(fail_again(OC_E_MEMORY, "kept"), OC_E_MEMORY);
    cr_assert_str_eq(oc_last_error(), "kept");
}

Test(status, long_sentences_are_cut)
{
    char big[10000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    fail(OC_E_BUILD, "%s", big);
    fail_in(OC_E_BUILD, big);
    cr_assert(strlen(oc_last_error()) > 1000 && strlen(oc_last_error()) < sizeof big);
}

static void *fail_elsewhere(void *result)
{
    fail(OC_E_DEVICE, "elsewhere");
    strcpy(result, oc_last_error());
    return NULL;
}

Test(status, each_thread_has_its_own)
{
    char other[64];
    pthread_t thread;
    fail(OC_E_FILE, "here");
    pthread_create(&thread, NULL, fail_elsewhere, other);
    pthread_join(thread, NULL);
    cr_assert_str_eq(other, "elsewhere");
    cr_assert_str_eq(oc_last_error(), "here");
}

static void keep(void *user, oc_log_level level, const char *message)
{
    snprintf(user, 64, "%d %s", level, message);
}

Test(status, the_log_gets_what_was_asked_for)
{
    char seen[64] = "";
    log_message(OC_LOG_ERROR, "nobody listens");
    oc_set_log(keep, seen, OC_LOG_WARNING);
    log_message(OC_LOG_INFO, "too fine");
    cr_assert_str_eq(seen, "");
    log_message(OC_LOG_WARNING, "%s %d", "number", 5);
    cr_assert_str_eq(seen, "1 number 5");
    fail(OC_E_FILE, "failed");
    cr_assert_str_eq(seen, "0 failed");
    oc_set_log(NULL, NULL, OC_LOG_ERROR);
    log_message(OC_LOG_ERROR, "nobody listens");
    cr_assert_str_eq(seen, "0 failed");
}
