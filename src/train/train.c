/* train.c - the epoch loop.
 *
 * Invariant: where a run stands is (epochs done, steps done in the next one, the running sums); the order of an
 * epoch's samples depends on (seed, epoch) alone. So a checkpoint with the position continues bit for bit.
 *
 * The next micro-batch of an epoch is on its way to the device while it computes one (oc_model_feed). That is no part of
 * where a run stands: a run that stops drops it, and one whose caller has used the model in between sends it again. */
#include "train/batch.h"
#include "train/checkpoint.h"
#include "train/curve.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"

#include <math.h>

struct run {
    oc_model *model;
    const oc_train_desc *desc;
    struct position at;
    struct batch batch;
    struct curve curve;
    int64_t *order;       /* of the epoch's samples */
    float rate;           /* at the start of the schedule */
    oc_train_event event; /* the last one reported */
    double begun, epoch_begun;
    int64_t images_here, steps_here; /* in this epoch; in this call */
};

/* ---- the file of the run ---- */

static oc_status save(struct run *run)
{
    const oc_train_desc *desc = run->desc;
    return desc->checkpoint ? checkpoint_save(run->model, desc->checkpoint, desc->metadata, &run->at) : OC_OK;
}

static oc_status resume(struct run *run)
{
    return run->desc->resume ? checkpoint_load(run->model, run->desc->resume, &run->at) : OC_OK;
}

/* ---- reports ---- */

static int64_t steps_per_epoch(const struct run *run)
{
    return (run->at.samples + run->at.batch - 1) / run->at.batch;
}

/* Samples seen in this epoch: whole batches, but for the last. */
static int64_t samples_seen(const struct run *run)
{
    const int64_t seen = run->at.steps * run->at.batch;
    return seen < run->at.samples ? seen : run->at.samples;
}

static void measure_progress(struct run *run)
{
    oc_train_event *event = &run->event;
    const double time = clock_seconds(), seen = (double)samples_seen(run);
    const int64_t steps = steps_per_epoch(run);
    const int64_t left = (event->epochs - run->at.epochs) * steps - run->at.steps;
    event->epoch = (int)run->at.epochs + 1;
    event->step = run->at.steps;
    event->steps = steps;
    event->loss = seen > 0 ? run->at.loss_sum / seen : NAN;
    event->accuracy = seen > 0 ? (double)run->at.correct / seen : NAN;
    event->test_loss = event->test_accuracy = NAN;
    event->seconds = time - run->begun;
    event->images_per_second = (double)run->images_here / fmax(time - run->epoch_begun, 1e-9);
    event->seconds_left = run->steps_here > 0 ? event->seconds / (double)run->steps_here * (double)left : NAN;
    event->rate = oc_model_get_rate(run->model);
}

static bool report(struct run *run, enum oc_train_event_kind kind)
{
    run->event.kind = kind;
    return !run->desc->progress || run->desc->progress(run->desc->user, &run->event);
}

static oc_status record(struct run *run)
{
    const oc_train_event *event = &run->event;
    return curve_add(&run->curve, &(struct curve_row){ .epoch = event->epoch,
                                                       .loss = event->loss,
                                                       .accuracy = event->accuracy,
                                                       .test_loss = event->test_loss,
                                                       .test_accuracy = event->test_accuracy,
                                                       .rate = (double)event->rate,
                                                       .images_per_second = event->images_per_second,
                                                       .seconds = event->seconds });
}

/* ---- the loop ---- */

/* The learning rate of an epoch, counted from 0. */
static float scheduled_rate(const oc_train_desc *desc, float start, int64_t epoch)
{
    if (desc->rate_decay == 0 || desc->rate_every == 0)
        return start;
    return (float)((double)start * pow((double)desc->rate_decay, (double)(epoch / desc->rate_every)));
}

/* Samples first to first + count - 1 of the epoch. */
struct micro_batch {
    int64_t first;
    int count;
    bool last; /* of its step */
};

