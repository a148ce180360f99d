import type { Schedule } from '@meridian/resource-server/background-refresh'
import { scheduleWithTimer } from '@meridian/resource-server/background-refresh'
import { createKeyRing, type KeyRingOptions, type StoredKey } from '@meridian/resource-server/key-ring'
import t, { type Test } from 'tap'
import { answer, type Behaviour, startJwksServer } from './jwks-server.ts'
import { keySet, makeClock, makeSigningKey, silentLog } from './region-issuer.ts'

const first = makeSigningKey('first')
const second = makeSigningKey('second')
const DAY_SECONDS = 24 * 3600

function memoryStore(stored: StoredKey[] = []) {
  const store = {
    stored,
    saves: 0,
    load: async () => structuredClone(store.stored),
    save: async (keys: StoredKey[]) => {
      store.stored = structuredClone(keys)
      store.saves += 1
    },
  }
  return store
}

async function setUp(t: Test, options: { behaviour?: Behaviour; stored?: StoredKey[] } & Partial<KeyRingOptions> = {}) {
  const server = await startJwksServer(t, options.behaviour ?? answer(keySet(first)))
  const clock = makeClock()
  const store = memoryStore(options.stored)
  const delaysMs: number[] = []
  const schedule: Schedule = (_work, delayMs) => {
    delaysMs.push(delayMs)
    return () => {}
  }
  const alarms: object[] = []
  const ring = createKeyRing({
    jwksUrl: server.url,
    store,
    fetch: globalThis.fetch,
    nowMs: clock.nowMs,
    random: () => 1 - Number.EPSILON,
    schedule,
    log: { ...silentLog, error: (details) => alarms.push(details) },
    ...options,
  })
  t.teardown(() => ring.stop())
  return { server, clock, store, ring, delaysMs, alarms }
}

const published = (...keys: (typeof first)[]): StoredKey[] => keys.map(({ jwk }) => ({ jwk, withdrawnAtMs: null }))

t.test('keys are fetched, kept, stored once, and asked for by their name', async (t) => {
  const { ring, store, server } = await setUp(t)
  t.equal(ring.ready(), false, 'not ready before the first key')
  await ring.refresh()
  t.equal(ring.ready(), true)
  t.equal(ring.find('first')?.alg, 'ES256')
  t.equal(ring.find('second'), undefined)
  await ring.refresh()
  t.equal(store.saves, 1, 'what has not changed is not written again')
  t.equal(server.requests.length, 2)
})

t.test('nothing that is not clearly a key set replaces good keys', async (t) => {
  const { ring, server, store } = await setUp(t)
  await ring.refresh()
  const cases: Record<string, Behaviour> = {
    'an empty set': answer({ keys: [] }),
    'no set': answer({}),
    'an array': answer([second.jwk]),
    null: answer('null'),
    'an error page with status 200': answer('<html>busy</html>', { type: 'text/html' }),
    'an error page that says JSON': answer('<html>busy</html>', { type: 'application/json' }),
    'a key set that says HTML': answer(keySet(second), { type: 'text/html' }),
    'a key set without a type': answer(keySet(second), { type: undefined }),
    'status 500 with a key set': answer(keySet(second), { status: 500 }),
    'status 404': answer(keySet(second), { status: 404 }),
    'status 206': answer(keySet(second), { status: 206 }),
    'an unasked 304': answer('', { status: 304 }),
    'a cut document': answer(JSON.stringify(keySet(second)).slice(0, -5)),
    'too large': answer(JSON.stringify(keySet(second)).padEnd(64 * 1024 + 1)),
    'too large, without end': (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const pour = () => {
        while (response.write('{"keys": '.padEnd(16_384))) if (response.destroyed) return
        response.once('drain', pour)
      }
      pour()
    },
    'a repeated name': answer({ keys: [first.jwk, { ...second.jwk, kid: 'first' }] }),
    'a symmetric key': answer({ keys: [{ kty: 'oct', k: 'AAAA', kid: 'second', alg: 'HS256' }] }),
    'a point off the curve': answer({ keys: [{ ...second.jwk, y: first.jwk.kty === 'EC' ? first.jwk.y : '' }] }),
    'another curve': answer({ keys: [{ ...second.jwk, crv: 'P-384' }] }),
    'a reset connection': (request) => request.socket.resetAndDestroy(),
    'an empty answer': (request) => request.socket.end(),
  }
  for (const [name, behaviour] of Object.entries(cases)) {
    server.behave(behaviour)
    await ring.refresh()
    t.ok(ring.find('first'), name)
    t.notOk(ring.find('second'), name)
  }
  t.strictSame(store.stored, published(first), 'nor what is stored')
  server.behave(answer(keySet(second)))
  await ring.refresh()
  t.ok(ring.find('second'), 'and a good set still gets through')
})

