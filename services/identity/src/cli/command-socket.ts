// The running service's side of the command line: a Unix socket of mode 0600, so that commands reach a database
// that this process holds alone. Whoever may open the socket is the operator.
import { createHash } from 'node:crypto'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Logger } from '@meridian/service-kit/logger'
import { z } from 'zod'
import { type CommandDeps, CommandError } from './command.ts'
import { isCommandName, runCommand } from './commands.ts'
import { lineOf, readLines } from './lines.ts'

/** A socket's path may have some hundred bytes; a longer one moves to the system's temporary folder. */
const MAX_PATH_BYTES = 100

export function commandSocketPath(dataFolder: string): string {
  const path = join(resolve(dataFolder), 'command.sock')
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return path
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16)
  return join(tmpdir(), `meridian-${name}`, 'command.sock')
}

const firstLineSchema = z.strictObject({ command: z.string(), input: z.unknown() })

export async function startCommandSocket(
  deps: CommandDeps & { readonly log: Logger },
  dataFolder: string,
): Promise<{ stop(): Promise<void> }> {
  const path = commandSocketPath(dataFolder)
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 })
  await rm(path, { force: true })
  const server = createServer((request, response) => {
    serve(deps, request, response).catch((error: unknown) => {
      deps.log.error({ err: error }, 'a command failed')
      endWith(response, { error: 'The command failed; the log of the service says why.', isUsage: false })
    })
  })
  // What streams in may take its time.
  server.requestTimeout = 0
  const previousMask = process.umask(0o177)
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen(path, done)
  }).finally(() => process.umask(previousMask))
  await chmod(path, 0o600)
  return {
    stop: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

/** Answers while it runs: progress and what the command tells, then the result or the error. */
async function serve(deps: CommandDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders()
  const given = readLines(request)
  const first = firstLineSchema.safeParse((await given.next()).value)
  if (!first.success || !isCommandName(first.data.command)) {
    return endWith(response, { error: 'Unknown command.', isUsage: true })
  }
  const onProgress = (done: number, total: number) => response.write(lineOf({ progress: { done, total } }))
  const tell = (line: object) => response.write(lineOf({ line }))
  try {
    const { command, input } = first.data
    endWith(response, { result: await runCommand(deps, command, input, onProgress, { given, tell }) })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    endWith(response, { error: error.message, isUsage: error.isUsage })
  }
}

function endWith(response: ServerResponse, line: object): void {
  response.end(lineOf(line))
}
