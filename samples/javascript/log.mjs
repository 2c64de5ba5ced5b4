// log.mjs: asks a language model for labels, and logs each answer as a trace. Node 18 or later, no
// packages. As a program it reads texts, one a line, or lines of JSON {"id"?, "input"}, and prints a
// line for each, its label:
//
//     node log.mjs traces.jsonl < texts
//
//   LLM_URL      the chat completions endpoint (https://api.openai.com/v1/chat/completions)
//   LLM_MODEL    the model to ask
//   LLM_KEY      the key, where one is needed
//   LLM_RETRIES  how often a program asks again after status 429, 5xx or no answer (3)
//   LABELS       a file of labels, one a line
//
// Exit status: 0 each text has an answer, 1 some have none, 2 wrong usage, 3 some lines are no texts,
// 4 a file could not be read or written.
import { appendFileSync, readFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

let retries = 0 // an application has its own way to go on; a program sets it
const longest = 600 // seconds; Retry-After may ask for no more

// Answers that were none of the labels: how many, and what the first one was.
export const unlisted = { count: 0, first: '' }

const plain = (s) => s.replace(/^[\s"'`*]+/, '').replace(/[\s"'`*]*\.?[\s"'`*]*$/, '').toLowerCase()

// Milliseconds to wait before the next try: what the server says, in seconds or as a date, else 1 s,
// doubling.
function pause(tries, response) {
  const said = response?.headers.get('retry-after') || NaN
  const wanted = isNaN(said) ? Date.parse(said) - Date.now() : said * 1000
  return Math.min(isNaN(wanted) ? 1000 * 2 ** tries : Math.max(wanted, 0), longest * 1000)
}

// The response to a request, asked for again where it is lost or the server is busy or broken.
async function post(url, request) {
  for (let tries = 0; ; tries++) {
    let response, lost
    try {
      response = await fetch(url, { ...request, signal: AbortSignal.timeout(60_000) })
    } catch (error) {
      lost = error
    }
    const again = lost || response.status === 429 || response.status >= 500
    if (again && tries < retries) {
      await response?.body?.cancel()
      await new Promise((done) => setTimeout(done, pause(tries, response)))
      continue
    }
    if (lost) throw new Error(`no answer from the model's server (${lost.cause?.message || lost.message})`)
    if (!response.ok) throw new Error(`the model's server answers ${response.status}`)
    return response
  }
}

// What the model says about a text, and the label that it is; no label where it is none of LABELS.
// Throws where there is no answer: a refusal and an answer that was cut must not get into the log.
export async function askModel(text) {
  const labels = readFileSync(process.env.LABELS, 'utf8').split('\n').map((l) => l.trim()).filter(Boolean)
  const response = await post(process.env.LLM_URL ?? 'https://api.openai.com/v1/chat/completions', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(process.env.LLM_KEY && { Authorization: `Bearer ${process.env.LLM_KEY}` }),
    },
    body: JSON.stringify({
      model: process.env.LLM_MODEL,
      temperature: 0,
      messages: [{
        role: 'user',
        content: `Which of these labels fits the text? Answer with the label alone.\n\n${labels.join('\n')}\n\nText: ${text}`,
      }],
    }),
  })
  const { message = {}, finish_reason: finish = 'stop' } = (await response.json()).choices?.[0] ?? {}
  if (message.refusal || finish !== 'stop' || !message.content?.trim()) {
    throw new Error(`no label from the model (${message.refusal ? 'it refuses' : finish})`)
  }
  const said = message.content.trim()
  const label = labels.find((l) => l === said) ?? labels.find((l) => plain(l) === plain(said))
  if (label === undefined && unlisted.count++ === 0) unlisted.first = said
  return { said, label }
}

// One line, in one write, so that several processes may log to the same file.
export function append(file, line) {
  appendFileSync(file, JSON.stringify(line) + '\n')
}

// What every request carries: an id that is never used again, and the time. tr-refit(7) needs both.
export const request = (text) => ({ id: randomUUID(), timestamp: new Date().toISOString(), input: text })

// What the model says, and a trace of it in the log if that is a label. In an application this stands
// where the model was asked until now. Further members, as an `id` of your own, go into the trace.
export async function askAndLog(text, file, more = {}) {
  const { said, label } = await askModel(text)
  if (label !== undefined) append(file, { ...request(text), ...more, teacher: label })
  return label ?? said
}

// A line of input: JSON where it begins with {, else a text. Null where it is neither.
function parse(line) {
  if (!line.startsWith('{')) return { text: line, more: {} }
  try {
    const { id, input, embedding } = JSON.parse(line)
    const known = id == null || typeof id === 'string' || Number.isSafeInteger(id)
    if (typeof input !== 'string' || !known) return null
    return { text: input, more: { ...(id != null && { id }), ...(embedding != null && { embedding }) } }
  } catch {
    return null
  }
}

// A program: answer(text, FILE, more) for each line of standard input, and a line of output for each,
// empty where there is no answer; settle() waits for what goes on behind.
export async function run(name, answer, settle = () => {}) {
  const say = (words) => console.error(`${name}: ${words}`)
  const end = (status, words) => (say(words), process.exit(status))
  const file = process.argv[2]
  if (process.argv.length !== 3) end(2, `usage: node ${name} FILE < texts`)
  if (!process.env.LABELS) end(2, 'set LABELS to a file of labels, one a line')
  retries = Number(process.env.LLM_RETRIES ?? 3)
  if (!(retries >= 0)) end(2, 'LLM_RETRIES is no number')

  let number = 0, failed = 0, bad = 0
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    number++
    const row = parse(line)
    let said = ''
    if (!row) {
      bad++
      say(`line ${number}: begins with { and is no {"id"?, "input"}; write the text as "input"`)
    } else {
      try {
        said = await answer(row.text, file, row.more)
      } catch (error) {
        if (error.syscall) end(4, error.message) // a file: it would be so for each text
        failed++
        say(`line ${number}: ${error.message}`)
      }
    }
    console.log(said.replace(/\s*[\r\n]\s*/g, ' '))
  }
  await settle()
  if (unlisted.count) {
    say(`answers that are none of the labels and no traces: ${unlisted.count}; the first: ${JSON.stringify(unlisted.first)}`)
  }
  if (failed) say(`texts without an answer: ${failed} of ${number}`)
  if (bad) say(`lines that are no texts: ${bad} of ${number}`)
  process.exitCode = bad ? 3 : failed ? 1 : 0
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run('log.mjs', askAndLog)
