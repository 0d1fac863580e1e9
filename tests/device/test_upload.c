/* test_upload.c - bytes on their way to a buffer, straight or through staging buffers: what arrives is what was sent, in
 * order, and nothing waits that need not. */
#include "support/fail_layer.h"
#include "support/fixture.h"
#include "device/buffer.h"
#include "device/cl.h"
#include "device/upload.h"

#include <stdio.h>
#include <string.h>

enum { COUNT = 5000, ROUNDS = 20, BYTES = COUNT * 4 };

/* A place for ROUNDS sends, and the way there. */
struct way {
    const char *name;
    oc_device *device;
    struct queue *queue, *transfer;
    struct buffer *buffer;
    struct upload *upload;
};

static struct way way_open(bool staged)
{
    struct way w = { .name = staged ? "staged" : "straight", .device = fixture_open() };
    CHECK(queue_create(&w.queue, w.device, false));
    if (staged)
        CHECK(queue_create(&w.transfer, w.device, false));
    CHECK(buffer_create(&w.buffer, w.device, ROUNDS * BYTES));
    CHECK(buffer_fill(w.queue, w.buffer, 0x7FC0DEAD));
    const int64_t before = fail_layer_bytes();
    CHECK(upload_create(&w.upload, w.device, w.transfer, BYTES));
    cr_expect_eq(fail_layer_bytes() - before, staged ? UPLOAD_ROOMS * BYTES : 0, "%s", w.name);
    return w;
}

static void way_close(struct way *w)
{
    upload_destroy(w->upload);
    buffer_destroy(w->buffer);
    queue_destroy(w->transfer);
    queue_destroy(w->queue);
    oc_device_close(w->device);
    cr_expect_eq(fail_layer_live(), 0, "%s: %d objects left", w->name, fail_layer_live());
    cr_expect_eq(fail_layer_bytes(), 0, "%s", w->name);
}

/* Values that tell the sends apart; they are wiped as soon as they were begun. */
static void begin(const struct way *w, int32_t first, int count)
{
    static int32_t values[COUNT];
    for (int i = 0; i < count; i++)
        values[i] = first + i;
    CHECK(upload_begin(w->upload, values, (size_t)count * 4));
    memset(values, -1, sizeof values);
}

static void deliver(const struct way *w, int place)
{
    CHECK(upload_deliver(w->upload, w->queue, w->buffer, (size_t)place * BYTES));
}

/* That `count` values from `first` on lie at a place, and behind them what lay there. */
static void expect_there(const struct way *w, int place, int32_t first, int count)
{
    static int32_t there[COUNT];
    int wrong = 0;
    CHECK(buffer_read(w->queue, w->buffer, (size_t)place * BYTES, there, BYTES));
    for (int i = 0; i < count; i++)
        wrong += there[i] != first + i;
    cr_expect_eq(wrong, 0, "%s, place %d: %d values are not what was sent", w->name, place, wrong);
    cr_expect(count == COUNT || there[count] == 0x7FC0DEAD, "%s, place %d: too many", w->name, place);
}

static void each_way(void (*test)(const struct way *w))
{
    for (int staged = 0; staged < 2; staged++) {
        struct way w = way_open(staged);
        test(&w);
        way_close(&w);
    }
}

/* ---- one after the other ---- */

static void send_many(const struct way *w)
{
    for (int round = 0; round < ROUNDS; round++) {
        begin(w, round * COUNT, COUNT);
        cr_expect_eq(upload_begun(w->upload), BYTES);
        deliver(w, round);
        cr_expect_eq(upload_begun(w->upload), 0);
    }
    for (int round = 0; round < ROUNDS; round++)
        expect_there(w, round, round * COUNT, COUNT);
    for (int round = 0; round < ROUNDS; round++) { /* to one place: the last one stays */
        begin(w, round, COUNT - round);
        deliver(w, 3);
    }
    expect_there(w, 2, 2 * COUNT, COUNT);
    expect_there(w, 4, 4 * COUNT, COUNT);
    int32_t last;
    CHECK(buffer_read(w->queue, w->buffer, 3 * BYTES, &last, sizeof last));
    cr_expect_eq(last, ROUNDS - 1, "%s", w->name);
    begin(w, 0, 1);
    deliver(w, 0); /* under way while it is destroyed */
}

Test(upload, what_was_sent_arrives_in_order)
{
    each_way(send_many);
}

