// A browser at the hosted pages, without script: it keeps cookies, sends forms as they stand, and follows no redirect
// by itself, so that a test sees each one.
import { randomBytes } from 'node:crypto'
import { challengeOf, codeMailedTo, type IdentityUnderTest, type Reply, verifierOf } from './identity.ts'

export type HostedBrowser = {
  get(url: string, headers?: Record<string, string>): Promise<Reply>
  post(url: string, form: Record<string, string>, headers?: Record<string, string>): Promise<Reply>
  readonly cookies: Map<string, string>
}

const HTML_ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
const decode = (text: string) =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (_all, name: string) => HTML_ENTITIES[name] ?? '')

export function openBrowser(identity: Pick<IdentityUnderTest, 'inject'>): HostedBrowser {
  const cookies = new Map<string, string>()
  const keep = (reply: Reply) => {
    for (const line of [reply.headers['set-cookie'] ?? []].flat()) {
      const [pair = '', ...attributes] = line.split('; ')
      const [name = '', value = ''] = pair.split(/=(.*)/s)
      if (attributes.some((attribute) => attribute === 'Max-Age=0') || value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    return reply
  }
  const sent = () => (cookies.size === 0 ? {} : { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') })
  return {
    cookies,
    get: async (url, headers = {}) =>
      keep(await identity.inject({ method: 'GET', url, headers: { ...sent(), ...headers } })),
    post: async (url, form, headers = {}) =>
      keep(
        await identity.inject({
          method: 'POST',
          url,
          payload: new URLSearchParams(form).toString(),
          headers: { 'content-type': 'application/x-www-form-urlencoded', ...sent(), ...headers },
        }),
      ),
  }
}

/** The hidden fields of the first form on a page that goes to this path. */
export function hiddenFieldsOf(reply: Reply, action: string): Record<string, string> {
  const form = reply.text.split('<form ').find((part) => part.includes(`action="${action}"`))
  if (form === undefined) throw new Error(`no form to ${action} on this page: ${reply.text.slice(0, 400)}`)
  const [body = ''] = form.split('</form>')
  const fields = body.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)
  return Object.fromEntries([...fields].map(([, name = '', value = '']) => [name, decode(value)]))
}

export const locationOf = (reply: Reply) => String(reply.headers['location'] ?? '')

export type Asked = { readonly url: string; readonly verifier: string; readonly state: string }

export const SPA_CALLBACK = 'https://app.example.test/callback'

/** The URL of an authorization request of the browser client. */
export function authorizationUrl(parameters: Record<string, string | undefined> = {}): Asked {
  const verifier = verifierOf()
  const state = randomBytes(12).toString('base64url')
  const query = new URLSearchParams()
  const all = {
    response_type: 'code',
    client_id: 'spa',
    redirect_uri: SPA_CALLBACK,
    scope: 'openid profile email',
    state,
    code_challenge: challengeOf(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  }
  for (const [name, value] of Object.entries(all)) if (value !== undefined) query.append(name, value)
  return { url: `/oauth/authorize?${query.toString()}`, verifier, state }
}

/** Follows redirects inside the identity host until a page or another host is reached. */
export async function follow(browser: HostedBrowser, from: Reply): Promise<Reply> {
  let reply = from
  while (reply.status === 303 && locationOf(reply).startsWith('/')) reply = await browser.get(locationOf(reply))
  return reply
}

/** Address and code: the reply that comes after, redirects inside the host followed. */
export async function signInAtPages(
  identity: IdentityUnderTest,
  browser: HostedBrowser,
  email: string,
  page: Reply,
): Promise<Reply> {
  const codePage = await follow(browser, await browser.post('/sign-in', { ...hiddenFieldsOf(page, '/sign-in'), email }))
  const otp = await codeMailedTo(identity, email)
  const fields = hiddenFieldsOf(codePage, '/sign-in/code')
  return follow(browser, await browser.post('/sign-in/code', { ...fields, otp }))
}

/** The parameters of an answer at the client's redirect URI. */
export function answerOf(reply: Reply): Record<string, string> {
  return Object.fromEntries(new URL(locationOf(reply)).searchParams)
}
