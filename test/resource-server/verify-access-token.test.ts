import { createHmac, generateKeyPairSync, sign, webcrypto } from 'node:crypto'
import { type TokenExpectations, verifyAccessToken } from '@meridian/resource-server/verify-access-token'
import fc from 'fast-check'
import { jwtVerify } from 'jose'
import t from 'tap'
import {
  encodePart,
  ISSUER,
  idOf,
  makeSigningKey,
  REGION_IN,
  REGION_US,
  regionClaims,
  signInput,
} from './region-issuer.ts'

const NOW = 1_768_435_200
const key = makeSigningKey('k1')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keys = new Map([
  ['k1', key.verification],
  ['rsa', { kid: 'rsa', alg: 'RS256', key: rsa.publicKey }],
])
const expectations: TokenExpectations = { issuer: ISSUER, ...REGION_IN, leewaySeconds: 30 }

function judge(token: string, now = NOW) {
  return verifyAccessToken(token, (kid) => keys.get(kid), expectations, now)
}

const good = key.sign(regionClaims(NOW))

t.test('a good token yields its claims, and an independent implementation agrees', async (t) => {
  t.strictSame(judge(good), { outcome: 'verified', token: { kid: 'k1', claims: regionClaims(NOW) } })
  const verified = await jwtVerify(good, key.publicKey, {
    issuer: ISSUER,
    audience: REGION_IN.audience,
    typ: 'at+jwt',
    algorithms: ['ES256'],
    currentDate: new Date(NOW * 1000),
  })
  t.strictSame(verified.payload, regionClaims(NOW))
})

t.test('whatever the header asks for, only ES256 with a held EC key counts', async (t) => {
  const pem = key.publicKey.export({ type: 'spki', format: 'pem' }) as string
  const der = key.publicKey.export({ type: 'spki', format: 'der' })
  const [, payload = '', signature = ''] = good.split('.')
  const hmacSecrets = { pem, 'pem after a space': ` ${pem}`, jwk: JSON.stringify(key.jwk), der }
  for (const [form, secret] of Object.entries(hmacSecrets)) {
    const input = `${encodePart({ alg: 'HS256', typ: 'at+jwt', kid: 'k1' })}.${payload}`
    const mac = createHmac('sha256', secret).update(input).digest('base64url')
    t.match(judge(`${input}.${mac}`), { outcome: 'refused' }, `HS256 with the public key as ${form}`)
    const padded = `${mac}${mac}`.slice(0, 86)
    t.match(judge(`${input}.${padded}`), { outcome: 'refused' }, `HS256 with the public key as ${form}, 64 bytes`)
  }
  for (const alg of ['none', 'None', 'nOnE', 'HS256', 'RS256', 'PS256', 'ES384', 'EdDSA', 'es256', '', null, 1]) {
    const input = `${encodePart({ alg, typ: 'at+jwt', kid: 'k1' })}.${payload}`
    t.strictSame(judge(`${input}.${signInput(input, key.privateKey)}`), { outcome: 'refused', reason: 'algorithm' })
    t.match(judge(`${input}.`), { outcome: 'refused' }, 'an empty signature')
    t.match(judge(`${input}.${signature}`), { outcome: 'refused' })
  }
  t.strictSame(judge(key.sign(regionClaims(NOW), { kid: 'rsa' })), { outcome: 'refused', reason: 'algorithm' })
  const rsaInput = `${encodePart({ alg: 'RS256', typ: 'at+jwt', kid: 'rsa' })}.${payload}`
  const rsaSignature = sign('sha256', Buffer.from(rsaInput), rsa.privateKey).toString('base64url')
  t.match(judge(`${rsaInput}.${rsaSignature}`), { outcome: 'refused' }, 'RS256 with a key of the same set')
})

