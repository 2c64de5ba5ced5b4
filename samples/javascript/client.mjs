// client.mjs: asks tr-serve first, and the language model only where tr-serve defers, or is not there.
// Node 18 or later, no packages. As a program it reads texts, one a line, or lines of JSON
// {"id"?, "input"}, and prints a line for each, its label:
//
//     node client.mjs decisions.jsonl < texts
//
//   TR_SERVE    where tr-serve listens (http://127.0.0.1:8000)
//   TR_TOKEN    its token, where it was started with --token
//   TR_SHADOW   the share that it was started with (--shadow)
//   TR_TIMEOUT  milliseconds to wait for it (100)
//
// and what log.mjs needs; its exit status is that of log.mjs.
import { pathToFileURL } from 'node:url'
import { append, askModel, request, run } from './log.mjs'

const url = process.env.TR_SERVE ?? 'http://127.0.0.1:8000'
const share = Number(process.env.TR_SHADOW ?? 0)
const timeout = Number(process.env.TR_TIMEOUT ?? 100)

// The decision about a request; null where tr-serve is down, slow or wrongly set up. A request that it
// cannot use gets status 400, and its decision all the same: deferred.
async function decide(asked) {
  try {
    const response = await fetch(`${url}/predict`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(process.env.TR_TOKEN && { Authorization: `Bearer ${process.env.TR_TOKEN}` }),
      },
      body: JSON.stringify(asked),
      signal: AbortSignal.timeout(timeout),
    })
    const said = await response.json()
    if (said.decision) return said
    console.error(`tr-serve: status ${response.status}: ${said.error}`)
  } catch (error) {
    console.error(`tr-serve: ${error.cause?.message ?? error.message}`)
  }
  return null
}

// A teacher's label that was asked for in every case (propensity 1), so that the row may calibrate as
// often as the others do: see tr-refit(7). Without shadowing these two say that it only trains.
const unrouted = (asked) => ({ ...asked, propensity: 1, shadow_share: share })

// Asks the model about what was decided, and logs both. A decision without the model's label is no
// trace, but counts as a request.
async function teach(decision, file) {
  const unlabelled = (why) => decision.decision && append(file, { ...decision, error: `teacher: ${why}` })
  let answer
  try {
    answer = await askModel(decision.input)
  } catch (error) {
    unlabelled(error.message)
    throw error
  }
  const { said, label } = answer
  if (label === undefined) unlabelled('the answer is none of the labels')
  else append(file, { ...decision, teacher: label })
  return label ?? said
}

const pending = new Set() // shadowed requests, whose callers have their answer already

// The label of a text. Further members of the request, as `embedding` or an `id` of your own, go along.
export async function classify(text, file, more = {}) {
  const asked = { ...request(text), ...more }
  const decision = (await decide(asked)) ?? unrouted(asked)
  if (decision.decision !== 'handled') return teach(decision, file)
  if (decision.shadow) {
    const job = teach(decision, file)
      .catch((error) => console.error(`shadow: ${error.message}`))
      .finally(() => pending.delete(job))
    pending.add(job)
  } else {
    append(file, decision)
  }
  return decision.label
}

// Before the process ends: the shadowed requests are in the log.
export const settle = () => Promise.all(pending)

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run('client.mjs', classify, settle)
