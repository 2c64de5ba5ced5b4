#include "report/plot.h"

#include "check.h"

static tr_frontier f;
static tr_buf out;

static tr_frontier_sample global[] = {{0.99, 0.92}};
static tr_frontier_sample l2d[] = {{0.99, 0.92}, {0.8, 0.97}, {0.5, 0.99}, {0.01, 1}};

/* Certified at .90 and .95, refused at .99. */
static void build(void)
{
    static const double alphas[] = {0.90, 0.95, 0.99}, answered[] = {990, 800, 0};

    memset(&f, 0, sizeof f);
    f.options = (tr_calibrate_options){.delta = 0.05, .targets = 3};
    for (int i = 0; i < 3; i++) {
        tr_certificate *c = &f.point[f.n++].policy.certificate;
        c->alpha = alphas[i];
        c->rows = 1000;
        c->accepted = (uint64_t)answered[i];
        c->deployed = answered[i] > 0;
        c->family = i ? TR_FAMILY_L2D : TR_FAMILY_GLOBAL;
        snprintf(c->member, sizeof c->member, "a<b");
    }
    f.certified = 2;
    f.curve[0] = (tr_frontier_curve){TR_FAMILY_GLOBAL, global, 1};
    f.curve[1] = (tr_frontier_curve){TR_FAMILY_L2D, l2d, 4};
    f.curve[2] = (tr_frontier_curve){TR_FAMILY_RSB, NULL, 0};
}

static bool draw(const tr_frontier_point *chosen)
{
    tr_buf_clear(&out);
    if (tr_plot_frontier(&f, chosen, &out, NULL) != TR_OK)
        return false;
    tr_buf_add_char(&out, 0);
    return !out.failed;
}

static bool written(const char *text)
{
    return strstr(out.data, text) != NULL;
}

static void steps_and_curves(void)
{
    build();
    CHECK(draw(NULL));
    CHECK(written(">99 %</text>") && written(">80 %</text>") && written(">none</text>"));
    CHECK(
        written("<desc id=\"description\">Share of the traffic that is answered at each "
                "certified agreement with the teacher: 0.9: 99 %; 0.95: 80 %; 0.99: none.</desc>"));
    CHECK(written(">all targets at once, \xce\xb4 0.05</text>"));
    CHECK(written("certified on 1,000 calibration rows; agreement over the traffic that is "
                  "answered"));
    CHECK(written(">global</text>") && written(">l2d</text>") && !written(">rsb</text>"));
    CHECK(written(">out of fold, no promise</text>"));
    CHECK(!written("class=\"ring\"") && !written("chosen"));
    /* chance at the far end is left out: the curve ends where half of the traffic does */
    const char *dash = strstr(out.data, "class=\"dash");
    int lines = 0;
    for (const char *p = dash; p && *p && *p != '>'; p++)
        lines += *p == 'L';
    CHECK(lines == 2);
    f.curve[1].n = 0;
    f.point[0].policy.certificate.guarantee = TR_GUARANTEE_OVERALL;
    CHECK(draw(NULL) && !written(">l2d</text>") && written("deferred included"));
}

static void the_chosen_point(void)
{
    build();
    CHECK(draw(&f.point[1]));
    CHECK(written("class=\"ring\"") && written(">chosen: 0.95, 80 %</text>"));
    CHECK(written(">l2d: a&lt;b, margin</text>"));
    CHECK(draw(&f.point[2]));
    CHECK(written(">chosen: 0.99</text>") && written(">not certified</text>"));
}

static void one_target(void)
{
    build();
    f.n = 1;
    CHECK(draw(&f.point[0]));
    CHECK(written(">\xce\xb4 0.05</text>") && !written("at once"));
}

int main(void)
{
    tr_buf_init(&out);
    CASE(steps_and_curves);
    CASE(the_chosen_point);
    CASE(one_target);
    tr_buf_free(&out);
    return CHECK_END;
}
