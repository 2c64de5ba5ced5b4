#include "gate/certify.h"

#include "ground/mem.h"

#include <stdlib.h>
#include <string.h>

static tr_code check_target(const tr_certify_target *t, tr_err *err)
{
    if (!(t->alpha > 0 && t->alpha < 1))
        return tr_err_set(err, TR_USAGE, "alpha must lie between 0 and 1, not %g", t->alpha);
    if (!(t->delta > 0 && t->delta < 1))
        return tr_err_set(err, TR_USAGE, "delta must lie between 0 and 1, not %g", t->delta);
    if (t->grid < 1)
        return tr_err_set(err, TR_USAGE, "the grid of thresholds needs at least one, not %d",
                          t->grid);
    return TR_OK;
}

static tr_code check_rows(const tr_certify_rows *rows, tr_err *err)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (isnan(rows->score[i]) || (rows->score2 != NULL && isnan(rows->score2[i])))
            return tr_err_set(err, TR_DATA, "the accept score of row %zu is not a number", i + 1);
        if (rows->weight != NULL && !(rows->weight[i] > 0 && isfinite(rows->weight[i])))
            return tr_err_set(err, TR_DATA, "the weight of row %zu is not a positive number",
                              i + 1);
    }
    return TR_OK;
}

/* May the first, the second stage answer the row at all? */
static bool may_first(const tr_certify_rows *rows, size_t i)
{
    return rows->inside == NULL || rows->inside[i];
}

static bool may_second(const tr_certify_rows *rows, size_t i)
{
    return rows->score2 != NULL && (rows->inside2 == NULL || rows->inside2[i]);
}

int64_t tr_certify_inside(const tr_certify_rows *rows)
{
    int64_t n = 0;

    for (size_t i = 0; i < rows->n; i++)
        n += may_first(rows, i) || may_second(rows, i);
    return n;
}

tr_certify_tally tr_certify_count(const tr_certify_rows *rows, double threshold)
{
    tr_certify_tally t = {0, 0};

    for (size_t i = 0; i < rows->n; i++) {
        bool first = may_first(rows, i) && rows->score[i] >= threshold;
        bool second = !first && may_second(rows, i) && rows->score2[i] >= threshold;
        t.accepted += first || second;
        t.agreed += (first && rows->agree[i]) || (second && rows->agree2[i]);
    }
    return t;
}

/* Does the second stage answer the row before the first does, as the threshold falls? */
static bool second_first(const tr_certify_rows *rows, size_t i)
{
    return may_second(rows, i) && (!may_first(rows, i) || rows->score2[i] > rows->score[i]);
}

static double weight_of(const tr_certify_rows *rows, size_t i)
{
    return rows->weight == NULL ? 1 : rows->weight[i];
}

/* The tests of m = 0..max, kept if they are there already. */
static tr_code need_tests(tr_stat_table *tests, int64_t max, const tr_certify_target *target,
                          tr_err *err)
{
    if (tests->kmin != NULL && tests->max >= max && tests->alpha == target->alpha &&
        tests->delta == target->delta)
        return TR_OK;
    return tr_stat_table_build(tests, max, target->alpha, target->delta, err);
}

/* ---- Selection, on TRAIN ------------------------------------------------------------------- */

typedef struct {
    double score;
    size_t row;
} ranked_row;

/* Scores downward; equal ones in the order of the rows, so that weighted sums never vary. */
static int by_score(const void *a, const void *b)
{
    const ranked_row *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->row < y->row ? -1 : 1;
}

/* TRAIN inside the guard, by falling score, with running sums of weight (of all and of those that
 * agree when they are first accepted); `all` is the weight of every TRAIN row, outside ones too.
 * `turns` are the rows that the second stage answers first and the first stage below its score:
 * again by falling score, with running sums of what that changes in the weight that agrees. */
typedef struct {
    size_t n, n_turns;
    ranked_row *rows, *turns;
    double *weight, *agreeing, *change;
    double all;
} ranking;

static void ranking_free(ranking *r)
{
    free(r->rows);
    free(r->weight);
    free(r->agreeing);
    free(r->turns);
    free(r->change);
}