t.test('a published private key is refused and raises an alarm', async (t) => {
  const { ring, server, alarms } = await setUp(t)
  const leaked = { ...second.jwk, d: second.privateKey.export({ format: 'jwk' }).d }
  server.behave(answer({ keys: [first.jwk, leaked] }))
  await ring.refresh()
  t.notOk(ring.find('second'))
  t.match(alarms, [{ alarm: true, reason: 'private_members' }])
  t.notMatch(JSON.stringify(alarms), leaked.d, 'without repeating it')
})

t.test('redirects are not followed', async (t) => {
  const target = await startJwksServer(t, answer(keySet(second)))
  for (const status of [301, 302, 303, 307, 308]) {
    const { ring } = await setUp(t, { behaviour: answer('', { status, headers: { location: target.url } }) })
    await ring.refresh()
    t.equal(ring.ready(), false, String(status))
  }
  t.equal(target.requests.length, 0)
})

t.test('plain http is for loopback, or where it is allowed', async (t) => {
  const make = (jwksUrl: string, allowInsecure: boolean) => () =>
    createKeyRing({
      jwksUrl,
      allowInsecure,
      store: memoryStore(),
      fetch: globalThis.fetch,
      nowMs: () => 0,
      random: () => 0,
      schedule: scheduleWithTimer,
      log: silentLog,
    })
  t.throws(make('http://id.example.com/jwks', false), /https/)
  t.throws(make('http://localhost.example.com/jwks', false), /https/)
  t.throws(make('file:///etc/passwd', true), /https/)
  t.doesNotThrow(make('http://id.internal/jwks', true))
  t.doesNotThrow(make('https://id.example.com/jwks', false))
  t.doesNotThrow(make('http://localhost:4000/jwks', false))
  t.doesNotThrow(make('http://[::1]:4000/jwks', false))
})

t.test('a slow issuer slows no request down', { timeout: 20_000 }, async (t) => {
  const { ring, server } = await setUp(t, { schedule: scheduleWithTimer })
  await ring.refresh()
  server.behave(() => {})
  const refresh = ring.refresh()
  t.ok(ring.find('first'), 'known keys are at hand')
  const begun = performance.now()
  await ring.discover('unknown')
  t.ok(performance.now() - begun < 2_000, 'an unknown key is waited for a second at most')
  await refresh
  t.ok(performance.now() - begun < 7_000, 'and the fetch is given up after 5 s')
  t.ok(ring.find('first'))
})

t.test('unknown keys cost at most one fetch in 5 s, and the same one none for a minute', async (t) => {
  const { ring, server, clock } = await setUp(t)
  await ring.refresh()
  await Promise.all(Array.from({ length: 200 }, (_, index) => ring.discover(`made up ${index}`)))
  t.equal(server.requests.length, 2, 'one for 200 at once')
  for (let count = 0; count < 100; count += 1) await ring.discover(`another ${count}`)
  t.equal(server.requests.length, 2, 'none within 5 s')
  clock.advanceSeconds(5)
  await ring.discover('made up 1')
  t.equal(server.requests.length, 2, 'none for one that was just looked for')
  await ring.discover('something else')
  t.equal(server.requests.length, 3)
})

t.test('a key of an emergency rotation is there for the request that brings it', async (t) => {
  const { ring, server } = await setUp(t)
  await ring.refresh()
  server.behave(answer(keySet(second)))
  await ring.discover('second')
  t.ok(ring.find('second'))
})

t.test('a withdrawn key is kept for a day, also through restarts and rolled-back sets', async (t) => {
  const { ring, server, clock, store } = await setUp(t)
  await ring.refresh()
  server.behave(answer(keySet(second)))
  await ring.refresh()
  t.ok(ring.find('first'), 'just withdrawn')
  clock.advanceSeconds(DAY_SECONDS - 1)
  await ring.refresh()
  t.ok(ring.find('first'), 'a second before a day')
  t.strictSame(store.stored.map((key) => key.jwk.kid).sort(), ['first', 'second'])
  server.behave(answer(keySet(first)))
  await ring.refresh()
  t.ok(ring.find('second') && ring.find('first'), 'an old set rolled back in takes nothing away')
  clock.advanceSeconds(DAY_SECONDS)
  t.ok(ring.find('first'))
  t.notOk(ring.find('second'), 'gone after a day')
  await ring.refresh()
  t.strictSame(store.stored, published(first))
})

