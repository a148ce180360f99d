// The world that the access matrix is run in: two organizations, somebody for each actor, signed in lately, and a thing
// of every kind for both. After a cell that changed something the tables are put back as they were.

import { withTransaction } from '@meridian/database/transaction'
import type { Test } from 'tap'
import { directoryDocumentSchema, importDirectory } from '../../../services/identity/src/directory/import-directory.ts'
import { embeddedPlace } from '../../support/databases.ts'
import {
  basic,
  exchange,
  type IdentityUnderTest,
  IN,
  makeSysAdmin,
  REGION_SECRETS,
  signIn,
  startIdentity,
  US,
} from '../../support/identity.ts'
import { ask, UNHURRIED } from '../../support/races.ts'
import { hearOfRegions } from '../../support/region-reports.ts'
import { letSupportIn } from '../../support/support-access.ts'
import type { Actor, Target, ThingMaker } from './shape.ts'

const contact = { name: 'Contact', email: 'contact@example.test' }
const inAcme = (name: string, role: string) => ({
  email: `${name}@acme.test`,
  name,
  memberships: [{ org: 'acme', region: 'in', role }],
})
const inGlobex = (name: string, role: string) => ({
  email: `${name}@globex.test`,
  name,
  memberships: [{ org: 'globex', region: 'us', role }],
})

/** Nobody's actor either: makes things, and is the one whose support access the actor `support` has. */
const SECOND_SYS_ADMIN = 'second@example.test'

/** With a spare manager each, so that an actor is never the last one. */
const DIRECTORY = directoryDocumentSchema.parse({
  organizations: [
    { slug: 'acme', name: 'Acme', primary_contact: contact, regions: ['in', 'us'] },
    { slug: 'globex', name: 'Globex', primary_contact: contact, regions: ['us'] },
  ],
  people: [
    inAcme('member', 'member'),
    inAcme('viewer', 'viewer'),
    inAcme('manager', 'manager'),
    inAcme('former', 'manager'),
    inAcme('suspended', 'manager'),
    inAcme('spare', 'manager'),
    inAcme('plain', 'member'),
    inGlobex('manager', 'manager'),
    inGlobex('spare', 'manager'),
    inGlobex('plain', 'member'),
    { email: SECOND_SYS_ADMIN, name: 'Second', memberships: [] },
  ],
})

const PEOPLE = {
  member: 'member@acme.test',
  viewer: 'viewer@acme.test',
  manager: 'manager@acme.test',
  foreign_manager: 'manager@globex.test',
  former_manager: 'former@acme.test',
  suspended_manager: 'suspended@acme.test',
  sys_admin: 'root@example.test',
} as const satisfies Partial<Record<Actor, string>>

export type World = {
  readonly identity: IdentityUnderTest
  readonly own: Target
  readonly foreign: Target
  /** What each actor shows; `anonymous` shows nothing. */
  readonly tokens: Readonly<Record<Exclude<Actor, 'anonymous'>, string>>
}

export async function startWorld(t: Test, things: readonly ThingMaker[]): Promise<World> {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED, withPeople: false })
  await importDirectory(identity.deps, DIRECTORY)
  await hearOfRegions(identity, 3600)
  await makeSysAdmin(identity, PEOPLE.sys_admin)
  await endMembership(identity, PEOPLE.former_manager, 'removed')
  await endMembership(identity, PEOPLE.suspended_manager, 'suspended')
  const tokenOf = async (email: string) => String((await signIn(identity, email)).body['access_token'])
  const people = await mapValues(PEOPLE, tokenOf)
  const [own, foreign] = [
    await targetOf(identity, 'acme', 'in', IN, 'plain@acme.test'),
    await targetOf(identity, 'globex', 'us', US, 'plain@globex.test'),
  ]
  await ask(identity, `UPDATE user_account SET platform_role = 'sys_admin' WHERE email = $1::text`, [SECOND_SYS_ADMIN])
  const sysAdmin = await tokenOf(SECOND_SYS_ADMIN)
  const managerOfOwn = await tokenOf('spare@acme.test')
  await letSupportIn(identity, sysAdmin, managerOfOwn, { org: own.org.slug, region: own.region })
  const support = await exchange(identity, sysAdmin, { resource: own.resource, org_id: own.org.id })
  for (const [target, manager] of [
    [own, managerOfOwn],
    [foreign, await tokenOf('spare@globex.test')],
  ] as const) {
    const made: Record<string, string> = target.things
    for (const { kind, make } of things) made[kind] = await make({ identity, target, manager, sysAdmin })
  }
  const grant = { grant_type: 'client_credentials' }
  const region = await identity.post('/oauth/token', grant, basic('region-in', REGION_SECRETS.in))
  const tokens = {
    ...people,
    region: String(region.body['access_token']),
    support: String(support.body['access_token']),
  }
  return { identity, own, foreign, tokens }
}

