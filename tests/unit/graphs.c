#include "report/graphs.h"

#include "check.h"
#include "figured.h"
#include "picture.h"

static tr_buf out;

typedef tr_code (*graph)(const tr_report *r, const char *prefix, tr_buf *out, tr_err *err);
static const graph graphs[] = {tr_graphs_flow, tr_graphs_curve, tr_graphs_reliability};

static bool draw(graph g, const char *prefix)
{
    tr_buf_clear(&out);
    if (g(&report, prefix, &out, NULL) != TR_OK)
        return false;
    tr_buf_add_char(&out, 0);
    return !out.failed && well_formed(out.data) && !strstr(out.data, "href") &&
           !strstr(out.data, "nan") && !strstr(out.data, "inf\"");
}

static bool written(const char *text)
{
    bool found = strstr(out.data, text) != NULL;
    if (!found)
        printf("# no %s\n", text);
    return found;
}

#define S "\xc2\xa0"
#define DOT " \xc2\xb7 "

static void the_flow(void)
{
    figure_plain();
    CHECK(draw(tr_graphs_flow, "") && collisions(out.data) == 0);
    CHECK(written(">1,000</text>") && written(">80.0" S "%" DOT "800</text>"));
    CHECK(written(">76.0" S "%" DOT "760</text>") && written(">4.0" S "%" DOT "40</text>"));
    CHECK(written(">asks the teacher</text>") && written(">20.0" S "%" DOT "200</text>"));
    CHECK(!strstr(out.data, "not checked") && !strstr(out.data, "about"));
    CHECK(written("disagrees: 4.0" S "%" DOT "40")); /* in words, for those who cannot see it */
}

static void what_was_not_checked(void)
{
    figure_plain();
    audit.tally.handled = audit.stage_tested[0] = rows(400);
    audit.tally.agreed = audit.stage_agreed[0] = rows(380);
    CHECK(draw(tr_graphs_flow, "") && collisions(out.data) == 0);
    CHECK(written(">38.0" S "%" DOT "380</text>") && written(">2.0" S "%" DOT "20</text>"));
    CHECK(written(">not checked</text>") && written(">40.0" S "%" DOT "400</text>"));
    audit.tally.handled = audit.stage_tested[0] = rows(0);
    figures.agreement = figures.stage[0].agreement = estimate(0, 0);
    CHECK(draw(tr_graphs_flow, "") && !strstr(out.data, "agrees<"));
    CHECK(written(">not checked</text>") && written(">80.0" S "%" DOT "800</text>"));
}

/* 200 of 800 answers were checked, each for four; 100 others could not be. */
static void weighed(void)
{
    figure_plain();
    audit.unknowable = 100;
    audit.tally.handled = audit.stage_tested[0] =
        (tr_sum){200, 800 * 1000000ull, 3200 * 1000000ull};
    CHECK(tr_graphs_weighed(&audit));
    CHECK(draw(tr_graphs_flow, "") && collisions(out.data) == 0);
    CHECK(written(">66.5" S "%" DOT "about 665</text>")); /* .95 of 700 */
    CHECK(written(">3.5" S "%" DOT "about 35</text>"));
    CHECK(written(">not checked</text>") && written(">10.0" S "%" DOT "100</text>"));
    figure_plain();
    CHECK(!tr_graphs_weighed(&audit));
}

static void stages_and_reasons(void)
{
    figure_plain();
    figures.n_stages = 2;
    figures.stage[1] = group("stage 2", 0.2, 0.8);
    audit.stage[0] = 550;
    audit.stage[1] = 200; /* of 50 it is not said */
    audit.stage_tested[0] = rows(550);
    audit.stage_tested[1] = rows(200);
    audit.why[TR_WHY_UNSAID] = 10;
    audit.why[TR_WHY_LOW] = 150;
    audit.why[TR_WHY_NOVEL] = 30;
    audit.why[TR_WHY_LABEL] = 8;
    audit.why[TR_WHY_ERROR] = 2;
    for (int i = 0; i < 2; i++) {
        CHECK(draw(tr_graphs_flow, i ? "p-" : "") && collisions(out.data) == 0);
        CHECK(written(">answered by stage 1<") && written(">answered by stage 2<"));
        CHECK(written(">answered, stage unsaid<") && written(">5.0" S "%" DOT "50<"));
        CHECK(written(">76.0" S "%" DOT "760<")); /* as all say, however stages share it */
        CHECK(written(">score too low<") && written(">unlike the log<") &&
              written(">label never answered<") && written(">could not be read<") &&
              written(">reason not said<") && !strstr(out.data, "nothing deployed"));
    }
}

static void the_curve(void)
{
    figure_plain();
    CHECK(draw(tr_graphs_curve, "") && collisions(out.data) == 0);
    CHECK(written("promised 90" S "%") && written("here: 80.0" S "% answered"));
    CHECK(written("94.9" S "% agree, score from 0.4") && written("class=\"area f0\""));
    /* the policy's own threshold, of which the log shows the next score above */
    audit.promise.policy = audit.promise.deployed = true;
    audit.promise.threshold = 391234;
    CHECK(draw(tr_graphs_curve, "") && written("score from 0.391234"));
    CHECK(tr_graphs_threshold(&figures, 3) == figures.curve[3].threshold);
    audit.below = 1; /* by another policy */
    CHECK(draw(tr_graphs_curve, "") && written("score from 0.4<"));
    figures.operating = figures.n_curve;
    audit.promise.overall = true; /* has no place here */
    CHECK(draw(tr_graphs_curve, "c-") && collisions(out.data) == 0);
    CHECK(!strstr(out.data, "promised") && !strstr(out.data, "here:"));
    CHECK(written("id=\"c-title\"") && !strstr(out.data, "id=\"title\""));
}

static void the_scores(void)
{
    figure_plain();
    CHECK(draw(tr_graphs_reliability, "") && collisions(out.data) == 0);
    CHECK(written("as predicted") && written("95.0" S "%: 97.0" S "%"));
}

/* Whatever is not known, a picture comes of it. */
static void nothing_is_known(void)
{
    for (size_t i = 0; i < 3; i++) {
        figure_nothing();
        CHECK(draw(graphs[i], "") && draw(graphs[i], "p-"));
    }
    figure_plain();
    for (size_t i = 0; i < figures.n_curve; i++)
        figures.curve[i] = (tr_curve_point){NAN, NAN, estimate(0, 0)};
    for (size_t i = 0; i < figures.n_reliability; i++)
        figures.reliability[i] = (tr_reliability){NAN, NAN, NAN, estimate(0, 0)};
    figures.agreement = figures.stage[0].agreement = estimate(0, 0);
    for (size_t i = 0; i < 3; i++)
        CHECK(draw(graphs[i], ""));
}

int main(void)
{
    tr_buf_init(&out);
    CASE(the_flow);
    CASE(what_was_not_checked);
    CASE(weighed);
    CASE(stages_and_reasons);
    CASE(the_curve);
    CASE(the_scores);
    CASE(nothing_is_known);
    figure_free();
    tr_buf_free(&out);
    return CHECK_END;
}