/* The one that begins with this sample; a step's are full but for the last. */
static struct micro_batch micro_batch_at(const struct run *run, int64_t first)
{
    const int64_t end = (first / run->at.batch + 1) * run->at.batch;
    const int64_t left = (end < run->at.samples ? end : run->at.samples) - first;
    const bool last = left <= run->batch.capacity;
    return (struct micro_batch){ first, last ? (int)left : run->batch.capacity, last };
}

/* Gathers a micro-batch and feeds it ahead. */
static oc_status send(struct run *run, const struct micro_batch *micro)
{
    const oc_train_desc *desc = run->desc;
    batch_gather(&run->batch, desc->train, run->order + micro->first, micro->count);
    return oc_model_feed(run->model, micro->count,
                         (oc_feed[]){ { .tensor = desc->image, .data = run->batch.images },
                                      { .tensor = desc->label, .data = run->batch.labels },
                                      { 0 } });
}

/* Whether it waits in the model: not if it is the epoch's first, nor if the caller has run the model meanwhile. */
static bool was_sent(const struct run *run, const struct micro_batch *micro)
{
    return oc_model_get_fed(run->model, run->desc->image) == micro->count &&
           oc_model_get_fed(run->model, run->desc->label) == micro->count;
}

/* What the model said about the micro-batch that ran last. */
static oc_status receive(struct run *run, const struct micro_batch *micro)
{
    const oc_train_desc *desc = run->desc;
    float loss = 0;
    TRY(oc_model_fetch(run->model, (oc_fetch[]){ { .tensor = desc->loss, .data = &loss },
                                                 { .tensor = desc->logits, .data = run->batch.logits },
                                                 { 0 } }));
    if (!isfinite(loss))
        return fail(
            OC_E_ARGUMENT,
            "the loss is %g in epoch %lld, step %lld: training diverged; a smaller rate than %g may help",
            (double)loss, (long long)run->at.epochs + 1, (long long)run->at.steps + 1,
            (double)oc_model_get_rate(run->model));
    run->at.loss_sum += (double)loss * micro->count;
    run->at.correct +=
        batch_correct(&run->batch, desc->train->labels, run->order + micro->first, micro->count);
    run->images_here += micro->count;
    return OC_OK;
}

/* While the device is busy with it, the next one of the epoch is sent. */
static oc_status train_micro_batch(struct run *run, const struct micro_batch *micro)
{
    const int64_t next = micro->first + micro->count;
    if (!was_sent(run, micro))
        TRY(send(run, micro));
    TRY((micro->last ? oc_train_step : oc_accumulate_gradients)(run->model, micro->count, NULL, NULL));
    if (next < run->at.samples) {
        const struct micro_batch following = micro_batch_at(run, next);
        TRY(send(run, &following));
    }
    return receive(run, micro);
}

static oc_status step(struct run *run)
{
    struct micro_batch micro = { .first = run->at.steps * run->at.batch };
    do {
        micro = micro_batch_at(run, micro.first + micro.count);
        TRY(train_micro_batch(run, &micro));
    } while (!micro.last);
    run->at.steps++;
    run->steps_here++;
    return OC_OK;
}

static bool keeps_averages(const oc_model *model)
{
    oc_parameter_info info;
    for (int i = 0; i < oc_parameter_count(model); i++)
        if (oc_parameter_info_at(model, i, &info) == OC_OK && info.average)
            return true;
    return false;
}

/* With the averages of the weights, if there are any. */
static oc_status test(struct run *run)
{
    oc_train_event *event = &run->event;
    const bool averages = keeps_averages(run->model);
    if (!run->desc->test)
        return OC_OK;
    if (averages)
        TRY(oc_model_swap_average(run->model));
    const oc_status status =
        oc_evaluate(run->model, run->desc, run->desc->test, &event->test_loss, &event->test_accuracy);
    const oc_status back = averages ? oc_model_swap_average(run->model) : OC_OK;
    return status == OC_OK ? back : status;
}

static oc_status stopped(struct run *run)
{
    TRY(save(run));
    return fail(OC_E_INTERRUPTED, "stopped on request after %lld epochs and %lld steps",
                (long long)run->at.epochs, (long long)run->at.steps);
}

