// What regions and the centre say to one another has an end everywhere: the greatest of each is taken, and one more is not.
import {
  changesQuerySchema,
  digestsQuerySchema,
  receivedChangesSchema,
  receivedDigestsSchema,
  receivedSnapshotSchema,
  snapshotQuerySchema,
} from '@meridian/protocol/feed'
import { regionReportSchema } from '@meridian/protocol/region-report'
import { revocationQuerySchema } from '@meridian/protocol/revocations'
import { syncOrderCreateSchema, syncOrderQuerySchema, syncProgressSchema } from '@meridian/protocol/sync-orders'
import t from 'tap'
import type { z } from 'zod'
import { regionReport } from '../support/region-reports.ts'

const text = (length: number) => 'a'.repeat(length)
const many = <Item>(length: number, item: Item) => Array<Item>(length).fill(item)

type Case = readonly [path: string, taken: readonly unknown[], refused: readonly unknown[]]
type Bounded = {
  readonly of: string
  readonly schema: z.ZodType
  readonly base: object
  readonly cases: readonly Case[]
}

const NO_COUNT = [-1, 0.5, '1', 2_147_483_648, Number.MAX_SAFE_INTEGER + 1, Number.NaN, null]
const COUNT = (path: string): Case => [path, [0, 2_147_483_647], NO_COUNT]
const SECONDS = (path: string): Case => [
  path,
  [null, 0, 0.5, 10_000_000_000],
  [-1, 10_000_000_001, Number.POSITIVE_INFINITY],
]
const REQUESTS = (path: string): Case => [path, [0, 10_000_000_000], [-1, 0.5, 10_000_000_001]]
const REVISION = (path: string): Case => [
  path,
  [null, Number.MAX_SAFE_INTEGER],
  [0.5, Number.MAX_SAFE_INTEGER + 1, '1'],
]
const KEY = (path: string): Case => [
  path,
  [`${text(40)}/${text(100)}`, 'client/a/b'],
  [`${text(41)}/a`, `a/${text(101)}`, 'User/a', 'user', 'user/', 'user/ ', 'user/\u00e9', 'user/a\n'],
]
const CURSOR = (path: string): Case => [path, [text(300)], ['', text(301)]]
const LIMIT = (path: string, most: number): Case => [path, ['1', String(most)], ['0', String(most + 1), '1.5', 'x']]

const ORG = '01930000-0000-7000-8000-000000000001'
const TENANT = { org_id: ORG, members: 1, records: 1 }
const USAGE = { org_id: ORG, day: '2026-01-01', requests: 1, refused: 1 }
const DRIFT = { kind: 'user', id: 'x', what: 'extra', held_revision: 1, revision: null }
const REPORT = { rows: 0, differing: 0, mended: 0, named: [DRIFT], error: null }
const ENTRY = { kind: 'planet', id: 'mars', revision: 1, state: {} }
const RANGE = { after: null, through: null, count: 0, digest: '0' }
const PAGE = { epoch: '1', entries: [ENTRY], cursor: 'c' }
const EPOCH: Case = ['epoch', ['1', '9'.repeat(19)], ['', '9'.repeat(20), '-1', '1.0', 1]]
const ENTRIES: readonly Case[] = [
  EPOCH,
  CURSOR('cursor'),
  ['entries.0.kind', [text(40)], ['', text(41), 'Planet', 'a/b']],
  ['entries.0.id', [text(100), 'a/b'], ['', text(101), 'a b', '\u00e9']],
  ['entries.0.revision', [1, Number.MAX_SAFE_INTEGER], [0, 0.5, Number.MAX_SAFE_INTEGER + 1]],
]

