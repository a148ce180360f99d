import { type ChildProcess, spawn } from 'node:child_process'
import { get, type IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const SERVICE = fileURLToPath(new URL('stopping-service.ts', import.meta.url))

type Service = {
  child: ChildProcess
  /** Resolves when the output holds the text. */
  says(text: string): Promise<string>
  exited: Promise<number | null>
  stdout(): string
  stderr(): string
}

function startService(environment: Record<string, string>): Service {
  const child = spawn(process.execPath, [SERVICE], { env: { ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  const heard = new Set<() => void>()
  child.stdout.on('data', (chunk) => {
    stdout += chunk
    for (const listen of heard) listen()
  })
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const says = (text: string) =>
    new Promise<string>((resolve) => {
      const listen = () => stdout.includes(text) && resolve(stdout)
      heard.add(listen)
      listen()
    })
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { child, says, exited, stdout: () => stdout, stderr: () => stderr }
}

async function listening(environment: Record<string, string> = {}): Promise<Service & { url: string }> {
  const service = startService({ PORT: '0', ...environment })
  const output = await service.says('"msg":"listening"')
  return { ...service, url: /"address":"([^"]+)"/.exec(output)?.[1] ?? '' }
}

type Answer = { status: number | undefined; body: string }

/** Each on a connection of its own. */
function fetchText(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onReply = (reply: IncomingMessage) => {
      let body = ''
      reply.on('data', (chunk) => (body += chunk))
      reply.on('end', () => {
        resolve({ status: reply.statusCode, body })
      })
    }
    get(url, { agent: false }, onReply).on('error', reject)
  })
}

t.test('on SIGTERM a request in flight is finished, new ones are not taken, and the process exits 0', async (t) => {
  const service = await listening()
  const inFlight = fetchText(`${service.url}/wait`)
  await service.says('"msg":"waiting"')
  service.child.kill('SIGTERM')
  await service.says('"msg":"stopping"')
  t.ok(await isRefused(service.url), 'a new connection is refused')
  service.child.kill('SIGUSR2')
  const answer = await inFlight
  t.match(answer, { status: 200, body: '{"done":true}' })
  t.equal(await service.exited, 0)
  t.match(service.stdout(), '"msg":"stopped"')
})

/** Once the listening socket is closed; a moment after the signal, and until then requests are answered. */
async function isRefused(url: string): Promise<boolean> {
  for (;;) {
    try {
      await fetchText(`${url}/now`)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Reset: it had reached the socket's queue when that was closed.
      if (code !== 'ECONNRESET') return code === 'ECONNREFUSED'
    }
  }
}

t.test('what does not finish in time is cut off and the process exits 1', async (t) => {
  const service = await listening({ STOP_TIMEOUT_MS: '50' })
  const inFlight = fetchText(`${service.url}/wait`).catch((error: NodeJS.ErrnoException) => error.code)
  await service.says('"msg":"waiting"')
  service.child.kill('SIGTERM')
  t.equal(await service.exited, 1)
  t.equal(await inFlight, 'ECONNRESET')
  t.match(service.stdout(), 'stopping took too long')
})

t.test('a second signal ends the process at once', async (t) => {
  const service = await listening()
  const inFlight = fetchText(`${service.url}/wait`).catch((error: NodeJS.ErrnoException) => error.code)
  await service.says('"msg":"waiting"')
  service.child.kill('SIGTERM')
  await service.says('"msg":"stopping"')
  service.child.kill('SIGINT')
  t.equal(await service.exited, 1)
  t.equal(await inFlight, 'ECONNRESET')
})

t.test('an error that escaped is logged, and the process stops with 1', async (t) => {
  const service = await listening()
  await fetchText(`${service.url}/escape`)
  t.equal(await service.exited, 1)
  t.match(service.stdout(), /"level":"fatal".*it escaped/)
})

t.test('missing configuration is named on stderr and the process exits 1 without listening', async (t) => {
  const service = startService({ STOP_TIMEOUT_MS: 'soon' })
  t.equal(await service.exited, 1)
  t.equal(
    service.stderr(),
    [
      'stopping: The configuration is not complete:',
      '  PORT: missing; expected a port from 0 to 65535 (0: any free one)',
      '  STOP_TIMEOUT_MS: not a whole number from 1 to 60000; expected a whole number from 1 to 60000',
      '',
    ].join('\n'),
  )
  t.notMatch(service.stdout(), 'listening')
})

t.test('a port that is taken stops the start with 1', async (t) => {
  const first = await listening()
  const second = startService({ PORT: new URL(first.url).port })
  t.equal(await second.exited, 1)
  t.match(second.stdout(), /starting failed/)
  first.child.kill('SIGTERM')
  t.equal(await first.exited, 0)
})

t.test('a process whose log is no longer read stops all the same, when asked and when something escaped', async (t) => {
  for (const [end, code] of [
    [(service: Service) => service.child.kill('SIGTERM'), 0],
    [(service: Service & { url: string }) => void fetchText(`${service.url}/escape`).catch(() => {}), 1],
  ] as const) {
    const service = await listening()
    t.teardown(() => service.child.kill('SIGKILL'))
    service.child.stdout?.destroy()
    end(service)
    t.equal(await service.exited, code)
  }
})
