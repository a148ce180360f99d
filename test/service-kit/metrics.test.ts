// Numbers for a monitoring system: read over HTTP on a listener of their own, and bounded whatever is asked.
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '@meridian/service-kit/logger'
import { createMetrics, startMetricsListener } from '@meridian/service-kit/metrics'
import { measureRequests } from '@meridian/service-kit/request-metrics'
import { createServer } from '@meridian/service-kit/server'
import t from 'tap'

const log = createLogger({ name: 'test', level: 'silent' })

t.test('GET /metrics tells what is counted, and nothing else is answered', async (t) => {
  const metrics = createMetrics()
  metrics.addProcess()
  let isBroken = false
  const gauge = metrics.gauge({ name: 'things', help: 'Things.', labels: [] })
  metrics.beforeReading(async () => {
    if (isBroken) throw new Error('the database is away')
    gauge.set(7)
  })
  const listener = await startMetricsListener(metrics, { host: '127.0.0.1', port: 0, log })
  t.teardown(() => listener.stop())
  const read = async (url = listener.url, method = 'GET') => {
    const answer = await fetch(url, { method })
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  }
  const readAnew = async () => {
    await sleep(2100)
    return read()
  }
  const first = await read()
  t.equal(first.status, 200)
  t.match(first.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  t.equal(first.headers.get('x-content-type-options'), 'nosniff')
  t.match(first.text, /^things 7$/m)
  t.match(first.text, /^process_resident_memory_bytes \d+$/m)
  t.match(first.text, /^nodejs_eventloop_lag_p99_seconds /m)
  isBroken = true
  t.equal((await read()).text, first.text, 'kept for a moment')
  const second = await readAnew()
  t.equal(second.status, 200, 'what cannot be read does not hide the rest')
  t.match(second.text, /^things 7$/m)
  t.match(second.text, /^meridian_metrics_failures_total 1$/m)
  t.equal((await read(listener.url, 'POST')).status, 405)
  t.equal((await read(new URL('/', listener.url).href)).status, 404)
  t.equal((await read(`${listener.url}/x`)).status, 404)
})

t.test('one reading under way is shared by all who ask', async (t) => {
  const metrics = createMetrics()
  let readings = 0
  metrics.beforeReading(async () => {
    readings += 1
    await sleep(300)
  })
  const listener = await startMetricsListener(metrics, { host: '127.0.0.1', port: 0, log })
  t.teardown(() => listener.stop())
  const read = async () => (await fetch(listener.url)).status
  t.strictSame(await Promise.all([read(), read(), read(), read()]), [200, 200, 200, 200])
  t.equal(readings, 1)
  t.equal(await read(), 200)
  t.equal(readings, 1, 'and kept for a moment after')
})

t.test('a port that is taken is an error of the start', async (t) => {
  const metrics = createMetrics()
  const listener = await startMetricsListener(metrics, { host: '127.0.0.1', port: 0, log })
  t.teardown(() => listener.stop())
  const port = Number(new URL(listener.url).port)
  await t.rejects(startMetricsListener(metrics, { host: '127.0.0.1', port, log }), { code: 'EADDRINUSE' })
})

t.test('requests are counted by route as it is mounted, never by what was typed', async (t) => {
  const metrics = createMetrics()
  const app = createServer({ logger: log, trustProxy: false })
  measureRequests(app, metrics)
  app.get('/things/:id', async ({ params }) => params)
  app.get('/broken', async () => {
    throw new Error('broken')
  })
  t.teardown(() => app.close())
  for (const id of ['a', 'b', 'c']) await app.inject({ url: `/things/${id}?q=${id}` })
  for (const path of ['/nowhere', '/else', '/things/a/b']) await app.inject({ url: path })
  await app.inject({ url: '/broken' })
  await app.inject({ url: '/things/a', method: 'PROPFIND' as 'GET' })
  const text = await metrics.text()
  const counts = [...text.matchAll(/^http_request_duration_seconds_count\{(.*)\} (\d+)$/gm)].map(
    ([, labels, count]) => `${labels} ${count}`,
  )
  t.strictSame(counts.sort(), [
    'method="GET",route="/broken",status="500" 1',
    'method="GET",route="/things/:id",status="200" 3',
    'method="GET",route="none",status="404" 3',
    'method="other",route="none",status="405" 1',
  ])
})
