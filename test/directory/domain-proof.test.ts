// What a proof rests on: TXT records as a real resolver hands them over, from a DNS server that lies, fails and is slow
// on request; and how a domain goes on after each look. Set FAST_CHECK_SEED to replay.
import { createSocket, type RemoteInfo } from 'node:dgram'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type DomainStatus, type Look, statusAfter } from '../../services/identity/src/directory/domain-life-cycle.ts'
import { isKin, parseDomainName } from '../../services/identity/src/directory/domain-name.ts'
import { createTxtResolver } from '../../services/identity/src/directory/txt-records.ts'
import { propertySeed } from '../support/property-seed.ts'

const seed = propertySeed()
t.comment(`seed ${seed}`)

const TXT = 16
const CNAME = 5
const [NOERROR, SERVFAIL, NXDOMAIN, REFUSED] = [0, 2, 3, 5]

type Answer = { code: number; records?: readonly Uint8Array[] } | 'silence'

const bytes = (...parts: (number | Uint8Array)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part)))
const nameOf = (name: string) => bytes(...name.split('.').flatMap((label) => [label.length, Buffer.from(label)]), 0)
const record = (name: string, type: number, data: Uint8Array) => {
  const head = Buffer.alloc(10)
  head.writeUInt16BE(type, 0)
  head.writeUInt16BE(1, 2)
  head.writeUInt16BE(data.length, 8)
  return bytes(nameOf(name), head, data)
}
const txt = (name: string, ...chunks: string[]) =>
  record(name, TXT, bytes(...chunks.flatMap((chunk) => [chunk.length, Buffer.from(chunk)])))

/** A DNS server (RFC 1035 §4) that answers each name as it is told, and keeps what it was asked. */
async function startDns(t: Test, answers: Record<string, Answer>) {
  const socket = createSocket('udp4')
  const asked: { name: string; type: number }[] = []
  socket.on('message', (query: Buffer, from: RemoteInfo) => {
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += length + 1
    }
    const name = labels.join('.').toLowerCase()
    asked.push({ name, type: query.readUInt16BE(at + 1) })
    const answer = answers[name] ?? { code: NXDOMAIN }
    if (answer === 'silence') return
    const { code, records = [] } = answer
    const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80 + code, 0, 1, 0, records.length, 0, 0, 0, 0])
    socket.send(bytes(head, query.subarray(12, at + 5), ...records), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise<void>((resolve) => void socket.close(() => resolve())))
  return { asked, server: `127.0.0.1:${(socket.address() as AddressInfo).port}` }
}

t.test('absent is told from unanswered, and long values come whole', async (t) => {
  const { asked, server } = await startDns(t, {
    '_meridian.one.example': { code: NOERROR, records: [txt('_meridian.one.example', 'value')] },
    '_meridian.many.example': {
      code: NOERROR,
      records: [
        txt('_meridian.many.example', 'v=spf1 -all'),
        txt('_meridian.many.example', 'meridian-', 'verification'),
      ],
    },
    '_meridian.alias.example': {
      code: NOERROR,
      records: [
        record('_meridian.alias.example', CNAME, nameOf('proof.example')),
        txt('proof.example', 'by way of another name'),
      ],
    },
    '_meridian.empty.example': { code: NOERROR },
    '_meridian.broken.example': { code: SERVFAIL },
    '_meridian.refused.example': { code: REFUSED },
    '_meridian.slow.example': 'silence',
  })
  const resolveTxt = createTxtResolver([server])
  const of = (name: string) => resolveTxt(`_meridian.${name}.example`)
  t.strictSame(await of('one'), { kind: 'found', values: ['value'] })
  t.strictSame(await of('many'), { kind: 'found', values: ['v=spf1 -all', 'meridian-verification'] })
  t.strictSame(await of('alias'), { kind: 'found', values: ['by way of another name'] })
  t.strictSame(await of('empty'), { kind: 'absent' })
  t.strictSame(await of('nowhere'), { kind: 'absent' })
  for (const name of ['broken', 'refused', 'slow']) t.match(await of(name), { kind: 'unavailable' }, name)
  t.strictSame([...new Set(asked.map(({ type }) => type))], [TXT], 'nothing but TXT records is asked for')
})

const LIMITS = { domainGraceSeconds: 100, domainLapseSeconds: 1000 }
const LIVING = ['pending', 'active', 'degraded', 'disabled'] as const
const looks = fc.constantFrom<Look>('proved', 'unproved', 'unanswered')

t.test('a look that is not answered moves nothing, and only a missing record closes a domain', async (t) => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(fc.constantFrom(...LIVING), fc.integer({ min: 0, max: 2000 }), looks, (status, failing, look) => {
      const next = statusAfter(status, failing, look, LIMITS)
      seen.add(`${status} ${next}`)
      if (look === 'unanswered') return next === status
      if (look === 'proved') return next === 'active'
      if (status === 'pending') return next === 'pending'
      const isServed = next === 'active' || next === 'degraded'
      const mayServe = status !== 'disabled' && failing < 100
      return next !== 'active' && isServed === mayServe && (next === 'released') === failing >= 1000
    }),
    { seed, numRuns: 2000 },
  )
  const steps: readonly (readonly [DomainStatus, DomainStatus])[] = [
    ['pending', 'active'],
    ['active', 'degraded'],
    ['degraded', 'active'],
    ['degraded', 'disabled'],
    ['disabled', 'active'],
    ['disabled', 'released'],
  ]
  for (const [from, to] of steps) t.ok(seen.has(`${from} ${to}`), `${from} → ${to}`)
})

t.test('a name is parsed to one spelling that parses to itself, and is never a host of ours', async (t) => {
  let known = 0
  const label = fc.stringMatching(/^[a-zA-Z0-9\u00fc\u00df\u3042-]{1,8}$/u)
  const name = fc
    .tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '.'))
    .map(([labels, dot]) => labels.join('.') + dot)
  fc.assert(
    fc.property(fc.oneof(name, fc.string({ unit: 'binary' }), fc.domain()), (text) => {
      const domain = parseDomainName(text)
      if (domain === undefined) return true
      known += 1
      return /^[a-z0-9.-]+\.[a-z][a-z0-9-]*[a-z0-9]$/.test(domain) && parseDomainName(domain) === domain
    }),
    { seed, numRuns: 3000 },
  )
  t.ok(known > 500, `${known} were names`)
  const ours = ['in.example.com', 'id.example.com']
  for (const kin of ['in.example.com', 'acme.in.example.com', 'example.com', 'com']) t.ok(isKin(kin, ours), kin)
  for (const other of ['example.org', 'xin.example.com', 'in.example.com.evil.example', 'n.example.com'])
    t.notOk(isKin(other, ours), other)
})
