// Races: the same call many times at once, spread over the instances, and what the database says afterwards.
import { createHash } from 'node:crypto'
import type { Statement } from '@meridian/database/database'
import type { Test } from 'tap'
import type { IdentityDb } from '../../services/identity/src/store/open-store.ts'
import type { IdentityUnderTest, Instance, Reply } from './identity.ts'

/** Sign-ins as often as a test needs them: the budgets of a contact have tests of their own. */
export const UNHURRIED = { otpResendSeconds: 0, otpSendsPerHour: 10_000, otpSendsPerDay: 10_000 }

export type Call<T = Reply> = (instance: Instance) => Promise<T>

/** Fires all calls at once, each at the next instance in turn. */
export function fire<T>(identity: IdentityUnderTest, calls: readonly Call<T>[]): Promise<T[]> {
  const { instances } = identity
  return Promise.all(calls.map((call, index) => call(instances[index % instances.length] as Instance)))
}

export function times<T>(count: number, call: Call<T>): Call<T>[] {
  return Array.from({ length: count }, () => call)
}

/** Calls of several kinds dealt out in turn, so that none of them is first in every queue. */
export function dealt<T>(...hands: readonly (readonly Call<T>[])[]): Call<T>[] {
  const longest = Math.max(...hands.map((hand) => hand.length))
  return Array.from({ length: longest }, (_, index) => hands.flatMap((hand) => hand.slice(index, index + 1))).flat()
}

/** How often each answer came: `200`, `400 invalid_grant`, … */
export function tallyOf(replies: readonly Reply[]): Record<string, number> {
  const tally: Record<string, number> = {}
  for (const { status, body } of replies) {
    const answer = body['error'] === undefined ? String(status) : `${status} ${body['error']}`
    tally[answer] = (tally[answer] ?? 0) + 1
  }
  return tally
}

/** A call that was put off while the database was busy: nothing happened, and the client comes again. */
const SHED = '503 temporarily_unavailable'

/** Sends it again while it is put off, as a client does: for what must be known before a test goes on. */
export async function patiently(send: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    const reply = await send()
    if (reply.status !== 503) return reply
  }
}

/** Every call was answered in one of these ways, or put off; never a 500. Gives the tally of the answered ones. */
export function answersOnly(t: Test, replies: readonly Reply[], allowed: readonly string[], title: string) {
  const { [SHED]: shed = 0, ...answered } = tallyOf(replies)
  const others = Object.keys(answered).filter((answer) => !allowed.includes(answer))
  t.strictSame(others, [], `${title}: ${JSON.stringify(tallyOf(replies))}`)
  t.ok(shed < replies.length, `${title}: somebody is answered`)
  return answered
}

/** The different values of one member in the successful answers. */
export function granted(replies: readonly Reply[], member = 'refresh_token'): string[] {
  return [...new Set(replies.filter(({ status }) => status === 200).map(({ body }) => String(body[member])))]
}

export async function ask(
  identity: Pick<IdentityUnderTest, 'db'>,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const name = `ask_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
  return identity.db.sql({ name, text }, values)
}

export function familyIdOf(refreshToken: string): string {
  const hex = Buffer.from(refreshToken.split('.')[3] ?? '', 'base64url').toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export type FamilyFacts = {
  readonly counter: number
  readonly family_end: string | null
  readonly session_end: string | null
  readonly sid: string
  /** Rows that tell the regions, audit events of theft, and mails to the owner. */
  readonly revocations: number
  readonly events: number
  readonly notices: number
}

const FAMILY_FACTS = `SELECT f.counter, f.revoked_reason AS family_end, s.revoked_reason AS session_end, s.id::text AS sid,
    (SELECT count(*) FROM revocation WHERE kind = 'session' AND subject = s.id::text)::int AS revocations,
    (SELECT count(*) FROM audit_event WHERE session_id = s.id AND kind IN ('refresh.reused', 'code.replayed'))::int AS events,
    (SELECT count(*) FROM mail_outbox WHERE kind = 'token_reuse')::int AS notices
  FROM refresh_token_family f JOIN session s ON s.id = f.session_id WHERE f.id = $1::uuid`

/** What is kept about the family of a refresh token. `notices` counts the mails of the whole database. */
export async function familyFacts(identity: Pick<IdentityUnderTest, 'db'>, refreshToken: string): Promise<FamilyFacts> {
  const [row] = await ask(identity, FAMILY_FACTS, [familyIdOf(refreshToken)])
  if (row === undefined) throw new Error('no such family')
  return row as FamilyFacts
}

const FORGET_LOOK: Statement = { name: 'forget_look', text: 'SELECT pg_stat_clear_snapshot()::text AS done' }
const COUNT_WAITING: Statement = {
  name: 'count_waiting',
  text: `SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`,
}

/** Until so many wait for locks in this database. A transaction sees who waits as it was when it first looked. */
export async function untilWaiting(db: Pick<IdentityDb, 'sql'>, count: number): Promise<void> {
  for (let n = 0; n < count; n = Number((await db.sql(COUNT_WAITING, []))[0]?.['n'])) await db.sql(FORGET_LOOK, [])
}
