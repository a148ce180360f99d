// Each rule of Biome, ESLint, the type checker and knip that we rely on is proved by a planted fault, beside a
// twin without it. One run of each tool covers all its rules.
import { spawnSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PlantedTree, root, toolPath } from './planted-tree.ts'

t.setTimeout(300_000)

const feature = 'services/identity/src/login'
const AMBIENT = 'Take the clock and randomness as an argument'
const UNSAFE_SQL = 'Use $queryRaw or $executeRaw'

/** [what fires, file, text] */
const BIOME_FAULTS: [rule: string, file: string, text: string][] = [
  ['format', `${feature}/unformatted.ts`, 'export const code = "1";\n'],
  [
    'assist/source/organizeImports',
    `${feature}/unsorted.ts`,
    "import 'zod'\n\nimport b from 'b'\nimport a from 'a'\n\nexport const both = [a, b]\n",
  ],
  ['lint/performance/noBarrelFile', `${feature}/barrel.ts`, "export { code } from './clean.ts'\n"],
  ['lint/performance/noBarrelFile', `${feature}/all.ts`, "export * from './clean.ts'\n"],
  ['lint/performance/noReExportAll', `${feature}/all.ts`, "export * from './clean.ts'\n"],
  ['lint/style/noProcessEnv', `${feature}/environment.ts`, 'export const mode = process.env.MODE\n'],
  ['lint/style/noProcessEnv', 'packages/database/src/environment.ts', 'export const mode = process.env.MODE\n'],
  [
    'lint/style/noRestrictedImports',
    `${feature}/env.ts`,
    "import { env } from 'node:process'\n\nexport const mode = env\n",
  ],
  [
    'lint/style/noRestrictedImports',
    `${feature}/random.ts`,
    "import { randomBytes } from 'node:crypto'\n\nexport const key = randomBytes\n",
  ],
  [
    'lint/style/noRestrictedImports',
    `${feature}/uuid.ts`,
    "import { randomUUID } from 'node:crypto'\n\nexport const key = randomUUID\n",
  ],
  ['lint/style/noDefaultExport', `${feature}/default.ts`, 'export default 1\n'],
  ['lint/style/noEnum', `${feature}/enum.ts`, 'export enum Role {\n  Member = 1,\n}\n'],
  [
    'lint/style/noParameterProperties',
    `${feature}/property.ts`,
    'export class Code {\n  constructor(readonly value: string) {}\n}\n',
  ],
  ['lint/style/noNonNullAssertion', `${feature}/non-null.ts`, 'export const first = (list: string[]) => list[0]!\n'],
  [
    'lint/style/useImportType',
    `${feature}/import-type.ts`,
    "import { Code } from './clean.ts'\n\nexport type Other = Code\n",
  ],
  ['lint/style/useFilenamingConvention', `${feature}/camelCase.ts`, 'export const code = 1\n'],
  [
    'lint/suspicious/noForIn',
    `${feature}/for-in.ts`,
    'export function visit(value: object, see: (key: string) => void) {\n  for (const key in value) if (Object.hasOwn(value, key)) see(key)\n}\n',
  ],
  [
    'lint/suspicious/noShadow',
    `${feature}/shadow.ts`,
    'const code = 1\nexport const next = (list: number[]) => list.map((code) => code + 1).concat(code)\n',
  ],
  ['lint/suspicious/noExplicitAny', `${feature}/explicit-any.ts`, 'export const code: any = 1\n'],
  ['lint/suspicious/noConsole', `${feature}/console.ts`, "console.log('code')\n"],
  ['lint/suspicious/noConsole', 'packages/service-kit/src/console.ts', "console.error('code')\n"],
  ['lint/correctness/noUnusedVariables', `${feature}/unused.ts`, 'const code = 1\n\nexport const other = 2\n'],
  [
    'lint/correctness/noUnusedImports',
    `${feature}/unused-import.ts`,
    "import { code } from './clean.ts'\n\nexport const other = 2\n",
  ],
  [AMBIENT, `${feature}/date-now.ts`, 'export const at = Date.now()\n'],
  [AMBIENT, `${feature}/date-now-default.ts`, 'export const at = (now = Date.now) => now()\n'],
  [AMBIENT, `${feature}/new-date.ts`, 'export const at = new Date()\n'],
  [AMBIENT, `${feature}/math-random.ts`, 'export const roll = Math.random()\n'],
  [AMBIENT, `${feature}/crypto-uuid.ts`, 'export const id = crypto.randomUUID()\n'],
  [
    AMBIENT,
    `${feature}/global-crypto.ts`,
    'export const bytes = globalThis.crypto.getRandomValues(new Uint8Array(8))\n',
  ],
  [AMBIENT, 'packages/protocol/src/date-now.ts', 'export const at = Date.now()\n'],
  [AMBIENT, 'services/region/src/deps.ts', 'export const at = Date.now()\n'],
  [UNSAFE_SQL, `${feature}/query.ts`, "export const rows = (db: Db) => db.$queryRawUnsafe<Row[]>('SELECT 1')\n"],
  [
    UNSAFE_SQL,
    'services/identity/src/store/execute.ts',
    "export const run = (db: Db) => db.$executeRawUnsafe('SELECT 1')\n",
  ],
]

