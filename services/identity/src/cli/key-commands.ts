// The operator's commands for signing keys. The schedule does without them; they are for looking, for hurrying an
// ordinary rotation as far as it can be hurried, and for the day a private key has leaked.
import { z } from 'zod'
import {
  ALGORITHMS,
  activations,
  emergency,
  type KeyView,
  keysOf,
  type LivingKey,
  LONGEST_CACHE_SECONDS,
  readinessOf,
  retirements,
  retiringLeftSeconds,
  type SigningAlgorithm,
  stagings,
  type Transition,
} from '../keys/life-cycle.ts'
import { readKeys } from '../keys/read-keys.ts'
import { resealKeys } from '../keys/reseal-keys.ts'
import { changeKeys, type KeyChange, type RotateDeps } from '../keys/rotate-keys.ts'
import { Refusal } from '../refusal.ts'
import { type Command, type CommandDeps, command } from './command.ts'

const EMERGENCY_WARNING =
  'Every access token that these keys signed is refused from now on: everybody gets a new one by refresh, silently. ' +
  'Other processes follow within two seconds, regions with their next revocation or key fetch.'

const scope = { alg: z.enum(ALGORITHMS).optional(), dryRun: z.boolean().default(false) }
type Scope = { readonly alg?: SigningAlgorithm | undefined; readonly dryRun: boolean }

const algorithmsOf = ({ alg }: Scope): readonly SigningAlgorithm[] => (alg === undefined ? ALGORITHMS : [alg])

async function change(
  deps: RotateDeps,
  input: Scope,
  choose: (view: KeyView, alg: SigningAlgorithm) => readonly Transition[],
): Promise<Record<string, unknown>> {
  const algorithms = algorithmsOf(input)
  const changes = await changeKeys(deps, (view) => algorithms.flatMap((alg) => choose(view, alg)), {
    isDryRun: input.dryRun,
    requestId: 'command',
  })
  return { dry_run: input.dryRun, changes: changes.map(described) }
}

function described({ kind, alg, kid }: KeyChange): Record<string, unknown> {
  return { [kind === 'replace' ? 'activate' : kind]: kid ?? 'a new key', alg }
}

function describedSeconds(seconds: number): string {
  return `${Math.ceil(seconds / 60)} min`
}

function activatedOrRefused(
  deps: Pick<CommandDeps, 'settings'>,
  view: KeyView,
  alg: SigningAlgorithm,
): readonly Transition[] {
  for (const key of keysOf(view, alg, 'staged')) {
    const { isReady, stagingLeftSeconds, missing } = readinessOf(key, view, deps.settings)
    if (isReady) continue
    const reasons = [
      ...(stagingLeftSeconds > 0 ? [`it stays staged for ${describedSeconds(stagingLeftSeconds)} more`] : []),
      ...(missing.length > 0 ? [`not reported by ${missing.join(', ')}`] : []),
    ]
    throw new Refusal('conflict', `the ${alg} key ${key.kid} may not sign yet: ${reasons.join('; ')}`)
  }
  return activations(view, deps.settings, alg)
}

function retiredOrRefused(view: KeyView, alg: SigningAlgorithm): readonly Transition[] {
  for (const key of keysOf(view, alg, 'retiring')) {
    const left = retiringLeftSeconds(key, view)
    if (left === 0) continue
    const reason = `tokens that it signed may be in use for ${describedSeconds(left)} more`
    throw new Refusal('conflict', `the ${alg} key ${key.kid} may not go yet: ${reason}`)
  }
  return retirements(view, alg)
}

export const KEY_COMMANDS = {
  'keys list': command({
    summary: 'shows the signing keys, and what a staged one waits for',
    usage: 'keys list',
    input: z.strictObject({}),
    run: async (deps) => {
      const view = await readKeys(deps)
      return {
        keys: view.keys.map((key) => ({
          kid: key.kid,
          alg: key.alg,
          status: key.status,
          since: new Date(key.since * 1000).toISOString(),
          ...(key.status === 'staged' ? { waits_for: waitsFor(deps, view, key) } : {}),
        })),
        regions: view.regions.map(({ code, kids }) => ({ region: code, holds: kids.length })),
      }
    },
  }),
  'keys stage': command({
    summary: 'publishes a successor, which signs as soon as it may: an ordinary rotation, begun now',
    usage: 'keys stage [--alg ES256|RS256] [--dry-run]',
    input: z.strictObject(scope),
    run: (deps, input) => change(deps, input, stagings),
  }),
  'keys activate': command({
    summary: 'lets a staged key sign that may; says why not otherwise',
    usage: 'keys activate [--alg ES256|RS256] [--dry-run]',
    input: z.strictObject(scope),
    run: (deps, input) => change(deps, input, (view, alg) => activatedOrRefused(deps, view, alg)),
  }),
  'keys retire': command({
    summary: 'erases retiring keys whose last token is over; says why not otherwise',
    usage: 'keys retire [--alg ES256|RS256] [--dry-run]',
    input: z.strictObject(scope),
    run: (deps, input) => change(deps, input, retiredOrRefused),
  }),
  'keys rotate': command({
    summary: 'after a leak: revokes every key of the algorithm at once, and signs with a new one',
    usage: 'keys rotate --emergency [--alg ES256|RS256] [--dry-run]',
    input: z.strictObject({
      ...scope,
      emergency: z.literal(true, { error: 'is needed; an ordinary rotation begins with: meridian keys stage' }),
    }),
    run: async (deps, input) => ({ ...(await change(deps, input, emergency)), warning: EMERGENCY_WARNING }),
  }),
  'keys reseal': command({
    summary: 'seals the signing keys with the newest of SEAL_KEYS, so that older ones can go',
    usage: 'keys reseal [--dry-run]',
    input: z.strictObject({ dryRun: z.boolean().default(false) }),
    run: async (deps, { dryRun }) => ({ dry_run: dryRun, resealed: await resealKeys(deps, dryRun) }),
  }),
} satisfies Record<string, Command<z.ZodType>>

function waitsFor(deps: Pick<CommandDeps, 'settings'>, view: KeyView, key: LivingKey): readonly string[] {
  const { stagingLeftSeconds, missing, isReady } = readinessOf(key, view, deps.settings)
  const cacheLeft = describedSeconds(LONGEST_CACHE_SECONDS - (view.now - key.since))
  return [
    ...(stagingLeftSeconds > 0 ? [`staging, ${describedSeconds(stagingLeftSeconds)}`] : []),
    ...(isReady ? [] : missing.map((code) => `region ${code}, ${cacheLeft} at most`)),
  ]
}