static tr_code rank_rows(const tr_certify_rows *train, ranking *r, tr_err *err)
{
    size_t most_turns = train->score2 != NULL ? train->n : 0;

    memset(r, 0, sizeof *r);
    r->rows = tr_mem_array(train->n, sizeof *r->rows);
    r->weight = tr_mem_array(train->n, sizeof *r->weight);
    r->agreeing = tr_mem_array(train->n, sizeof *r->agreeing);
    r->turns = tr_mem_array(most_turns, sizeof *r->turns);
    r->change = tr_mem_array(most_turns, sizeof *r->change);
    if (r->rows == NULL || r->weight == NULL || r->agreeing == NULL || r->turns == NULL ||
        r->change == NULL) {
        ranking_free(r);
        return tr_err_memory(err);
    }
    for (size_t i = 0; i < train->n; i++) {
        r->all += weight_of(train, i);
        if (second_first(train, i)) {
            r->rows[r->n++] = (ranked_row){train->score2[i], i};
            if (may_first(train, i) && !train->agree[i] != !train->agree2[i])
                r->turns[r->n_turns++] = (ranked_row){train->score[i], i};
        } else if (may_first(train, i)) {
            r->rows[r->n++] = (ranked_row){train->score[i], i};
        }
    }
    qsort(r->rows, r->n, sizeof *r->rows, by_score);
    qsort(r->turns, r->n_turns, sizeof *r->turns, by_score);

    double weight = 0, agreeing = 0, change = 0;
    for (size_t k = 0; k < r->n; k++) {
        size_t i = r->rows[k].row;
        double w = weight_of(train, i);
        weight += w;
        agreeing += (second_first(train, i) ? train->agree2[i] : train->agree[i]) ? w : 0;
        r->weight[k] = weight;
        r->agreeing[k] = agreeing;
    }
    for (size_t k = 0; k < r->n_turns; k++) {
        size_t i = r->turns[k].row;
        change += train->agree[i] ? weight_of(train, i) : -weight_of(train, i);
        r->change[k] = change;
    }
    return TR_OK;
}

/* How many TRAIN rows the walk would see, and of how many calibration rows. */
typedef struct {
    double n_train;
    int64_t n_calibration;
} sides;

/* Probability, as TRAIN sees it, that the walk passes the node: a normal approximation with the
 * uncertainty of the estimate itself. It only orders the nodes; no promise rests on it. */
static double predicted_power(const tr_certify_target *target, const tr_stat_table *tests,
                              sides side, double accepted, double agreeing)
{
    double mean, share_of_train;
    int64_t n;

    if (target->guarantee == TR_GUARANTEE_OVERALL) { /* deferred rows agree by definition */
        n = side.n_calibration;
        mean = (agreeing + side.n_train - accepted + 0.5) / (side.n_train + 1);
        share_of_train = side.n_train;
    } else {
        double expected = floor(accepted * (double)side.n_calibration / side.n_train);
        n = expected < (double)side.n_calibration ? (int64_t)expected : side.n_calibration;
        mean = (agreeing + 0.5) / (accepted + 1);
        share_of_train = accepted;
    }
    int64_t m = tests->sweet[n];
    if (m == 0)
        return 0;
    double bar = ((double)tests->kmin[m] - 0.5) / (double)m;
    double variance = mean * (1 - mean) * (1 / (double)m + 1 / (share_of_train + 2));
    return tr_stat_normal_cdf((mean - bar) / sqrt(variance));
}

/* The candidate thresholds, by rank (weight) among the rows inside the guard: t_j is the least
 * score at which the weight from the top reaches j/K of it. Equal ones once; last accept-all. */
static void place_nodes(const tr_certify_target *target, const ranking *r, tr_certify_path *path)
{
    int n = 0;
    size_t i = 0;

    for (int j = 1; j < target->grid && r->n > 0 && !target->only_all; j++) {
        while (i < r->n - 1 && r->weight[i] * target->grid < j * r->weight[r->n - 1])
            i++;
        double t = r->rows[i].score;
        if (t > -INFINITY && (n == 0 || t < path->nodes[n - 1].threshold))
            path->nodes[n++] = (tr_certify_node){.threshold = t};
    }
    path->nodes[n++] = (tr_certify_node){.threshold = -INFINITY};
    path->n_nodes = n;
}

