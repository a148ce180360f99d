// Each wall is proved by an import that breaks it, beside a twin that does not. One run covers them all.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { cruiseWalls } from '../../infra/lint/dependency-walls.ts'
import { PlantedTree, root } from './planted-tree.ts'

t.setTimeout(300_000)

const cruiserConfiguration = (await import(
  new URL('../../infra/lint/dependency-cruiser.mjs', import.meta.url).href
)) as {
  default: { forbidden: { name: string }[] }
}

const identity = 'services/identity/src'
const region = 'services/region/src'

/** rule → [file, what it imports]: exactly this rule fires. */
const BREACHES: [rule: string, from: string, to: string][] = [
  ['right-of-login', `${identity}/login/breach.ts`, `${identity}/grants/dispatch.ts`],
  ['right-of-sessions', `${identity}/sessions/breach.ts`, `${identity}/login/code.ts`],
  ['right-of-directory', `${identity}/directory/breach.ts`, `${identity}/sessions/session.ts`],
  ['right-of-keys', `${identity}/keys/breach.ts`, `${identity}/directory/domain.ts`],
  ['right-of-mail-feed-audit-pages', `${identity}/mail/breach.ts`, `${identity}/keys/signing-key.ts`],
  ['right-of-mail-feed-audit-pages', `${identity}/feed/breach.ts`, `${identity}/grants/dispatch.ts`],
  ['right-of-mail-feed-audit-pages', `${identity}/audit/breach.ts`, `${identity}/login/code.ts`],
  ['right-of-secrets', `${identity}/secrets/breach.ts`, `${identity}/mail/outbox.ts`],
  ['right-of-store', `${identity}/store/breach.ts`, `${identity}/sessions/session.ts`],
  ['mail-feed-audit-pages-apart', `${identity}/mail/breach-of-audit.ts`, `${identity}/audit/event.ts`],
  ['pages-pure', `${identity}/pages/breach.ts`, `${identity}/store/users.ts`],
  ['pages-pure', `${identity}/pages/breach-of-kit.ts`, 'packages/service-kit/src/problem.ts'],
  ['pages-pure', `${identity}/pages/breach-of-node.ts`, 'node:fs'],
  ['region-store-last', `${region}/store/breach.ts`, `${region}/records/record.ts`],
  ['folder-has-a-place', `${identity}/elsewhere/breach.ts`, `${identity}/store/users.ts`],
  ['folder-has-a-place', `${region}/elsewhere/breach.ts`, `${region}/store/records.ts`],
  ['features-below-http', `${identity}/login/breach-of-http.ts`, `${identity}/http/errors.ts`],
  ['features-below-http', `${region}/records/breach-of-app.ts`, `${region}/app.ts`],
  ['http-below-app', `${identity}/http/breach-of-app.ts`, `${identity}/app.ts`],
  ['http-not-store', `${identity}/http/oauth/token/breach.ts`, `${identity}/store/users.ts`],
  ['http-not-store', `${region}/http/records/breach.ts`, `${region}/store/records.ts`],
  ['cli-not-store', `${identity}/cli/breach.ts`, `${identity}/store/users.ts`],
  ['endpoints-apart', `${identity}/http/oauth/token/breach-of-revoke.ts`, `${identity}/http/oauth/revoke/schema.ts`],
  ['endpoints-apart', `${identity}/http/api/me/breach.ts`, `${identity}/http/oauth/revoke/schema.ts`],
  ['endpoints-apart', `${identity}/http/pages/breach.ts`, `${identity}/http/api/orgs/schema.ts`],
  ['endpoints-apart', `${region}/http/records/breach-of-me.ts`, `${region}/http/me/schema.ts`],
  ['grants-apart', `${identity}/grants/breach.ts`, `${identity}/grants/refresh-token.ts`],
  ['fastify-in-http', `${identity}/login/breach-of-fastify.ts`, 'fastify'],
  ['fastify-in-http', `${region}/records/breach-of-fastify.ts`, '@fastify/cors'],
  ['fastify-in-http', `${identity}/deps.ts`, 'fastify'],
  ['fastify-in-http', 'packages/database/src/breach.ts', 'fastify'],
  ['prisma-in-store', `${identity}/login/breach-of-prisma.ts`, '@prisma/client'],
  ['prisma-in-store', `${identity}/login/breach-of-generated.ts`, `${identity}/store/generated/client.ts`],
  ['prisma-in-store', `${region}/main.ts`, 'pg'],
  ['prisma-in-store', 'packages/service-kit/src/breach.ts', '@electric-sql/pglite'],
  ['services-apart', `${region}/records/breach-of-identity.ts`, `${identity}/config.ts`],
  ['packages-below', 'packages/service-kit/src/breach-of-service.ts', `${identity}/config.ts`],
  ['packages-below', 'packages/resource-server/src/breach-of-test.ts', 'test/support/clock.ts'],
  ['product-not-test', `${identity}/login/breach-of-test.ts`, 'test/support/clock.ts'],
  ['product-not-test', `${identity}/login/breach-of-infra.ts`, 'infra/local/stack.ts'],
  ['packages-apart', 'packages/resource-server/src/breach.ts', 'packages/service-kit/src/logger.ts'],
  ['packages-apart', 'packages/service-kit/src/breach-of-database.ts', 'packages/database/src/open.ts'],
  ['database-alone', 'packages/database/src/breach-of-protocol.ts', 'packages/protocol/src/ids.ts'],
  ['protocol-pure', 'packages/protocol/src/breach.ts', 'node:fs'],
  ['protocol-pure', 'packages/protocol/src/breach-of-jose.ts', 'jose'],
  ['client-in-browsers', 'packages/client/src/breach.ts', 'node:crypto'],
  ['no-circular', `${identity}/keys/and-round.ts`, `${identity}/keys/round.ts`],
  ['resolvable', `${identity}/keys/breach-of-nowhere.ts`, './nowhere.ts'],
]

