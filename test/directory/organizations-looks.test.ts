// How an organization looks to whoever names it: what is shown of which, pictures by their content, and nothing that could
// run or tell who is here.
import t, { type Test } from 'tap'
import { embeddedPlace, onPostgresql } from '../support/databases.ts'
import { authorizationUrl, follow, openBrowser } from '../support/hosted-browser.ts'
import { type IdentityUnderTest, ISSUER, SPA_ORIGIN, signIn, startIdentity } from '../support/identity.ts'
import { type Ask, askAs, orgIdOf, signInToAsk, sysAdminToAsk } from '../support/organizations.ts'
import { jpeg, png, webp } from '../support/pictures.ts'
import { ask, fire, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

const MAX_BYTES = 256 * 1024

async function start(t: Test) {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  const ada = await signInToAsk(identity, 'ada@acme.test')
  return { identity, ada }
}

const upload = (asked: Ask, picture: Buffer, type = 'image/png', org = 'acme') =>
  asked('POST', `/v1/orgs/${org}/assets`, picture, { 'content-type': type })

t.test('a picture is what its bytes are, whatever it is called', async (t) => {
  const { identity, ada } = await start(t)
  const org = await orgIdOf(identity, 'acme')
  for (const [picture, type] of [
    [png(), 'image/png'],
    [jpeg(), 'image/jpeg'],
    [webp(), 'image/webp'],
  ] as const) {
    const { status, body } = await upload(ada, picture, 'image/png')
    t.match({ status, body }, { status: 200, body: { media_type: type, size_bytes: picture.length } })
    t.equal(body['url'], `${ISSUER}/assets/${org}/${body['digest']}`)
    t.strictSame((await upload(ada, picture, 'image/webp')).body, body, 'the same twice is one')
    const shown = await identity.app.inject({ method: 'GET', url: new URL(body['url']).pathname })
    t.strictSame(shown.rawPayload, picture)
    t.match(shown.headers, {
      'content-type': type,
      'cache-control': 'public, max-age=31536000, immutable',
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
    })
    t.notOk(shown.headers['access-control-allow-credentials'])
  }
  t.equal((await ada('GET', '/v1/orgs/acme/assets')).body['assets'].length, 3)
  const malformed = { status: 400, error: 'invalid_request' }
  const unsupported = { status: 415, error: 'unsupported_media_type' }
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
  const cases = [
    ['SVG that says PNG', svg, 'image/png', malformed],
    ['HTML that says JPEG', Buffer.from('<!doctype html>'), 'image/jpeg', malformed],
    ['RIFF that is no WebP', Buffer.from('RIFF\x10\x00\x00\x00WAVEfmt '), 'image/webp', malformed],
    ['half a signature', png().subarray(0, 7), 'image/png', malformed],
    ['nothing', Buffer.alloc(0), 'image/png', malformed],
    ['SVG', svg, 'image/svg+xml', unsupported],
    ['JSON', Buffer.from('{}'), 'application/json', unsupported],
    [
      'a byte too many',
      Buffer.concat([png(), Buffer.alloc(MAX_BYTES)]),
      'image/png',
      { status: 413, error: 'payload_too_large' },
    ],
  ] as const
  for (const [title, body, type, expected] of cases)
    await refuses(t, identity, title, () => upload(ada, body, type), expected)
  const largest = Buffer.concat([png(), Buffer.alloc(MAX_BYTES - png().length)])
  t.equal((await upload(ada, largest)).status, 200, 'the largest')
})

t.test('pictures are their managers’ alone, and the logo stays while it is shown', async (t) => {
  const { identity, ada } = await start(t)
  const root = await sysAdminToAsk(identity)
  const lin = await signInToAsk(identity, 'lin@acme.test')
  const max = await signInToAsk(identity, 'max@globex.test')
  const theirs = (await upload(max, png('globex'), 'image/png', 'globex')).body['digest']
  const own = (await upload(ada, png('acme'))).body['digest']
  const denied = { status: 403, error: 'access_denied' }
  for (const [title, asked] of [
    ['a member', lin],
    ['another organization’s manager', max],
    ['a sys-admin', root],
  ] as const) {
    await refuses(t, identity, `${title} adds`, () => upload(asked, png('x')), denied)
    await refuses(t, identity, `${title} lists`, () => asked('GET', '/v1/orgs/acme/assets'), denied)
    await refuses(t, identity, `${title} removes`, () => asked('DELETE', `/v1/orgs/acme/assets/${own}`), denied)
  }
  const foreign = { settings: { branding: { logo: theirs } } }
  const wear = () => ada('PATCH', '/v1/orgs/acme', foreign)
  await refuses(t, identity, 'another’s picture as a logo', wear, { status: 400, error: 'invalid_request' })
  const gone = { status: 404, error: 'not_found' }
  await refuses(t, identity, 'another’s', () => ada('DELETE', `/v1/orgs/acme/assets/${theirs}`), gone)
  await refuses(t, identity, 'no digest', () => ada('DELETE', '/v1/orgs/acme/assets/logo.png'), gone)
  await ada('PATCH', '/v1/orgs/acme', { settings: { branding: { logo: own } } })
  const remove = () => ada('DELETE', `/v1/orgs/acme/assets/${own}`)
  await refuses(t, identity, 'the logo', remove, { status: 409, error: 'conflict' })
  await ada('PATCH', '/v1/orgs/acme', { settings: { branding: {} } })
  t.equal((await remove()).status, 204)
  const path = `/assets/${await orgIdOf(identity, 'acme')}`
  await refuses(t, identity, 'what was removed', () => identity.get(`${path}/${own}`), gone)
  await refuses(t, identity, 'what never was', () => identity.get(`${path}/${theirs}`), gone)
  await root('PUT', '/v1/orgs/globex/status', { status: 'suspended' })
  const closed = `/assets/${await orgIdOf(identity, 'globex')}/${theirs}`
  await refuses(t, identity, 'of what is suspended', () => identity.get(closed), gone)
  await refuses(t, identity, 'by slug', () => identity.get(`/assets/globex/${theirs}`), gone)
})

await onPostgresql(t, 'of pictures that come at once no more are taken than there may be', async (t, makePlace) => {
  const options = { settings: UNHURRIED, instances: 2 }
  const identity = await startIdentity(t, await makePlace('identity'), options)
  const token = (await signIn(identity, 'ada@acme.test')).body['access_token']
  const calls = Array.from(
    { length: 26 },
    (_, index) => (instance: Pick<IdentityUnderTest, 'inject'>) => upload(askAs(instance, token), png(String(index))),
  )
  const replies = await fire(identity, calls)
  t.equal(replies.filter(({ status }) => status === 200).length, 20)
  t.ok(replies.every(({ status }) => [200, 409, 503].includes(status)))
  const [row] = await ask(identity, 'SELECT count(*)::int AS count FROM organization_asset')
  t.equal(row?.['count'], 20)
})

t.test('branding is for anybody and any origin, and tells nothing of who is here', async (t) => {
  const { identity, ada } = await start(t)
  const root = await sysAdminToAsk(identity)
  const logo = (await upload(ada, png())).body
  const branding = { name: 'Acme & Sons', colour: '#1D4ED8', accent_colour: '#e4572e', logo: logo['digest'] }
  await ada('PATCH', '/v1/orgs/acme', { settings: { branding } })
  const shown = { name: 'Acme & Sons', colour: '#1d4ed8', accent_colour: '#e4572e', logo_url: logo['url'] }
  const read = (org: string, origin?: string) =>
    identity.get(`/v1/branding?org=${org}`, undefined, origin === undefined ? {} : { origin })
  t.strictSame((await read('acme')).body, { branding: shown })
  t.strictSame((await read(await orgIdOf(identity, 'acme'))).body, { branding: shown })
  await ada('PUT', '/v1/orgs/acme/slug', { slug: 'acme-two' })
  t.strictSame((await read('acme')).body, { branding: shown }, 'by its former slug')
  for (const origin of ['https://anybody.example', SPA_ORIGIN]) {
    const { headers } = await read('acme', origin)
    t.match(headers, { 'access-control-allow-origin': '*', 'cache-control': 'public, max-age=300' })
    t.notOk(headers['access-control-allow-credentials'], origin)
  }
  await root('PUT', '/v1/orgs/acme/status', { status: 'suspended' })
  const answers = await Promise.all(
    ['acme', 'globex', 'no-such-thing', '%25', "'; DROP TABLE x"].map((org) => read(org)),
  )
  const alike = ({ status, text, headers }: (typeof answers)[number]) => {
    const same = Object.entries(headers).filter(([name]) => !/^(date|x-request-id|x-ratelimit-.*)$/.test(name))
    return JSON.stringify([status, text, same])
  }
  t.equal(new Set(answers.map(alike)).size, 1, 'suspended, without branding and unknown look alike')
  t.strictSame(answers[0]?.body, { branding: null })
  for (const query of ['', '?org=', `?org=${'x'.repeat(101)}`, '?org=acme&other=1']) {
    const request = () => identity.get(`/v1/branding${query}`)
    await refuses(t, identity, query, request, { status: 400, error: 'invalid_request' })
  }
})

t.test('the hosted pages show the logo from this service alone', async (t) => {
  const { identity, ada } = await start(t)
  const logo = (await upload(ada, png())).body
  await ada('PATCH', '/v1/orgs/acme', { settings: { branding: { logo: logo['digest'] } } })
  const browser = openBrowser(identity)
  const page = await follow(browser, await browser.get(authorizationUrl({ org_id: 'acme' }).url))
  t.match(page.text, `<img src="/assets/`)
  t.match(page.headers['content-security-policy'], /img-src 'self'/)
})
