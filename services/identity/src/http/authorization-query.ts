// An authorization request on its way through the pages: always the query that the client sent, read again and
// checked again at each step, so that nothing needs to be stored before a person does something. A logout request
// travels alike.
import { authorizationRequestSchema, logoutRequestSchema } from '@meridian/protocol/authorization-request'

export type RawParameters = Readonly<Record<string, unknown>>

export const AUTHORIZE_PATH = '/oauth/authorize'
export const PAGE_PATHS = {
  address: '/sign-in',
  code: '/sign-in/code',
  resend: '/sign-in/resend',
  account: '/sign-in/account',
  context: '/sign-in/context',
  invitations: '/sign-in/invitations',
  cancel: '/sign-in/cancel',
} as const

const RESUMED = 'resumed'
const INVITATIONS = 'invitations'
const AUTHORIZATION_PARAMETERS: ReadonlySet<string> = new Set([
  ...Object.keys(authorizationRequestSchema.shape),
  RESUMED,
  INVITATIONS,
])
const LOGOUT_PARAMETERS: ReadonlySet<string> = new Set(Object.keys(logoutRequestSchema.shape))

/** The query again, without what nobody here knows; a repeated parameter stays repeated, and is refused at every step. */
export function authorizationQueryOf(raw: RawParameters): string {
  return queryWith(AUTHORIZATION_PARAMETERS, raw)
}

/** The same of a logout request. */
export function logoutQueryOf(raw: RawParameters): string {
  return queryWith(LOGOUT_PARAMETERS, raw)
}

function queryWith(known: ReadonlySet<string>, raw: RawParameters): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(raw)) {
    if (!known.has(name)) continue
    for (const one of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      if (typeof one === 'string') query.append(name, one)
    }
  }
  return query.toString()
}

export function parseQuery(query: string): RawParameters {
  const raw: Record<string, string | string[]> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    const known = Object.hasOwn(raw, name) ? raw[name] : undefined
    if (known === undefined) Object.defineProperty(raw, name, { value, enumerable: true, writable: true })
    else raw[name] = [known, value].flat()
  }
  return raw
}

/** Back to the authorization endpoint after a sign-in, which answered what the client wanted of one. */
export function resumeAfterSignIn(query: string): string {
  const resumed = new URLSearchParams(query)
  for (const name of ['prompt', 'max_age', 'login_hint']) resumed.delete(name)
  resumed.set(RESUMED, '1')
  return `${AUTHORIZE_PATH}?${resumed.toString()}`
}

/** Back after a choice of account or place. */
export function resumeAfterChoice(query: string, chosen: Readonly<Record<string, string>> = {}): string {
  const resumed = new URLSearchParams(query)
  resumed.delete('prompt')
  for (const [name, value] of Object.entries(chosen)) resumed.set(name, value)
  return `${AUTHORIZE_PATH}?${resumed.toString()}`
}

/** On without asking the person anything more. */
export function resumeSilently(query: string): string {
  return resumeAfterChoice(query, { prompt: 'none' })
}

export function wasResumed(raw: RawParameters): boolean {
  return raw[RESUMED] === '1'
}

/** On from the invitations: those that are left are not offered again in this sign-in. */
export function resumeAfterInvitations(query: string): string {
  return resumeAfterChoice(query, { [INVITATIONS]: 'later' })
}

/** Whether the person is to be shown invitations: once after signing in, and where they could not go on otherwise. */
export function offerOfInvitations(raw: RawParameters): 'now' | 'if_stuck' | 'never' {
  if (raw[INVITATIONS] !== undefined) return 'never'
  return wasResumed(raw) ? 'now' : 'if_stuck'
}
