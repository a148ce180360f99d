// The runner's last line is what ran: fixtures with a known outcome go through the real runner, the real tap
// and the checked-in .taprc.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'

t.setTimeout(300_000)

const root = fileURLToPath(new URL('../..', import.meta.url))
const runner = join(root, 'test/support/run.ts')
const builtPlugins = join(root, '.tap/plugins')

const PASSING = `import t from 'tap'
t.test('one', async (t) => { t.equal(1, 1); t.ok(true) })
t.ok(true)`
const FAILING = `import t from 'tap'
t.test('two', async (t) => { t.equal(1, 2, 'one is two'); t.ok(true) })`
const SKIPPING = `import t from 'tap'
t.test('needs a server', { skip: 'no server here' }, async (t) => { t.ok(true) })
t.ok(true)`
const ALL_SKIPPED = `import t from 'tap'
t.plan(0, 'nothing to do here')`
const KILLED = `import t from 'tap'
t.test('before', async (t) => { t.ok(true) })
t.test('never', async () => { process.kill(process.pid, 'SIGKILL'); await new Promise(() => {}) })`
const THROWING = `import t from 'tap'
throw new Error('at the top of ' + typeof t)`
const EMPTY = `console.log('no test in here')`
const ASSERTS_NOTHING = `import t from 'tap'
t.ok(true)
t.test('looks but does not touch', async () => {})`
const PRINTS_TAP = `import t from 'tap'
console.error('9 passed, 0 failed')
t.ok(true)`
const KILLS_TAP = `import t from 'tap'
process.kill(process.ppid, 'SIGKILL')
t.ok(true)`
const NOISY = `import t from 'tap'
process.stderr.write('x'.repeat(500_000))
t.ok(true)`
const SHORT_OF_PLAN = `import t from 'tap'
t.test('three', async (t) => { t.plan(3); t.ok(true) })`
const LEAVES_A_PROCESS = `import t from 'tap'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
const left = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
left.unref()
writeFileSync('left.pid', String(left.pid))
t.ok(true)`
const SLOW = `import t from 'tap'
t.test('slow', async (t) => { console.error('slow has begun'); await new Promise((r) => setTimeout(r, 60000)); t.ok(true) })`