async function endMembership(identity: IdentityUnderTest, email: string, status: string): Promise<void> {
  await ask(
    identity,
    'UPDATE membership SET status = $2::text FROM user_account u WHERE u.id = user_id AND u.email = $1::text',
    [email, status],
  )
}

async function targetOf(
  identity: IdentityUnderTest,
  slug: string,
  region: string,
  resource: string,
  email: string,
): Promise<Target & { things: Record<string, string> }> {
  const [row] = await ask(
    identity,
    `SELECT o.id::text AS org, u.id::text AS user, m.id::text AS membership
      FROM organization o JOIN membership m ON m.org_id = o.id JOIN user_account u ON u.id = m.user_id
      WHERE o.slug = $1::text AND m.region = $2::text AND u.email = $3::text`,
    [slug, region, email],
  )
  if (row === undefined) throw new Error(`${email} is not in ${slug}`)
  const { org, user, membership } = row as Record<string, string>
  return {
    org: { id: String(org), slug },
    region,
    resource,
    user: String(user),
    membership: String(membership),
    things: {},
  }
}

async function mapValues<K extends string>(
  values: Readonly<Record<K, string>>,
  make: (value: string) => Promise<string>,
): Promise<Record<K, string>> {
  const made: Partial<Record<K, string>> = {}
  for (const [key, value] of Object.entries(values) as [K, string][]) made[key] = await make(value)
  return made as Record<K, string>
}

/** Written by refusals too, and meant to be: what was tried. */
const RECORDS_OF_WHAT_WAS_TRIED = /^audit_/

export type Tables = {
  /** A digest of every table, but for the records of what was tried. */
  read(): Promise<string>
  /** Puts every table back as it was when this was made. */
  restore(): Promise<void>
}

export async function keepTables(identity: IdentityUnderTest): Promise<Tables> {
  const { db } = identity
  const all = await ask(
    identity,
    `SELECT c.relname::text AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY c.relname`,
  )
  const columnsOf = new Map(all.map(({ name, columns }) => [String(name), String(columns)]))
  const digest = [...columnsOf.keys()]
    .map((name) => `SELECT '${name}' AS name, md5(string_agg(x::text, '|' ORDER BY x::text)) AS digest FROM ${name} x`)
    .join(' UNION ALL ')
  const digests = async () =>
    new Map((await ask(identity, digest)).map((row) => [String(row['name']), String(row['digest'])]))
  await ask(identity, 'CREATE SCHEMA kept')
  for (const name of columnsOf.keys()) await ask(identity, `CREATE TABLE kept.${name} AS TABLE public.${name}`)
  const kept = await digests()
  return {
    read: async () => JSON.stringify([...(await digests())].filter(([name]) => !RECORDS_OF_WHAT_WAS_TRIED.test(name))),
    restore: async () => {
      const now = await digests()
      const changed = [...columnsOf].filter(([name]) => now.get(name) !== kept.get(name))
      if (changed.length === 0) return
      await withTransaction(db, async (inside) => {
        // Neither triggers nor references are asked while the tables are between two states.
        const run = (name: string, text: string) => inside.sql({ name, text }, [])
        await run('restore_begin', 'SET LOCAL session_replication_role = replica')
        for (const [name, columns] of changed) {
          await run(`restore_clear_${name}`, `DELETE FROM public.${name}`)
          await run(
            `restore_fill_${name}`,
            `INSERT INTO public.${name} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM kept.${name}`,
          )
        }
      })
    },
  }
}
