// Sides measured in turns (A B A B …), so that whatever else the machine does in the meantime meets all of them alike.
import type { Histogram } from './load/latencies.ts'
import { mergeHistograms, percentile } from './load/latencies.ts'
import type { LoadResult } from './load/main.ts'
import type { Load } from './load-process.ts'
import { isPinned, processorMsOf, serverCoreBusyMs } from './machine.ts'

export type Plan = {
  readonly rounds: number
  readonly secondsPerRound: number
  readonly warmUpSeconds: number
  /** Turns in which others kept the server's core busy are repeated until this instant of performance.now(). */
  readonly patientUntilMs: number
  readonly say: (line: string) => void
}

/** Of the server's core, taken by others: above this a turn is repeated. */
const DISTURBED = 0.1

export type Side = {
  readonly name: string
  readonly scenario: string
  readonly server: { readonly port: number; readonly pid: number }
}

export type SideFigures = {
  readonly name: string
  /** Requests a second, by round. */
  readonly rates: readonly number[]
  readonly medianRate: number
  /** Processor time of the server's process for one request; null where the system does not tell. */
  readonly processorMsPerRequest: number | null
  /** Share of the server's core that other processes took, by round; empty where the system does not tell. */
  readonly takenByOthers: readonly number[]
  /** Null where the figures are of several requests together. */
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
}

type Round = {
  readonly rate: number
  readonly requests: number
  readonly processorMs: number
  readonly takenByOthers: number | undefined
  readonly latencies: Histogram
}

/** `beforeRound` makes ready what a round uses up; it runs before each round, the warm-up included. */
export async function measureSides(
  load: Load,
  sides: readonly Side[],
  plan: Plan,
  beforeRound: () => Promise<void> = async () => {},
): Promise<readonly SideFigures[]> {
  const kept: Round[][] = []
  for (let number = 0; number <= plan.rounds; ) {
    await beforeRound()
    const turn: Round[] = []
    for (const side of sides) {
      const round = await runRound(load, side, number === 0 ? plan.warmUpSeconds : plan.secondsPerRound)
      plan.say(`  ${number === 0 ? 'warm-up' : `round ${number}`}  ${side.name}: ${Math.round(round.rate)}/s`)
      turn.push(round)
    }
    const isDisturbed = turn.some((round) => (round.takenByOthers ?? 0) > DISTURBED)
    if (number > 0 && isDisturbed && performance.now() < plan.patientUntilMs) {
      plan.say("  others took too much of the server's core: once more")
      continue
    }
    if (number > 0) kept.push(turn)
    number += 1
  }
  return sides.map((side, index) =>
    summarize(
      side.name,
      kept.flatMap((turn) => turn[index] ?? []),
    ),
  )
}

async function runRound(load: Load, side: Side, seconds: number): Promise<Round> {
  return timeRound(side.server.pid, () => load.run(side.scenario, side.server.port, seconds))
}

export async function timeRound(pid: number, work: () => Promise<LoadResult>): Promise<Round & { result: LoadResult }> {
  const startedAt = performance.now()
  const [ownBefore, busyBefore] = [processorMsOf(pid), serverCoreBusyMs()]
  const result = await work()
  const [ownAfter, busyAfter] = [processorMsOf(pid), serverCoreBusyMs()]
  const elapsedMs = performance.now() - startedAt
  const processorMs = (ownAfter ?? Number.NaN) - (ownBefore ?? Number.NaN)
  const share = ((busyAfter ?? Number.NaN) - (busyBefore ?? Number.NaN) - processorMs) / elapsedMs
  const takenByOthers = isPinned && !Number.isNaN(share) ? Math.max(0, share) : undefined
  const { requests, elapsedSeconds, latencies } = result
  return { rate: requests / elapsedSeconds, requests, processorMs, takenByOthers, latencies, result }
}

export function summarize(name: string, rounds: readonly Round[]): SideFigures {
  const rates = rounds.map((round) => round.rate)
  const latencies = mergeHistograms(rounds.map((round) => round.latencies))
  const requests = rounds.reduce((sum, round) => sum + round.requests, 0)
  const processorMs = rounds.reduce((sum, round) => sum + round.processorMs, 0) / requests
  return {
    name,
    rates,
    medianRate: median(rates),
    processorMsPerRequest: Number.isNaN(processorMs) ? null : processorMs,
    takenByOthers: rounds.flatMap((round) => round.takenByOthers ?? []),
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    p99Ms: percentile(latencies, 0.99),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
