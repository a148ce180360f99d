// `npx pnpm start` is a chain of processes, and npx passes a SIGTERM to a shell that does not pass it on. So the stack
// watches the chain: where a link is gone, somebody wanted an end.
import { execFileSync } from 'node:child_process'

const NPX = /^npm exec |\bnpx(-cli\.js)? /
const POLL_MS = 500

/** Calls back once when npx, or a process between it and this one, has ended. Without npx there is nothing to watch. */
export function watchLauncher(onGone: () => void): void {
  const chain = findChain()
  if (chain.length === 0) return
  const timer = setInterval(() => {
    if (chain.every(isAlive)) return
    clearInterval(timer)
    onGone()
  }, POLL_MS)
  timer.unref()
}

/** The ancestors of this process up to npx; empty where npx is none of them. */
function findChain(): readonly number[] {
  const processes = listProcesses()
  const chain: number[] = []
  for (let pid = process.ppid; ; ) {
    const found = processes.get(pid)
    if (found === undefined) return []
    chain.push(pid)
    if (NPX.test(found.command)) return chain
    pid = found.parent
  }
}

function listProcesses(): ReadonlyMap<number, { readonly parent: number; readonly command: string }> {
  try {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8', stdio: 'pipe' }).split('\n')
    const matches = lines.map((line) => /^ *(\d+) +(\d+) +(.*)$/.exec(line)).filter((match) => match !== null)
    return new Map(matches.map(([, pid, parent, command = '']) => [Number(pid), { parent: Number(parent), command }]))
  } catch {
    // A machine without ps: the chain is not watched there.
    return new Map()
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