const CLEAN: [from: string, to: string][] = [
  // A circle is reported once, at its other half.
  [`${identity}/keys/round.ts`, `${identity}/keys/and-round.ts`],
  [`${identity}/main.ts`, 'fastify'],
  [`${identity}/app.ts`, `${identity}/http/oauth/token/route.ts`],
  [`${identity}/http/oauth/token/route.ts`, 'fastify'],
  [`${identity}/http/oauth/token/answer.ts`, `${identity}/http/oauth/token/schema.ts`],
  [`${identity}/http/oauth/token/form.ts`, `${identity}/http/oauth/client-authentication.ts`],
  [`${identity}/http/oauth/mount.ts`, `${identity}/http/oauth/revoke/schema.ts`],
  [`${identity}/http/api/me/route.ts`, `${identity}/http/errors.ts`],
  [`${identity}/http/pages/page.ts`, `${identity}/login/code.ts`],
  [`${identity}/cli/main.ts`, `${identity}/store/users.ts`],
  [`${identity}/cli/rotate-keys.ts`, `${identity}/keys/signing-key.ts`],
  [`${identity}/grants/dispatch.ts`, `${identity}/grants/refresh-token.ts`],
  [`${identity}/grants/refresh-token.ts`, `${identity}/grants/grant.ts`],
  [`${identity}/grants/authorization-code.ts`, `${identity}/store/users.ts`],
  [`${identity}/login/code.ts`, `${identity}/mail/outbox.ts`],
  [`${identity}/sessions/session.ts`, `${identity}/keys/signing-key.ts`],
  [`${identity}/mail/outbox.ts`, `${identity}/secrets/sealing.ts`],
  [`${identity}/pages/page.ts`, 'node:crypto'],
  [`${identity}/pages/role.ts`, 'packages/protocol/src/ids.ts'],
  [`${identity}/login/sign-in.ts`, `${identity}/pages/page.ts`],
  [`${identity}/store/users.ts`, '@prisma/client'],
  [`${identity}/store/open.ts`, `${identity}/store/generated/client.ts`],
  [`${region}/http/records/route.ts`, `${region}/records/record.ts`],
  [`${region}/records/record.ts`, `${region}/store/records.ts`],
  [`${region}/store/records.ts`, 'packages/database/src/open.ts'],
  ['packages/service-kit/src/problem.ts', 'packages/protocol/src/ids.ts'],
  ['packages/service-kit/src/server.ts', 'fastify'],
  ['packages/resource-server/src/plugin.ts', 'packages/protocol/src/ids.ts'],
  ['packages/database/src/open.ts', 'pg'],
  ['packages/protocol/src/ids.ts', 'zod'],
  ['packages/client/src/client.ts', 'packages/protocol/src/ids.ts'],
  ['test/support/clock.ts', `${identity}/store/users.ts`],
  ['infra/local/stack.ts', 'test/support/smtp.ts'],
]

t.test('each wall refuses the import that breaks it, and lets its twin through', async (t) => {
  const tree = new PlantedTree(t)
  for (const name of ['fastify', '@fastify/cors', '@prisma/client', '@electric-sql/pglite', 'pg', 'jose', 'zod']) {
    tree.install(name)
  }
  for (const [from, to] of CLEAN) tree.plantImport(from, to)
  for (const [, from, to] of BREACHES) tree.plantImport(from, to)
  const walls = cruiseWalls(tree.path)
  const found = walls.violations.map(({ rule, from }) => `${rule}: ${from}`)
  t.strictSame(found.sort(), BREACHES.map(([rule, from]) => `${rule}: ${from}`).sort())
  t.strictSame(walls.unseen, [])
  const proved = new Set(BREACHES.map(([rule]) => rule))
  for (const { name } of cruiserConfiguration.default.forbidden) t.ok(proved.has(name), `${name} has a breach`)
})

t.test('a run that saw no module fails', async (t) => {
  const run = (tree: PlantedTree) =>
    spawnSync(process.execPath, [join(root, 'infra/lint/dependency-walls.ts')], { cwd: tree.path, encoding: 'utf8' })
  const empty = run(new PlantedTree(t))
  t.match(empty, { status: 1, stdout: /0 modules were cruised/ })
  const tree = new PlantedTree(t)
  tree.write('packages/protocol/src/ids.ts', 'export {}\n')
  t.match(run(tree), { status: 0 })
  tree.write('test/fixtures/unseen.ts', 'export {}\n')
  t.match(run(tree), { status: 1, stdout: /no module of test\/ was seen/ })
})