const BIOME_CLEAN: [file: string, text: string][] = [
  [`${feature}/clean.ts`, 'export type Code = string\nexport const code: Code = "1"\n'.replaceAll('"', "'")],
  [`${feature}/instant.ts`, 'export const at = (now: () => Date) => new Date(now().getTime() + 1)\n'],
  [`${feature}/measured.ts`, 'export const startedAt = performance.now()\n'],
  [`${feature}/hash.ts`, "import { createHash } from 'node:crypto'\n\nexport const hash = createHash('sha256')\n"],
  [`${feature}/injected.ts`, 'export const key = (deps: Deps) => deps.randomBytes(32)\n'],
  [`${feature}/template.ts`, 'export const rows = (db: Db) => db.$queryRaw`SELECT 1`\n'],
  [
    'services/identity/src/main.ts',
    "import { randomBytes } from 'node:crypto'\n\nexport const world = [process.env, Date.now(), randomBytes(1)]\n",
  ],
  ['services/identity/src/cli/main.ts', 'export const world = [process.env, new Date()]\n'],
  ['services/identity/src/deps.ts', "import { randomBytes } from 'node:crypto'\n\nexport const key = randomBytes\n"],
  ['packages/database/src/unsafe.ts', "export const run = (db: Db) => db.$executeRawUnsafe('SELECT 1')\n"],
  [
    'test/identity/code.test.ts',
    'const t = Date.now()\nconsole.log(t, process.env)\nfor (const each of [1]) ((t: number) => t + each)(t)\n',
  ],
  ['infra/local/start.ts', "console.log(process.env['PATH'], Date.now())\n"],
  ['vite.config.ts', 'export default {}\n'],
  ['services/identity/src/store/generated/client.ts', 'export default "not formatted" as any;\n'],
]

interface Diagnostic {
  category: string
  message: string
  location: { path: string | { file: string } }
}

t.test('each rule of Biome refuses its fault, and lets its twin through', async (t) => {
  const tree = new PlantedTree(t)
  for (const [file, text] of BIOME_CLEAN) tree.write(file, text)
  for (const [, file, text] of BIOME_FAULTS) tree.write(file, text)
  const run = spawnSync(
    toolPath('biome'),
    [
      'check',
      '--error-on-warnings',
      '--reporter=json',
      '--max-diagnostics=none',
      'services',
      'packages',
      'test',
      'infra',
      'vite.config.ts',
    ],
    { cwd: tree.path, encoding: 'utf8' },
  )
  const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: Diagnostic[] }
  const named = diagnostics.map(({ category, message, location }) => {
    const rule = category === 'plugin' ? [AMBIENT, UNSAFE_SQL].find((start) => message.startsWith(start)) : category
    return `${rule}: ${typeof location.path === 'string' ? location.path : location.path.file}`
  })
  t.strictSame([...new Set(named)].sort(), BIOME_FAULTS.map(([rule, file]) => `${rule}: ${file}`).sort())
  t.equal(run.status, 1)
})

const ESLINT_FAULTS: [rule: string, file: string, text: string][] = [
  [
    'no-floating-promises',
    `${feature}/floating.ts`,
    'declare function send(): Promise<void>\nexport function go(): void {\n  send()\n}\n',
  ],
  [
    'no-floating-promises',
    'packages/service-kit/src/thenable.ts',
    'declare function send(): PromiseLike<void>\nexport function go(): void {\n  send()\n}\n',
  ],
  [
    'no-misused-promises',
    `${feature}/misused.ts`,
    'declare function allowed(): Promise<boolean>\nexport const go = () => {\n  if (allowed()) return 1\n  return 2\n}\n',
  ],
  [
    'switch-exhaustiveness-check',
    `${feature}/switch.ts`,
    "export function name(role: 'manager' | 'viewer'): void {\n  switch (role) {\n    case 'manager':\n      break\n  }\n}\n",
  ],
  [
    'no-for-in-array',
    `${feature}/for-in-array.ts`,
    'export function visit(list: string[], see: (key: string) => void): void {\n  for (const key in list) see(key)\n}\n',
  ],
]

const ESLINT_CLEAN: [file: string, text: string][] = [
  [
    `${feature}/awaited.ts`,
    'declare function send(): Promise<void>\nexport async function go(): Promise<void> {\n  await send()\n  void send()\n}\n',
  ],
  [
    `${feature}/exhaustive.ts`,
    "export function name(role: 'manager' | 'viewer'): number {\n  switch (role) {\n    case 'manager':\n      return 1\n    case 'viewer':\n      return 2\n  }\n}\n",
  ],
]

