// Asking the centre for the feed over HTTP: as this region's client, within bounds of time and size; and a question that
// waits gives way to what is asked of the follower.
import { createCentre } from '@meridian/resource-server/centre'
import { createFeedFollower } from '@meridian/resource-server/feed-follower'
import { CentreBusy, CursorGone, createFeedLoaders, type FeedLoaders } from '@meridian/resource-server/feed-loaders'
import type { Replica } from '@meridian/resource-server/replica'
import type { Place } from '@meridian/resource-server/replica-place'
import t from 'tap'
import { silentLog } from './region-issuer.ts'

const never = new AbortController().signal
const page = {
  epoch: '1',
  entries: [{ kind: 'planet', id: 'mars', revision: 3, state: { size: 3 }, more_members: true }],
  cursor: 'c1',
  more: false,
  behind_seconds: 0,
  orders: [{ id: '01930000-0000-7000-8000-000000000001', kind: 'juggle' }],
  members_of_a_newer_centre: 1,
}

function setUp(answer: (path: string, signal: AbortSignal | null | undefined) => Response | Promise<Response>) {
  const asked: string[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const url = new URL(String(input))
    if (url.pathname === '/oauth/token') {
      return Response.json({ access_token: 'a-token', token_type: 'Bearer', expires_in: 600, scope: '' })
    }
    if (new Headers(init?.headers).get('authorization') !== 'Bearer a-token') throw new Error('not as this client')
    asked.push(`${url.pathname}${url.search}`)
    return answer(url.pathname, init?.signal)
  }
  const centre = createCentre({
    identityUrl: 'http://id.test',
    clientId: 'r',
    clientSecret: 's',
    fetch,
    nowMs: () => 0,
  })
  return { asked, loaders: createFeedLoaders(centre, 'in') }
}

t.test('each question names its place; kinds and members that are not known are let through', async (t) => {
  const list = { epoch: '1', entries: page.entries, cursor: 'c1', next: null }
  const digests = {
    epoch: '1',
    cursor: 'c1',
    ranges: [{ after: null, through: null, count: 1, digest: '7' }],
    next: null,
  }
  const { asked, loaders } = setUp((path) =>
    Response.json(path.endsWith('changes') ? page : path.endsWith('snapshot') ? list : digests),
  )
  const changes = await loaders.loadChanges(null, 20, never)
  t.match(changes, { entries: [{ kind: 'planet', state: { size: 3 } }], orders: [{ kind: 'juggle' }] })
  await loaders.loadChanges('c 1', 0, never)
  await loaders.loadSnapshot({ after: null, through: 'user/1' }, never)
  await loaders.loadDigests('client/a', never)
  t.strictSame(asked, [
    '/v1/regions/in/changes?wait=20&limit=500',
    '/v1/regions/in/changes?after=c+1&wait=0&limit=500',
    '/v1/regions/in/snapshot?through=user%2F1&limit=1000',
    '/v1/regions/in/digests?after=client%2Fa',
  ])
})

t.test('a place that is gone has an error of its own; whatever else is no answer', async (t) => {
  await t.rejects(setUp(() => new Response('', { status: 410 })).loaders.loadChanges('c1', 0, never), CursorGone)
  const { loaders } = setUp(() => new Response('{}', { status: 503 }))
  await t.rejects(loaders.loadChanges('c1', 0, never), /told no changes: status 503/)
  await t.rejects(setUp(() => Response.json({ ...page, epoch: 1 })).loaders.loadChanges('c1', 0, never))
  const endless = setUp(
    () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
        }),
      ),
  )
  await t.rejects(endless.loaders.loadDigests(null, never), { name: 'BodyTooLarge' })
})

t.test('a centre that would rather be asked later says when, and is taken at its word within bounds', async (t) => {
  const busy = (retryAfter?: string) =>
    setUp(
      () => new Response('{}', { status: 429, headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter } }),
    ).loaders
  for (const [said, retryAfterMs] of [
    ['2', 2_000],
    ['0', 1_000],
    ['86400', 30_000],
  ] as const) {
    await t.rejects(busy(said).loadChanges('c1', 0, never), { name: 'CentreBusy', retryAfterMs })
    await t.rejects(busy(said).loadDigests(null, never), CentreBusy)
    await t.rejects(busy(said).loadSnapshot({ after: null, through: null }, never), CentreBusy)
  }
  for (const said of [undefined, '', '-1', 'soon', 'Fri, 31 Dec 1999 23:59:59 GMT'])
    await t.rejects(busy(said).loadChanges('c1', 0, never), { name: 'CentreUnavailable' }, said ?? 'nothing')
})

