#include "policy/decide.h"

#include "check.h"
#include "policy/calibrate.h"
#include "small.h"

#include <math.h>

enum { ROWS = 700 };

/* A two-stage policy, and the log that it comes from. */
static tr_dataset rows;
static tr_stream stream;
static tr_policy policy;
static tr_decider decider;

static tr_decided decide(size_t i, bool all)
{
    tr_decided d;
    CHECK(tr_decide_input(&decider, rows.rows[i].text, rows.rows[i].embedding, all, &d));
    return d;
}

static size_t member_of(const char *name)
{
    size_t m = 0;
    while (m + 1 < stream.n && strcmp(stream.member[m].name, name))
        m++;
    return m;
}

/* What decides is what scored the calibration rows: labels, scores and novelty to the bit. */
static void stages_say_what_the_stream_has(void)
{
    size_t first = member_of(policy.stage[0].member), second = member_of(policy.stage[1].member);
    size_t k = 0, novel = 0, n = 0;
    while (k + 1 < stream.n_cascades &&
           (stream.cascade[k].first != first || stream.cascade[k].second != second))
        k++;
    const tr_softmax_summary *guard = stream.member[tr_stream_guard(&stream, first)].summary;
    for (size_t i = 0; i < rows.n; i++) {
        if (rows.rows[i].side != TR_SIDE_CALIBRATION)
            continue;
        const tr_heldout_row *r = &stream.heldout.rows[i];
        tr_decided d = decide(i, true);
        CHECK(r->row == rows.rows[i].row && d.asked == 2);
        CHECK(d.stage[0].label == stream.member[first].summary[i].label);
        CHECK(d.stage[0].score == stream.member[first].score[i]);
        CHECK(d.stage[1].label == stream.member[second].summary[i].label);
        CHECK(d.stage[1].score == stream.cascade[k].score[i]);
        CHECK(d.novel == (tr_novelty_of(&policy.rule.novelty, guard[i].evidence, r->unseen,
                                        r->near) > policy.rule.novelty_most));
        novel += d.novel;
        n++;
    }
    CHECK(n > 100 && novel > 0 && novel < n / 4);
}

/* The rule as it is written, for every threshold, with labels withheld and without. */
static void the_first_stage_that_may_answers(void)
{
    static const uint32_t thresholds[] = {0, 300000, 700000, 900000, 990000, TR_ACCEPTOR_ONE};
    uint32_t threshold = policy.rule.threshold;
    size_t by[3] = {0}, passed_on = 0, withheld = 0;
    for (size_t turn = 0; turn < 12; turn++) {
        policy.rule.threshold = thresholds[turn / 2];
        policy.rule.label_deferred[1] = turn % 2;
        for (size_t i = 0; i < rows.n; i++) {
            tr_decided all = decide(i, true), d = decide(i, false);
            uint32_t answers = 0;
            for (uint32_t k = 2; k-- > 0;) {
                const tr_said *s = &all.stage[k];
                CHECK(s->withheld == (turn % 2 && s->label == 1) && s->score <= TR_ACCEPTOR_ONE);
                if (!all.novel && !s->withheld && s->score >= policy.rule.threshold)
                    answers = k + 1;
            }
            CHECK(all.answers == answers && all.asked == 2);
            CHECK(d.answers == answers && d.novel == all.novel);
            CHECK(d.asked == (all.novel || answers == 1 ? 1 : 2)); /* no more than is needed */
            CHECK(!memcmp(d.stage, all.stage, d.asked * sizeof *d.stage));
            by[answers]++;
            passed_on += answers == 2 && all.stage[0].withheld;
            withheld += answers == 0 && !all.novel && all.stage[0].withheld;
        }
    }
    CHECK(by[0] > 0 && by[1] > 0 && by[2] > 0);
    CHECK(withheld > 0 && passed_on > 0); /* a label withheld in one stage may be another's turn */
    policy.rule.threshold = threshold;
    policy.rule.label_deferred[1] = 0;
}

