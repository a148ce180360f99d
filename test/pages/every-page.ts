// Each hosted page in each of its states, filled with the words that a test chooses.
import { renderAccount } from '../../services/identity/src/pages/account-page.ts'
import { renderAddress } from '../../services/identity/src/pages/address-page.ts'
import { renderCode } from '../../services/identity/src/pages/code-page.ts'
import { renderContext } from '../../services/identity/src/pages/context-page.ts'
import { renderError } from '../../services/identity/src/pages/error-page.ts'
import { renderFormPost } from '../../services/identity/src/pages/form-post-page.ts'
import { renderInvitations } from '../../services/identity/src/pages/invitations-page.ts'
import { renderInvited } from '../../services/identity/src/pages/invited-page.ts'
import { renderNoAccess } from '../../services/identity/src/pages/no-access-page.ts'
import { renderNoMembership } from '../../services/identity/src/pages/no-membership-page.ts'
import type { Frame, Page } from '../../services/identity/src/pages/page.ts'
import { renderSignOut } from '../../services/identity/src/pages/sign-out-page.ts'
import { renderSignedOut } from '../../services/identity/src/pages/signed-out-page.ts'
import {
  renderStopAddress,
  renderStopCode,
  renderStopDone,
} from '../../services/identity/src/pages/stop-email-change-pages.ts'
import { ENGLISH, type ErrorPageCode } from '../../services/identity/src/pages/texts.ts'

export type Words = {
  readonly clientName: string
  readonly email: string
  readonly name: string
  readonly orgName: string
  readonly regionName: string
  readonly role: string
  /** Of what the server hands out and takes back: csrf, request, flow. */
  readonly opaque: string
  /** Of what comes from a request: the logout request, a form's fields, the request id. */
  readonly foreign: string
  readonly url: string
}

export const ORDINARY: Words = {
  clientName: 'Acme Portal',
  email: 'ada@acme.test',
  name: 'Ada Lovelace',
  orgName: 'Acme Instruments',
  regionName: 'India',
  role: 'manager',
  opaque: 'c2lnbi1pbg',
  foreign: 'client_id=spa&state=af0ifjsldkj',
  url: 'https://portal.acme.example/back?error=access_denied&state=1',
}

export const PLAIN_FRAME: Frame = {
  productName: 'Meridian',
  brand: null,
  formTargets: ['http://localhost:4200'],
}

const ERROR_CODES = Object.keys(ENGLISH.error.pages) as ErrorPageCode[]

export function everyPage(frame: Frame, words: Words = ORDINARY): ReadonlyMap<string, Page> {
  return new Map([...signInPages(frame, words), ...afterSignInPages(frame, words), ...stopPages(frame, words)])
}

function signInPages(frame: Frame, words: Words): [string, Page][] {
  const { clientName, email, name, opaque, url } = words
  const start = { csrf: opaque, request: opaque, clientName, cancelUrl: url }
  const code = { csrf: opaque, flow: opaque, email, clientName, otherAddressUrl: '/sign-in?other', cancelUrl: url }
  const context = { csrf: opaque, request: opaque, clientName, email, otherAccountUrl: '/sign-in?other' }
  return [
    ['address', renderAddress(frame, { ...start, email: null, error: null })],
    ['address-not-an-address', renderAddress(frame, { ...start, email, error: 'not_an_address' })],
    ['address-too-many', renderAddress(frame, { ...start, email, error: 'too_many', cancelUrl: null })],
    ['code', renderCode(frame, { ...code, error: null, resendInSeconds: 60, expiresInMinutes: 15 })],
    [
      'code-wrong',
      renderCode(frame, { ...code, error: 'wrong_code', resendInSeconds: 0, expiresInMinutes: 1, cancelUrl: null }),
    ],
    ['account', renderAccount(frame, { ...start, email, name })],
    ['context-one', renderContext(frame, { ...context, contexts: manyContexts(words, 1), laterUrl: null })],
    ['context-few', renderContext(frame, { ...context, contexts: manyContexts(words, 4), laterUrl: url })],
    [
      'context-unavailable',
      renderContext(frame, { ...context, contexts: manyContexts(words, 4, [0, 2]), laterUrl: url }),
    ],
    [
      'context-none-available',
      renderContext(frame, { ...context, contexts: manyContexts(words, 2, [0, 1]), laterUrl: null }),
    ],
    ['context-many', renderContext(frame, { ...context, contexts: manyContexts(words, 200), laterUrl: url })],
  ]
}