t.test('a page that does not come is asked for in halves, and grows again', async (t) => {
  const limits: number[] = []
  let largest = 60
  const { asked: questions, loaders } = setUp(() => {
    const limit = Number(new URLSearchParams(questions.at(-1)?.split('?')[1]).get('limit'))
    limits.push(limit)
    if (limit > largest) throw new Error('out of time')
    return Response.json(page)
  })
  for (let asked = 0; asked < 6; asked += 1) await loaders.loadChanges('c1', 0, never).catch(() => {})
  t.strictSame(limits, [500, 250, 125, 62, 31, 62])
  largest = 500
  limits.length = 0
  for (let asked = 0; asked < 6; asked += 1) await loaders.loadChanges('c1', 0, never)
  t.strictSame(limits, [31, 62, 124, 248, 496, 500])
  largest = 0
  await t.rejects(loaders.loadChanges('c1', 0, AbortSignal.abort()))
  largest = 500
  await loaders.loadChanges('c1', 0, never)
  t.equal(limits.at(-1), 500, 'what is called off says nothing of pages')
})

t.test('a centre that does not answer is given up some seconds after it was to', async (t) => {
  const clocks: { afterMs: number; ring: () => void }[] = []
  t.intercept(AbortSignal, 'timeout', {
    value: (afterMs: number) => {
      const clock = new AbortController()
      clocks.push({ afterMs, ring: () => clock.abort(new Error('out of time')) })
      return clock.signal
    },
  })
  const { loaders } = setUp(async (_path, signal) => {
    if (!signal?.aborted) await new Promise((resolve) => signal?.addEventListener('abort', resolve))
    throw signal?.reason
  })
  const asked: Promise<unknown>[] = [
    loaders.loadChanges('c1', 20, never),
    loaders.loadSnapshot({ after: null, through: null }, never),
    loaders.loadDigests(null, never),
  ]
  const given = clocks.map(({ afterMs }) => afterMs)
  t.strictSame(given, [28_000, 10_000, 10_000])
  const refused = Promise.all(asked.map((one) => t.rejects(one, /out of time/)))
  for (const { ring } of clocks) ring()
  await refused
})

function waiting() {
  const place: Place = { turn: '1', epoch: '1', cursor: 'c1', generation: '1', rebuild: null }
  const asked: number[] = []
  const orders: unknown[] = []
  let answer: Partial<Awaited<ReturnType<FeedLoaders['loadChanges']>>> | null = null
  const loaders: FeedLoaders = {
    loadChanges: async (_after, waitSeconds, signal) => {
      asked.push(waitSeconds)
      const quiet = { epoch: '1', entries: [], cursor: 'c1', more: false, behind_seconds: 0, orders: [] }
      if (waitSeconds <= 1 || answer !== null) return { ...quiet, ...answer }
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
    loadSnapshot: async () => ({ epoch: '1', entries: [], cursor: 'c1', next: null }),
    loadDigests: async () => ({
      epoch: '1',
      cursor: 'c1',
      ranges: [{ after: null, through: null, count: 0, digest: '0' }],
      next: null,
    }),
  }
  const written = { place, kinds: new Set<string>(), settled: 0, parked: new Map() }
  const replica = {
    place: async () => place,
    holdsAsTold: async () => true,
    retryParked: async () => written,
  } as unknown as Replica
  const follower = createFeedFollower({
    loaders,
    replica,
    onOrders: (open) => orders.push(...open),
    nowMs: () => 0,
    random: () => 0,
    schedule: (work, delayMs) => {
      const timer = setTimeout(work, Math.min(delayMs, 5))
      return () => clearTimeout(timer)
    },
    log: silentLog,
  })
  return {
    follower,
    asked,
    orders,
    answerWith: (news: typeof answer) => {
      answer = news
    },
  }
}

t.test('a comparison does not wait for the question under way, which is asked again after it', async (t) => {
  const { follower, asked } = waiting()
  await follower.start()
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.strictSame(asked, [0, 10])
  t.match(await follower.compare(), { rows: 0, differing: 0, error: null })
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.strictSame(asked, [0, 10, 0, 10])
  await follower.stop()
})

t.test('orders of the centre are handed on, and not waited for', async (t) => {
  const { follower, orders, answerWith } = waiting()
  answerWith({ orders: page.orders })
  await follower.refresh()
  t.strictSame(orders, page.orders)
  await follower.stop()
})