t.test('degenerate signatures are refused', async (t) => {
  const input = good.slice(0, good.lastIndexOf('.'))
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  const zero = Buffer.alloc(32)
  const one = Buffer.from(`${'00'.repeat(31)}01`, 'hex')
  const r = Buffer.from(good.split('.')[2] ?? '', 'base64url').subarray(0, 32)
  const pairs = [
    [zero, zero],
    [r, zero],
    [zero, r],
    [order, one],
    [one, order],
    [Buffer.alloc(32, 0xff), Buffer.alloc(32, 0xff)],
  ]
  for (const pair of pairs) {
    t.strictSame(judge(`${input}.${Buffer.concat(pair).toString('base64url')}`), {
      outcome: 'refused',
      reason: 'signature',
    })
  }
  const der = sign('sha256', Buffer.from(input), key.privateKey).toString('base64url')
  t.match(judge(`${input}.${der}`), { outcome: 'refused' }, 'a DER signature')
  const other = signInput(input, makeSigningKey('k1').privateKey)
  t.strictSame(judge(`${input}.${other}`), { outcome: 'refused', reason: 'signature' }, 'another key of that name')
})

t.test('a header with any other member is refused, however good the signature', async (t) => {
  const attacker = makeSigningKey('k1')
  const members = {
    jku: 'http://127.0.0.1:1/jwks',
    x5u: 'http://127.0.0.1:1/x5u',
    x5c: ['MIIB'],
    x5t: 'abc',
    jwk: attacker.jwk,
    crit: ['exp'],
    b64: false,
    zip: 'DEF',
    cty: 'JWT',
    enc: 'A128GCM',
    anything: 1,
    constructor: 1,
  }
  for (const [name, value] of Object.entries(members)) {
    t.strictSame(judge(key.sign(regionClaims(NOW), { [name]: value })), { outcome: 'refused', reason: 'header' }, name)
  }
  const proto = `{"alg":"ES256","typ":"at+jwt","kid":"k1","__proto__":{"x":1}}`
  const input = `${encodePart(proto)}.${encodePart(regionClaims(NOW))}`
  t.match(judge(`${input}.${signInput(input, key.privateKey)}`), { reason: 'header' }, '__proto__')
  for (const kid of [undefined, '', 7, null, ['k1'], 'k'.repeat(129)]) {
    t.strictSame(judge(key.sign(regionClaims(NOW), { kid })), { outcome: 'refused', reason: 'header' })
  }
  for (const kid of ['k2', '../k1', "k1' OR '1'='1", '__proto__', 'constructor', 'K1']) {
    t.strictSame(judge(key.sign(regionClaims(NOW), { kid })), { outcome: 'unknown_key', kid })
  }
})

t.test('only at+jwt is an access token', async (t) => {
  for (const typ of [
    undefined,
    'JWT',
    'jwt',
    'logout+jwt',
    'handoff+jwt',
    'AT+JWT',
    'application/at+jwt',
    '',
    null,
    1,
  ]) {
    t.strictSame(judge(key.sign(regionClaims(NOW), { typ })), { outcome: 'refused', reason: 'type' }, String(typ))
  }
})

t.test('what is not a canonical compact JWS is refused', async (t) => {
  const [header = '', payload = '', signature = ''] = good.split('.')
  const last = signature.at(-1) ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const strayBits = alphabet[alphabet.indexOf(last) ^ 1] ?? ''
  const cases = {
    empty: '',
    dots: '..',
    'one part': header,
    'two parts': `${header}.${payload}`,
    'four parts': `${good}.x`,
    'five parts (JWE)': `${header}.${payload}.${signature}.x.y`,
    'a trailing dot': `${good}.`,
    'a trailing newline': `${good}\n`,
    'a leading space': ` ${good}`,
    padding: `${good}==`,
    'stray bits': `${header}.${payload}.${signature.slice(0, -1)}${strayBits}`,
    'the other alphabet': `${header}.${payload}.+${signature.slice(1)}`,
    'JSON serialization': JSON.stringify({ payload, protected: header, signature }),
    'an array for a header': `${encodePart(['ES256'])}.${payload}.${signature}`,
    'null for a header': `${encodePart('null')}.${payload}.${signature}`,
    'no JSON in the header': `${encodePart('{alg')}.${payload}.${signature}`,
    'a byte order mark': `${encodePart(`\ufeff${Buffer.from(header, 'base64url').toString()}`)}.${payload}.${signature}`,
    'invalid UTF-8': `${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${payload}.${signature}`,
    'a nested token': key.sign(good, { cty: 'JWT' }),
    'a full-width letter': good.replace('e', '\uff45'),
  }
  for (const [name, token] of Object.entries(cases)) t.match(judge(token), { outcome: 'refused' }, name)
  const long = key.sign(regionClaims(NOW, { scope: 'x'.repeat(4000) }))
  t.ok(long.length > 4096)
  t.strictSame(judge(long), { outcome: 'refused', reason: 'malformed' }, 'more than 4096 characters')
})

