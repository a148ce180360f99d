import { registerHealth } from '@meridian/service-kit/health'
import { createServer } from '@meridian/service-kit/server'
import t from 'tap'
import { capturedLog } from './captured-log.ts'

function buildApp(checks: Record<string, () => Promise<void>>) {
  const log = capturedLog()
  const app = createServer({ logger: log.logger, trustProxy: false })
  const guards = new Map<string, unknown>()
  app.addHook('onRoute', ({ url, config }) => void guards.set(url, config))
  registerHealth(app, { checks, timeoutMs: 30 })
  return { app, log, guards }
}

t.test('a process with all checks passing is live and ready, and both routes are declared public', async (t) => {
  const { app, guards } = buildApp({ database: async () => {}, keys: async () => {} })
  t.teardown(() => app.close())
  const live = await app.inject({ method: 'GET', url: '/healthz' })
  t.strictSame([live.statusCode, live.json()], [200, { status: 'ok' }])
  const ready = await app.inject({ method: 'GET', url: '/readyz' })
  t.strictSame([ready.statusCode, ready.json()], [200, { status: 'ok', checks: { database: 'ok', keys: 'ok' } }])
  t.match(guards.get('/healthz'), { guard: 'public' })
  t.match(guards.get('/readyz'), { guard: 'public' })
})

t.test('a failing or hanging check is named without its reason, and the process stays live', async (t) => {
  const { app, log } = buildApp({
    good: async () => {},
    bad: async () => {
      throw new Error('private reason')
    },
    throwing: () => {
      throw new Error('private reason')
    },
    hanging: () => new Promise(() => {}),
  })
  t.teardown(() => app.close())
  const ready = await app.inject({ method: 'GET', url: '/readyz' })
  t.equal(ready.statusCode, 503)
  t.strictSame(ready.json(), {
    status: 'unavailable',
    checks: { good: 'ok', bad: 'failed', throwing: 'failed', hanging: 'failed' },
  })
  t.notMatch(ready.body, 'private reason')
  t.match(log.text(), 'private reason')
  t.equal((await app.inject({ method: 'GET', url: '/healthz' })).statusCode, 200)
})

t.test('however many ask, a check runs once at a time', async (t) => {
  let runs = 0
  let finish = () => {}
  const { app } = buildApp({
    slow: () => {
      runs++
      return new Promise((resolve) => (finish = resolve))
    },
  })
  t.teardown(() => app.close())
  const asking = Array.from({ length: 20 }, () => app.inject({ method: 'GET', url: '/readyz' }))
  const answers = await Promise.all(asking)
  t.ok(answers.every(({ statusCode }) => statusCode === 503))
  t.equal(runs, 1)
  finish()
  await app.inject({ method: 'GET', url: '/readyz' })
  t.equal(runs, 2)
})