static void weigh_nodes(const tr_certify_target *target, const ranking *r, sides side,
                        tr_certify_path *path)
{
    size_t i = 0, turned = 0; /* rows accepted so far, and those that have turned */

    path->rank = 0;
    for (int j = 0; j < path->n_nodes; j++) {
        tr_certify_node *node = &path->nodes[j];
        while (i < r->n && r->rows[i].score >= node->threshold)
            i++;
        while (turned < r->n_turns && r->turns[turned].score >= node->threshold)
            turned++;
        double accepted = i > 0 ? r->weight[i - 1] : 0;
        double agreeing = i > 0 ? r->agreeing[i - 1] : 0;
        if (turned > 0) /* within what rounding could take it out of */
            agreeing = fmin(fmax(agreeing + r->change[turned - 1], 0), accepted);
        node->power =
            side.n_train > 0 ? predicted_power(target, &path->tests, side, accepted, agreeing) : 0;
        node->coverage = r->all > 0 ? accepted / r->all : 0;
        node->agreement = accepted > 0 ? agreeing / accepted : 0;
        if (node->coverage * node->power > path->rank)
            path->rank = node->coverage * node->power;
    }

    double best = -1; /* of all looser nodes */
    for (int j = path->n_nodes - 1; j >= 0; j--) {
        path->nodes[j].on_path = path->nodes[j].power > best;
        if (path->nodes[j].on_path)
            best = path->nodes[j].power;
    }
}

tr_code tr_certify_select(const tr_certify_target *target, const tr_certify_rows *train,
                          int64_t n_calibration_inside, int64_t n_calibration_all,
                          tr_certify_path *path, tr_err *err)
{
    tr_code code = check_target(target, err);
    ranking r;

    if (code == TR_OK && (n_calibration_inside < 0 || n_calibration_all < n_calibration_inside))
        code = tr_err_set(err, TR_USAGE, "%lld calibration rows inside the guard, of %lld",
                          (long long)n_calibration_inside, (long long)n_calibration_all);
    if (code == TR_OK)
        code = check_rows(train, err);
    if (code == TR_OK)
        code = need_tests(&path->tests, n_calibration_all, target, err);
    if (code != TR_OK)
        return code;

    tr_certify_node *nodes = tr_mem_more(path->nodes, (size_t)target->grid, sizeof *nodes);
    if (nodes == NULL)
        return tr_err_memory(err);
    path->nodes = nodes;
    path->n_steps = 0;
    path->deployed = -1;
    path->rows = path->accepted = 0;

    code = rank_rows(train, &r, err);
    if (code != TR_OK)
        return code;
    place_nodes(target, &r, path);
    bool overall = target->guarantee == TR_GUARANTEE_OVERALL;
    double inside = r.n > 0 ? r.weight[r.n - 1] : 0;
    sides side = {overall ? r.all : inside, overall ? n_calibration_all : n_calibration_inside};
    weigh_nodes(target, &r, side, path);
    ranking_free(&r);
    return TR_OK;
}

/* ---- The walk, on CALIBRATION -------------------------------------------------------------- */

/* The calibration rows as the walk counts them. Positions: 0 is the strictest node of the path, `n`
 * the number of them; a row that none accepts stands at n. */
typedef struct {
    size_t rows;
    uint32_t n;
    int *node;         /* of each position, its index into the path's nodes */
    double *threshold; /* of each position, falling */
    int64_t *count;    /* rows whose strictest accepting position this is; n + 1 of them */
    uint32_t *accepts; /* of each row, the strictest position that accepts it */
    uint32_t *agrees;  /* the position from which on it agrees; else n */
    uint32_t *ceases;  /* and the one from which on it no longer does, since the first stage
                        * answers in place of the second; else n. NULL: there is one stage */
} placement;

static void placement_free(placement *p)
{
    free(p->node);
    free(p->threshold);
    free(p->count);
    free(p->accepts);
    free(p->agrees);
    free(p->ceases);
}

/* How many thresholds lie above the score? Halving; without branches, being a coin toss. */
static uint32_t position_of(const placement *p, double score)
{
    uint32_t above = 0, left = p->n;

    while (left > 0) {
        uint32_t half = (left + 1) / 2;
        above += half & -(uint32_t)(p->threshold[above + half - 1] > score);
        left -= half;
    }
    return above;
}

/* A row of a cascade agrees on one run of positions: from the second stage's (if that agrees) to
 * the first's (if that does not), or from the first's on. */
