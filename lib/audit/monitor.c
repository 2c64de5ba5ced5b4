#include "audit/monitor.h"

#include "doors/io.h"
#include "ground/num.h"
#include "maths/real.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

enum { VERSION = 1, KEYS = 10, MOST_BYTES = 65536 };

static const uint64_t MOST_LABELS = ((uint64_t)1 << 53) - 1; /* what JSON's readers keep exactly */
static const double LEAST_DELTA = 1e-100, MOST_FORTUNE = 1e300;

/* How far each bet's rate of disagreement stands between 1 - alpha and 1. */
static const double STEPS[TR_MONITOR_BETS] = {0.02, 0.05, 0.1, 0.2, 0.4};

static double reserve_at(uint64_t t)
{
    return tr_real_log(2) / tr_real_log((double)(t + 2));
}

/* NULL, or why these cannot be watched. */
static const char *why_not(double alpha, double delta, tr_str digest)
{
    if (!(alpha > 0 && alpha < 1))
        return "alpha must lie between 0 and 1";
    if (!(delta > LEAST_DELTA && delta < 1))
        return "delta must lie between 0 and 1";
    if (digest.size > TR_MONITOR_DIGEST)
        return "the digest has more than 32 characters";
    for (size_t i = 0; i < digest.size; i++) {
        if (digest.data[i] <= ' ' || digest.data[i] > '~')
            return "the digest is no plain text";
    }
    return NULL;
}

static void begin(tr_monitor *m, double alpha, double delta, tr_str digest)
{
    *m = (tr_monitor){.alpha = alpha, .delta = delta, .reserve = reserve_at(0)};
    if (digest.size > 0)
        memcpy(m->digest, digest.data, digest.size);
}

tr_code tr_monitor_init(tr_monitor *m, double alpha, double delta, tr_str digest, tr_err *err)
{
    const char *reason = why_not(alpha, delta, digest);
    if (reason)
        return tr_err_set(err, TR_USAGE, "%s", reason);
    begin(m, alpha, delta, digest);
    return TR_OK;
}

/* With d0 = 1 - alpha and d_k = d0 + alpha·step, an agreement multiplies by (1 - d_k)/(1 - d0),
 * which is 1 - step, and a disagreement by d_k/d0. */
void tr_monitor_add(tr_monitor *m, bool agreed)
{
    if (m->labels >= MOST_LABELS)
        return;
    double before = m->reserve, odds = m->alpha / (1 - m->alpha);
    m->labels++;
    m->agreed += agreed;
    m->reserve = reserve_at(m->labels);
    double stake = before > m->reserve ? before - m->reserve : 0; /* rounding: never below 0 */
    for (int k = 0; k < TR_MONITOR_BETS; k++) {
        double s = (m->bets[k] + stake) * (agreed ? 1 - STEPS[k] : 1 + STEPS[k] * odds);
        m->bets[k] = s < MOST_FORTUNE ? s : MOST_FORTUNE;
    }
    if (m->alarm == 0 && tr_monitor_evidence(m) >= tr_monitor_bar(m))
        m->alarm = m->labels;
}

double tr_monitor_evidence(const tr_monitor *m)
{
    double sum = 0;
    for (int k = 0; k < TR_MONITOR_BETS; k++)
        sum += m->bets[k];
    return sum / TR_MONITOR_BETS + m->reserve;
}

double tr_monitor_bar(const tr_monitor *m)
{
    return 1 / m->delta;
}

tr_code tr_monitor_match(const tr_monitor *m, const tr_monitor *other, tr_err *err)
{
    char is[TR_NUM_TEXT], expected[TR_NUM_TEXT];
    bool by_alpha = m->alpha != other->alpha;
    if (by_alpha || m->delta != other->delta) {
        tr_num_print_double(is, by_alpha ? m->alpha : m->delta);
        tr_num_print_double(expected, by_alpha ? other->alpha : other->delta);
        return tr_err_set(err, TR_DATA, "%s %s, not %s", by_alpha ? "alpha" : "delta", is,
                          expected);
    }
    if (strcmp(m->digest, other->digest) != 0) {
        return tr_err_set(err, TR_DATA, "another policy: digest \"%s\", not \"%s\"", m->digest,
                          other->digest);
    }
    return TR_OK;
}

