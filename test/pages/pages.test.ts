// The hosted pages as text: nothing that a view holds becomes markup, and each page fits its own policy.
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { renderCode } from '../../services/identity/src/pages/code-page.ts'
import { renderContext } from '../../services/identity/src/pages/context-page.ts'
import { renderFormPost } from '../../services/identity/src/pages/form-post-page.ts'
import { renderNoMembership } from '../../services/identity/src/pages/no-membership-page.ts'
import type { Brand, Frame } from '../../services/identity/src/pages/page.ts'
import { renderSignedOut } from '../../services/identity/src/pages/signed-out-page.ts'
import { textsFor } from '../../services/identity/src/pages/texts.ts'
import { propertySeed } from '../support/property-seed.ts'
import { everyPage, ORDINARY, PLAIN_FRAME, type Words } from './every-page.ts'
import { directivesOf, type Element, Markup } from './markup.ts'

const LOGO = 'https://cdn.acme.example/logo.svg'
const ACME: Brand = { name: 'Acme Instruments', colour: '#e4572e', logoUrl: LOGO }
const BRANDED: Frame = { ...PLAIN_FRAME, brand: ACME }

const wordsOf = (text: string): Words => ({
  clientName: text,
  email: text,
  name: text,
  orgName: text,
  regionName: text,
  role: text,
  opaque: text,
  foreign: text,
  url: ORDINARY.url,
})

function skeletons(frame: Frame, words: Words): Record<string, string[]> {
  return Object.fromEntries([...everyPage(frame, words)].map(([name, { html }]) => [name, new Markup(html).skeleton()]))
}

const branded = (text: string): Frame => ({ ...PLAIN_FRAME, productName: text, brand: { ...ACME, name: text } })

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '" autofocus onfocus="alert(1)',
  '</title></style></script><svg onload=alert(1)>',
  '<!-- --><![CDATA[',
  '&lt;b&gt;&quot;',
  '`{{7*7}}` # {alert(1)}',
  '$& $1 $` \\u003cb',
  'constructor',
  '__proto__',
]

t.test('no name and no address becomes markup, on any page', async (t) => {
  const ordinary = skeletons(branded('Acme'), { ...ORDINARY, role: 'auditor' })
  for (const text of HOSTILE) t.strictSame(skeletons(branded(text), wordsOf(text)), ordinary, text)
})

