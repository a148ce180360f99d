// The walls of the tree: who may import whom. Each rule has a planted violation in test/tooling/walls.test.ts.
// A feature folder that is in none of the orders below may import nothing: give it its place here first.

const IDENTITY_ORDER = [
  'grants',
  'login',
  'sessions',
  'directory',
  'keys',
  ['mail', 'feed', 'audit', 'pages'],
  'secrets',
  'store',
]
const REGION_FEATURES = ['replica', 'web-session', 'directory', 'records', 'usage']

const GENERATED = '/src/store/generated/'
const PRISMA = [GENERATED, '(^|/)@prisma/', '(^|/)@electric-sql/', '(^|/)pglite-prisma-adapter/', '(^|/)(@types/)?pg/']
const FASTIFY = '(^|/)(fastify|@fastify|fastify-plugin)/'
// A folder that answers one endpoint; files beside such folders (http/errors.ts, http/oauth/…ts) are common ground.
const ENDPOINT = 'services/[^/]+/src/http/(?:(?:oauth|api)/)?(?!oauth/|api/)[^/]+'

const anyOf = (names) => `(${names.flat().join('|')})`

const identityOrder = IDENTITY_ORDER.slice(1).map((step, index) => {
  const names = [step].flat()
  return {
    name: `right-of-${names.join('-')}`,
    comment: `identity features import only to the right: ${IDENTITY_ORDER.flat().join(' → ')}`,
    from: { path: `^services/identity/src/${anyOf(names)}/`, pathNot: GENERATED },
    to: { path: `^services/identity/src/${anyOf(IDENTITY_ORDER.slice(0, index + 1))}/` },
  }
})

const rules = [
  ...identityOrder,
  {
    name: 'mail-feed-audit-pages-apart',
    comment: 'mail, feed, audit and pages stand side by side',
    from: { path: '^services/identity/src/(mail|feed|audit|pages)/' },
    to: { path: '^services/identity/src/(mail|feed|audit|pages)/', pathNot: '^services/identity/src/$1/' },
  },
  {
    name: 'pages-pure',
    comment: 'a page is a function of its view: no other folder of the service, no Node module but the hash of its CSP',
    from: { path: '^services/identity/src/pages/' },
    to: { pathNot: ['^services/identity/src/pages/', '^packages/protocol/', '^(node:)?crypto$'] },
  },
  {
    name: 'region-store-last',
    comment: `region: http → ${REGION_FEATURES.join(', ')} → store`,
    from: { path: '^services/region/src/store/', pathNot: GENERATED },
    to: { path: `^services/region/src/${anyOf(REGION_FEATURES)}/` },
  },
  {
    name: 'folder-has-a-place',
    comment: 'a folder of a service stands in the order at the top of infra/lint/dependency-cruiser.mjs',
    from: {
      path: '^services/(identity|region)/src/[^/]+/',
      pathNot: [
        `^services/identity/src/${anyOf(['http', 'cli', IDENTITY_ORDER.flat()])}/`,
        `^services/region/src/${anyOf(['http', 'cli', REGION_FEATURES, 'store'])}/`,
      ],
    },
    to: {},
  },
  {
    name: 'features-below-http',
    comment: 'main → app → http → features → store',
    from: { path: '^services/[^/]+/src/[^/]+/', pathNot: ['/src/(http|cli)/', GENERATED] },
    to: { path: '^services/[^/]+/src/(http/|cli/|app\\.ts$|main\\.ts$)' },
  },
  {
    name: 'http-below-app',
    comment: 'main → app → http; the commands are a door of their own',
    from: { path: '^services/[^/]+/src/http/' },
    to: { path: '^services/[^/]+/src/(cli/|app\\.ts$|main\\.ts$)' },
  },
  {
    name: 'http-not-store',
    comment: 'an endpoint goes through a feature, not to the store',
    from: { path: '^services/[^/]+/src/http/' },
    to: { path: '^services/[^/]+/src/store/' },
  },
  {
    name: 'cli-not-store',
    comment: 'a command goes through a feature, not to the store (cli/main.ts wires)',
    from: { path: '^services/[^/]+/src/cli/', pathNot: '/cli/main\\.ts$' },
    to: { path: '^services/[^/]+/src/(store|http)/' },
  },
  {
    name: 'endpoints-apart',
    comment: 'an endpoint imports no other endpoint',
    from: { path: `^(${ENDPOINT})/` },
    to: { path: `^${ENDPOINT}/`, pathNot: '^$1/' },
  },
  {
    name: 'grants-apart',
    comment:
      'only dispatch.ts knows all grants; what a grant must answer is in grant.ts; authenticate-client.ts is none',
    from: { path: '^services/[^/]+/src/grants/(?!(dispatch|authenticate-client)\\.ts$)' },
    to: { path: '^services/[^/]+/src/grants/', pathNot: '/grants/grant\\.ts$' },
  },
  {
    name: 'fastify-in-http',
    comment: 'Fastify stops at http/',
    from: {
      path: '^(services/[^/]+/src/|packages/(?!service-kit/|resource-server/))',
      pathNot: '^services/[^/]+/src/(http/|app\\.ts$|main\\.ts$)',
    },
    to: { path: FASTIFY },
  },
  {
    name: 'prisma-in-store',
    comment: 'Prisma and the database drivers stop at store/',
    from: {
      path: '^(services/[^/]+/src/|packages/(?!database/))',
      pathNot: '^services/[^/]+/src/store/',
    },
    to: { path: PRISMA },
  },
  {
    name: 'services-apart',
    comment: 'no service imports another',
    from: { path: '^services/([^/]+)/' },
    to: { path: '^services/', pathNot: '^services/$1/' },
  },
  {
    name: 'packages-below',
    comment: 'services → packages → protocol',
    from: { path: '^packages/' },
    to: { path: '^(services|prisma|test|infra)/' },
  },
  {
    name: 'product-not-test',
    comment: 'nothing that ships imports tests or infrastructure',
    from: { path: '^services/' },
    to: { path: '^(test|infra)/' },
  },
  {
    name: 'packages-apart',
    comment: 'a package may use protocol, and no other package',
    from: { path: '^packages/([^/]+)/' },
    to: { path: '^packages/', pathNot: '^packages/($1|protocol)/' },
  },
  {
    name: 'database-alone',
    comment: 'packages/database knows nothing of what we store',
    from: { path: '^packages/database/' },
    to: { path: '^packages/', pathNot: '^packages/database/' },
  },
  {
    name: 'protocol-pure',
    comment: 'packages/protocol imports zod and nothing else',
    from: { path: '^packages/protocol/' },
    to: { pathNot: ['^packages/protocol/', '(^|/)zod/'] },
  },
  {
    name: 'client-in-browsers',
    comment: 'packages/client runs where there is no Node',
    from: { path: '^packages/client/' },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'no-circular',
    comment: 'no import leads back to itself',
    from: { pathNot: GENERATED },
    to: { circular: true },
  },
  {
    name: 'resolvable',
    comment: 'an import that resolves to no file escapes every wall',
    from: { pathNot: GENERATED },
    to: { couldNotResolve: true },
  },
]

export default {
  forbidden: rules.map((rule) => ({ severity: 'error', ...rule })),
  options: {
    doNotFollow: { path: ['node_modules', GENERATED] },
    exclude: { path: ['^test/fixtures/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
