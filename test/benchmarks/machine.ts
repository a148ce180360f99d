// Where things run: the measured server alone on one core; load, database and this process on the other.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, getPriority, loadavg } from 'node:os'

const SERVER_CORE = '0'
const OTHER_CORE = '1'
/** In which /proc counts: USER_HZ is 100 wherever Node.js runs. */
const TICK_MS = 10

const hasTaskset = canRun('taskset', ['--version'])
export const isPinned = hasTaskset && availableParallelism() >= 2

function canRun(file: string, args: readonly string[]): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A command line that starts `args` on the server's core or on the other one. */
export function onCore(place: 'server' | 'load', args: readonly string[]): [string, ...string[]] {
  const command: [string, ...string[]] = [process.execPath, ...args]
  if (!isPinned) return command
  return ['taskset', '-c', place === 'server' ? SERVER_CORE : OTHER_CORE, ...command]
}

/** Moves a running process to the load's core; false where that is not allowed. */
export function moveToLoadCore(pid: number): boolean {
  return isPinned && canRun('taskset', ['-a', '-p', '-c', OTHER_CORE, String(pid)])
}

/** Lets a process, and those that it starts from now on, run on every core. */
export function moveToAnyCore(pid: number): void {
  if (isPinned) canRun('taskset', ['-a', '-p', '-c', `0-${cpus().length - 1}`, String(pid)])
}

/**
 * Linux gives each session (setsid) the same share of a core, and `nice` counts only inside of it: a session of its
 * own, which `spawn` makes with `detached`, has its own share, and its own priority is set here.
 */
export function giveOwnPriority(sessionLeaderPid: number): void {
  if (getPriority() !== 0) writeFileSync(`/proc/${sessionLeaderPid}/autogroup`, String(getPriority()))
}

/** Processor time that a process has used so far, in milliseconds; undefined where the system does not tell. */
export function processorMsOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return undefined
  }
}

/** Time that the server's core has been busy so far, in milliseconds; undefined where the system does not tell. */
export function serverCoreBusyMs(): number | undefined {
  try {
    const line = readFileSync('/proc/stat', 'utf8')
      .split('\n')
      .find((text) => text.startsWith(`cpu${SERVER_CORE} `))
    const [user, nice, system, , , interrupts, softInterrupts] = line?.split(/ +/).slice(1).map(Number) ?? []
    const parts = [user, nice, system, interrupts, softInterrupts]
    return parts.reduce<number>((sum, part) => sum + (part ?? Number.NaN), 0) * TICK_MS
  } catch {
    return undefined
  }
}

export function describeMachine(): { cores: number; processor: string; node: string; load: number[] } {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    node: process.version,
    load: loadavg().map((value) => Math.round(value * 100) / 100),
  }
}
