/* fail_layer.h - stands between Ocelli and OpenCL: makes the n-th call fail, and counts what is alive.
 *
 * A test that uses it links wrappers of the OpenCL functions in front of the library's, so nothing has to be loaded or
 * set in the environment. Counted are the calls that create, build, set, enqueue or wait; getters and releases pass. */
#ifndef SUPPORT_FAIL_LAYER_H
#define SUPPORT_FAIL_LAYER_H

#include <stdbool.h>
#include <stdint.h>

/* From now on the at-th counted call (from 1; 0: none) returns this OpenCL error without effect, only waits do wait;
 * with `sticky` all after it do too. Counting starts anew. */
struct fail_layer_order {
    int at, error;
    bool sticky;
    bool creating_only; /* counts only what creates an object or builds a program */
};
void fail_layer_arm(const struct fail_layer_order *order);
void fail_layer_disarm(void);

int fail_layer_calls(void);          /* since the layer was armed */
const char *fail_layer_failed(void); /* the first call that was made to fail; NULL: none */

/* Objects created or retained and not released, and the bytes of those that are buffers on the device: not in host memory
 * that the driver has pinned (CL_MEM_ALLOC_HOST_PTR). */
int fail_layer_live(void);
int64_t fail_layer_bytes(void);

#endif
