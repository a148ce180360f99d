import { readFile } from 'node:fs/promises'
import { ConfigurationError, parseConfiguration, settingsTable } from '@meridian/service-kit/configuration'
import t from 'tap'
import { configurationSchema } from '../../services/region/src/config.ts'

const complete = {
  REGION_CODE: 'in',
  AUDIENCE: 'https://api.in.example.com',
  ISSUER: 'https://id.example.com',
  IDENTITY_URL: 'https://id.example.com',
  CLIENT_ID: 'region-in',
  CLIENT_SECRET: 'sixteen characters',
  DATA_FOLDER: '/var/lib/meridian',
  PORT: '4101',
  NEUTRAL_HOSTS: 'api.in.example.com, localhost',
}

t.test('a complete configuration is parsed and frozen', async (t) => {
  const configuration = parseConfiguration(configurationSchema, complete)
  t.match(configuration, { PORT: 4101, NEUTRAL_HOSTS: ['api.in.example.com', 'localhost'], TOKEN_LEEWAY_SECONDS: 30 })
  t.ok(Object.isFrozen(configuration))
})

t.test('everything that is missing is named at once', async (t) => {
  try {
    parseConfiguration(configurationSchema, {})
    t.fail('accepted')
  } catch (error) {
    t.ok(error instanceof ConfigurationError)
    for (const name of [
      'REGION_CODE',
      'AUDIENCE',
      'ISSUER',
      'IDENTITY_URL',
      'CLIENT_ID',
      'CLIENT_SECRET',
      'PORT',
      'NEUTRAL_HOSTS',
    ]) {
      t.match(String(error), name)
    }
  }
})

t.test('what would weaken the region is refused', async (t) => {
  const cases: Record<string, Partial<Record<keyof typeof complete | string, string>>> = {
    'no database': { DATA_FOLDER: '' },
    'the centre over plain http': { IDENTITY_URL: 'http://id.example.com' },
    'a short secret': { CLIENT_SECRET: 'short' },
    'a leeway of minutes': { TOKEN_LEEWAY_SECONDS: '120' },
    'a leeway that refuses good clocks': { TOKEN_LEEWAY_SECONDS: '0' },
    'any origin': { CORS_ORIGINS: '*' },
    'an origin with a path': { CORS_ORIGINS: 'https://app.example.com/' },
    'a neutral host that is none': { NEUTRAL_HOSTS: 'https://api.in.example.com' },
    'an audience with a slash at its end': { AUDIENCE: 'https://api.in.example.com/' },
    'no region': { REGION_CODE: 'IN' },
    'another database': { DATABASE_URL: 'mysql://localhost/region' },
  }
  for (const [name, change] of Object.entries(cases)) {
    t.throws(() => parseConfiguration(configurationSchema, { ...complete, ...change }), ConfigurationError, name)
  }
  const local = { ...complete, IDENTITY_URL: 'http://localhost:4000' }
  t.doesNotThrow(() => parseConfiguration(configurationSchema, local), 'plain http on this machine')
  const inside = { ...complete, IDENTITY_URL: 'http://identity.internal:4000', ALLOW_INSECURE_IDENTITY: 'true' }
  t.doesNotThrow(() => parseConfiguration(configurationSchema, inside), 'plain http where it was allowed')
})

t.test("the README's table is the schema's", async (t) => {
  const readme = await readFile(new URL('../../services/region/README.md', import.meta.url), 'utf8')
  const rows = readme.split('\n').filter((line) => /^\| `[A-Z_]+` +\|/.test(line))
  const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()))
  t.strictSame(
    cells.map(([, name, fallback, what]) => [name, fallback, what]),
    settingsTable(configurationSchema).map((setting) => [
      `\`${setting.name}\``,
      setting.required
        ? 'required'
        : setting.default === undefined || setting.default === ''
          ? ''
          : `\`${setting.default}\``,
      setting.description,
    ]),
  )
})