static void place_cascade(const tr_certify_rows *rows, placement *p)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t first = may_first(rows, i) ? position_of(p, rows->score[i]) : p->n;
        uint32_t second = may_second(rows, i) ? position_of(p, rows->score2[i]) : p->n;
        bool seconded = second < first && rows->agree2[i];
        p->accepts[i] = second < first ? second : first;
        p->agrees[i] = seconded ? second : rows->agree[i] ? first : p->n;
        p->ceases[i] = seconded && !rows->agree[i] ? first : p->n;
        p->count[p->accepts[i]]++;
    }
}

static tr_code place_rows(const tr_certify_rows *rows, const tr_certify_path *path, placement *p,
                          tr_err *err)
{
    size_t n_nodes = (size_t)path->n_nodes;
    bool cascade = rows->score2 != NULL;

    *p = (placement){.rows = rows->n};
    p->node = tr_mem_array(n_nodes, sizeof *p->node);
    p->threshold = tr_mem_array(n_nodes, sizeof *p->threshold);
    p->count = tr_mem_zero(n_nodes + 1, sizeof *p->count);
    p->accepts = tr_mem_array(rows->n, sizeof *p->accepts);
    p->agrees = tr_mem_array(rows->n, sizeof *p->agrees);
    p->ceases = cascade ? tr_mem_array(rows->n, sizeof *p->ceases) : NULL;
    if (p->node == NULL || p->threshold == NULL || p->count == NULL || p->accepts == NULL ||
        p->agrees == NULL || (cascade && p->ceases == NULL)) {
        placement_free(p);
        return tr_err_memory(err);
    }
    for (int j = 0; j < path->n_nodes; j++)
        if (path->nodes[j].on_path) {
            p->node[p->n] = j;
            p->threshold[p->n++] = path->nodes[j].threshold;
        }
    if (cascade) {
        place_cascade(rows, p);
        return TR_OK;
    }
    for (size_t i = 0; i < rows->n; i++) {
        p->accepts[i] = may_first(rows, i) ? position_of(p, rows->score[i]) : p->n;
        p->agrees[i] = rows->agree[i] ? p->accepts[i] : p->n;
        p->count[p->accepts[i]]++;
    }
    return TR_OK;
}

enum { BLOCK = 256 }; /* rows counted at once: a loop of fixed length becomes vector code */

/* Of BLOCK rows from i on, those that position j accepts, and those of them that agree. */
static tr_certify_tally count_block(const placement *p, uint32_t j, size_t i)
{
    const uint32_t *accepts = p->accepts + i, *agrees = p->agrees + i;
    uint32_t accepted = 0, agreed = 0;

    for (size_t b = 0; b < BLOCK; b++) {
        accepted += accepts[b] <= j;
        agreed += agrees[b] <= j;
    }
    for (size_t b = 0; p->ceases != NULL && b < BLOCK; b++)
        agreed -= p->ceases[i + b] <= j;
    return (tr_certify_tally){accepted, agreed};
}

static bool agrees_at(const placement *p, uint32_t j, size_t i)
{
    return p->agrees[i] <= j && !(p->ceases != NULL && p->ceases[i] <= j);
}

/* Agreements among the first m rows that position j accepts. */
static int64_t agreed_of_accepted(const placement *p, uint32_t j, int64_t m)
{
    tr_certify_tally sum = {0, 0};
    size_t i = 0;

    for (; i + BLOCK <= p->rows; i += BLOCK) {
        tr_certify_tally block = count_block(p, j, i);
        if (sum.accepted + block.accepted > m)
            break;
        sum.accepted += block.accepted;
        sum.agreed += block.agreed;
    }
    for (; i < p->rows && sum.accepted < m; i++) {
        sum.accepted += p->accepts[i] <= j;
        sum.agreed += agrees_at(p, j, i);
    }
    return sum.agreed;
}

/* Rows among the first m of all that agree or that position j defers. */
static int64_t agreed_of_all(const placement *p, uint32_t j, int64_t m)
{
    int64_t disagreed = 0;
    size_t i = 0, rows = (size_t)m;

    for (; i + BLOCK <= rows; i += BLOCK) {
        tr_certify_tally block = count_block(p, j, i);
        disagreed += block.accepted - block.agreed;
    }
    for (; i < rows; i++)
        disagreed += p->accepts[i] <= j && !agrees_at(p, j, i);
    return m - disagreed;
}

