/* gemm.c - matrix products by CLBlast. A product may be several kernels, some of them to copy the operands into the form that
 * the fastest one wants; their memory is kept from call to call. */
#include "device/gemm.h"
#include "device/cl.h"

#ifdef WITH_CLBLAST

#include <clblast_c.h>

struct gemm_call {
    struct gemm gemm;
    struct argument operands[3];
    struct buffer *scratch;
};

bool gemm_available(void)
{
    return true;
}

static CLBlastTranspose transposed(bool yes)
{
    return yes ? CLBlastTransposeYes : CLBlastTransposeNo;
}

static oc_status gemm_fail(CLBlastStatusCode code, const struct gemm *g)
{
    return fail(code == CLBlastTempBufferAllocFailure ? OC_E_DEVICE_MEMORY : OC_E_DEVICE,
                "CLBlast returns %d for a product of %lld x %lld, %lld deep", (int)code, (long long)g->m,
                (long long)g->n, (long long)g->k);
}

oc_status gemm_call_set(struct gemm_call **call, oc_device *device, const struct gemm *gemm,
                        const struct argument operands[3])
{
    size_t bytes = 0;
    if (!*call && !(*call = memory_zeroed(&device->allocator, 1, sizeof **call)))
        return OC_E_MEMORY;
    struct gemm_call *c = *call;
    c->gemm = *gemm;
    for (int i = 0; i < 3; i++)
        c->operands[i] = operands[i];
    const CLBlastStatusCode code = CLBlastSGemmTempBufferSize(
        CLBlastLayoutRowMajor, transposed(gemm->a_transposed), transposed(gemm->b_transposed),
        (size_t)gemm->m, (size_t)gemm->n, (size_t)gemm->k, operands[0].offset, (size_t)gemm->a_pitch,
        operands[1].offset, (size_t)gemm->b_pitch, operands[2].offset, (size_t)gemm->c_pitch, &device->queue,
        &bytes);
    if (code != CLBlastSuccess)
        return gemm_fail(code, gemm);
    if (bytes > (c->scratch ? c->scratch->bytes : 0)) {
        buffer_destroy(c->scratch);
        c->scratch = NULL;
        TRY(buffer_create(&c->scratch, device, bytes));
    }
    return OC_OK;
}

void gemm_call_destroy(struct gemm_call *call, oc_device *device)
{
    if (!call)
        return;
    buffer_destroy(call->scratch);
    memory_free(&device->allocator, call);
}

oc_status gemm_call_enqueue(const struct gemm_call *c, struct queue *queue)
{
    const struct gemm *g = &c->gemm;
    const CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, transposed(g->a_transposed), transposed(g->b_transposed), (size_t)g->m,
        (size_t)g->n, (size_t)g->k, 1.f, c->operands[0].buffer->handle, c->operands[0].offset,
        (size_t)g->a_pitch, c->operands[1].buffer->handle, c->operands[1].offset, (size_t)g->b_pitch, 0.f,
        c->operands[2].buffer->handle, c->operands[2].offset, (size_t)g->c_pitch, &queue->handle, NULL,
        c->scratch ? c->scratch->handle : NULL);
    return code == CLBlastSuccess ? OC_OK : gemm_fail(code, g);
}

#else

bool gemm_available(void)
{
    return false;
}

oc_status gemm_call_set(struct gemm_call **call, oc_device *device, const struct gemm *gemm,
                        const struct argument operands[3])
{
    (void)call, (void)device, (void)gemm, (void)operands;
    return fail(OC_E_UNSUPPORTED, "this library was built without CLBlast");
}

void gemm_call_destroy(struct gemm_call *call, oc_device *device)
{
    (void)call, (void)device;
}

oc_status gemm_call_enqueue(const struct gemm_call *call, struct queue *queue)
{
    (void)call, (void)queue;
    return fail(OC_E_UNSUPPORTED, "this library was built without CLBlast");
}

#endif
