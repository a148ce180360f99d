import { randomBytes } from 'node:crypto'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import t from 'tap'

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
const zeroes = (size: number) => new Uint8Array(size)
const ones = (size: number) => new Uint8Array(size).fill(0xff)
const millisecondsOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)

t.test('an id is a UUID of version 7 and of the RFC’s variant', async (t) => {
  const makeId = createUuidV7({ now: () => AT_MS, randomBytes })
  for (let count = 0; count < 1000; count += 1) {
    const id = makeId()
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)) t.fail(id)
  }
  t.equal(millisecondsOf(createUuidV7({ now: () => AT_MS + 0.9, randomBytes })()), AT_MS, 'it begins with the time')
})

t.test('an id is made of the clock and the randomness that were given', async (t) => {
  const instant = AT_MS.toString(16).padStart(12, '0').replace(/^.{8}/, '$&-')
  t.equal(createUuidV7({ now: () => AT_MS, randomBytes: zeroes })(), `${instant}-7000-8000-000000000000`)
  t.equal(createUuidV7({ now: () => AT_MS, randomBytes: ones })(), `${instant}-77ff-bfff-ffffffffffff`)
})

t.test('ids of one process are unique and in the order they were made', async (t) => {
  for (const [title, random] of Object.entries({ 'with randomness': randomBytes, without: zeroes })) {
    let calls = 0
    // The clock stands still for 30,000 ids at a time: far more than the counter holds.
    const makeId = createUuidV7({ now: () => AT_MS + Math.floor(calls++ / 30_000), randomBytes: random })
    const ids = Array.from({ length: 100_000 }, makeId)
    t.equal(new Set(ids).size, ids.length, `unique, ${title}`)
    t.ok(
      ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? '')),
      `in order, ${title}`,
    )
  }
})

t.test('a clock that goes backwards keeps the order', async (t) => {
  const times = [AT_MS, AT_MS - 60_000, AT_MS - 59_999, 0, AT_MS, AT_MS + 1]
  const makeId = createUuidV7({ now: () => times.shift() ?? AT_MS, randomBytes })
  const ids = Array.from({ length: times.length }, makeId)
  t.strictSame(ids, [...ids].sort())
  t.equal(new Set(ids).size, ids.length)
  t.equal(millisecondsOf(ids.at(-1) ?? ''), AT_MS + 1, 'and the time is right again once the clock is past it')
})
