import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import type { Progress } from './command.ts'
import { commandSocketPath } from './command-socket.ts'
import { CommandError, type CommandName } from './commands.ts'

const lineSchema = z.union([
  z.strictObject({ progress: z.strictObject({ done: z.number(), total: z.number() }) }),
  z.strictObject({ result: z.record(z.string(), z.unknown()) }),
  z.strictObject({ error: z.string() }),
])

/** Has the running service do it. Undefined where none is running on this folder. */
export async function askService(
  dataFolder: string,
  command: CommandName,
  input: unknown,
  onProgress: Progress,
): Promise<Record<string, unknown> | undefined> {
  const answer = await post(commandSocketPath(dataFolder), JSON.stringify({ command, input }))
  if (answer === undefined) return undefined
  for await (const text of createInterface({ input: answer })) {
    const line = lineSchema.parse(JSON.parse(text))
    if ('progress' in line) onProgress(line.progress.done, line.progress.total)
    else if ('result' in line) return line.result
    else throw new CommandError(line.error)
  }
  throw new CommandError('The service ended the connection before it answered.')
}

function post(socketPath: string, body: string): Promise<NodeJS.ReadableStream | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method: 'POST', path: '/', headers: { 'content-type': 'application/json' } })
    sent.once('response', resolve)
    sent.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined)
      else reject(error)
    })
    sent.end(body)
  })
}
