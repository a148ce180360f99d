// Runs dependency-cruiser with the walls of dependency-cruiser.mjs. A run that saw no module of a
// folder proves nothing about it (so it goes with TypeScript 7, say), and fails.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'

export interface Violation {
  rule: string
  from: string
  to: string
}

export interface Walls {
  totalCruised: number
  violations: Violation[]
  /** Folders that hold TypeScript of which no module was seen. */
  unseen: string[]
}

interface Cruise {
  modules: { source: string }[]
  summary: { totalCruised: number; violations: { rule: { name: string }; from: string; to: string }[] }
}

const FOLDERS = ['packages', 'services', 'test', 'infra']
const CONFIG = join(import.meta.dirname, 'dependency-cruiser.mjs')
const EXECUTABLE = join(import.meta.dirname, '../../node_modules/.bin/depcruise')

function holdsTypeScript(root: string, folder: string): boolean {
  return globSync(`${folder}/**/*.ts`, { cwd: root, exclude: (name) => name === 'node_modules' }).length > 0
}

/** Cruises the tree at `root`; throws when the tool itself fails. */
export function cruiseWalls(root: string): Walls {
  const folders = FOLDERS.filter((folder) => holdsTypeScript(root, folder))
  if (folders.length === 0) return { totalCruised: 0, violations: [], unseen: [] }
  const run = spawnSync(EXECUTABLE, ['--config', CONFIG, '--output-type', 'json', '--no-progress', ...folders], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  })
  if (run.error) throw run.error
  if (!run.stdout.startsWith('{')) throw new Error(`dependency-cruiser did not answer: ${run.stderr || run.stdout}`)
  const { modules, summary } = JSON.parse(run.stdout) as Cruise
  return {
    totalCruised: summary.totalCruised,
    violations: summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
    unseen: folders.filter((folder) => !modules.some((module) => module.source.startsWith(`${folder}/`))),
  }
}

function main(): void {
  const walls = cruiseWalls(process.cwd())
  for (const { rule, from, to } of walls.violations) console.log(`${rule}: ${from} → ${to}`)
  for (const folder of walls.unseen) console.log(`no module of ${folder}/ was seen: the walls are unproven there`)
  if (walls.totalCruised === 0) console.log('0 modules were cruised: the walls are unproven')
  console.log(`${walls.totalCruised} modules, ${walls.violations.length} violations`)
  if (walls.violations.length + walls.unseen.length > 0 || walls.totalCruised === 0) process.exitCode = 1
}

if (import.meta.main) main()
