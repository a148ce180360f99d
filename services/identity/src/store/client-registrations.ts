// Registered clients as sys-admins manage them. Each change is one conditional UPDATE: of a client that was registered
// through the API, that lives, in a version that was read. The token endpoint's own look-up is in clients.ts.
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { z } from 'zod'
import { type Client, clientSchema, writtenClient } from './clients.ts'
import type { IdentityDb } from './open-store.ts'

const registrationSchema = z.object({
  ...clientSchema.omit({ secretHash: true }).shape,
  source: z.enum(['configuration', 'api']),
  status: z.enum(['active', 'deleted']),
  version: z.number(),
})
/** Without the hash of the secret: nobody is shown it. */
export type StoredRegistration = z.infer<typeof registrationSchema>

/** Any client that ever was, or undefined. */
export async function findRegistration(db: IdentityDb, id: string): Promise<StoredRegistration | undefined> {
  const row = await db.prisma.client.findUnique({ where: { id }, omit: { secretHash: true } })
  return row === null ? undefined : registrationSchema.parse(row)
}

/** In the order of their ids, from after `after`. */
export async function listRegistrations(
  db: IdentityDb,
  after: string | undefined,
  limit: number,
): Promise<readonly StoredRegistration[]> {
  const rows = await db.prisma.client.findMany({
    ...(after === undefined ? {} : { where: { id: { gt: after } } }),
    orderBy: { id: 'asc' },
    take: limit,
    omit: { secretHash: true },
  })
  return rows.map((row) => registrationSchema.parse(row))
}

/** Which of these ids belong to clients that were registered through the API, deleted ones included. */
export async function listApiClientIds(db: IdentityDb, ids: readonly string[]): Promise<readonly string[]> {
  const where = { id: { in: [...ids] }, source: 'api' }
  const rows = await db.prisma.client.findMany({ where, select: { id: true }, orderBy: { id: 'asc' } })
  return rows.map((row) => row.id)
}

/** Adds a client. Resolves to false where the id was ever given before. */
export async function insertRegistration(db: IdentityDb, client: Client): Promise<boolean> {
  const data = [{ ...writtenClient(client), source: 'api' }]
  return (await db.prisma.client.createMany({ data, skipDuplicates: true })).count === 1
}

const changeable = (id: string, expected: ExpectedVersions) => ({
  id,
  source: 'api',
  status: 'active',
  ...(expected === 'any' ? {} : { version: { in: [...expected] } }),
})
const NEXT_VERSION = { version: { increment: 1 } }

/** Replaces all but the secret, of a client that already authenticates in one of these ways. */
export async function updateRegistration(
  db: IdentityDb,
  client: Client,
  authMethods: readonly Client['authMethod'][],
  expected: ExpectedVersions,
): Promise<boolean> {
  const { id, secretHash: _kept, ...fields } = writtenClient(client)
  const where = { ...changeable(id, expected), authMethod: { in: [...authMethods] } }
  return (await db.prisma.client.updateMany({ where, data: { ...fields, ...NEXT_VERSION } })).count === 1
}

export async function deleteRegistration(db: IdentityDb, id: string, expected: ExpectedVersions): Promise<boolean> {
  const data = { status: 'deleted', ...NEXT_VERSION }
  return (await db.prisma.client.updateMany({ where: changeable(id, expected), data })).count === 1
}

/** Gives a client that has a secret another one. */
export async function replaceSecret(
  db: IdentityDb,
  id: string,
  secretHash: Uint8Array,
  expected: ExpectedVersions,
): Promise<boolean> {
  const where = { ...changeable(id, expected), secretHash: { not: null } }
  const data = { secretHash: new Uint8Array(secretHash), ...NEXT_VERSION }
  return (await db.prisma.client.updateMany({ where, data })).count === 1
}