static void change_minds(const struct way *w)
{
    for (int round = 0; round < ROUNDS; round++)
        begin(w, round * 7, COUNT - round);
    cr_expect_eq(upload_begun(w->upload), (size_t)(COUNT - ROUNDS + 1) * 4);
    deliver(w, 0);
    begin(w, 1, COUNT);
    upload_forget(w->upload);
    cr_expect_eq(upload_begun(w->upload), 0);
    begin(w, 2, 100);
    deliver(w, 1);
    begin(w, 3, 10); /* never delivered */
    expect_there(w, 0, (ROUNDS - 1) * 7, COUNT - ROUNDS + 1);
    expect_there(w, 1, 2, 100);
}

Test(upload, the_last_one_begun_is_delivered)
{
    each_way(change_minds);
}

/* ---- beside each other ---- */

/* While the queue stands still, as many sends as there is room for are begun and delivered, and what is sent ahead gets
 * there. If anything waited for the queue, this test would not end. */
static void stand_still(const struct way *w)
{
    cl_int error;
    cl_event gate = clCreateUserEvent(oc_device_get_context(w->device), &error);
    cr_assert_eq(error, CL_SUCCESS);
    cr_assert_eq(clEnqueueBarrierWithWaitList(w->queue->handle, 1, &gate, NULL), CL_SUCCESS);
    for (int round = 0; round < UPLOAD_ROOMS; round++) {
        begin(w, 1000 * round, COUNT);
        if (w->transfer) /* it travels beside what the queue does */
            CHECK(queue_finish(w->transfer));
        deliver(w, round);
        CHECK(queue_flush(w->queue));
    }
    cr_assert_eq(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
    begin(w, 5, COUNT); /* where the first one was */
    for (int round = 0; round < UPLOAD_ROOMS; round++)
        expect_there(w, round, 1000 * round, COUNT);
    deliver(w, UPLOAD_ROOMS);
    expect_there(w, UPLOAD_ROOMS, 5, COUNT);
    clReleaseEvent(gate);
}

Test(upload, two_sends_do_not_wait_for_the_queue, .timeout = 120)
{
    each_way(stand_still);
}

/* ---- failures ---- */

/* After a call that fails, what comes next arrives as ever. */
static void go_wrong(const struct way *w)
{
    static const int32_t value = 9;
    for (int n = 1, failed = 1; failed; n++) {
        begin(w, 0, COUNT);
        deliver(w, 0);
        begin(w, 1, COUNT);
        deliver(w, 0);
        begin(w, n, COUNT);
        fail_layer_arm(&(struct fail_layer_order){ .at = n, .error = CL_OUT_OF_RESOURCES });
        oc_status status = upload_deliver(w->upload, w->queue, w->buffer, BYTES);
        if (status != OC_OK) { /* it is not lost */
            cr_expect_eq(upload_begun(w->upload), BYTES);
            deliver(w, 1);
        } else if ((status = upload_begin(w->upload, &value, sizeof value)) != OC_OK) {
            cr_expect_eq(upload_begun(w->upload), 0);
        }
        failed = fail_layer_failed() != NULL;
        cr_expect_eq(status, failed ? OC_E_DEVICE : OC_OK, "%s, call %d", w->name, n);
        cr_expect(failed || n > 2, "%s: only %d calls", w->name, n - 1);
        fail_layer_disarm();
        expect_there(w, 1, n, COUNT);
    }
}

Test(upload, a_failure_is_over_once_reported)
{
    each_way(go_wrong);
}

Test(upload, what_cannot_be_created_leaves_nothing)
{
    oc_device *device = fixture_open();
    struct queue *transfer;
    struct upload *upload = (struct upload *)&upload;
    CHECK(queue_create(&transfer, device, false));
    const int live = fail_layer_live();
    const int64_t bytes = fail_layer_bytes();
    int n = 1;
    for (int failed = 1; failed; n++) {
        fail_layer_arm(&(struct fail_layer_order){ .at = n, .error = CL_OUT_OF_HOST_MEMORY });
        const oc_status status = upload_create(&upload, device, transfer, BYTES);
        const char *call = fail_layer_failed();
        failed = call != NULL;
        cr_expect(failed ? !upload && (status == OC_E_MEMORY || status == OC_E_DEVICE_MEMORY)
                         : status == OC_OK,
                  "call %d, %s: %s", n, call ? call : "none", oc_status_name(status));
        cr_expect(!failed || strstr(oc_last_error(), call) || strstr(oc_last_error(), "could not"), "%s",
                  oc_last_error());
        fail_layer_disarm();
        upload_destroy(upload);
        cr_expect_eq(fail_layer_live(), live, "call %d: %d objects left", n, fail_layer_live() - live);
        cr_expect_eq(fail_layer_bytes(), bytes, "call %d", n);
    }
    cr_expect_eq(n - 2, 3 * UPLOAD_ROOMS, "%d calls", n - 2);
    queue_destroy(transfer);
    oc_device_close(device);
    cr_expect_eq(fail_layer_live(), 0);
}
