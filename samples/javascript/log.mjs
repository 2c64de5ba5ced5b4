// log.mjs: asks a language model for labels, and logs each answer as a trace. Node 18 or later, no
// packages. As a program it reads texts, one a line, and prints their labels:
//
//     node log.mjs traces.jsonl < texts
//
//   LLM_URL    the chat completions endpoint (https://api.openai.com/v1/chat/completions)
//   LLM_MODEL  the model to ask
//   LLM_KEY    the key, where one is needed
//   LABELS     a file of labels, one a line
import { appendFileSync, readFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

// The model's label for a text. Throws where there is none: a refusal and an answer that was cut
// are no labels, and must not get into the log.
export async function askModel(text) {
  const labels = readFileSync(process.env.LABELS, 'utf8').split('\n').map((l) => l.trim()).filter(Boolean)
  const response = await fetch(process.env.LLM_URL ?? 'https://api.openai.com/v1/chat/completions', {
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
    signal: AbortSignal.timeout(60_000),
  })
  if (!response.ok) throw new Error(`the model's server answers ${response.status}`)
  const { message, finish_reason: finish = 'stop' } = (await response.json()).choices[0]
  if (message.refusal || finish !== 'stop' || !message.content?.trim()) {
    throw new Error(`no label from the model (${message.refusal ? 'it refuses' : finish})`)
  }
  const said = message.content.trim()
  return labels.find((l) => l.toLowerCase() === said.toLowerCase()) ?? said
}

// One line, in one write, so that several processes may log to the same file.
export function append(file, line) {
  appendFileSync(file, JSON.stringify(line) + '\n')
}

// What every request carries: an id that is never used again, and the time. tr-refit(7) needs both.
export const request = (text) => ({ id: randomUUID(), timestamp: new Date().toISOString(), input: text })

// The model's label, and a trace of it in the log. In an application this stands where the model was
// asked until now.
export async function askAndLog(text, file) {
  const teacher = await askModel(text)
  append(file, { ...request(text), teacher })
  return teacher
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for await (const text of createInterface({ input: process.stdin })) {
    console.log(await askAndLog(text, process.argv[2]))
  }
}