t.test('no text whatever becomes markup', async (t) => {
  const ordinary = skeletons(branded('Acme'), { ...ORDINARY, role: 'auditor' })
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[<>"'&;=/a-z \n\r\t]*$/))
  const property = fc.property(text, (drawn) => isDeepStrictEqual(skeletons(branded(drawn), wordsOf(drawn)), ordinary))
  t.doesNotThrow(() => fc.assert(property, { numRuns: 40, seed: propertySeed() }))
})

t.test('what a form takes back is what it was given, to the letter', async (t) => {
  for (const text of [...HOSTILE, ' lead and trail ', 'line\r\nfeed\rreturn', '\u202egnp.exe']) {
    for (const [name, { html }] of everyPage(PLAIN_FRAME, { ...ORDINARY, opaque: text, foreign: text })) {
      const hidden = new Markup(html).named('input').filter(({ attributes }) => attributes.get('type') === 'hidden')
      for (const { attributes } of hidden) {
        if (attributes.get('value') === ORDINARY.email) continue
        t.equal(attributes.get('value'), text, `${name}: ${attributes.get('name')}`)
      }
    }
  }
})

t.test('a name cannot turn the direction of the words around it', async (t) => {
  const turned = wordsOf('\u202eevil\u2066\u0000')
  for (const [name, { html }] of everyPage(PLAIN_FRAME, { ...turned, opaque: 'o', foreign: 'f' })) {
    const { text, elements } = new Markup(html)
    for (const character of '\u0000\u202e\u2066') t.notOk(text.includes(character), name)
    if (text.includes('evil')) t.ok(elements.some((element) => element.name === 'bdi') || name === 'form-post', name)
  }
})

t.test('the policy of each page names exactly its inline styles and script', async (t) => {
  for (const frame of [PLAIN_FRAME, BRANDED]) {
    for (const [name, { html, contentSecurityPolicy }] of everyPage(frame)) {
      const { styles, scripts, elements } = new Markup(html)
      const policy = directivesOf(contentSecurityPolicy)
      t.strictSame(policy.get('style-src'), styles.map(hashOf), `${name}: styles`)
      t.strictSame(policy.get('script-src') ?? [], scripts.map(hashOf), `${name}: scripts`)
      t.strictSame(policy.get('img-src') ?? [], frame.brand ? ['https://cdn.acme.example'] : [], `${name}: images`)
      t.strictSame(policy.get('default-src'), ["'none'"])
      t.strictSame(policy.get('frame-ancestors'), ["'none'"])
      t.strictSame(policy.get('base-uri'), ["'none'"])
      t.strictSame(policy.get('form-action'), ["'self'", 'http://localhost:4200'])
      t.notMatch(contentSecurityPolicy, /unsafe|\*/, name)
      const attributes = elements.flatMap((element) => [...element.attributes.keys()])
      t.strictSame(
        attributes.filter((attribute) => /^(on|style$)/.test(attribute)),
        [],
        name,
      )
      for (const source of [...styles, ...scripts]) t.notMatch(source, /<\/|<!--|url\(|@import|eval|innerHTML/, name)
    }
  }
})

function hashOf(source: string): string {
  return `'sha256-${createHash('sha256').update(source).digest('base64')}'`
}

t.test('a form target that is no origin and no scheme is left out of the policy', async (t) => {
  const good = ['https://app.example', 'http://127.0.0.1:49152', 'com.example.app:']
  const bad = [
    "https://a.example;script-src 'unsafe-inline'",
    "https://a;script-src'unsafe-inline'.example",
    'https://a.example,https://b.example',
    'https://a.example/path',
    '*',
    "'unsafe-inline'",
    'javascript:',
    'data:',
    'https://a.example https://b.example',
    'https://*.example',
    '',
  ]
  const [page] = everyPage({ ...PLAIN_FRAME, formTargets: [...good, ...bad] }).values()
  t.strictSame(directivesOf(page?.contentSecurityPolicy ?? '').get('form-action'), ["'self'", ...good])
})

t.test('a form that is posted to the client may go there and nowhere else', async (t) => {
  const frame = { ...PLAIN_FRAME, formTargets: [] }
  const page = renderFormPost(frame, { action: 'https://rp.example/cb?x=1', fields: { code: 'c' } })
  t.strictSame(directivesOf(page.contentSecurityPolicy).get('form-action'), ["'self'", 'https://rp.example'])
  for (const action of ['javascript:alert(1)', 'data:text/html,x', ' javascript:alert(1)', 'java\nscript:alert(1)']) {
    t.throws(() => renderFormPost(frame, { action, fields: {} }), action)
  }
})

t.test('a link that would run something is left out', async (t) => {
  const links = (url: string) =>
    [
      renderSignedOut(PLAIN_FRAME, { clientName: null, returnUrl: url }),
      renderNoMembership(PLAIN_FRAME, {
        clientName: 'c',
        email: 'e',
        continueUrl: url,
        otherAccountUrl: url,
        cancelUrl: url,
      }),
      renderCode(PLAIN_FRAME, {
        csrf: 'c',
        flow: 'f',
        email: 'e',
        clientName: 'c',
        error: null,
        resendInSeconds: 1,
        expiresInMinutes: 1,
        otherAddressUrl: url,
        cancelUrl: url,
      }),
    ].flatMap(({ html }) => new Markup(html).named('a').map(({ attributes }) => attributes.get('href')))
  for (const url of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\tscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'blob:https://a.example/1',
    'file:///etc/passwd',
    '',
  ]) {
    t.strictSame(links(url), [], url)
  }
  for (const url of ['https://a.example/?a=1&b=2', '/sign-in?other', 'com.example.app:/done', 'http://127.0.0.1:9/x']) {
    t.strictSame(links(url), [url, url, url, url, url, url], url)
  }
})

t.test('a logo comes over https from one origin, or not at all', async (t) => {
  const images = (logoUrl: string | null) => {
    const [page] = everyPage({ ...PLAIN_FRAME, brand: { ...ACME, logoUrl } }).values()
    const sources = new Markup(page?.html ?? '').named('img').map(({ attributes }) => attributes.get('src'))
    return [sources, directivesOf(page?.contentSecurityPolicy ?? '').get('img-src') ?? []]
  }
  t.strictSame(images('https://cdn.acme.example:8443/a.png?v=1'), [
    ['https://cdn.acme.example:8443/a.png?v=1'],
    ['https://cdn.acme.example:8443'],
  ])
  for (const url of [
    'http://cdn.acme.example/a.png',
    'data:image/png;base64,AA',
    'javascript:alert(1)',
    '//cdn.acme.example/a.png',
    'https:',
    "https://a;script-src'unsafe-inline'.example/a.png",
    'https://a.example/ b.png',
    null,
  ]) {
    t.strictSame(images(url), [[], []], String(url))
  }
})

t.test("an organization's colour is used as far as it can be read", async (t) => {
  const style = (colour: string) => {
    const [page] = everyPage({ ...PLAIN_FRAME, brand: { ...ACME, colour } }).values()
    return new Markup(page?.html ?? '').styles[1] ?? ''
  }
  t.match(style('#0B6E4F'), /--accent:#0b6e4f;--on-accent:#ffffff/, 'a dark colour carries white')
  t.match(style('#0B6E4F'), /--accent-text:#0b6e4f/, 'and is read itself')
  t.match(style('#ffb000'), /--on-accent:#000000/, 'a bright one carries black')
  t.match(style('#fffde0'), /^@media \(prefers-color-scheme:dark\)/, 'a pale one is for the dark scheme alone')
  t.match(style('#000000'), /^@media not all and [^@]*$/, 'black is for the light scheme alone')
  for (const colour of ['red', '#fff', '#12345g', '#123456;}body{display:none', '</style><script>', '']) {
    t.equal(style(colour), '', colour)
  }
})

t.test('each field has a label, each form that comes to us its csrf value, and each id is there once', async (t) => {
  for (const [name, { html }] of everyPage(BRANDED)) {
    const markup = new Markup(html)
    const ids = markup.elements.flatMap(({ attributes }) => attributes.get('id') ?? [])
    t.equal(new Set(ids).size, ids.length, `${name}: ids`)
    const labels = markup.named('label').map(({ attributes }) => attributes.get('for'))
    for (const { attributes } of markup.named('input')) {
      if (attributes.get('type') !== 'hidden') t.ok(labels.includes(attributes.get('id') ?? '-'), `${name}: label`)
    }
    for (const { attributes } of markup.elements) {
      for (const reference of ['aria-describedby', 'aria-labelledby', 'for']) {
        for (const id of attributes.get(reference)?.split(' ') ?? []) t.ok(ids.includes(id), `${name}: ${id}`)
      }
    }
    for (const { form, inside } of markup.forms()) {
      t.equal(form.attributes.get('method'), 'post', name)
      const action = form.attributes.get('action') ?? ''
      const csrf = inside.filter((element) => isHidden(element, 'csrf'))
      t.equal(csrf.length, action.startsWith('/') ? 1 : 0, `${name}: csrf of ${action}`)
      t.ok(
        inside.some((element) => element.name === 'button' || element.name === 'section'),
        `${name}: a button`,
      )
    }
  }
})

const isHidden = ({ name, attributes }: Element, field: string) =>
  name === 'input' && attributes.get('type') === 'hidden' && attributes.get('name') === field

t.test('each page says what it is before anything else, and is kept out of search engines', async (t) => {
  for (const [name, { html }] of everyPage(BRANDED)) {
    const markup = new Markup(html)
    const title = /<title>([^<]*)<\/title>/.exec(html)?.[1] ?? ''
    const failed = markup.text.includes('Error: ') && /error|too-many|not-an-address|wrong/.test(name)
    t.equal(title.startsWith('Error: '), failed, `${name}: ${title}`)
    t.equal(failed, /error|too-many|not-an-address|wrong/.test(name), name)
    t.equal(markup.named('html')[0]?.attributes.get('lang'), 'en')
    t.equal(markup.named('h1').length, 1, `${name}: one heading`)
    for (const landmark of ['main', 'header', 'footer'])
      t.equal(markup.named(landmark).length, 1, `${name}: ${landmark}`)
    t.match(html, /<meta name="robots" content="noindex, nofollow">/)
    t.match(html, /<meta name="viewport" content="width=device-width, initial-scale=1">/)
    const alerts = markup.elements.filter(({ attributes }) => attributes.get('role') === 'alert')
    t.equal(alerts.length, failed ? 1 : 0, `${name}: an alert`)
    const invalid = markup.elements.filter(({ attributes }) => attributes.has('aria-invalid'))
    t.ok(
      invalid.every(({ attributes }) => attributes.has('autofocus')),
      `${name}: the field in error has the focus`,
    )
    t.equal(invalid.length, failed && !/^(invitations-)?error/.test(name) ? 1 : 0, `${name}: a field in error`)
  }
})

t.test('the fields tell password managers and phones what they take', async (t) => {
  const pages = everyPage(PLAIN_FRAME)
  const field = (page: string, name: string) =>
    Object.fromEntries(
      new Markup(pages.get(page)?.html ?? '').named('input').find(({ attributes }) => attributes.get('name') === name)
        ?.attributes ?? [],
    )
  t.match(field('address', 'email'), {
    type: 'email',
    autocomplete: 'email',
    autocapitalize: 'none',
    inputmode: 'email',
    autofocus: '',
  })
  t.match(field('code', 'otp'), { autocomplete: 'one-time-code', inputmode: 'numeric', autofocus: '', maxlength: '24' })
  t.equal(field('address-not-an-address', 'email')['value'], ORDINARY.email, 'what was typed is still there')
})

t.test('contexts stand under their organization, each a button that carries organization and region', async (t) => {
  const contexts = [
    { orgId: 'a', orgName: 'Acme', region: 'in', regionName: 'India', role: 'manager', isAvailable: true },
    { orgId: 'b', orgName: 'Globex', region: 'us', regionName: 'United States', role: 'member', isAvailable: false },
    { orgId: 'a', orgName: 'Acme', region: 'us', regionName: 'United States', role: 'auditor', isAvailable: true },
  ]
  const view = { csrf: 'c', request: 'r', clientName: 'Portal', email: 'e', laterUrl: null, otherAccountUrl: '/o' }
  const markup = new Markup(renderContext(PLAIN_FRAME, { ...view, contexts }).html)
  t.equal(markup.named('section').length, 2)
  const values = markup.named('button').map(({ attributes }) => [attributes.get('name'), attributes.get('value')])
  t.strictSame(values, [
    ['context', 'a in'],
    ['context', 'a us'],
    ['context', 'b us'],
  ])
  t.match(
    markup.text,
    /Acme\s+India Manager\s+United States auditor\s+Globex\s+United States Member\s+Region temporarily unavailable/,
  )
  const closed = markup.named('button').filter(({ attributes }) => attributes.has('disabled'))
  t.strictSame(
    closed.map(({ attributes }) => attributes.get('value')),
    ['b us'],
    'what cannot be reached cannot be chosen',
  )
  const filters = (number: number) =>
    new Markup(
      renderContext(PLAIN_FRAME, {
        ...view,
        contexts: Array.from({ length: number }, (_, index) => ({
          orgId: String(index),
          orgName: `Organization ${index}`,
          region: 'in',
          regionName: 'India',
          role: 'member',
          isAvailable: true,
        })),
      }).html,
    )
      .named('input')
      .filter(({ attributes }) => attributes.get('type') === 'search').length
  t.equal(filters(8), 0)
  t.equal(filters(9), 1)
})

t.test('the wait for another code is told in words, in the right number', async (t) => {
  const text = (resendInSeconds: number, expiresInMinutes: number) =>
    new Markup(
      renderCode(PLAIN_FRAME, {
        csrf: 'c',
        flow: 'f',
        email: 'ada@acme.test',
        clientName: 'Portal',
        error: null,
        resendInSeconds,
        expiresInMinutes,
        otherAddressUrl: '/o',
        cancelUrl: null,
      }).html,
    ).text
  t.match(text(60, 15), /You can ask for another code in 60 seconds\./)
  t.match(text(1, 15), /in 1 second\./)
  t.match(text(0, 15), /valid for 15 minutes\./)
  t.notMatch(text(0, 15), /another code in/)
  t.notMatch(text(-5, 15), /another code in/)
  t.match(text(0, 1), /valid for 1 minute\./)
  t.match(text(0, 15), /If ada@acme\.test is known here/)
})

t.test('a language that we do not have is answered in English', async (t) => {
  for (const language of [undefined, 'en', 'en-GB', 'EN', 'tlh', 'constructor', '__proto__', '']) {
    t.equal(textsFor(language).language, 'en', String(language))
  }
})