static void walk_nodes(bool overall, const placement *p, tr_certify_path *path)
{
    int64_t accepted = 0;

    for (uint32_t j = 0; j < p->n; j++) {
        accepted += p->count[j];
        int64_t m = path->tests.sweet[overall ? (int64_t)p->rows : accepted];
        int64_t agreed = overall ? agreed_of_all(p, j, m) : agreed_of_accepted(p, j, m);
        int64_t needed = m > 0 ? path->tests.kmin[m] : 0;
        bool passed = m > 0 && agreed >= needed;
        path->steps[path->n_steps++] =
            (tr_certify_step){p->node[j], accepted, m, agreed, needed, passed};
        if (!passed)
            break;
        path->deployed = p->node[j];
        path->accepted = accepted;
    }
}

tr_code tr_certify_walk(const tr_certify_target *target, const tr_certify_rows *calibration,
                        tr_certify_path *path, tr_err *err)
{
    tr_code code = check_target(target, err);
    /* A walk ignores weights: each calibration row counts once. */
    tr_certify_rows rows = *calibration;
    rows.weight = NULL;

    if (code == TR_OK)
        code = check_rows(&rows, err);
    for (int j = 0; code == TR_OK && j < path->n_nodes; j++)
        if (isnan(path->nodes[j].threshold) ||
            (j > 0 && !(path->nodes[j].threshold < path->nodes[j - 1].threshold)))
            code = tr_err_set(err, TR_DATA, "threshold %d of the path is not below the one before",
                              j + 1);
    if (code == TR_OK && path->n_nodes < 1)
        code = tr_err_set(err, TR_DATA, "the path has no thresholds");
    if (code == TR_OK)
        code = need_tests(&path->tests, (int64_t)rows.n, target, err);
    if (code != TR_OK)
        return code;

    tr_certify_step *steps = tr_mem_more(path->steps, (size_t)path->n_nodes, sizeof *steps);
    if (steps == NULL)
        return tr_err_memory(err);
    path->steps = steps;
    path->n_steps = 0;
    path->deployed = -1;
    path->rows = (int64_t)rows.n;
    path->accepted = 0;

    placement p;
    code = place_rows(&rows, path, &p, err);
    if (code != TR_OK)
        return code;
    walk_nodes(target->guarantee == TR_GUARANTEE_OVERALL, &p, path);
    placement_free(&p);
    return TR_OK;
}

void tr_certify_free(tr_certify_path *path)
{
    free(path->nodes);
    free(path->steps);
    tr_stat_table_free(&path->tests);
    memset(path, 0, sizeof *path);
    path->deployed = -1;
}

/* ---- Several candidates -------------------------------------------------------------------- */

double tr_certify_share(double delta, size_t rank, size_t n)
{
    if (n <= 1)
        return delta;
    return rank == 0 ? 0.8 * delta : 0.2 * delta / (double)(n - 1);
}

tr_code tr_certify_plan(const tr_certify_target *target, size_t n, const tr_certify_rows *train,
                        const int64_t *n_calibration_inside, int64_t n_calibration_all,
                        tr_certify_path *paths, size_t *order, tr_err *err)
{
    tr_certify_target share = *target;

    for (size_t i = 0; i < n; i++) {
        tr_code code = tr_certify_select(target, &train[i], n_calibration_inside[i],
                                         n_calibration_all, &paths[i], err);
        if (code != TR_OK)
            return code;
        size_t at = i; /* insertion: candidates are few, and equals keep their order */
        for (; at > 0 && paths[order[at - 1]].rank < paths[i].rank; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (size_t r = 0; n > 1 && r < n; r++) {
        size_t i = order[r];
        share.delta = tr_certify_share(target->delta, r, n);
        tr_code code = tr_certify_select(&share, &train[i], n_calibration_inside[i],
                                         n_calibration_all, &paths[i], err);
        if (code != TR_OK)
            return code;
    }
    return TR_OK;
}

tr_code tr_certify_decide(const tr_certify_target *target, size_t n,
                          const tr_certify_rows *calibration, const size_t *order,
                          tr_certify_path *paths, int *best, tr_err *err)
{
    tr_certify_target share = *target;

    *best = -1;
    for (size_t r = 0; r < n; r++) {
        size_t i = order[r];
        share.delta = tr_certify_share(target->delta, r, n);
        tr_code code = tr_certify_walk(&share, &calibration[i], &paths[i], err);
        if (code != TR_OK)
            return code;
        if (paths[i].deployed >= 0 && (*best < 0 || paths[i].accepted > paths[*best].accepted))
            *best = (int)i;
    }
    return TR_OK;
}