const UPWARD: readonly Bounded[] = [
  {
    of: 'a question for changes',
    schema: changesQuerySchema,
    base: {},
    cases: [CURSOR('after'), ['wait', ['0', '20'], ['-1', '21', '0.5']], LIMIT('limit', 1000)],
  },
  {
    of: 'a question for the list',
    schema: snapshotQuerySchema,
    base: {},
    cases: [KEY('after'), KEY('through'), LIMIT('limit', 1000)],
  },
  { of: 'a question for digests', schema: digestsQuerySchema, base: {}, cases: [KEY('after')] },
  {
    of: 'a question for revocations',
    schema: revocationQuerySchema,
    base: {},
    cases: [
      ['after', [text(4096)], ['', text(4097)]],
      ['wait', ['0', '20'], ['-1', '21']],
    ],
  },
  {
    of: 'a report',
    schema: regionReportSchema,
    base: regionReport({ held: { organizations: 1, users: 1, memberships: 1 } }),
    cases: [
      ['build', [text(100)], [text(101), 'a\nb']],
      ['now', ['2026-01-01T00:00:00Z'], ['2026-01-01', 'now', 0]],
      ['epoch', [null, '9'.repeat(19)], ['9'.repeat(20), '-1']],
      ['cursor', [null, text(300)], ['', text(301)]],
      ...['behind_seconds', 'feed_stale_seconds', 'revocations_stale_seconds'].map(SECONDS),
      ['kids', [many(100, text(128))], [many(101, 'a'), [''], [text(129)]]],
      ...['held.organizations', 'held.users', 'held.memberships', 'parked'].map(COUNT),
      ['tenants', [many(500, TENANT)], [many(501, TENANT), [{ ...TENANT, more: 1 }], [{ ...TENANT, org_id: 'x' }]]],
      ['usage', [many(500, USAGE)], [many(501, USAGE), [{ ...USAGE, more: 1 }], [{ ...USAGE, day: '2026-02-30' }]]],
      ['held.more', [], [1]],
    ],
  },
  {
    of: 'counts of a report',
    schema: regionReportSchema,
    base: { ...regionReport(), tenants: [TENANT], usage: [USAGE] },
    cases: [
      ...['tenants.0.members', 'tenants.0.records'].map(COUNT),
      ...['usage.0.requests', 'usage.0.refused'].map(REQUESTS),
    ],
  },
  {
    of: 'the progress of an order',
    schema: syncProgressSchema,
    base: { status: 'running', done: 0, total: 0, report: REPORT },
    cases: [
      ['status', ['running', 'done', 'failed'], ['queued', 'cancelled', '']],
      ...['done', 'report.rows', 'report.differing', 'report.mended'].map(COUNT),
      ['total', [null, 2_147_483_647], NO_COUNT.filter((wrong) => wrong !== null)],
      ['report.named', [many(200, DRIFT)], [many(201, DRIFT), [{ ...DRIFT, more: 1 }]]],
      ['report.named.0.kind', [text(40)], [text(41), 'a\nb']],
      ['report.named.0.id', [text(100)], [text(101), 'a\nb']],
      ['report.named.0.what', ['missing', 'extra', 'different'], ['other']],
      ...['report.named.0.held_revision', 'report.named.0.revision'].map(REVISION),
      ['report.error', [null, text(500)], [text(501), 'a\nb']],
      ['report.more', [], [1]],
    ],
  },
  {
    of: 'a new order',
    schema: syncOrderCreateSchema,
    base: { kind: 'compare', regions: null },
    cases: [
      ['kind', ['compare', 'repair', 'rebuild'], ['delete', '']],
      ['regions', [null, many(100, 'in')], [[], many(101, 'in'), ['IN'], 'in']],
      ['force', [true], ['true', 1]],
      ['dry_run', [true], ['true', 1]],
    ],
  },
  {
    of: 'a question for orders',
    schema: syncOrderQuerySchema,
    base: {},
    cases: [LIMIT('limit', 100), ['cursor', [ORG], ['x', '1']], ['region', ['in'], ['IN', '']]],
  },
]

const DOWNWARD: readonly Bounded[] = [
  {
    of: 'changes',
    schema: receivedChangesSchema,
    base: { ...PAGE, more: false, behind_seconds: 0, orders: [{ id: ORG, kind: 'compare' }] },
    cases: [...ENTRIES, ['behind_seconds', [0, 0.5], [-1, Number.POSITIVE_INFINITY]], ['orders.0.id', [ORG], ['x']]],
  },
  {
    of: 'a list',
    schema: receivedSnapshotSchema,
    base: { ...PAGE, next: null },
    cases: [...ENTRIES, KEY('next')],
  },
  {
    of: 'digests',
    schema: receivedDigestsSchema,
    base: { epoch: '1', cursor: 'c', ranges: [RANGE], next: null },
    cases: [
      EPOCH,
      CURSOR('cursor'),
      ...['next', 'ranges.0.after', 'ranges.0.through'].map(KEY),
      ['ranges.0.count', [0, Number.MAX_SAFE_INTEGER], [-1, 0.5, Number.MAX_SAFE_INTEGER + 1]],
      ['ranges.0.digest', ['9'.repeat(40)], ['', '9'.repeat(41), '-1']],
      ['ranges.0.more', [], [1]],
    ],
  },
]

for (const { of, schema, base, cases } of [...UPWARD, ...DOWNWARD]) {
  t.test(of, async (t) => {
    const isTaken = (path: string, value: unknown) => schema.safeParse(withMember(base, path.split('.'), value)).success
    t.ok(schema.safeParse(base).success, 'as it is meant')
    for (const [path, taken, refused] of cases) {
      for (const value of taken) t.ok(isTaken(path, value), `${path}: ${shown(value)}`)
      for (const value of refused) t.notOk(isTaken(path, value), `${path}: not ${shown(value)}`)
    }
  })
}

t.test('members that are not known are refused by the centre, and passed over by regions', async (t) => {
  for (const { of, schema, base } of UPWARD) t.notOk(schema.safeParse({ ...base, unheard_of: 1 }).success, of)
  for (const { of, schema, base } of DOWNWARD) t.ok(schema.safeParse({ ...base, unheard_of: 1 }).success, of)
})

function withMember(base: object, [first = '', ...rest]: readonly string[], value: unknown): object {
  const copy: Record<string, unknown> = Array.isArray(base) ? ([...base] as never) : { ...base }
  copy[first] = rest.length === 0 ? value : withMember(copy[first] as object, rest, value)
  return copy
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_name, member) => (typeof member === 'number' ? String(member) : member)).slice(0, 60)
}
