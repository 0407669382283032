#ifndef TRIAGED_LLM_PROMPT_FILES_H
#define TRIAGED_LLM_PROMPT_FILES_H

#include <stddef.h>

/* The files of prompts/ as compiled in; src/llm/CMakeLists.txt writes the table. */
struct prompt_file {
    const char *name; /* "triage.md" */
    const char *text;
    const size_t *len;
};
extern const struct prompt_file prompt_files[];
extern const size_t prompt_files_len;

#endif
