// Signatures are converted between DER and JOSE's form by hand: every length of both parts has to survive it.
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import t from 'tap'
import { derFromRaw, rawFromDer } from '../../services/identity/src/keys/ecdsa-signature.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const asRaw = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const

t.test('a signature says the same in both forms, short parts included', async (t) => {
  const lengths = new Set<number>()
  for (let round = 0; round < 3000; round += 1) {
    const data = randomBytes(16)
    const der = sign('sha256', data, privateKey)
    const raw = rawFromDer(der)
    lengths.add(der.length)
    if (!verify('sha256', data, asRaw, raw)) t.fail(`raw of ${der.toString('hex')}`)
    if (!derFromRaw(raw).equals(der)) t.fail(`DER of ${raw.toString('hex')}`)
  }
  t.ok(lengths.size >= 4, 'parts of several lengths were seen')
})

t.test('64 bytes that are no signature verify nothing and throw nothing', async (t) => {
  const data = randomBytes(16)
  const raw = rawFromDer(sign('sha256', data, privateKey))
  const [r, s, zero, ones] = [raw.subarray(0, 32), raw.subarray(32), Buffer.alloc(32), Buffer.alloc(32, 0xff)]
  const wrong = [
    [zero, zero],
    [r, zero],
    [zero, s],
    [ones, ones],
    [r, ones],
    [s, r],
    [r, r],
  ] as const
  for (const parts of wrong) {
    t.equal(verify('sha256', data, publicKey, derFromRaw(Buffer.concat(parts))), false)
  }
  for (let bit = 0; bit < 512; bit += 7) {
    const bent = Buffer.from(raw)
    bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    t.equal(verify('sha256', data, publicKey, derFromRaw(bent)), false)
  }
})
