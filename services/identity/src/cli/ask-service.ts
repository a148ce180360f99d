import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { CommandError, type Prepared, type Progress } from './command.ts'
import { commandSocketPath } from './command-socket.ts'
import type { CommandName } from './commands.ts'
import { lineOf, readLines } from './lines.ts'

const answerSchema = z.union([
  z.strictObject({ progress: z.strictObject({ done: z.number(), total: z.number() }) }),
  z.strictObject({ line: z.record(z.string(), z.unknown()) }),
  z.strictObject({ result: z.record(z.string(), z.unknown()) }),
  z.strictObject({ error: z.string(), isUsage: z.boolean() }),
])

/** Has the running service do it. Undefined where none is running on this folder. */
export async function askService(
  dataFolder: string,
  command: CommandName,
  prepared: Prepared,
  onProgress: Progress,
): Promise<Record<string, unknown> | undefined> {
  const sending = new AbortController()
  const sent = new SentLines(command, prepared)
  try {
    const answer = await post(commandSocketPath(dataFolder), sent, sending.signal)
    if (answer === undefined) return undefined
    for await (const line of readLines(answer)) {
      const said = answerSchema.parse(line)
      if ('progress' in said) onProgress(said.progress.done, said.progress.total)
      else if ('line' in said) prepared.onLine?.(said.line)
      else if ('result' in said) return said.result
      else throw new CommandError(said.error, said)
    }
  } catch (error) {
    // What could not be read here broke the connection, and that broke the answer.
    throw sent.failure ?? error
  } finally {
    sending.abort()
  }
  throw new CommandError('The service ended the connection before it answered.')
}

class SentLines {
  readonly #command: CommandName
  readonly #prepared: Prepared
  failure: unknown

  constructor(command: CommandName, prepared: Prepared) {
    this.#command = command
    this.#prepared = prepared
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    const { input, lines } = this.#prepared
    yield lineOf({ command: this.#command, input })
    try {
      if (lines !== undefined) for await (const line of lines()) yield lineOf(line)
    } catch (error) {
      this.failure = error
      throw error
    }
  }
}

/** Sends line by line, and resolves as soon as the answer begins. Undefined where nobody listens. */
function post(socketPath: string, lines: SentLines, signal: AbortSignal): Promise<Readable | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method: 'POST', path: '/', headers: { 'content-type': 'application/x-ndjson' } })
    sent.once('response', resolve)
    pipeline(Readable.from(lines), sent, { signal }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined)
      else reject(error)
    })
  })
}
