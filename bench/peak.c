/* peak.c - ocelli-bench peak: what the device really reaches. */
#include "report.h"

#include <jansson.h>
#include <stdio.h>

static enum exit_code run(const struct options *options)
{
    oc_device *device;
    struct peak peak;
    const enum exit_code code = report_open(&device, &peak, options);
    if (code != EXIT_OK)
        return code;
    const char *name = oc_device_get_info(device)->name;
    if (options->json) {
        json_t *object =
            json_pack("{s:s, s:f, s:f}", "device", name, "gflops", peak.gflops, "gbps", peak.gbps);
        json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
        json_decref(object);
    } else {
        printf("%s\n%10.1f GFLOP/s  float multiply-adds (each counts as two)\n%10.1f GB/s     copy, read "
               "plus written\n",
               name, peak.gflops, peak.gbps);
    }
    oc_device_close(device);
    return EXIT_OK;
}

const struct verb verb_peak = {
    .name = "peak",
    .brief = "measure the device's FMA rate and bandwidth",
    .description =
        "Measures the two limits of the device that no kernel can pass: the rate of float multiply-adds in\n"
        "registers, in runs of some 50 ms, and the bandwidth of a copy between two buffers of 256 MiB (less\n"
        "if that is more than an eighth of the device's memory), so that no cache holds them. The best of\n"
        "seven runs counts. They are the denominators of every percentage that ocelli-bench prints. Takes\n"
        "about a second; on a machine that does other work too, both come out low.\n"
        "\n"
        "With --json: {\"device\", \"gflops\", \"gbps\"}.",
    .examples = "ocelli-bench peak\nocelli-bench peak --device cpu --json",
    .options = (const enum option_id[]){ OPTION_DEVICE, OPTION_JSON, OPTION_HELP, OPTION_END },
    .run = run,
};
