/* job.h - what train, eval and predict have in common: a network of the zoo, its weights, data, a device. */
#ifndef CLI_JOB_H
#define CLI_JOB_H

#include "options.h"
#include "output.h"

#include <ocelli/models.h>

/* Zero-initialised; every function may fail half-way, job_close cleans up in any case. */
struct job {
    const struct options *options;
    const char *name;
    oc_net_desc published, desc; /* desc: what the user or the weights say; 0 where neither does */
    bool signed_pixels;          /* the net learned pixels in -1..1, not 0..1 */
    oc_dataset train, test;
    oc_net net;
    oc_device *device;
    oc_model *model;
};

/* Keys of what train writes beside the weights, so that eval and predict know. */
#define KEY_MODEL   "ocelli.model"
#define KEY_INPUT   "ocelli.input"
#define KEY_CLASSES "ocelli.classes"
#define KEY_WIDTH   "ocelli.width"
#define KEY_PIXELS  "ocelli.pixels"

/* The network's size: --input, else what the weights say, else 0. Refuses the weights of another network. */
enum exit_code job_describe(struct job *job, const struct options *options);

/* data.c: loads --data in the net's size. To train: what to train on and what to test on (count 0: nothing); else
 * only `test`, what to evaluate. Completes job->desc from the data. */
enum exit_code job_load_data(struct job *job, bool training);

/* Builds the network and opens the device; then puts one on the other. `desc` need not say what is in options. */
enum exit_code job_open(struct job *job);
enum exit_code job_create_model(struct job *job, oc_model_desc desc);

void job_close(struct job *job);

/* show.c: draws `count` pictures of the set in the terminal, with the net's answers below. */
enum exit_code show_pictures(struct job *job, const oc_dataset *set, int count);

#endif
