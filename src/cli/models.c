/* models.c - ocelli models: which networks there are. */
#include "output.h"
#include "verbs.h"

#include <ocelli/models.h>
#include <stdio.h>

static enum exit_code run(const struct options *options)
{
    json_t *list = json_array();
    const char *name;
    for (int i = 0; (name = oc_zoo_name(i)) != NULL; i++) {
        const char *about = oc_zoo_description(name);
        if (options->json)
            json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "description", about));
        else
            printf("%-20s %s\n", name, about);
    }
    if (options->json)
        output_json(json_pack("{s:O}", "models", list));
    json_decref(list);
    return EXIT_OK;
}

const struct verb verb_models = {
    .name = "models",
    .operands = "",
    .brief = "list the networks",
    .description = "Lists the networks that summary, train, eval and predict know by name.\n"
                   "\n"
                   "With --json: {\"models\": [{\"name\", \"description\"}]}.",
    .examples = "ocelli models",
    .options = (const enum option_id[]){ OPTION_JSON, OPTION_HELP, OPTION_END },
    .run = run,
};