static oc_status end_epoch(struct run *run)
{
    measure_progress(run);
    TRY(test(run));
    run->at.epochs++;
    run->at.steps = run->at.correct = 0;
    run->at.loss_sum = 0;
    TRY(record(run));
    TRY(save(run));
    return report(run, OC_TRAIN_EPOCH) ? OC_OK : stopped(run);
}

static oc_status epoch(struct run *run)
{
    const struct random shuffle = { .seed = run->desc->seed,
                                    .stream = random_stream("shuffle"),
                                    .step = (uint32_t)run->at.epochs };
    random_permutation(&shuffle, run->order, run->at.samples);
    TRY(oc_model_set_rate(run->model, scheduled_rate(run->desc, run->rate, run->at.epochs)));
    run->epoch_begun = clock_seconds();
    run->images_here = 0;
    const int64_t steps = steps_per_epoch(run);
    while (run->at.steps < steps) {
        TRY(step(run));
        measure_progress(run);
        if (!report(run, OC_TRAIN_STEP))
            return stopped(run);
    }
    return end_epoch(run);
}

/* A run that was complete already still says how good the model is. */
static oc_status nothing_left(struct run *run)
{
    oc_train_event *event = &run->event;
    measure_progress(run);
    event->epoch = (int)run->at.epochs;
    return test(run);
}

static oc_status train(struct run *run)
{
    TRY(resume(run));
    TRY(curve_open(&run->curve, run->desc->curve, (int)run->at.epochs));
    run->begun = run->epoch_begun = clock_seconds();
    run->event = (oc_train_event){ .epochs = run->desc->epochs != 0 ? run->desc->epochs : 10 };
    oc_status status = run->at.epochs < run->event.epochs ? OC_OK : nothing_left(run);
    while (status == OC_OK && run->at.epochs < run->event.epochs)
        status = epoch(run);
    if (status == OC_OK || status == OC_E_INTERRUPTED) {
        const oc_status plotted = curve_plot(&run->curve);
        status = status == OC_OK ? plotted : status;
    }
    const oc_status closed = curve_close(&run->curve);
    TRY(status);
    TRY(closed);
    report(run, OC_TRAIN_DONE);
    return OC_OK;
}

static oc_status check(const oc_model *model, const oc_train_desc *desc)
{
    if (!model || !desc || !desc->train)
        return fail(OC_E_ARGUMENT, "oc_train needs a model, a descriptor and training data");
    if (!desc->loss)
        return fail(OC_E_ARGUMENT, "oc_train needs the loss tensor");
    if (desc->epochs < 0)
        return fail(OC_E_ARGUMENT, "%d epochs: the number must not be negative", desc->epochs);
    if (desc->accumulate < 0)
        return fail(OC_E_ARGUMENT, "accumulate %d: the number of batches must not be negative",
                    desc->accumulate);
    if (!(desc->rate_decay >= 0) || desc->rate_every < 0)
        return fail(OC_E_ARGUMENT, "rate_decay %g every %d epochs: neither may be negative",
                    (double)desc->rate_decay, desc->rate_every);
    return OC_OK;
}

oc_status oc_train(oc_model *model, const oc_train_desc *desc)
{
    TRY(check(model, desc));
    struct run run = { .model = model, .desc = desc };
    TRY(batch_open(&run.batch, desc, desc->train));
    run.at = (struct position){ .batch = (int64_t)run.batch.capacity *
                                         (desc->accumulate > 0 ? desc->accumulate : 1),
                                .samples = desc->train->count,
                                .seed = desc->seed };
    run.rate = oc_model_get_rate(model);
    oc_model_feed(model, 0, NULL); /* what waits is not of this run */
    run.order = memory_zeroed(&memory_heap, (size_t)run.at.samples, sizeof run.order[0]);
    const oc_status status = run.order ? train(&run) : fail_again(OC_E_MEMORY, oc_last_error());
    oc_model_set_rate(model, run.rate);
    oc_model_feed(model, 0, NULL); /* and what a run that stopped has sent is of no other */
    memory_free(&memory_heap, run.order);
    batch_close(&run.batch);
    return status;
}
