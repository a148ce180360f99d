// Members of the organizations under test, and calls to `/v1` in their names.
import type { InjectOptions } from 'fastify'
import { directoryDocumentSchema, importDirectory } from '../../services/identity/src/directory/import-directory.ts'
import { type IdentityUnderTest, type Instance, type Reply, signIn } from './identity.ts'
import { ask } from './races.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export async function tokenOf(identity: IdentityUnderTest, email: string): Promise<string> {
  return String((await signIn(identity, email)).body['access_token'])
}

export function call(
  instance: Pick<Instance, 'inject'>,
  token: string,
  method: Method,
  url: string,
  payload?: object | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const options: InjectOptions = { method, url, headers: { authorization: `Bearer ${token}`, ...headers } }
  return instance.inject(payload === undefined ? options : { ...options, payload })
}

export type Place = { readonly org: string; readonly region: string; readonly role: string }

/** Adds a person, or memberships to one. */
export async function addMember(identity: IdentityUnderTest, email: string, ...memberships: Place[]): Promise<void> {
  const person = { email, name: email.split('@')[0], memberships }
  await importDirectory(identity.deps, directoryDocumentSchema.parse({ organizations: [], people: [person] }))
}

export type MembershipFacts = {
  readonly id: string
  readonly role: string
  readonly status: string
  readonly version: number
}

export async function findMembership(
  identity: Pick<IdentityUnderTest, 'db'>,
  email: string,
  org: string,
  region: string,
): Promise<MembershipFacts | undefined> {
  const text = `SELECT m.id::text, m.role, m.status, m.version FROM membership m
    JOIN user_account u ON u.id = m.user_id JOIN organization o ON o.id = m.org_id
    WHERE u.email = $1 AND o.slug = $2 AND m.region = $3`
  const [row] = await ask(identity, text, [email, org, region])
  return row as MembershipFacts | undefined
}

export async function membershipOf(
  identity: Pick<IdentityUnderTest, 'db'>,
  email: string,
  org: string,
  region: string,
): Promise<MembershipFacts> {
  const found = await findMembership(identity, email, org, region)
  if (found === undefined) throw new Error(`${email} has no membership of ${org} in ${region}`)
  return found
}

/** The events of these kinds, oldest first, as `kind outcome`. */
export async function eventsOf(identity: Pick<IdentityUnderTest, 'db'>, area: string): Promise<readonly string[]> {
  const rows = await ask(identity, `SELECT kind, outcome FROM audit_event WHERE kind LIKE $1 || '.%' ORDER BY id`, [
    area,
  ])
  return rows.map(({ kind, outcome }) => `${kind} ${outcome}`)
}
