// `pnpm start`: the whole of Meridian on this machine. options.ts says what it can be told, stack.ts what it does,
// registry.ts what its parts agree on, directory.ts who is in it; the mail it sends ends in mail-catcher/.
import { watchLauncher } from './launcher.ts'
import { HELP, type Options, parseOptions } from './options.ts'
import { createScreen } from './screen.ts'
import { runStack } from './stack.ts'
import { StackError } from './stack-error.ts'

async function run(options: Options): Promise<void> {
  const asked = new AbortController()
  // A terminal and pnpm may both send it; a service that does not stop in time is ended by stack.ts.
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => asked.abort())
  // Nobody reads what it says any more: a terminal that was closed, or `| head`.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => asked.abort())
  watchLauncher(() => asked.abort())
  try {
    await runStack(options, createScreen(process.stdout, process.stderr, options.isQuiet), asked.signal)
  } catch (error) {
    if (!asked.signal.aborted) throw error
  }
}

try {
  const options = parseOptions(process.argv.slice(2), process.env)
  if (options === undefined) process.stdout.write(HELP)
  else await run(options)
} catch (error) {
  process.stderr.write(
    `${error instanceof StackError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  )
  process.exitCode = 1
}
