import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigurationError, parseConfiguration, settingsTable } from '@meridian/service-kit/configuration'
import { booleanSetting, listSetting, portSetting, secondsSetting, secretKeyList } from '@meridian/service-kit/settings'
import t from 'tap'
import { z } from 'zod'

const KEY = Buffer.alloc(32, 7).toString('base64url')
const schema = z.object({
  ISSUER: z.url().describe('the issuer, a URL'),
  PORT: portSetting.default(4000),
  TTL: secondsSetting({ minSeconds: 300, maxSeconds: 900 }).default(600).describe('seconds that a token lives'),
  HMAC_KEYS: secretKeyList,
  ORIGINS: listSetting.optional(),
  STRICT: booleanSetting.default(false),
})
const complete = { ISSUER: 'https://id.example.com', HMAC_KEYS: `a:${KEY}` }

function problemsOf(environment: Record<string, string | undefined>, of: z.ZodObject = schema): readonly string[] {
  try {
    parseConfiguration(of, environment)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
  return []
}

t.test('complete settings are parsed, defaults filled in and unknown variables left out', async (t) => {
  const parsed = parseConfiguration(schema, { ...complete, TTL: '300', ORIGINS: 'https://a, https://b', PATH: '/bin' })
  t.strictSame(Object.keys(parsed).sort(), ['HMAC_KEYS', 'ISSUER', 'ORIGINS', 'PORT', 'STRICT', 'TTL'])
  t.match(parsed, { PORT: 4000, TTL: 300, STRICT: false, ORIGINS: ['https://a', 'https://b'] })
})

t.test('the result is frozen to its depths', async (t) => {
  const parsed = parseConfiguration(schema, { ...complete, ORIGINS: 'https://a' })
  t.throws(() => Object.assign(parsed, { PORT: 1 }), TypeError)
  t.throws(() => (parsed.ORIGINS as string[]).push('https://b'), TypeError)
  t.throws(() => Object.assign(parsed.HMAC_KEYS[0], { id: 'z' }), TypeError)
})

t.test('everything that is missing or wrong is named at once, one a line, with what is expected', async (t) => {
  t.strictSame(problemsOf({ TTL: '299', PORT: 'eighty' }), [
    'ISSUER: missing; expected the issuer, a URL',
    'PORT: not a whole number from 0 to 65535; expected a port from 0 to 65535 (0: any free one)',
    'TTL: not a whole number from 300 to 900; expected seconds that a token lives',
    'HMAC_KEYS: missing; expected keys, newest first, as id:base64url of at least 32 random bytes, separated by commas',
  ])
  const message = new ConfigurationError(problemsOf({})).message
  t.equal(message.split('\n').length, 3)
})

t.test('an empty value counts as absent', async (t) => {
  t.equal(parseConfiguration(schema, { ...complete, PORT: '' }).PORT, 4000)
  t.strictSame(problemsOf({ ...complete, ISSUER: '' }), ['ISSUER: missing; expected the issuer, a URL'])
})

t.test('a value may come from a file, trimmed', async (t) => {
  const directory = t.testdir({ keys: `a:${KEY}\n`, empty: '\n' })
  const withFile = { ISSUER: complete.ISSUER, HMAC_KEYS_FILE: join(directory, 'keys') }
  t.equal(parseConfiguration(schema, withFile).HMAC_KEYS[0].id, 'a')

  t.strictSame(problemsOf({ ...withFile, HMAC_KEYS: `a:${KEY}` }), [
    'HMAC_KEYS: given twice, as HMAC_KEYS and as HMAC_KEYS_FILE; keep one',
  ])
  t.match(problemsOf({ ...withFile, HMAC_KEYS_FILE: join(directory, 'empty') }), [/^HMAC_KEYS: missing/])
  t.strictSame(problemsOf({ ...withFile, HMAC_KEYS_FILE: join(directory, 'none') }), [
    'HMAC_KEYS: HMAC_KEYS_FILE names a file that cannot be read (ENOENT)',
  ])
})

t.test('no message holds a value, from the environment or from a file', async (t) => {
  const canary = 'canary-4f1d'
  const directory = t.testdir()
  writeFileSync(join(directory, 'secret'), canary)
  const fromEnvironment = problemsOf({ ISSUER: canary, PORT: canary, TTL: canary, HMAC_KEYS: canary, STRICT: canary })
  t.equal(fromEnvironment.length, 5)
  t.notMatch(fromEnvironment.join('\n'), canary)
  const fromFile = problemsOf({ ...complete, HMAC_KEYS: undefined, HMAC_KEYS_FILE: join(directory, 'secret') })
  t.equal(fromFile.length, 1)
  t.notMatch(fromFile.join('\n'), canary)

  const echoing = z.object({ PIN: z.string().refine(() => false, { error: (issue) => `bad ${String(issue.input)}` }) })
  t.strictSame(problemsOf({ PIN: canary }, echoing), ['PIN: wrong'])
})

t.test('a rule across settings is reported too', async (t) => {
  const paired = schema.refine((all) => all.PORT !== 1 || all.STRICT, { error: 'port 1 needs STRICT' })
  t.strictSame(problemsOf({ ...complete, PORT: '1' }, paired), ['settings: port 1 needs STRICT'])
  t.equal(parseConfiguration(paired, { ...complete, PORT: '1', STRICT: 'true' }).PORT, 1)
})

t.test('the table of settings says what a README has to say', async (t) => {
  t.strictSame(settingsTable(schema).slice(0, 3), [
    { name: 'ISSUER', description: 'the issuer, a URL', default: undefined, required: true },
    { name: 'PORT', description: 'a port from 0 to 65535 (0: any free one)', default: '4000', required: false },
    { name: 'TTL', description: 'seconds that a token lives', default: '600', required: false },
  ])
  t.match(
    settingsTable(schema).map(({ name, required }) => `${name} ${required}`),
    ['', '', '', 'HMAC_KEYS true', 'ORIGINS false', 'STRICT false'].map((text) => text || String),
  )
})