static void what_is_novel_no_stage_answers(void)
{
    uint32_t threshold = policy.rule.threshold;
    float most = policy.rule.novelty_most;
    policy.rule.threshold = 0;
    policy.rule.novelty_most = -1; /* novelty is never below 0 */
    for (size_t i = 0; i < 50; i++) {
        tr_decided d = decide(i, false);
        CHECK(d.novel && !d.answers && d.asked == 1);
    }
    policy.rule.novelty_most = INFINITY; /* no guard */
    for (size_t i = 0; i < rows.n; i++) {
        tr_decided d = decide(i, false);
        CHECK(!d.novel && d.answers == 1);
    }
    policy.rule.novelty_most = most;
    /* words and numbers that the log never had */
    static const float far[SMALL_DIMS] = {-9, 3, -8, -9, 1, -9};
    tr_decided d;
    CHECK(tr_decide_input(&decider, tr_str_c("zyx wvut qqq kkk"), far, false, &d));
    CHECK(d.novel && !d.answers);
    policy.rule.threshold = threshold;
}

static void no_state_from_row_to_row(void)
{
    for (size_t i = 0; i < 100; i++) {
        tr_decider fresh;
        tr_decided a = decide(i, i % 2), b;
        CHECK(tr_decide_open(&fresh, &policy));
        CHECK(tr_decide_input(&fresh, rows.rows[i].text, rows.rows[i].embedding, i % 2, &b));
        CHECK(a.novel == b.novel && a.answers == b.answers && a.asked == b.asked);
        CHECK(!memcmp(a.stage, b.stage, sizeof a.stage));
        tr_decide_close(&fresh);
    }
}

/* Of a row there is left what the stage that was asked last said, and its novelty, though the guard
 * looks at another mixture. */
static void what_was_said_is_left(void)
{
    size_t by[3] = {0};
    CHECK(policy.rule.guard.n > 0);
    for (size_t i = 0; i < rows.n; i++) {
        tr_decided d = decide(i, false);
        const tr_said *last = &d.stage[d.asked - 1];
        for (uint32_t l = 0; l < policy.labels.n; l++)
            CHECK(decider.room[l] < decider.room[last->label] || l >= last->label);
        CHECK(decider.said[d.asked - 1].label == last->label);
        CHECK(decider.said[d.asked - 1].top == decider.room[last->label]);
        CHECK(d.novel == (decider.novelty > policy.rule.novelty_most));
        by[d.novel ? 0 : d.asked]++;
    }
    CHECK(by[0] > 0 && by[1] > 0 && by[2] > 0);
}

int main(void)
{
    tr_err err = {0};
    tr_calibrate_options o = {.alpha = 0.85,
                              .delta = 0.05,
                              .targets = 1,
                              .family = TR_FAMILY_RSB,
                              .novelty = 0.05,
                              .min_coverage = 0.05};
    tr_buf log = small_log_of(SMALL_BOTH, ROWS, 0.3, 2);
    tr_buf bytes = small_gated_from(&log, "svm,lda,knn,dt,blend", &rows);
    if (tr_stream_take(&stream, &bytes, "small", &err) != TR_OK ||
        tr_calibrate_run(&stream, &o, &policy, &err) != TR_OK || policy.stages != 2 ||
        !tr_decide_open(&decider, &policy)) {
        printf("# %s%s\n", err.message, policy.certificate.refusal);
        return 4;
    }
    CASE(stages_say_what_the_stream_has);
    CASE(the_first_stage_that_may_answers);
    CASE(what_is_novel_no_stage_answers);
    CASE(no_state_from_row_to_row);
    CASE(what_was_said_is_left);
    tr_decide_close(&decider);
    tr_policy_free(&policy);
    tr_stream_free(&stream);
    tr_dataset_free(&rows);
    return CHECK_END;
}