tr_code tr_monitor_judge(const tr_monitor *shards, size_t n, tr_monitor_verdict *out, tr_err *err)
{
    tr_err why;
    if (n == 0)
        return tr_err_set(err, TR_USAGE, "no state to judge");
    tr_monitor_verdict v = {.bar = tr_monitor_bar(&shards[0]), .shards = n};
    for (size_t i = 0; i < n; i++) {
        if (tr_monitor_match(&shards[i], &shards[0], &why) != TR_OK)
            return tr_err_set(err, TR_DATA, "state %zu: %s", i + 1, why.message);
        v.evidence += tr_monitor_evidence(&shards[i]) / (double)n;
        v.alarmed += shards[i].alarm > 0;
        v.labels += shards[i].labels;
        v.agreed += shards[i].agreed;
    }
    v.alarm = n == 1 ? v.alarmed > 0 : v.evidence >= v.bar;
    *out = v;
    return TR_OK;
}

/* ---- the state file ---- */

void tr_monitor_print(const tr_monitor *m, tr_json_writer *w)
{
    tr_json_open_object(w);
    tr_json_key_u64(w, "version", VERSION);
    tr_json_key_double(w, "alpha", m->alpha);
    tr_json_key_double(w, "delta", m->delta);
    tr_json_key_c(w, "digest", m->digest);
    tr_json_key_u64(w, "labels", m->labels);
    tr_json_key_u64(w, "agreed", m->agreed);
    tr_json_key(w, "bets");
    tr_json_open_array(w);
    for (int k = 0; k < TR_MONITOR_BETS; k++)
        tr_json_double(w, m->bets[k]);
    tr_json_close_array(w);
    tr_json_key_double(w, "evidence", tr_monitor_evidence(m));
    tr_json_key_bool(w, "alarm", m->alarm > 0);
    tr_json_key_u64(w, "alarm_at", m->alarm);
    tr_json_close_object(w);
}

/* The fortunes: five numbers, none below zero; before the first label there are none. */
static bool take_bets(const tr_json *bets, tr_monitor *m)
{
    if (tr_json_size(bets) != TR_MONITOR_BETS)
        return false;
    for (size_t k = 0; k < TR_MONITOR_BETS; k++) {
        const tr_json *one = tr_json_at(bets, k);
        if (!one || !tr_json_as_double(one, &m->bets[k]))
            return false;
        if (!(m->bets[k] >= 0 && m->bets[k] <= (m->labels > 0 ? MOST_FORTUNE : 0)))
            return false;
    }
    return true;
}