function treeOf(t: Test, files: Record<string, string>): string {
  const tree = t.testdir()
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  // What the run that this is a part of has built takes seconds to build.
  mkdirSync(join(tree, '.tap'))
  if (existsSync(builtPlugins)) symlinkSync(builtPlugins, join(tree, '.tap/plugins'))
  copyFileSync(join(root, '.taprc'), join(tree, '.taprc'))
  writeFileSync(join(tree, 'package.json'), '{"type":"module"}')
  for (const [name, text] of Object.entries(files)) {
    const path = join(tree, 'test', `${name}.test.ts`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  return tree
}

interface Outcome {
  code: number | null
  output: string
  lastLine: string
}

/** A server that is named and absent keeps the fixtures from looking for another one. */
const NO_SERVER = 'postgresql://postgres@127.0.0.1:1/postgres'

async function start(
  tree: string,
  command: string[],
  env: Record<string, string>,
  watch?: (child: ChildProcess, text: string) => void,
): Promise<Outcome> {
  const [file = '', ...args] = command
  const { promise, resolve } = Promise.withResolvers<number | null>()
  const child = spawn(file, args, {
    cwd: tree,
    env: { ...process.env, CI: '', TEST_DATABASE_URL: NO_SERVER, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      watch?.(child, output)
    })
  }
  child.on('close', resolve)
  const code = await promise
  return { code, output, lastLine: output.trimEnd().split('\n').at(-1) ?? '' }
}

/** A killed process whose parent has not taken its end yet is a zombie, and does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

const runFixtures = (t: Test, files: Record<string, string>, env: Record<string, string> = {}, args: string[] = []) =>
  start(treeOf(t, files), [process.execPath, runner, ...args], env)

t.test('passing, failing, skipped and crashing files are each counted for what they did', async (t) => {
  const { code, output, lastLine } = await runFixtures(t, {
    passing: PASSING,
    failing: FAILING,
    skipping: SKIPPING,
    'all-skipped': ALL_SKIPPED,
    killed: KILLED,
    throwing: THROWING,
    empty: EMPTY,
    'short-of-plan': SHORT_OF_PLAN,
    'deep/asserts-nothing': ASSERTS_NOTHING,
  })
  t.equal(lastLine, '8 passed, 6 failed, 3 skipped')
  t.equal(code, 1)
  t.match(output, /FAIL {2}test\/failing\.test\.ts {2}1 passed, 1 failed/)
  t.match(output, 'test/failing.test.ts > two > one is two')
  t.match(output, /FAIL {2}test\/killed\.test\.ts {2}1 passed, 1 failed/)
  t.match(output, 'signal: SIGKILL')
  t.match(output, /FAIL {2}test\/throwing\.test\.ts {2}0 passed, 1 failed/)
  t.match(output, 'Error: at the top of')
  t.match(output, 'the file holds no test')
  t.match(output, /SKIPPED, these did not run:[\s\S]*skipping\.test\.ts: no server here\n {4}needs a server/)
  t.match(output, 'test/all-skipped.test.ts: nothing to do here')
  t.match(output, 'test/deep/asserts-nothing.test.ts: it asserts nothing')
})

t.test('a run in which all passes exits 0, whatever the tests print', async (t) => {
  const { code, lastLine } = await runFixtures(t, { passing: PASSING, printing: PRINTS_TAP, noisy: NOISY })
  t.equal(lastLine, '5 passed, 0 failed')
  t.equal(code, 0)
})

t.test('a skipped test fails the run under CI=true only', async (t) => {
  const here = await runFixtures(t, { skipping: SKIPPING })
  t.equal(here.lastLine, '1 passed, 0 failed, 1 skipped')
  t.equal(here.code, 0)
  const inCi = await runFixtures(t, { skipping: SKIPPING }, { CI: 'true' })
  t.equal(inCi.lastLine, '1 passed, 0 failed, 1 skipped')
  t.equal(inCi.code, 1)
})

t.test('a run without a test fails', async (t) => {
  const { code, lastLine, output } = await runFixtures(t, {})
  t.equal(lastLine, '0 passed, 0 failed')
  t.match(output, 'No test ran.')
  t.equal(code, 1)
})

t.test('arguments choose files and folders, and a name that stands for nothing fails', async (t) => {
  const files = { passing: PASSING, failing: FAILING, 'deep/printing': PRINTS_TAP }
  const chosen = await runFixtures(t, files, {}, ['--', 'test/passing.test.ts', 'test/deep'])
  t.equal(chosen.lastLine, '4 passed, 0 failed')
  const unknown = await runFixtures(t, files, {}, ['test/nowhere.test.ts'])
  t.equal(unknown.code, 1)
  t.match(unknown.output, 'There is no test at test/nowhere.test.ts.')
})

t.test('when tap itself dies, each file that did not report is a failure', async (t) => {
  const { code, lastLine, output } = await runFixtures(t, { killer: KILLS_TAP })
  t.equal(lastLine, '0 passed, 2 failed', 'the file, and tap')
  t.match(output, 'tap ended with SIGKILL')
  t.equal(code, 1)
})

t.test('a process that a test leaves running is ended and named', async (t) => {
  const tree = treeOf(t, { leaves: LEAVES_A_PROCESS })
  const { output, lastLine } = await start(tree, [process.execPath, runner], {})
  t.match(output, 'A test left a process running')
  t.equal(lastLine, '1 passed, 0 failed')
  const pid = Number(readFileSync(join(tree, 'left.pid'), 'utf8'))
  t.notOk(isRunning(pid))
})

t.test('a signal ends the run, which says so and still counts', async (t) => {
  const tree = treeOf(t, { slow: SLOW })
  let sent = false
  const { code, lastLine, output } = await start(tree, [process.execPath, runner], {}, (child, text) => {
    if (sent || !text.includes('slow has begun')) return
    sent = true
    child.kill('SIGTERM')
  })
  t.equal(code, 143)
  t.match(output, 'ended by SIGTERM')
  t.match(output, /FAIL {2}test\/slow\.test\.ts {2}0 passed/)
  t.match(lastLine, /^0 passed, [1-9]\d* failed$/)
})

/** The checked-in .ci/run with an `npx` that installs nothing and runs the real test runner. */
async function runCi(t: Test, files: Record<string, string>, check: string): Promise<Outcome> {
  const tree = treeOf(t, files)
  mkdirSync(join(tree, '.ci'))
  mkdirSync(join(tree, 'stand-in'))
  copyFileSync(join(root, '.ci/run'), join(tree, '.ci/run'))
  const npx = `#!/bin/sh
case "$3" in
  install) echo "installed $4";;
  check) ${check};;
  test) "${process.execPath}" "${runner}"; code=$?; echo "ELIFECYCLE or the like"; exit $code;;
esac`
  writeFileSync(join(tree, 'stand-in/npx'), npx)
  chmodSync(join(tree, 'stand-in/npx'), 0o755)
  return start(tree, [join(tree, '.ci/run')], { PATH: `${join(tree, 'stand-in')}:${process.env['PATH']}` })
}

t.test('.ci/run installs from the lockfile and ends with the count of the run', async (t) => {
  const green = await runCi(t, { passing: PASSING }, 'exit 0')
  t.match(green.output, 'installed --frozen-lockfile')
  t.equal(green.lastLine, '3 passed, 0 failed')
  t.equal(green.code, 0)
  const red = await runCi(t, { passing: PASSING, failing: FAILING }, 'exit 0')
  t.equal(red.lastLine, '4 passed, 1 failed')
  t.equal(red.code, 1)
})

t.test('.ci/run fails when the check fails, and still ends with the count', async (t) => {
  const { code, output, lastLine } = await runCi(t, { passing: PASSING }, 'exit 3')
  t.match(output, 'CHECK FAILED')
  t.equal(lastLine, '3 passed, 0 failed')
  t.equal(code, 1)
})
