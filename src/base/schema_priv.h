#ifndef TRIAGED_BASE_SCHEMA_PRIV_H
#define TRIAGED_BASE_SCHEMA_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <jansson.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Levels of a schema, of a value, and of both together while checking ($ref may loop). */
#define SCHEMA_MAX_DEPTH 64
/* Steps of one check: far more than any honest document needs, and a bound for nested anyOf. */
#define SCHEMA_MAX_STEPS 2000000

enum {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_INTEGER = 4,
    TYPE_NUMBER = 8,
    TYPE_STRING = 16,
    TYPE_ARRAY = 32,
    TYPE_OBJECT = 64,
    TYPE_ANY = 127,
};

struct schema_node;

struct schema_prop {
    const char *name; /* borrowed from the schema's JSON; a pattern's text in patternProperties */
    pcre2_code *pattern;
    struct schema_node *node;
};

struct schema_list {
    struct schema_node **nodes;
    size_t count;
};

struct schema_node {
    bool never; /* the schema `false` */
    unsigned types;
    const json_t *constant; /* NULL when absent; borrowed, as are the next ones */
    const json_t *allowed;  /* enum */
    const json_t *required; /* array of strings */
    const json_t *minimum;
    const json_t *maximum;
    const json_t *exclusive_minimum;
    int64_t min_items, max_items, min_length, max_length, min_properties, max_properties;
    bool unique_items;
    pcre2_code *pattern;
    const char *pattern_text;
    struct schema_prop *props; /* as in the schema */
    size_t prop_count;
    struct schema_prop *pattern_props;
    size_t pattern_prop_count;
    struct schema_node *additional; /* additionalProperties */
    struct schema_node *items;
    struct schema_list prefix_items, any_of, one_of, all_of;
    struct schema_node *negated; /* not */
    const char *ref_name;        /* of "#/$defs/NAME" */
    struct schema_node *ref;
    struct schema_node *all_next; /* every node of a schema, to free them */
};

struct schema {
    json_t *root;
    struct schema_node *nodes; /* all of them */
    struct schema_node *top;
    struct schema_prop *defs;
    size_t def_count;
};

/* What a validator would call the type of a value; an integral real is an integer too. */
unsigned schema_type_of(const json_t *value);
const char *schema_type_name(const json_t *value);

/* Equal as JSON values, numbers by their value (1 equals 1.0). Values nest at most SCHEMA_MAX_DEPTH deep. */
bool schema_equal(const json_t *a, const json_t *b);
/* jansson's iterators take no const although they change nothing. */
json_t *schema_for_iterator(const json_t *value);
/* -1, 0, 1 for two numbers */
int schema_compare(const json_t *a, const json_t *b);

#endif