t.test('each rule of ESLint refuses its fault, and lets its twin through', async (t) => {
  const tree = new PlantedTree(t)
  for (const [file, text] of ESLINT_CLEAN) tree.write(file, text)
  for (const [, file, text] of ESLINT_FAULTS) tree.write(file, text)
  const config = join(root, 'infra/lint/eslint.config.mjs')
  const run = spawnSync(toolPath('eslint'), ['-c', config, '-f', 'json', 'services', 'packages'], {
    cwd: tree.path,
    encoding: 'utf8',
  })
  const results = JSON.parse(run.stdout) as { filePath: string; messages: { ruleId: string }[] }[]
  const found = results.flatMap(({ filePath, messages }) =>
    messages.map(
      ({ ruleId }) => `${ruleId.replace('@typescript-eslint/', '')}: ${filePath.slice(tree.path.length + 1)}`,
    ),
  )
  t.strictSame(found.sort(), ESLINT_FAULTS.map(([rule, file]) => `${rule}: ${file}`).sort())
  t.equal(results.length, ESLINT_FAULTS.length + ESLINT_CLEAN.length, 'every file was looked at')
})

const TYPE_FAULTS: [code: string, file: string, text: string][] = [
  ['TS2322', 'test/unchecked-index.ts', 'export const first = (list: string[]): string => list[0]\n'],
  ['TS2375', 'packages/protocol/src/optional.ts', 'export const code: { value?: string } = { value: undefined }\n'],
  ['TS1294', `${feature}/enum.ts`, 'export enum Role {\n  Member = 1,\n}\n'],
  ['TS1484', `${feature}/verbatim.ts`, "import { Code } from './clean.ts'\n\nexport type Other = Code\n"],
  ['TS7006', 'infra/local/implicit-any.ts', 'export const same = (value) => value\n'],
]

t.test('the type checker is strict in every folder', async (t) => {
  const tree = new PlantedTree(t)
  tree.write(
    `${feature}/clean.ts`,
    'export type Code = string\nexport const first = (list: Code[]): Code | undefined => list[0]\n',
  )
  for (const [, file, text] of TYPE_FAULTS) tree.write(file, text)
  const run = spawnSync(toolPath('tsc'), ['-p', 'tsconfig.json', '--noEmit', '--pretty', 'false'], {
    cwd: tree.path,
    encoding: 'utf8',
  })
  const found = [...run.stdout.matchAll(/^([^\s(]+)\(\d+,\d+\): error (TS\d+)/gm)].map(
    ([, file, code]) => `${code}: ${file}`,
  )
  t.strictSame([...new Set(found)].sort(), TYPE_FAULTS.map(([code, file]) => `${code}: ${file}`).sort())
})

t.test('knip finds the file, the export and the dependency that nothing uses', async (t) => {
  const tree = new PlantedTree(t)
  tree.write('pnpm-workspace.yaml', 'packages:\n  - services/*\n  - packages/*\n')
  const dependencies = { '@meridian/protocol': 'workspace:*', 'used-package': '1.0.0', 'unused-package': '1.0.0' }
  tree.write(
    'services/identity/package.json',
    JSON.stringify({ name: '@meridian/identity', type: 'module', dependencies }),
  )
  tree.write(
    'packages/protocol/package.json',
    JSON.stringify({ name: '@meridian/protocol', type: 'module', exports: { './*': './src/*.ts' } }),
  )
  for (const name of ['used-package', 'unused-package']) tree.install(name)
  tree.write(
    'services/identity/src/main.ts',
    "import 'used-package'\nimport '@meridian/protocol/ids'\nimport { used } from './login/code.ts'\n\nused()\n",
  )
  tree.write(`${feature}/code.ts`, 'export const used = () => 1\nexport const unusedExport = 1\n')
  tree.write(`${feature}/unused-file.ts`, 'export const code = 1\n')
  tree.write('packages/protocol/src/ids.ts', 'export const unusedEntryExport = 1\n')
  tree.write('test/identity/code.test.ts', "import '../support/clock.ts'\n")
  tree.write('test/support/clock.ts', 'export {}\n')
  tree.write('test/support/unused-support.ts', 'export {}\n')
  symlinkSync(join(tree.path, 'packages'), join(tree.path, 'node_modules/@meridian'))
  const run = spawnSync(toolPath('knip'), ['--no-progress', '--reporter', 'json'], { cwd: tree.path, encoding: 'utf8' })
  const { issues } = JSON.parse(run.stdout) as { issues: Record<string, unknown>[] }
  const found = issues.flatMap(({ file, ...kinds }) =>
    Object.entries(kinds).flatMap(([kind, entries]) =>
      Array.isArray(entries) ? entries.map((entry: { name: string }) => `${kind}: ${entry.name} in ${file}`) : [],
    ),
  )
  t.strictSame(found.sort(), [
    'dependencies: unused-package in services/identity/package.json',
    'exports: unusedEntryExport in packages/protocol/src/ids.ts',
    `exports: unusedExport in ${feature}/code.ts`,
    `files: ${feature}/unused-file.ts in ${feature}/unused-file.ts`,
    'files: test/support/unused-support.ts in test/support/unused-support.ts',
  ])
  t.equal(run.status, 1)
})
