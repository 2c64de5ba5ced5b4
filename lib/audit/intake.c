#include "audit/intake.h"

#include "audit/ledger.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tr_code tr_intake_policy(const char *file, tr_promise *promise, char input_key[TR_INTAKE_KEY],
                         tr_err *err)
{
    tr_policy *p = tr_mem_zero(1, sizeof *p); /* large */
    if (!p)
        return tr_err_memory(err);
    tr_code code = tr_policy_read(p, file, err);
    if (code == TR_OK) {
        const tr_certificate *c = &p->certificate;
        *promise = (tr_promise){.there = true,
                                .alpha = c->alpha,
                                .delta = c->delta,
                                .overall = c->guarantee == TR_GUARANTEE_OVERALL,
                                .policy = true,
                                .deployed = c->deployed,
                                .coverage = tr_certificate_coverage(c),
                                .novelty = c->novelty,
                                .threshold = p->rule.threshold,
                                .tested = c->tested,
                                .agreed = c->agreed};
        snprintf(promise->member, sizeof promise->member, "%s", c->member);
        snprintf(promise->family, sizeof promise->family, "%s", tr_family_names[c->family]);
        snprintf(promise->digest, sizeof promise->digest, "%s", p->origin.digest);
        snprintf(input_key, TR_INTAKE_KEY, "%s", p->origin.input_key);
    }
    tr_policy_free(p);
    free(p);
    return code;
}

tr_code tr_intake_monitor(const char *file, const tr_promise *promise, tr_monitor *m, tr_err *err)
{
    tr_monitor wanted;
    bool absent = false;
    if (promise->overall)
        return tr_err_set(err, TR_USAGE,
                          "--monitor watches what is answered, and this policy promises something "
                          "about all traffic");
    tr_code code =
        tr_monitor_init(&wanted, promise->alpha, promise->delta, tr_str_c(promise->digest), err);
    if (code == TR_OK)
        code = tr_monitor_read(file, m, &absent, err);
    if (code == TR_OK && absent)
        *m = wanted;
    else if (code == TR_OK && tr_monitor_match(m, &wanted, err) != TR_OK)
        code = tr_err_at(err, file, 0,
                         "watches another promise: %s; begin a new state for a new policy",
                         err->message);
    return code;
}

/* Whether a line that is no decision begins a report of --json. */
static bool begins_report(tr_str line)
{
    static const char key[] = "{\"tr-audit\":";
    return tr_str_equal(line, tr_str_c("{")) ||
           (line.size >= sizeof key - 1 && !memcmp(line.data, key, sizeof key - 1));
}

tr_code tr_intake_lines(tr_audit *a, tr_monitor *monitor, tr_reader *in, tr_outcome_parser *parser,
                        tr_progress *progress, tr_err *err)
{
    tr_outcome o;
    tr_str line;
    bool end = false;
    tr_code code;

    while ((code = tr_reader_line(in, &line, &end, err)) == TR_OK && !end) {
        code = tr_outcome_parse(parser, line, &o, err);
        if (code == TR_DATA)
            tr_err_at(err, tr_reader_file(in), tr_reader_number(in), "%s%s", err->message,
                      tr_reader_number(in) == 1 && begins_report(line)
                          ? "; a report of tr-audit --json is read with --merge"
                          : "");
        if (code == TR_OK)
            code = tr_audit_add(a, &o, err);
        if (code != TR_OK)
            return code;
        if (monitor && o.handled && o.shadow && o.teacher.data)
            tr_monitor_add(monitor, tr_str_equal(o.label, o.teacher));
        tr_progress_step(progress, tr_reader_total(in));
    }
    if (code == TR_OK && !tr_reader_total(in))
        return tr_err_at(err, tr_reader_file(in), 0, "no decisions");
    return code;
}

tr_code tr_intake_reports(tr_audit *a, const char *const *files, size_t n, tr_err *err)
{
    tr_code code = tr_ledger_read_report(a, n ? files[0] : "-", err);
    if (code != TR_OK)
        return code;
    for (size_t i = 1; i < n && code == TR_OK; i++) {
        tr_audit other;
        code = tr_ledger_read_report(&other, files[i], err);
        if (code != TR_OK)
            break;
        code = tr_audit_merge(a, &other, err);
        if (code == TR_DATA)
            tr_err_at(err, files[i], 0, "%s", err->message);
        tr_audit_free(&other);
    }
    if (code != TR_OK)
        tr_audit_free(a);
    return code;
}

tr_code tr_intake_states(const char *const *files, size_t n, tr_monitor_verdict *out, tr_err *err)
{
    tr_monitor *state = tr_mem_zero(n, sizeof *state);
    tr_code code = state ? TR_OK : tr_err_memory(err);
    for (size_t i = 0; i < n && code == TR_OK; i++) {
        bool absent = false;
        code = tr_monitor_read(files[i], &state[i], &absent, err);
        if (code == TR_OK && absent)
            code = tr_err_at(err, files[i], 0, "there is no such file");
        if (code == TR_OK && tr_monitor_match(&state[i], &state[0], err) != TR_OK)
            code = tr_err_at(err, files[i], 0, "watches another promise than %s: %s", files[0],
                             err->message);
    }
    if (code == TR_OK)
        code = tr_monitor_judge(state, n, out, err);
    free(state);
    return code;
}

tr_code tr_intake_fail_closed(const char *policy, const char *why, tr_err *err)
{
    tr_policy p;
    tr_writer *out = NULL;
    tr_code code = tr_policy_read(&p, policy, err);
    if (code == TR_OK && p.rule.accepts) {
        tr_policy_close(&p, why);
        out = tr_writer_open_file(policy, err);
        code = out ? tr_policy_write(&p, out, err) : err->code;
    }
    if (out && code == TR_OK)
        code = tr_writer_close(out, err);
    else
        tr_writer_abandon(out);
    tr_policy_free(&p);
    return code;
}
