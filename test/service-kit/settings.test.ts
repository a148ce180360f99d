import {
  booleanSetting,
  httpUrlSetting,
  integerSetting,
  listSetting,
  portSetting,
  secondsSetting,
  secretKeyList,
  trustedProxiesSetting,
} from '@meridian/service-kit/settings'
import t, { type Test } from 'tap'
import type { z } from 'zod'

function accepts(t: Test, setting: z.ZodType, cases: readonly (readonly [string, unknown])[]): void {
  for (const [text, value] of cases) t.strictSame(setting.safeParse(text), { success: true, data: value }, text)
}

function refuses(t: Test, setting: z.ZodType, texts: readonly unknown[]): void {
  for (const text of texts) t.equal(setting.safeParse(text).success, false, String(text))
}

t.test('a boolean is true or false and nothing like it', async (t) => {
  accepts(t, booleanSetting, [
    ['true', true],
    ['false', false],
  ])
  refuses(t, booleanSetting, ['TRUE', '1', 'yes', ' true', undefined])
})

t.test('a number is decimal digits within its bounds', async (t) => {
  accepts(t, portSetting, [
    ['0', 0],
    ['65535', 65_535],
  ])
  refuses(t, portSetting, ['65536', '-1', '1e3', '0x50', ' 80', '080', '80.5', ''])
  accepts(t, secondsSetting({ minSeconds: 30, maxSeconds: 120 }), [
    ['30', 30],
    ['120', 120],
  ])
  refuses(t, secondsSetting({ minSeconds: 30, maxSeconds: 120 }), ['29', '121'])
  accepts(t, integerSetting({ min: 1, max: 2 }), [['2', 2]])
})

t.test('a base URL is http or https and has nothing after its path', async (t) => {
  const good = ['http://localhost:4000', 'https://id.example.com', 'https://example.com/in']
  accepts(
    t,
    httpUrlSetting,
    good.map((url) => [url, url]),
  )
  refuses(t, httpUrlSetting, [
    'https://id.example.com/',
    'https://id.example.com?a',
    'https://id.example.com#a',
    'https://user:secret@id.example.com',
    'ftp://id.example.com',
    'id.example.com',
    'HTTPS://id.example.com',
    'https://id.example.com:443',
    'https://id.example.com ',
    'javascript:alert(1)',
  ])
})

t.test('lists leave out spaces and empty items, and no proxy is trusted where none is named', async (t) => {
  accepts(t, listSetting, [['a, b ,,c', ['a', 'b', 'c']]])
  accepts(t, trustedProxiesSetting, [
    ['10.0.0.0/8, 127.0.0.1', ['10.0.0.0/8', '127.0.0.1']],
    [' ', false],
  ])
})

t.test('a list of secret keys keeps its order and each key its bytes', async (t) => {
  const older = Buffer.alloc(32, 1)
  const newer = Buffer.alloc(48, 0xfb)
  const keys = secretKeyList.parse(`n2:${newer.toString('base64url')}, o1:${older.toString('base64url')}=`)
  t.strictSame(
    keys.map(({ id, key }) => [id, Buffer.from(key).toString('hex')]),
    [
      ['n2', newer.toString('hex')],
      ['o1', older.toString('hex')],
    ],
  )
})

t.test('a list of secret keys with one bad key is refused, without a word of the key', async (t) => {
  const good = Buffer.alloc(32, 1).toString('base64url')
  const cases: readonly (readonly [string, string])[] = [
    ['', 'key 1 has no id'],
    [good, 'key 1 has no id'],
    [`:${good}`, 'key 1 has no id'],
    [`TOOUPPER:${good}`, 'key 1 has no id'],
    [`ninechars:${good}`, 'key 1 has no id'],
    [`a:${good},a:${good}`, 'key 2 repeats an id'],
    [`a:${good},`, 'key 2 has no id'],
    [`a:${Buffer.alloc(31).toString('base64url')}`, 'key 1 is shorter than 32 bytes'],
    [`a:${good.slice(0, -2)}+/`, 'key 1 is not base64url'],
    [`a:${good}:${good}`, 'key 1 is not base64url'],
    ['a:', 'key 1 is shorter than 32 bytes'],
  ]
  for (const [text, message] of cases) {
    const issues = secretKeyList.safeParse(text).error?.issues ?? []
    t.match(issues[0]?.message, message, text)
    t.notMatch(JSON.stringify(issues), good)
  }
})