t.test('a key that the issuer declares compromised is dropped at once and for good', async (t) => {
  const told: (readonly string[])[] = []
  const { ring, server, store } = await setUp(t, { onRevoked: (kids) => told.push(kids) })
  await ring.refresh()
  t.strictSame(told, [])
  server.behave(answer({ ...keySet(second), revoked: ['first'] }))
  await ring.refresh()
  t.notOk(ring.find('first'))
  t.strictSame(store.stored, published(second), 'a restart does not bring it back')
  t.strictSame(told, [['first']])
  server.behave(answer(keySet(first, second)))
  await ring.refresh()
  t.notOk(ring.find('first'), 'nor does a copy of the set from before')
  t.strictSame(told, [['first'], ['first']], 'told again, for those who were not listening')
})

t.test('what is held is told after each fetch, once it is stored', async (t) => {
  const told: (readonly string[])[] = []
  const { ring, server, store } = await setUp(t, { onHeld: (kids) => told.push(kids) })
  await ring.refresh()
  t.strictSame(told, [['first']])
  const { save } = store
  store.save = () => Promise.reject(new Error('the database is away'))
  server.behave(answer(keySet(second)))
  await ring.refresh()
  t.strictSame(told, [['first']])
  store.save = save
  await ring.refresh()
  t.strictSame(told, [['first'], ['second']], 'a withdrawn key is not named')
})

t.test('a restart without the issuer goes on with what was stored, for as long as it takes', async (t) => {
  const { ring, clock } = await setUp(t, {
    behaviour: (request) => request.socket.destroy(),
    stored: published(first),
  })
  await ring.start()
  t.equal(ring.ready(), true, 'at once')
  clock.advanceSeconds(30 * DAY_SECONDS)
  await ring.refresh()
  t.ok(ring.find('first'))
})

t.test('a store that is away at the start is read later, and is not overwritten unread', async (t) => {
  const { ring, store } = await setUp(t, { behaviour: answer(keySet(second)), stored: published(first) })
  const { load } = store
  store.load = () => Promise.reject(new Error('the database is away'))
  await ring.start()
  await ring.refresh()
  t.ok(ring.find('second'), 'the issuer alone is enough')
  t.strictSame(store.stored, published(first))
  store.load = load
  await ring.refresh()
  t.ok(ring.find('first') && ring.find('second'))
  t.strictSame(store.stored.map((key) => key.jwk.kid).sort(), ['first', 'second'])
})

t.test('the next fetch is when the issuer says, within bounds; failures back off', async (t) => {
  const { ring, server, delaysMs } = await setUp(t)
  const delays = async (cacheControl: string | undefined) => {
    server.behave(
      answer(keySet(first), { headers: cacheControl === undefined ? {} : { 'cache-control': cacheControl } }),
    )
    await ring.refresh()
    return Math.round((delaysMs.at(-1) ?? 0) / 1000)
  }
  t.equal(await delays('public, max-age=600'), 600)
  t.equal(await delays(undefined), 300)
  t.equal(await delays('no-store'), 300)
  t.equal(await delays('max-age=0'), 30)
  t.equal(await delays('max-age=999999999'), 3600)
  t.equal(await delays('s-maxage=7, max-age=60'), 60)
  server.behave((request) => request.socket.destroy())
  const backedOff: number[] = []
  for (let count = 0; count < 6; count += 1) {
    await ring.refresh()
    backedOff.push(Math.round((delaysMs.at(-1) ?? 0) / 1000))
  }
  t.strictSame(backedOff, [5, 10, 20, 40, 60, 60])
})

t.test('an unchanged set is not sent again', async (t) => {
  const { ring, server } = await setUp(t, {
    behaviour: (request, response) => {
      if (request.headers['if-none-match'] === '"v1"') return response.writeHead(304).end()
      return answer(keySet(first), { headers: { etag: '"v1"' } })(request, response)
    },
  })
  await ring.refresh()
  await ring.refresh()
  t.strictSame(
    server.requests.map((request) => request.headers['if-none-match']),
    [undefined, '"v1"'],
  )
  t.ok(ring.find('first'))
})

t.test('after stop nothing is fetched, and a fetch under way ends', async (t) => {
  const { ring, server } = await setUp(t, { behaviour: () => {} })
  const refresh = ring.refresh()
  ring.stop()
  await refresh
  const { length } = server.requests
  await ring.refresh()
  await ring.discover('anything')
  t.equal(server.requests.length, length)
})
