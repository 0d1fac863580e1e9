/* gemm.h - matrix products by CLBlast, if the library was built with it (OCELLI_WITH_CLBLAST). clblast_c.h is included in
 * gemm.c and nowhere else. */
#ifndef DEVICE_GEMM_H
#define DEVICE_GEMM_H

#include "device/launch.h"

/* C = A B: m x n sums of k products. Rows are `pitch` values apart; what is transposed is stored so. */
struct gemm {
    int64_t m, n, k, a_pitch, b_pitch, c_pitch;
    bool a_transposed, b_transposed;
};

bool gemm_available(void);

/* A launch of such products; sizes and operands A, B and C, which are buffers, may be set again. What CLBlast needs besides is
 * made when they are set, so that enqueuing allocates no device memory. */
oc_status launch_create_gemm(struct launch **out, oc_device *device);
oc_status launch_set_gemm(struct launch *launch, const struct gemm *gemm, const struct argument operands[3]);

/* What such a launch holds; for launch.c. */
struct gemm_call;
oc_status gemm_call_set(struct gemm_call **call, oc_device *device, const struct gemm *gemm,
                        const struct argument operands[3]);
void gemm_call_destroy(struct gemm_call *call, oc_device *device);
oc_status gemm_call_enqueue(const struct gemm_call *call, struct queue *queue);

#endif