t.test('the payload is a claims object and nothing else', async (t) => {
  for (const payload of ['null', '[]', '"text"', '', '7', '{', good]) {
    t.strictSame(judge(key.sign(payload)), { outcome: 'refused', reason: payload === '' ? 'malformed' : 'claims' })
  }
})

t.test('the issuer is compared exactly', async (t) => {
  for (const iss of [
    undefined,
    null,
    '',
    [ISSUER],
    `${ISSUER}/`,
    ISSUER.toUpperCase(),
    'http://localhost',
    'evil',
    1,
  ]) {
    t.strictSame(judge(key.sign(regionClaims(NOW, { iss }))), { outcome: 'refused', reason: 'issuer' }, String(iss))
  }
})

t.test('each claim is required, of its type, and no other claim is tolerated', async (t) => {
  for (const name of Object.keys(regionClaims(NOW)).filter((name) => name !== 'iss')) {
    t.match(judge(key.sign(regionClaims(NOW, { [name]: undefined }))), { outcome: 'refused' }, `without ${name}`)
    t.match(judge(key.sign(regionClaims(NOW, { [name]: null }))), { outcome: 'refused' }, `${name}: null`)
    t.match(judge(key.sign(regionClaims(NOW, { [name]: { a: 1 } }))), { outcome: 'refused' }, `${name}: object`)
  }
  const changes = [
    { aud: [REGION_IN.audience] },
    { aud: [REGION_IN.audience, REGION_US.audience] },
    { sub: 'ada@acme.test' },
    { sub: '00000000-0000-4000-8000-000000000000' },
    { role: 'sys_admin' },
    { role: ['manager'] },
    { ver: 2 },
    { ver: '1' },
    { mv: 0 },
    { org_id: 'acme' },
    { email: 'ada@acme.test' },
    { events: {} },
  ]
  for (const change of changes) {
    t.strictSame(
      judge(key.sign(regionClaims(NOW, change))),
      { outcome: 'refused', reason: 'claims' },
      JSON.stringify(change),
    )
  }
  const accountToken = regionClaims(NOW, {
    aud: ISSUER,
    org_id: undefined,
    region: undefined,
    role: undefined,
    mid: undefined,
    mv: undefined,
  })
  t.strictSame(judge(key.sign(accountToken)), { outcome: 'refused', reason: 'claims' }, 'an account token')
})

t.test('a duplicate member cannot say two things', async (t) => {
  const claims = JSON.stringify(regionClaims(NOW))
  const twice = claims.replace('{', `{"org_id":"${idOf('globex')}",`)
  const verdict = judge(key.sign(twice))
  t.match(verdict, { outcome: 'verified', token: { claims: { org_id: idOf('acme') } } }, 'the last one, for everybody')
})

t.test('time: the clocks may differ by the leeway, a lifetime has an upper bound', async (t) => {
  const at = (changes: Record<string, unknown>, now = NOW) => judge(key.sign(regionClaims(NOW, changes)), now).outcome
  t.equal(at({ nbf: NOW + 8 }), 'verified', 'nbf 8 s ahead')
  t.equal(at({ nbf: NOW + 30 }), 'verified', 'nbf at the leeway')
  t.equal(at({ nbf: NOW + 31 }), 'refused', 'nbf past the leeway')
  t.equal(at({ nbf: NOW + 61 }), 'refused', 'nbf 61 s ahead')
  t.equal(at({}, NOW - 10), 'verified', 'iat 10 s ahead')
  t.equal(at({}, NOW - 30), 'verified', 'iat at the leeway')
  t.equal(at({}, NOW - 61), 'refused', 'iat 61 s ahead')
  t.equal(at({}, NOW + 599), 'verified', 'the last second')
  t.equal(at({}, NOW + 610), 'verified', 'expired 10 s ago')
  t.equal(at({}, NOW + 629), 'verified', 'the last second of the leeway')
  t.equal(at({}, NOW + 630), 'refused', 'expired at the leeway')
  t.equal(at({}, NOW + 661), 'refused', 'expired 61 s ago')
  t.equal(at({ exp: NOW + 900 }), 'verified', 'the longest lifetime')
  t.equal(at({ exp: NOW + 901 }), 'refused', 'longer than any lifetime')
  t.equal(at({ exp: NOW }), 'refused', 'no lifetime')
  t.equal(at({ exp: NOW - 1 }), 'refused', 'ends before it begins')
  for (const exp of [String(NOW + 600), 1e308, -1, 0, NOW + 600.5, [NOW + 600], true]) {
    t.equal(at({ exp }), 'refused', `exp ${String(exp)}`)
  }
  t.equal(judge(key.sign(JSON.stringify(regionClaims(NOW)).replace(/"exp":\d+/, '"exp":1e999'))).outcome, 'refused')
})

