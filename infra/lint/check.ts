// `pnpm check`: every tool that reads the code without running it. All of them run, even when one fails.
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'

interface Step {
  name: string
  what: string
  command: [string, ...string[]]
}

const STEPS: Step[] = [
  { name: 'biome', what: 'format, lint, import order', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'types', what: 'the type checker', command: ['tsc', '-p', 'tsconfig.json', '--noEmit'] },
  {
    name: 'eslint',
    what: 'the rules that need types',
    command: ['eslint', '-c', 'infra/lint/eslint.config.mjs', '--max-warnings=0', 'services', 'packages'],
  },
  { name: 'walls', what: 'who may import whom', command: ['node', 'infra/lint/dependency-walls.ts'] },
  { name: 'knip', what: 'files, exports and dependencies that nothing uses', command: ['knip', '--no-progress'] },
]

const HELP = `Usage: pnpm check [--only NAME]…

Runs, and reports each with its time:
${STEPS.map(({ name, what }) => `  ${name.padEnd(8)}${what}`).join('\n')}

  --only NAME   run this one (may be repeated)
  --help        this text`

const root = join(import.meta.dirname, '../..')

function run({ command: [file, ...args] }: Step): Promise<{ passed: boolean; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ passed: boolean; output: string }>()
  const path = [join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter)
  const child = spawn(file, args, { cwd: root, env: { ...process.env, PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  child.on('error', (error) => resolve({ passed: false, output: error.message }))
  child.on('close', (code, signal) => {
    if (signal) output += `\nended by ${signal}`
    resolve({ passed: code === 0, output })
  })
  return promise
}

async function check(steps: Step[]): Promise<boolean> {
  const failed: string[] = []
  for (const step of steps) {
    const startedAt = performance.now()
    const { passed, output } = await run(step)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(`${passed ? 'PASS' : 'FAIL'}  ${step.name.padEnd(8)}${seconds.padStart(6)} s  ${step.what}`)
    if (passed) continue
    failed.push(step.name)
    console.log(`\n${output.trim()}\n`)
  }
  console.log(failed.length === 0 ? 'check passed' : `check FAILED: ${failed.join(', ')}`)
  return failed.length === 0
}

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } },
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
})
const unknown = values.only?.filter((name) => !STEPS.some((step) => step.name === name)) ?? []
if (values.help) {
  console.log(HELP)
} else if (unknown.length > 0) {
  console.error(`No check is named ${unknown.join(', ')}.\n\n${HELP}`)
  process.exitCode = 1
} else if (!(await check(STEPS.filter(({ name }) => !values.only || values.only.includes(name))))) {
  process.exitCode = 1
}
