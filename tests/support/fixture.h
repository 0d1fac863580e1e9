/* fixture.h - a device for tests, and checks of statuses. Open the device once per Test: Criterion runs each in a
 * process of its own, and loops over cases belong inside.
 *
 * Device memory is poisoned with NaN (OCELLI_POISON=1), so that results a kernel left unwritten are noticed. */
#ifndef SUPPORT_FIXTURE_H
#define SUPPORT_FIXTURE_H

#include <criterion/criterion.h>
#include <ocelli/ocelli.h>

/* What a step of a plan computes. */
enum pass { PASS_RESULTS, PASS_GRADIENTS, PASS_FILTERS, PASS_COUNT };
enum pass fixture_pass(const oc_profile_entry *entry);

/* Sets the environment for devices that a test opens itself. */
void fixture_setup(void);

/* The device that the environment selects; fails the test if there is none. */
oc_device *fixture_open(void);

/* OCELLI_TEST_QUICK=1: where compilers or kernels are slow, small cases have to do. */
bool fixture_quick(void);

/* OCELLI_TEST_INTERPRETED=1: what an interpreter looks for does not depend on values. */
bool fixture_interpreted(void);

/* Fails the test unless `expression` is OC_OK; says what it was and the library's sentence. */
#define CHECK(expression) fixture_check((expression), #expression, __FILE__, __LINE__)
void fixture_check(oc_status status, const char *expression, const char *file, int line);

#endif