t.test("another region's token tells where to go, only when everything else is right", async (t) => {
  t.strictSame(judge(key.sign(regionClaims(NOW, { aud: REGION_US.audience, region: 'us' }))), {
    outcome: 'wrong_region',
    apiUrl: REGION_US.audience,
  })
  t.strictSame(judge(key.sign(regionClaims(NOW, { aud: REGION_US.audience }))), {
    outcome: 'refused',
    reason: 'audience',
  })
  t.strictSame(judge(key.sign(regionClaims(NOW, { region: 'us' }))), { outcome: 'refused', reason: 'audience' })
  const elsewhere = { aud: 'http://evil.test', region: 'us' }
  t.match(judge(makeSigningKey('k1').sign(regionClaims(NOW, elsewhere))), { outcome: 'refused', reason: 'signature' })
  t.match(judge(key.sign(regionClaims(NOW, { ...elsewhere, iss: 'http://evil.test' }))), { reason: 'issuer' })
  t.match(judge(key.sign(regionClaims(NOW, elsewhere)), NOW + 700), { reason: 'expired' })
})

t.test('verify after sign is the identity', async (t) => {
  fc.assert(
    fc.property(
      fc.record({
        role: fc.constantFrom('manager', 'member', 'viewer'),
        mv: fc.integer({ min: 1 }),
        sub: fc.string().map(idOf),
        org_id: fc.string().map(idOf),
        scope: fc.string({ maxLength: 200 }),
        client_id: fc.string({ minLength: 1, maxLength: 100 }),
        amr: fc.array(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 3 }),
      }),
      (changes) => {
        const claims = regionClaims(NOW, changes)
        const verdict = judge(key.sign(claims))
        return (
          verdict.outcome === 'verified' &&
          JSON.stringify(sorted(verdict.token.claims)) === JSON.stringify(sorted(claims))
        )
      },
    ),
    { numRuns: 200 },
  )
  t.pass('for 200 sets of claims')
})

t.test('any flipped bit of any part is refused', async (t) => {
  const bytes = Buffer.from(good)
  let accepted = 0
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    if (judge(flipped.toString('latin1')).outcome === 'verified') accepted += 1
  }
  t.equal(accepted, 0, `${bytes.length * 8} flips of characters`)
  fc.assert(
    fc.property(fc.nat(2), fc.nat(), (part, position) => {
      const parts = good.split('.').map((text) => Buffer.from(text, 'base64url'))
      const target = parts[part] ?? Buffer.alloc(0)
      const bit = position % (target.length * 8)
      target[bit >> 3] = (target[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      return judge(parts.map((text) => text.toString('base64url')).join('.')).outcome !== 'verified'
    }),
    { numRuns: 1000 },
  )
  t.pass('1000 flips of bits behind the encoding')
})

t.test('no text makes the verifier throw', async (t) => {
  const pieces = fc.oneof(fc.string(), fc.base64String(), fc.json().map(encodePart))
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 6 }), (parts) => judge(parts.join('.')).outcome !== 'verified'),
    { numRuns: 2000 },
  )
  t.pass('for 2000 texts')
})

t.test('a token of WebCrypto, an independent signer, verifies', async (t) => {
  const privateKey = await webcrypto.subtle.importKey(
    'jwk',
    key.privateKey.export({ format: 'jwk' }) as webcrypto.JsonWebKey,
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['sign'],
  )
  const input = `${encodePart({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })}.${encodePart(regionClaims(NOW))}`
  const signature = await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, Buffer.from(input))
  t.equal(judge(`${input}.${Buffer.from(signature).toString('base64url')}`).outcome, 'verified')
})

function sorted(claims: object): [string, unknown][] {
  return Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : 1))
}
