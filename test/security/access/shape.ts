// The form of the access matrix: for every route, what each actor is answered when they call it for their own
// organization and for a foreign one. One file an area holds the rows; test/security/access.test.ts makes every request
// from them, and fails where a route of the service has no row. It takes up whatever a file of this folder exports as
// `…_ROWS` and as `…_THINGS`, so a new area is a new file and nothing else.
import type { IdentityUnderTest } from '../../support/identity.ts'

/**
 * By their relation to `acme`, the organization called "own" here; the one called "foreign" is `globex`. A manager of
 * another organization is a manager of `globex`, so that their "foreign" is at home.
 */
export const ACTORS = [
  'anonymous',
  'member',
  'viewer',
  'manager',
  'foreign_manager',
  'former_manager',
  'suspended_manager',
  'sys_admin',
  'region',
  'support',
] as const
export type Actor = (typeof ACTORS)[number]

/** A status, with the problem's code where it is a refusal: `200`, `403 access_denied`. */
export type Outcome = `${number}` | `${number} ${string}`

/** What a request can be made from: ids of the organization that is aimed at. */
export type Target = {
  readonly org: { readonly id: string; readonly slug: string }
  /** A region that the organization is in, and its API's address. */
  readonly region: string
  readonly resource: string
  /** A plain member of it, who is nobody's actor, and their membership in `region`. */
  readonly user: string
  readonly membership: string
  /** Rows of other kinds that the world below has made for this organization, by kind. */
  readonly things: Readonly<Record<string, string>>
}

/** What a thing is made with, before any cell is run: through the API, as the people of that organization do it. */
export type Maker = {
  readonly identity: IdentityUnderTest
  /** The organization that gets the thing; its own `things` are those that were made before. */
  readonly target: Target
  /** Account tokens with a recent sign-in: of a manager and of a sys-admin who are nobody's actors. */
  readonly manager: string
  readonly sysAdmin: string
}

/** Rows of an area, made for each of both organizations; what `make` resolves to is `target.things[kind]`. */
export type ThingMaker = { readonly kind: string; readonly make: (maker: Maker) => Promise<string> }

export type AskedFor = {
  readonly url: string
  readonly payload?: object
  readonly headers?: Readonly<Record<string, string>>
}

export type AccessRow = {
  /** As Fastify has it: `GET /v1/orgs/:org/members`. */
  readonly route: string
  readonly request: (target: Target) => AskedFor
  readonly own: Readonly<Record<Actor, Outcome>>
  readonly foreign: Readonly<Record<Actor, Outcome>>
}

const NO_PERSON = {
  anonymous: '401 missing_token',
  region: '401 invalid_token',
  support: '401 invalid_token',
} as const
const DENIED = '403 access_denied'

/** For managers of the organization alone, in the region that the request names or in any. */
export function managersOnly(granted: Outcome): Pick<AccessRow, 'own' | 'foreign'> {
  const refused = {
    ...NO_PERSON,
    member: DENIED,
    viewer: DENIED,
    manager: DENIED,
    foreign_manager: DENIED,
    former_manager: DENIED,
    suspended_manager: DENIED,
    sys_admin: DENIED,
  } as const
  return { own: { ...refused, manager: granted }, foreign: { ...refused, foreign_manager: granted } }
}

/** For everybody who is in the organization now. */
export function membersOnly(granted: Outcome): Pick<AccessRow, 'own' | 'foreign'> {
  const { own, foreign } = managersOnly(granted)
  return { own: { ...own, member: granted, viewer: granted }, foreign }
}

/** For sys-admins alone, whichever organization it concerns. */
export function sysAdminsOnly(granted: Outcome): Pick<AccessRow, 'own' | 'foreign'> {
  const { own } = managersOnly(DENIED)
  return { own: { ...own, sys_admin: granted }, foreign: { ...own, sys_admin: granted } }
}

/** For every person, about themselves. */
export function everyPerson(granted: Outcome): Pick<AccessRow, 'own' | 'foreign'> {
  const all = {
    ...NO_PERSON,
    member: granted,
    viewer: granted,
    manager: granted,
    foreign_manager: granted,
    former_manager: granted,
    suspended_manager: granted,
    sys_admin: granted,
  } as const
  return { own: all, foreign: all }
}

/** The same for whoever it is: public documents, and what asks for proof of another kind. */
export function everybody(answer: Outcome): Pick<AccessRow, 'own' | 'foreign'> {
  const all = { ...everyPerson(answer).own, anonymous: answer, region: answer, support: answer } as const
  return { own: all, foreign: all }
}
