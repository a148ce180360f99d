// The running service's side of the command line: a Unix socket of mode 0600, so that commands reach a database
// that this process holds alone. Whoever may open the socket is the operator.
import { createHash } from 'node:crypto'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Logger } from '@meridian/service-kit/logger'
import { z } from 'zod'
import type { CommandDeps } from './command.ts'
import { CommandError, isCommandName, runCommand } from './commands.ts'

/** A socket's path may have some hundred bytes; a longer one moves to the system's temporary folder. */
const MAX_PATH_BYTES = 100
const MAX_BODY_BYTES = 64 * 1024 * 1024

export function commandSocketPath(dataFolder: string): string {
  const path = join(resolve(dataFolder), 'command.sock')
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return path
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16)
  return join(tmpdir(), `meridian-${name}`, 'command.sock')
}

const bodySchema = z.strictObject({ command: z.string(), input: z.unknown() })

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
      endWith(response, { error: 'The command failed; the log of the service says why.' })
    })
  })
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

/** Answers with one JSON object a line: progress while it runs, then the result or the error. */
async function serve(deps: CommandDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  const parsed = bodySchema.safeParse(JSON.parse(await readBody(request)))
  if (!parsed.success || !isCommandName(parsed.data.command)) return endWith(response, { error: 'Unknown command.' })
  try {
    const result = await runCommand(deps, parsed.data.command, parsed.data.input, (done, total) => {
      response.write(`${JSON.stringify({ progress: { done, total } })}\n`)
    })
    endWith(response, { result })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    endWith(response, { error: error.message })
  }
}

function endWith(response: ServerResponse, line: object): void {
  response.end(`${JSON.stringify(line)}\n`)
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > MAX_BODY_BYTES) throw new Error('the input is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
