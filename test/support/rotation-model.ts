// What refresh rotation must do, said a second time and without the service: a model of people, contexts and token
// families whose predictions the real service is held to. Instants are ms since the epoch.
import { IN, US } from './identity.ts'

export const DAY_MS = 86_400_000
const IDLE_MS = 90 * DAY_MS
const GRACE_MS = 30_000

export type Membership = { role: string; version: number; isActive: boolean }
export type Person = { email: string; isDisabled: boolean; memberships: Map<string, Membership> }
export type Org = { id: string; slug: string; isSuspended: boolean; withdrawnFrom: Set<string> }
export type Target = { readonly resource: string; readonly org: 'a' | 'g' | 'nowhere' }
export type ModelClient = { readonly id: string; readonly absoluteMs: number; readonly bound: Target | null }

export const CLIENTS: readonly ModelClient[] = [
  { id: 'native', absoluteMs: 365 * DAY_MS, bound: null },
  { id: 'other', absoluteMs: 365 * DAY_MS, bound: null },
  { id: 'spa-standard', absoluteMs: DAY_MS, bound: null },
  { id: 'region-in', absoluteMs: 365 * DAY_MS, bound: { resource: IN, org: 'a' } },
]

export type Family = {
  readonly id: string
  readonly sid: string
  readonly client: ModelClient
  readonly person: Person
  readonly epoch: string
  readonly absoluteExpiresAt: number
  idleExpiresAt: number
  counter: number
  rotatedAt: number
  retryKey: string | null
  /** Every token that the service ever gave, by its counter. */
  readonly tokens: string[]
  isDead: boolean
  isSignedOut: boolean
  /** An answer that the client never got: what it presented, and under which key. */
  lost: { spent: number; key: string } | undefined
  access: { token: string; expiresAt: number } | undefined
}

export type World = {
  now: number
  epoch: string
  readonly people: readonly [Person, Person]
  readonly orgs: ReadonlyMap<string, Org>
  readonly deletedClients: Set<string>
  readonly families: Family[]
  /** Mails about theft, and sessions that the regions were told are over. */
  notices: number
  signOuts: number
}

export function openFamily(
  world: World,
  opened: Pick<Family, 'id' | 'sid' | 'client' | 'person' | 'access'> & { token: string },
): Family {
  const { token, ...rest } = opened
  const absoluteExpiresAt = world.now + opened.client.absoluteMs
  const family: Family = {
    ...rest,
    epoch: world.epoch,
    absoluteExpiresAt,
    idleExpiresAt: Math.min(world.now + IDLE_MS, absoluteExpiresAt),
    counter: 0,
    rotatedAt: world.now,
    retryKey: null,
    tokens: [token],
    isDead: false,
    isSignedOut: false,
    lost: undefined,
  }
  world.families.push(family)
  return family
}

export const regionOf = (resource: string) => (resource === IN ? 'in' : resource === US ? 'us' : 'nowhere')

/** The membership that a token for this target would vouch for, if it admits the person through the client. */
export function admittingMembership(world: World, family: Family, target: Target): Membership | undefined {
  const { bound } = family.client
  if (bound !== null && (bound.resource !== target.resource || bound.org !== target.org)) return undefined
  const org = world.orgs.get(target.org)
  const region = regionOf(target.resource)
  if (org === undefined || org.isSuspended || org.withdrawnFrom.has(region)) return undefined
  const membership = family.person.memberships.get(`${target.org} ${region}`)
  return membership?.isActive ? membership : undefined
}

export type Prediction =
  | { readonly answer: 'given'; readonly counter: number; readonly isNew: boolean }
  | { readonly answer: 'invalid_grant' | 'invalid_target' | 'invalid_client' }

/** A family past one of its two ends. */
const isExpired = (world: World, family: Family) =>
  world.now >= family.idleExpiresAt || world.now >= family.absoluteExpiresAt

/** Predicts the answer to the token with this counter, and moves the model as the service must move. */
export function presentToken(
  world: World,
  family: Family,
  counter: number,
  key: string | null,
  target: Target | null,
): Prediction {
  if (world.deletedClients.has(family.client.id)) return { answer: 'invalid_client' }
  if (family.isDead || isExpired(world, family)) return { answer: 'invalid_grant' }
  if (family.epoch !== world.epoch || family.person.isDisabled) {
    family.isDead = true
    return { answer: 'invalid_grant' }
  }
  const isHead = counter === family.counter
  const isSameRequest = key !== null && key === family.retryKey
  const isRepeat = counter === family.counter - 1 && (isSameRequest || world.now - family.rotatedAt <= GRACE_MS)
  if (!isHead && !isRepeat) {
    endSession(world, family)
    world.notices += 1
    return { answer: 'invalid_grant' }
  }
  const wanted = target ?? family.client.bound
  if (wanted !== null && admittingMembership(world, family, wanted) === undefined) return { answer: 'invalid_target' }
  if (!isHead) return { answer: 'given', counter: family.counter, isNew: false }
  family.counter += 1
  family.rotatedAt = world.now
  family.retryKey = key
  family.idleExpiresAt = Math.min(world.now + IDLE_MS, family.absoluteExpiresAt)
  return { answer: 'given', counter: family.counter, isNew: true }
}

export function endSession(world: World, family: Family): void {
  family.isDead = true
  if (family.isSignedOut) return
  family.isSignedOut = true
  world.signOuts += 1
}

/** Predicts the exchange of the family's newest account token. */
export function exchangeToken(
  world: World,
  family: Family,
  target: Target,
): 'given' | Exclude<Prediction, { answer: 'given' }>['answer'] {
  if (world.deletedClients.has(family.client.id)) return 'invalid_client'
  const isOver = family.access === undefined || world.now >= family.access.expiresAt
  if (isOver || family.isSignedOut || family.person.isDisabled) return 'invalid_grant'
  return admittingMembership(world, family, target) === undefined ? 'invalid_target' : 'given'
}
