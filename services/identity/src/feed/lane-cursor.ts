// Where a region stands in the revocation lane, as a text that is the centre's own business. It opens nothing, and has a
// MAC all the same: a snapshot that somebody made up can be dear to compare with, and one query compares for every region.
import { z } from 'zod'
import { macMatches, macOf } from '../secrets/macs.ts'
import type { Secrets } from '../secrets/secrets.ts'
import { EMPTY_SNAPSHOT } from '../store/revocation-lane.ts'

/** `xmin:xmax:xip,…` in the ranges that PostgreSQL takes. */
const snapshotSchema = z
  .string()
  .max(1500)
  .regex(/^[0-9]{1,18}:[0-9]{1,18}:([0-9]{1,18}(,[0-9]{1,18})*)?$/)
  .refine(isOrdered)

const numberSchema = z.string().regex(/^[0-9]{1,18}$/)

const laneCursorSchema = z.strictObject({
  era: z.string().max(80),
  /** When the round began whose end this is, or in which it stands. */
  at: z.number(),
  /** Everything that is visible in it was told. */
  seen: snapshotSchema,
  /** A round that is not told to its end: what it ends with, and how far it has come. */
  round: z
    .strictObject({
      until: snapshotSchema,
      full: z.boolean(),
      after: z.union([z.strictObject({ xid: numberSchema, seq: numberSchema }), z.strictObject({ org: z.uuid() })]),
    })
    .nullable(),
})
export type LaneCursor = z.infer<typeof laneCursorSchema>

type CursorSecrets = Pick<Secrets, 'tokenKeys'>

export function formatCursor({ tokenKeys }: CursorSecrets, region: string, cursor: LaneCursor): string {
  const text = Buffer.from(JSON.stringify(cursor)).toString('base64url')
  return `${text}.${macOf(tokenKeys[0], 'rl1', region, text).toString('base64url')}`
}

/** Undefined for what is none: made up, another region's, an older build's, or from before a key was withdrawn. */
export function parseCursor({ tokenKeys }: CursorSecrets, region: string, cursor: string): LaneCursor | undefined {
  const [text = '', mac = ''] = cursor.split('.')
  const presented = Buffer.from(mac, 'base64url')
  if (!tokenKeys.some((key) => macMatches(presented, macOf(key, 'rl1', region, text)))) return undefined
  try {
    return laneCursorSchema.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString())).data
  } catch {
    return undefined
  }
}

const SNAPSHOT_MAX_CHARACTERS = 1000

/** A snapshot that may go into a cursor: one with too many open transactions forgets which, and tells some rows twice. */
export function keepable(snapshot: string): string {
  if (snapshot.length <= SNAPSHOT_MAX_CHARACTERS) return snapshot
  const [xmin] = snapshot.split(':')
  return `${xmin}:${xmin}:`
}

/** Whether it has seen transactions that the other one says are yet to come: then it is from another database. */
export function isAhead(snapshot: string, of: string): boolean {
  return snapshot !== EMPTY_SNAPSHOT && endOf(snapshot) > endOf(of)
}

function endOf(snapshot: string): bigint {
  return BigInt(snapshot.split(':')[1] ?? 0)
}

function isOrdered(snapshot: string): boolean {
  const [xmin = '', xmax = '', xip = ''] = snapshot.split(':')
  const inProgress = xip === '' ? [] : xip.split(',').map(BigInt)
  const [least, end] = [BigInt(xmin), BigInt(xmax)]
  const isRising = inProgress.every((xid, index) => xid > (inProgress[index - 1] ?? 0n))
  return least > 0n && least <= end && isRising && inProgress.every((xid) => xid >= least && xid < end)
}
