import { createTokenCache } from '@meridian/resource-server/token-cache'
import type { VerifiedToken } from '@meridian/resource-server/verify-access-token'
import t from 'tap'
import { idOf, regionClaims } from './region-issuer.ts'

const NOW = 1_768_435_200

function verified(user: string): VerifiedToken {
  return { kid: 'k1', claims: regionClaims(NOW, { sub: idOf(user) }) as unknown as VerifiedToken['claims'] }
}

t.test('claims are found under the whole token only', async (t) => {
  const cache = createTokenCache(10)
  const ada = `${'a'.repeat(500)}.ada.${'s'.repeat(86)}`
  cache.add(ada, verified('ada'))
  for (const other of [ada.slice(0, -1), `${ada}s`, ada.replace('.ada.', '.max.'), `${ada.slice(0, -1)}t`, '']) {
    t.equal(cache.find(other, NOW), undefined)
  }
  t.strictSame(cache.find(ada, NOW), verified('ada'))
})

t.test('an entry ends with its token', async (t) => {
  const cache = createTokenCache(10)
  cache.add('ada', verified('ada'))
  t.ok(cache.find('ada', NOW + 599))
  t.equal(cache.find('ada', NOW + 600), undefined)
  t.equal(cache.find('ada', NOW), undefined, 'and does not come back with the clock')
})

t.test('the cache is bounded, and what is used stays', async (t) => {
  const cache = createTokenCache(100)
  cache.add('used', verified('used'))
  for (let count = 0; count < 10_000; count += 1) {
    cache.add(`token ${count}`, verified('somebody'))
    if (count % 50 === 0) t.ok(cache.find('used', NOW), 'still there')
  }
  let held = 0
  for (let count = 0; count < 10_000; count += 1) if (cache.find(`token ${count}`, NOW)) held += 1
  t.ok(held > 0 && held <= 200, `${held} of 10000 held`)
})
