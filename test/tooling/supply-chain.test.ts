// SECURITY 1.15: what is installed comes from the registry, as the lockfile says, and runs no scripts that we did not
// allow; what is known to be bad is not there.
import { readFile } from 'node:fs/promises'
import t from 'tap'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFile(new URL(path, root), 'utf8')

/** Every package of the lockfile, as name and version. */
function packagesOf(lockfile: string): readonly [name: string, version: string][] {
  const [, section = ''] = /^packages:\n([\s\S]*?)^snapshots:/m.exec(lockfile) ?? []
  const names = section.matchAll(/^ {2}'?((?:@[^/\s]+\/)?[^@\s]+)@([^':\s]+)'?:$/gm)
  return [...names].map(([, name = '', version = '']) => [name, version])
}

const isAtLeast = (version: string, least: readonly number[]) => {
  const parts = version.split('-')[0]?.split('.').map(Number) ?? []
  for (const [index, wanted] of least.entries()) {
    const part = parts[index] ?? 0
    if (part !== wanted) return part > wanted
  }
  return true
}

const FOREIGN_SOURCE = /tarball:|git\+|github\.com|codeload|https?:\/\/|: file:/

t.test('the lockfile names packages of the registry alone, each with its hash', async (t) => {
  const lockfile = await read('pnpm-lock.yaml')
  const packages = packagesOf(lockfile)
  t.ok(packages.length > 200, `${packages.length} packages were read`)
  const foreign = lockfile.split('\n').filter((line) => FOREIGN_SOURCE.test(line) && !/^ +deprecated: /.test(line))
  t.strictSame(foreign, [], 'no other source, and no host')
  const hashes = lockfile.match(/resolution: \{integrity: sha512-[A-Za-z0-9+/=]+\}/g) ?? []
  t.equal(hashes.length, packages.length, 'one hash a package')
})

t.test('scripts of dependencies run only where they are allowed, and the whole install is frozen in CI', async (t) => {
  const workspace = await read('pnpm-workspace.yaml')
  const allowed = [...workspace.matchAll(/^ {2}"?([^":\s]+)"?: true$/gm)].map(([, name]) => name)
  t.strictSame(allowed, ['node'])
  t.match(await read('.ci/run'), /pnpm@12 install --frozen-lockfile/)
})

t.test(
  'versions with known holes are not installed, and no service depends on what only a comparison needs',
  async (t) => {
    const packages = packagesOf(await read('pnpm-lock.yaml'))
    const versionsOf = (name: string) => packages.filter(([known]) => known === name).map(([, version]) => version)
    t.ok(versionsOf('fastify').length > 0)
    for (const version of versionsOf('fastify')) t.ok(isAtLeast(version, [5, 12, 1]), `fastify ${version}`)
    for (const version of versionsOf('@fastify/middie'))
      t.ok(isAtLeast(version, [9, 3, 4]), `@fastify/middie ${version}`)
    t.notOk(isAtLeast('5.12.0', [5, 12, 1]), 'the comparison can fail')
    for (const folder of ['services/identity', 'services/region', 'packages/resource-server', 'packages/service-kit']) {
      const { dependencies = {} } = JSON.parse(await read(`${folder}/package.json`)) as { dependencies?: object }
      for (const name of ['fast-jwt', '@fastify/jwt', 'get-jwks', 'jsonwebtoken', '@fastify/middie', 'oidc-provider']) {
        t.notOk(name in dependencies, `${folder} does not need ${name}`)
      }
    }
  },
)
