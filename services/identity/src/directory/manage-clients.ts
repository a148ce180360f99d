// Clients as sys-admins manage them. A client of the configuration is the operator's and read-only here; the id of a
// deleted one is never given again. Secrets are made here, shown in the one answer that made them, and kept as hashes.
import { createPublicKey } from 'node:crypto'
import { withTransaction } from '@meridian/database/transaction'
import {
  type ClientPage,
  type ClientRegistration,
  type ClientSecret,
  type CreatedClient,
  isNarrow,
  type RegisteredClient,
} from '@meridian/protocol/clients'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { type AuditKind, type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { sha256 } from '../secrets/macs.ts'
import { seal, unseal } from '../secrets/sealing.ts'
import {
  deleteRegistration,
  findRegistration,
  insertRegistration,
  listRegistrations,
  replaceSecret,
  updateRegistration,
} from '../store/client-registrations.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { findActiveApiUrl } from '../store/regions.ts'
import { requireActingSysAdmin } from './acting-sys-admin.ts'
import { answerOnce } from './answer-once.ts'
import type { Actor } from './by-actor.ts'
import { presentClient, storedClientOf } from './client-registration.ts'
import { endSessionsOfDeletedClients } from './end-deleted-clients.ts'

type ManagingDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes' | 'secrets'>

const SECRET_BYTES = 32
const SECRET_METHODS = ['client_secret_basic', 'client_secret_post'] as const

export async function listClients(
  deps: Pick<Deps, 'db'>,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<ClientPage> {
  const rows = await listRegistrations(deps.db, page.after, page.limit + 1)
  const clients = rows.slice(0, page.limit).map(presentClient)
  return { clients, next_cursor: rows.length > page.limit ? (clients.at(-1)?.id ?? null) : null }
}

/** Throws Refusal (not_found). */
export async function readClient(deps: Pick<Deps, 'db'>, id: string): Promise<RegisteredClient> {
  return presentClient(await getRegistration(deps.db, id))
}

/** Throws Refusal: client_id_taken, unknown_region, invalid_request, idempotency_key_reused. */
export async function createClient(
  deps: ManagingDeps,
  actor: Actor,
  registration: ClientRegistration,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<CreatedClient> {
  const key = { scope: `create_client ${actor.userId}`, value: idempotencyKey, request: registration }
  const { client, sealedSecret } = await withTransaction(deps.db, (db) =>
    answerOnce(db, key, 201, () => register(deps, db, actor, registration, origin)),
  )
  if (sealedSecret === null) return client
  return { ...client, client_secret: openSecret(deps, client.id, sealedSecret) }
}

const sealPurpose = (id: string) => `client_secret ${id}`

/** The answer to a repeat needs the secret again, so it is kept with the answer, sealed. */
function sealSecret(deps: ManagingDeps, id: string, secret: string): string {
  const sealed = seal(deps.secrets.sealKeys, sealPurpose(id), Buffer.from(secret), deps.randomBytes)
  return Buffer.from(sealed).toString('base64url')
}

function openSecret(deps: ManagingDeps, id: string, sealedSecret: string): string {
  return Buffer.from(unseal(deps.secrets.sealKeys, sealPurpose(id), Buffer.from(sealedSecret, 'base64url'))).toString()
}

async function register(
  deps: ManagingDeps,
  db: IdentityDb,
  actor: Actor,
  registration: ClientRegistration,
  origin: Origin,
): Promise<{ client: RegisteredClient; sealedSecret: string | null }> {
  await requireActingSysAdmin(db, actor)
  await assertNarrow(db, registration)
  assertKeys(registration)
  const secret = hasSecret(registration) ? makeSecret(deps) : null
  const added = storedClientOf(registration, secret === null ? null : sha256(secret))
  if (!(await insertRegistration(db, added))) throw new Refusal('client_id_taken', 'the id was given before')
  await recordChange(deps, db, 'client.created', registration.id, actor, origin)
  const client = presentClient(await getRegistration(db, registration.id))
  return { client, sealedSecret: secret === null ? null : sealSecret(deps, client.id, secret) }
}

/** Throws Refusal: not_found, conflict, precondition_failed, unknown_region, invalid_request. */
export async function changeClient(
  deps: ManagingDeps,
  actor: Actor,
  registration: ClientRegistration,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<RegisteredClient> {
  return withTransaction(deps.db, async (db) => {
    await requireActingSysAdmin(db, actor)
    await assertNarrow(db, registration)
    assertKeys(registration)
    const alike = hasSecret(registration) ? SECRET_METHODS : ([registration.auth_method] as const)
    const changed = await updateRegistration(db, storedClientOf(registration, null), alike, expected)
    if (!changed) throw await refusalOf(db, registration.id, expected, 'auth_method: another kind is another client')
    await recordChange(deps, db, 'client.changed', registration.id, actor, origin)
    return presentClient(await getRegistration(db, registration.id))
  })
}

/** Ends the client and every sign-in through it. Throws Refusal: not_found, conflict, precondition_failed. */
export async function deleteClient(
  deps: ManagingDeps & Pick<Deps, 'log'>,
  actor: Actor,
  id: string,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<void> {
  await withTransaction(deps.db, async (db) => {
    await requireActingSysAdmin(db, actor)
    if (!(await deleteRegistration(db, id, expected))) throw await refusalOf(db, id, expected)
    await recordChange(deps, db, 'client.deleted', id, actor, origin)
  })
  try {
    await endSessionsOfDeletedClients(deps, [id])
  } catch (error) {
    deps.log.warn({ err: error }, 'sessions of a deleted client are left; the purge ends them')
  }
}

/**
 * The former secret is over at once. Throws Refusal: not_found, conflict, precondition_failed, idempotency_key_reused.
 */
export async function rotateClientSecret(
  deps: ManagingDeps,
  actor: Actor,
  target: { readonly id: string; readonly expected: ExpectedVersions },
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<ClientSecret> {
  const key = { scope: `rotate_client_secret ${actor.userId}`, value: idempotencyKey, request: target }
  const { version, sealedSecret } = await withTransaction(deps.db, (db) =>
    answerOnce(db, key, 200, () => replaceOwnSecret(deps, db, actor, target, origin)),
  )
  return { client_secret: openSecret(deps, target.id, sealedSecret), version }
}

async function replaceOwnSecret(
  deps: ManagingDeps,
  db: IdentityDb,
  actor: Actor,
  { id, expected }: { readonly id: string; readonly expected: ExpectedVersions },
  origin: Origin,
): Promise<{ version: number; sealedSecret: string }> {
  await requireActingSysAdmin(db, actor)
  const secret = makeSecret(deps)
  if (!(await replaceSecret(db, id, sha256(secret), expected))) {
    throw await refusalOf(db, id, expected, 'This client authenticates without a secret')
  }
  await recordChange(deps, db, 'client.secret_rotated', id, actor, origin)
  const { version } = await getRegistration(db, id)
  return { version, sealedSecret: sealSecret(deps, id, secret) }
}

function hasSecret(registration: ClientRegistration): boolean {
  return SECRET_METHODS.some((method) => method === registration.auth_method)
}

function makeSecret(deps: Pick<Deps, 'randomBytes'>): string {
  return Buffer.from(deps.randomBytes(SECRET_BYTES)).toString('base64url')
}

async function getRegistration(db: IdentityDb, id: string) {
  const found = await findRegistration(db, id)
  if (found === undefined) throw new Refusal('not_found', 'no such client')
  return found
}

/** Why a change found nothing to change; `otherwise` where all that every change asks for is given. */
async function refusalOf(
  db: IdentityDb,
  id: string,
  expected: ExpectedVersions,
  otherwise = 'Changed meanwhile',
): Promise<Refusal> {
  const { source, status, version } = await getRegistration(db, id)
  if (status === 'deleted') return new Refusal('not_found', 'the client is deleted')
  if (source === 'configuration') {
    return new Refusal(
      'conflict',
      'a client of the configuration',
      'This client is kept in the configuration (REGISTRY)',
    )
  }
  if (expected !== 'any' && !expected.includes(version)) return new Refusal('precondition_failed', 'another version')
  return new Refusal('conflict', 'the client is of another kind', otherwise)
}

async function assertNarrow(db: IdentityDb, registration: ClientRegistration): Promise<void> {
  if (registration.region === undefined) return
  const apiUrl = await findActiveApiUrl(db, registration.region)
  if (apiUrl === undefined) throw new Refusal('unknown_region', 'no such region', 'region: is unknown')
  if (isNarrow(registration, () => apiUrl)) return
  const detail = "allowed_resources: a region's client may only have its own region's api_url"
  throw new Refusal('invalid_request', 'a region client that is too wide', detail)
}

/** A point that is on no curve, or too short a modulus, would refuse its client later and say less. */
function assertKeys(registration: ClientRegistration): void {
  for (const key of registration.jwks?.keys ?? []) {
    try {
      createPublicKey({ key, format: 'jwk' })
    } catch {
      throw new Refusal('invalid_request', 'a key that is none', 'jwks: holds a key that is none')
    }
  }
}

function recordChange(
  deps: Pick<Deps, 'makeId'>,
  db: IdentityDb,
  kind: AuditKind,
  client: string,
  actor: Actor,
  origin: Origin,
): Promise<void> {
  return recordAudit(db, deps.makeId, kind, {
    outcome: 'success',
    requestId: origin.requestId,
    ip: origin.ip,
    actorUserId: actor.userId,
    clientId: actor.clientId,
    sessionId: actor.sessionId,
    details: { client },
  })
}
