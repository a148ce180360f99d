import { Agent, get, type IncomingMessage } from 'node:http'
import { registerHealth } from '@meridian/service-kit/health'
import { createServer } from '@meridian/service-kit/server'
import t from 'tap'
import { capturedLog } from './captured-log.ts'

function reply(
  url: string,
  agent: Agent,
): Promise<{ status?: number; headers: IncomingMessage['headers']; body: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (message) => {
      let body = ''
      message.on('data', (chunk) => (body += chunk))
      message.on('end', () => resolve({ status: message.statusCode ?? 0, headers: message.headers, body }))
    }).on('error', reject)
  })
}

t.test(
  'while closing, an open connection gets 503 as a problem, health still answers, and nothing is kept',
  async (t) => {
    const app = createServer({ logger: capturedLog().logger, trustProxy: false })
    registerHealth(app, { checks: {}, timeoutMs: 100 })
    app.get('/now', async () => ({}))
    let goOn = () => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    // Registered after the kit's own, so it holds `close` while connections are still open.
    app.addHook('preClose', () => held)
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    t.equal((await reply(`${url}/now`, agent)).status, 200)

    const closed = app.close()
    const refused = await reply(`${url}/now`, agent)
    t.match(refused, {
      status: 503,
      headers: {
        connection: 'close',
        'retry-after': '1',
        'content-type': 'application/problem+json',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      },
    })
    t.match(JSON.parse(refused.body), { code: 'temporarily_unavailable' })
    t.equal((await reply(`${url}/healthz`, agent)).status, 200)
    const ready = await reply(`${url}/readyz`, agent)
    t.match(ready, { status: 503, body: '{"status":"closing","checks":{}}' })
    goOn()
    await closed
    agent.destroy()
  },
)

t.test('a kept-alive connection whose request was in flight is closed with its answer', async (t) => {
  const app = createServer({ logger: capturedLog().logger, trustProxy: false })
  let answer = () => {}
  const reached = new Promise<void>((resolve) => {
    app.get('/wait', () => {
      resolve()
      return new Promise((done) => {
        answer = () => done({})
      })
    })
  })
  app.addHook('preClose', async () => answer())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const agent = new Agent({ keepAlive: true })
  const inFlight = reply(`${url}/wait`, agent)
  await reached
  const closed = app.close()
  t.match(await inFlight, { status: 200, headers: { connection: 'close' } })
  await closed
  agent.destroy()
})
