#include <stdio.h>
#include <string.h>

#include "cli/card.h"

/* The part of a card that says what is probably wrong: the rules' words, the model's form, and how far to believe either. */

/* ---- citations ---- */

/* E4 "quote" lines below a cause. */
static void cites_print(struct cli *c, const char *name, const json_t *cites)
{
    size_t i;
    json_t *x;

    json_array_foreach (cites, i, x)
        field(c, i ? "" : name,
              fmt(c, "%s \"%s\"", paint(c, DIM, member(c, x, "id")), member(c, x, "quote")));
}

/* " [E4, E7]" behind a sentence. */
static const char *handles(struct cli *c, const json_t *cites)
{
    const char *text = "";

    for (size_t i = 0; i < json_array_size(cites); i++)
        text = fmt(c, "%s%s%s", text, i ? ", " : " [", member(c, json_array_get(cites, i), "id"));
    return *text ? paint(c, DIM, fmt(c, "%s]", text)) : "";
}

/* ---- confidence ---- */

static const char *basis_text(struct cli *c, const json_t *basis)
{
    const char *text = "";
    size_t i;
    json_t *x;

    json_array_foreach (basis, i, x) {
        const char *what = json_opt_str(x, "what");
        const char *one = text_eq(what, "rule")   ? fmt(c, "rule %s", member(c, x, "name"))
                          : text_eq(what, "seen") ? fmt(c, "seen %s times", member(c, x, "n"))
                          : text_eq(what, "model")
                              ? fmt(c, "the model says %s", member(c, x, "said"))
                              : show(c, what);

        text = fmt(c, "%s%s%s", text, i ? ", " : "", one);
    }
    return text;
}

static void confidence_print(struct cli *c, const json_t *conf)
{
    const json_t *measured = json_opt_obj(conf, "measured");
    const char *basis = basis_text(c, json_opt_arr(conf, "basis"));

    if (!conf)
        return;
    field(c, "confidence",
          fmt(c, "%s%s%s%s", paint(c, BOLD, member(c, conf, "level")), *basis ? ": " : "", basis,
              measured ? fmt(c, "; people agreed with %s of %s", member(c, measured, "right"),
                             member(c, measured, "n"))
                       : ""));
}

/* ---- where it stands with the model ---- */

static const char *asked_text(struct cli *c, const json_t *ask)
{
    const char *state = json_opt_str(ask, "state");
    const json_t *as = json_opt_obj(ask, "as");

    if (text_eq(state, "answered"))
        return fmt(c, "asked, call %s", member(c, ask, "call_id"));
    if (text_eq(state, "reused"))
        return fmt(c, "as #%s (the same symptom), call %s",
                   json_is_integer(json_object_get(as, "number")) ? member(c, as, "number")
                                                                  : member(c, as, "incident_id"),
                   member(c, ask, "call_id"));
    if (!json_opt_str(ask, "why"))
        return show(c, state);
    return fmt(c, "%s: %s%s", show(c, state), member(c, ask, "why"),
               when_ms(ask, "until") ? fmt(c, " (again %s)", clock_of(c, when_ms(ask, "until")))
                                     : "");
}

void model_state_print(struct cli *c, const json_t *ask)
{
    if (!json_is_object(ask))
        return;
    field(c, "model", asked_text(c, ask));
}

/* ---- the report ---- */

static void causes_print(struct cli *c, const json_t *causes)
{
    size_t i;
    json_t *x;

    heading(c, "Likely causes");
    if (json_array_size(causes) == 0)
        puts("  none is proven");
    json_array_foreach (causes, i, x) {
        printf("  %zu. ", i + 1);
        put_wrapped(c, 5,
                    fmt(c, "%s%s", member(c, x, "text"),
                        json_opt_bool(x, "guess", false) ? paint(c, YELLOW, "  (guess)") : ""));
        cites_print(c, "for", json_opt_arr(x, "for"));
        cites_print(c, "against", json_opt_arr(x, "against"));
        if (json_opt_str(x, "check") && *json_opt_str(x, "check"))
            field(c, "check", member(c, x, "check"));
    }
}

void report_print(struct cli *c, const json_t *report)
{
    const json_t *impact = json_opt_obj(report, "impact");
    size_t i;
    json_t *x;

    if (!json_is_object(report))
        return;
    if (json_opt_obj(report, "as"))
        field(c, "taken from",
              fmt(c, "#%s, which reads the same: numbers, names and handles (E4) are that one's",
                  member(c, json_opt_obj(report, "as"), "number")));
    if (json_opt_bool(report, "injection_suspected", false))
        field(c, "careful",
              paint(c, RED, "a text of this incident tries to give orders to whoever reads it"));
    if (impact && json_opt_str(impact, "text"))
        field(c, "impact",
              fmt(c, "%s%s", member(c, impact, "text"),
                  handles(c, json_opt_arr(impact, "evidence"))));
    causes_print(c, json_opt_arr(report, "causes"));
    json_array_foreach (json_opt_arr(report, "changed"), i, x)
        field(c, i ? "" : "what changed",
              fmt(c, "%s%s", member(c, x, "text"), handles(c, json_opt_arr(x, "evidence"))));
    json_array_foreach (json_opt_arr(report, "not_checked"), i, x)
        field(c, i ? "" : "not checked", value_text(c, x));
}

/* ---- the rules and the model together ---- */

static const char *names_of(struct cli *c, const json_t *list)
{
    const char *text = "";

    for (size_t i = 0; i < json_array_size(list); i++)
        text = fmt(c, "%s%s%s", text, i ? ", " : "", value_text(c, json_array_get(list, i)));
    return text;
}

void assessment_print(struct cli *c, const json_t *a, const json_t *ask)
{
    const json_t *verdict = json_opt_obj(a, "verdict");
    const json_t *rules = json_opt_arr(verdict, "rules");

    heading(c, "Assessment");
    if (!json_is_object(a)) {
        puts("  not judged yet: the rules' view comes within 2 s of the webhook; 'triagectl jobs' "
             "shows stuck work");
        return;
    }
    field(c, "severity", member(c, a, "severity"));
    field(c, "category", member(c, a, "category"));
    field(c, "team", member(c, a, "team"));
    if (json_opt_str(json_opt_obj(a, "suggested"), "urgency"))
        field(c, "urgency",
              fmt(c,
                  "%s (a suggestion: PagerDuty's is another, and stays until a person changes it)",
                  member(c, a, "urgency")));
    field(c, "by",
          fmt(c, "%s: %s",
              text_eq(json_opt_str(a, "origin"), "model") ? "rules and model" : "rules",
              json_array_size(rules) ? names_of(c, rules) : "no rule matched"));
    confidence_print(c, json_opt_obj(a, "confidence"));
    model_state_print(c, ask);
    if (json_array_size(json_opt_arr(verdict, "runbooks")))
        field(c, "runbooks", names_of(c, json_opt_arr(verdict, "runbooks")));
    report_print(c, json_opt_obj(a, "report"));
}
