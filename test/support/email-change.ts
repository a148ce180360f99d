// A change of address as its two sides see it: the person with a token, and the stop pages with the old mailbox.

import type { Test } from 'tap'
import { directoryDocumentSchema, importDirectory } from '../../services/identity/src/directory/import-directory.ts'
import { embeddedPlace } from './databases.ts'
import { follow, type HostedBrowser, hiddenFieldsOf, openBrowser } from './hosted-browser.ts'
import {
  codeMailedTo,
  type IdentityOptions,
  type IdentityUnderTest,
  type Instance,
  ISSUER,
  type Reply,
  signIn,
  startIdentity,
} from './identity.ts'
import { UNHURRIED } from './races.ts'

export const ADA = 'ada@acme.test'
export const LIN = 'lin@acme.test'
export const NEW = 'ada.new@example.test'
export const WRONG_CODE = { status: 400, error: 'invalid_code' }

export const STOP = '/email-change/stop'
export const STOP_CODE = '/email-change/stop/code'
export const STOP_URL = `${ISSUER}${STOP}`

export const bearer = (token: unknown) => ({ authorization: `Bearer ${token}` })
export const tokenOf = (reply: Reply) => String(reply.body['access_token'])

/** Codes as often as a test needs them, unless it says otherwise. */
export async function startEmbedded(t: Test, options: IdentityOptions = {}): Promise<IdentityUnderTest> {
  const settings = { ...UNHURRIED, ...options.settings }
  return startIdentity(t, await embeddedPlace('identity'), { ...options, settings })
}

export const wrongCode = (otp: string) => String((Number(otp) + 1) % 1_000_000).padStart(6, '0')

/** Somebody else takes an address, by an import. Resolves to how many people were added. */
export async function importPerson(instance: Pick<Instance, 'deps'>, email: string): Promise<number> {
  const person = { email, name: 'Someone', memberships: [] }
  const document = directoryDocumentSchema.parse({ organizations: [], people: [person] })
  return (await importDirectory(instance.deps, document)).peopleAdded
}

export function requestChange(
  instance: Pick<Instance, 'inject'>,
  token: string,
  payload: object,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return instance.inject({ method: 'POST', url: '/v1/me/email', headers: { ...bearer(token), ...headers }, payload })
}

export function confirmChange(
  instance: Pick<Instance, 'inject'>,
  token: string,
  payload: object,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const url = '/v1/me/email/confirm'
  return instance.inject({ method: 'POST', url, headers: { ...bearer(token), ...headers }, payload })
}

export type Asked = {
  readonly token: string
  readonly body: { change_session: string; otp: string }
  readonly signedIn: Reply
}

/** Signed in (unless so already), asked for, and the code read: all but the confirmation. */
export async function askForChange(
  identity: IdentityUnderTest,
  from: string,
  to: string,
  signedIn?: Reply,
): Promise<Asked> {
  // What was queued before: the newest mail must be the one that is asked for here.
  await identity.mailTo(from)
  const session = signedIn ?? (await signIn(identity, from))
  const reply = await requestChange(identity, tokenOf(session), { email: to })
  if (reply.status !== 202) throw new Error(`request: ${reply.text}`)
  const otp = await codeMailedTo(identity, to)
  const body = { change_session: String(reply.body['change_session']), otp }
  return { token: tokenOf(session), body, signedIn: session }
}

export async function changeAddress(
  identity: IdentityUnderTest,
  from: string,
  to: string,
  signedIn?: Reply,
): Promise<Asked> {
  const asked = await askForChange(identity, from, to, signedIn)
  const reply = await confirmChange(identity, asked.token, asked.body)
  if (reply.status !== 200) throw new Error(`confirm: ${reply.text}`)
  await identity.mailTo(from)
  return asked
}

/** At the page, with the address sent: the page that asks for the code. */
export async function askToStop(
  identity: Pick<IdentityUnderTest, 'inject'>,
  email: string,
  browser: HostedBrowser = openBrowser(identity),
): Promise<{ browser: HostedBrowser; page: Reply; fields: Record<string, string> }> {
  const form = hiddenFieldsOf(await browser.get(STOP), STOP)
  const page = await follow(browser, await browser.post(STOP, { ...form, email }))
  return { browser, page, fields: hiddenFieldsOf(page, STOP_CODE) }
}

export async function stopChange(identity: IdentityUnderTest, email: string): Promise<Reply> {
  const { browser, fields } = await askToStop(identity, email)
  return browser.post(STOP_CODE, { ...fields, otp: await codeMailedTo(identity, email) })
}

const OUTCOMES = {
  stopped: 'The change is stopped',
  undone: 'The change is undone',
  nothing: 'There is nothing to stop',
}

/** Which outcome a page tells, by its heading. */
export function outcomeOf(page: Reply): string {
  const heading = /<h1>([^<]*)<\/h1>/.exec(page.text)?.[1]
  return Object.entries(OUTCOMES).find(([, title]) => title === heading)?.[0] ?? `${page.status} ${heading}`
}