/* NULL, or what is wrong with the object of a state. */
static const char *take(const tr_json *state, tr_monitor *m)
{
    const char *digest;
    uint64_t version;
    double alpha, delta, evidence;
    bool alarm;

    if (!tr_json_get(state, "version") || !tr_json_as_u64(tr_json_get(state, "version"), &version))
        return "no state of a monitor";
    if (version != VERSION)
        return "a monitor's state of another version";
    static const char *const keys[KEYS] = {"version", "alpha", "delta",    "digest", "labels",
                                           "agreed",  "bets",  "evidence", "alarm",  "alarm_at"};
    for (size_t i = 0; i < KEYS; i++) {
        if (!tr_json_get(state, keys[i]))
            return "a key is missing";
    }
    if (tr_json_size(state) != KEYS)
        return "a key that is not known";
    if (!tr_json_as_double(tr_json_get(state, "alpha"), &alpha) ||
        !tr_json_as_double(tr_json_get(state, "delta"), &delta) ||
        !tr_json_as_text(tr_json_get(state, "digest"), &digest))
        return "alpha and delta are numbers, digest is text";
    const char *reason = why_not(alpha, delta, tr_str_c(digest));
    if (reason)
        return reason;
    begin(m, alpha, delta, tr_str_c(digest));
    if (!tr_json_as_u64(tr_json_get(state, "labels"), &m->labels) ||
        !tr_json_as_u64(tr_json_get(state, "agreed"), &m->agreed) || m->agreed > m->labels)
        return "labels and agreed are counts, agreed not above labels";
    m->reserve = reserve_at(m->labels);
    if (!take_bets(tr_json_get(state, "bets"), m))
        return "bets are five numbers from 0 to 1e300, and 0 where there are no labels";
    if (!tr_json_as_bool(tr_json_get(state, "alarm"), &alarm) ||
        !tr_json_as_u64(tr_json_get(state, "alarm_at"), &m->alarm) || m->alarm > m->labels ||
        alarm != (m->alarm > 0))
        return "alarm is true or false, alarm_at the number of its label, or 0";
    /* What follows from the rest must follow: nobody edits a state by hand unnoticed. */
    if (!tr_json_as_double(tr_json_get(state, "evidence"), &evidence) ||
        evidence != tr_monitor_evidence(m))
        return "evidence is not what the bets make it";
    if (m->alarm == 0 && evidence >= tr_monitor_bar(m))
        return "evidence of an alarm, and none given";
    return NULL;
}

tr_code tr_monitor_parse(tr_str text, const char *name, tr_monitor *m, tr_err *err)
{
    tr_err why;
    tr_monitor read;
    tr_json *root = tr_json_parse(text, &why);
    if (!root) {
        if (why.code != TR_DATA)
            return tr_err_set(err, why.code, "%s", why.message);
        return tr_err_at(err, name, 0, "no state of a monitor: %s", why.message);
    }
    const tr_json *state = tr_json_get(root, "tr-monitor");
    const char *reason = "no state of a monitor";
    if (state && tr_json_size(root) == 1)
        reason = take(state, &read);
    tr_json_free(root);
    if (reason)
        return tr_err_at(err, name, 0, "%s", reason);
    *m = read;
    return TR_OK;
}

tr_code tr_monitor_read(const char *file, tr_monitor *m, bool *absent, tr_err *err)
{
    struct stat st;
    *absent = false;
    if (stat(file, &st) != 0) {
        *absent = errno == ENOENT;
        return *absent ? TR_OK : tr_err_errno(err, file);
    }
    if (!S_ISREG(st.st_mode))
        return tr_err_at(err, file, 0, "no regular file, so no state of a monitor");
    if (st.st_size > MOST_BYTES)
        return tr_err_at(err, file, 0, "too large for the state of a monitor");
    tr_buf text;
    tr_buf_init(&text);
    tr_code code = tr_io_slurp(file, &text, err);
    if (code == TR_OK)
        code = tr_monitor_parse(tr_buf_str(&text), file, m, err);
    tr_buf_free(&text);
    return code;
}

tr_code tr_monitor_write(const tr_monitor *m, const char *file, tr_err *err)
{
    tr_json_writer json;
    tr_buf text;
    tr_buf_init(&text);
    tr_json_begin(&json, &text, true);
    tr_json_open_object(&json);
    tr_json_key(&json, "tr-monitor");
    tr_monitor_print(m, &json);
    tr_json_close_object(&json);
    tr_buf_add_char(&text, '\n');
    tr_code code = text.failed ? tr_err_memory(err) : TR_OK;
    tr_writer *w = code == TR_OK ? tr_writer_open_file(file, err) : NULL;
    if (code == TR_OK)
        code = w ? tr_writer_add(w, text.data, text.size, err) : TR_SYSTEM;
    if (code == TR_OK)
        code = tr_writer_close(w, err);
    else
        tr_writer_abandon(w);
    tr_buf_free(&text);
    return code;
}