const ROLES = ['viewer', 'member']
const REGIONS = ['India', 'United States', 'European Union']

/** The first is made of the words; three regions to an organization. */
function manyContexts({ orgName, regionName, role }: Words, number: number, unavailable: readonly number[] = []) {
  return Array.from({ length: number }, (_, index) => {
    const org = Math.floor(index / 3)
    return {
      orgId: `0199aa00-0000-7000-8000-${String(org).padStart(12, '0')}`,
      orgName: org === 0 ? orgName : `Organization ${org}`,
      region: ['in', 'us', 'eu'][index % 3] ?? 'in',
      regionName: index === 0 ? regionName : (REGIONS[index % 3] ?? ''),
      role: index === 0 ? role : (ROLES[index % 2] ?? ''),
      isAvailable: unavailable.every((place) => place !== index),
    }
  })
}

function afterSignInPages(frame: Frame, words: Words): [string, Page][] {
  const { clientName, email, opaque, foreign, url } = words
  const standing = { clientName, email, otherAccountUrl: '/sign-in?other', cancelUrl: url }
  return [
    ['no-membership', renderNoMembership(frame, { ...standing, continueUrl: url })],
    ['no-membership-no-way-on', renderNoMembership(frame, { ...standing, continueUrl: null, cancelUrl: null })],
    ['no-access', renderNoAccess(frame, standing)],
    ...invitationPages(frame, words),
    ['sign-out', renderSignOut(frame, { csrf: opaque, query: foreign, clientName, email })],
    ['sign-out-unnamed', renderSignOut(frame, { csrf: opaque, query: foreign, clientName: null, email: null })],
    ['signed-out', renderSignedOut(frame, { clientName, returnUrl: url })],
    ['signed-out-unnamed', renderSignedOut(frame, { clientName: null, returnUrl: null })],
    [
      'form-post',
      renderFormPost(frame, { action: 'http://localhost:4200/callback', fields: { code: foreign, submit: foreign } }),
    ],
    ...ERROR_CODES.map((code): [string, Page] => [
      `error-${code.replaceAll('_', '-')}`,
      renderError(frame, { code, requestId: code === 'not_found' ? null : foreign, retryUrl: url }),
    ]),
  ]
}

function invitationPages(frame: Frame, { opaque, email, orgName, regionName, role, url }: Words): [string, Page][] {
  const first = { id: '0199aa00-0000-7000-8000-000000000001', orgName, roles: [{ regionName, role }] }
  const second = {
    id: '0199aa00-0000-7000-8000-000000000002',
    orgName: 'Globex',
    roles: [
      { regionName: 'India', role: 'member' },
      { regionName: 'United States', role: 'viewer' },
    ],
  }
  const view = { csrf: opaque, request: opaque, email, laterUrl: url, otherAccountUrl: '/sign-in?other' }
  return [
    ['invitations-one', renderInvitations(frame, { ...view, invitations: [first], error: null })],
    ['invitations-two', renderInvitations(frame, { ...view, invitations: [first, second], error: null })],
    ['invitations-error-gone', renderInvitations(frame, { ...view, invitations: [first], error: 'gone' })],
    [
      'invitations-error-last-manager',
      renderInvitations(frame, { ...view, invitations: [first], error: 'last_manager' }),
    ],
    ['invited', renderInvited(frame)],
  ]
}

function stopPages(frame: Frame, { email, opaque }: Words): [string, Page][] {
  const code = { csrf: opaque, flow: opaque, email }
  const outcomes = ['stopped', 'undone', 'nothing'] as const
  return [
    ['stop-address', renderStopAddress(frame, { csrf: opaque, email: null, error: null })],
    ['stop-address-too-many', renderStopAddress(frame, { csrf: opaque, email, error: 'too_many' })],
    ['stop-code', renderStopCode(frame, { ...code, error: null, resendInSeconds: 60 })],
    ['stop-code-wrong', renderStopCode(frame, { ...code, error: 'wrong_code', resendInSeconds: 1 })],
    ...outcomes.map((outcome): [string, Page] => [`stop-${outcome}`, renderStopDone(frame, { outcome })]),
  ]
}
