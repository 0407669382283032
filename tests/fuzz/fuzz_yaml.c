#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/yaml.h"

/*
 * Any bytes are a YAML file or an error with a line. What was read is writable as JSON, holds its limits, and each value
 * at the top has a line.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(yaml_freep) struct yaml_doc *d = NULL;
    AUTO(mem_freep) char *text = NULL;
    struct err e = {0};
    size_t len;

    if (yaml_parse("f", (const char *)data, size, &d, &e) < 0) {
        CHECK(e.code == ERR_INPUT && strncmp(e.msg, "f:", 2) == 0);
        return 0;
    }
    text = json_canon(yaml_root(d), &len);
    CHECK(json_prescan(text, len, 2 * YAML_MAX_NODES, &e) == 0);
    CHECK(yaml_line(d, "") >= 1);
    CHECK(yaml_line(d, "/0") >= yaml_line(d, ""));
    CHECK(yaml_line(d, (const char[]){'/', size ? (char)data[0] : 'a', '\0'}) >= 1);
    return 0;
}
