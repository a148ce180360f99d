// The rule of modules by itself, over random catalogues: what it lets through stands, what it refuses would not, and it
// says exactly what is missing. Set FAST_CHECK_SEED to replay.
import { configuredModulesSchema } from '@meridian/protocol/modules'
import fc from 'fast-check'
import t from 'tap'
import {
  findLacks,
  type Module,
  requireModules,
  requireStandalones,
  switchedOn,
} from '../../services/identity/src/directory/module-rules.ts'
import { Refusal } from '../../services/identity/src/refusal.ts'
import { propertySeed } from '../support/property-seed.ts'

const seed = propertySeed()
t.comment(`seed ${seed}`)
const check = (property: fc.IRawProperty<unknown>) => fc.assert(property as never, { seed, numRuns: 1000 })

const STANDALONES = ['s1', 's2', 's3', 's4']
const ENHANCEMENTS = ['e1', 'e2', 'e3']
const ALL = [...STANDALONES, ...ENHANCEMENTS]

const catalogues = fc
  .tuple(...ENHANCEMENTS.map(() => fc.uniqueArray(fc.constantFrom(...STANDALONES), { minLength: 1 })))
  .map((required) => {
    const modules: Module[] = [
      ...STANDALONES.map((key) => ({ key, kind: 'standalone' as const, requires: [] })),
      ...ENHANCEMENTS.map((key, index) => ({ key, kind: 'enhancement' as const, requires: required[index] ?? [] })),
    ]
    return new Map(modules.map((module) => [module.key, module]))
  })
const sets = fc.subarray(ALL)

const refusalOf = (work: () => void): Refusal | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

t.test('a set is refused exactly where an enhancement in it lacks something, and that is named', async (t) => {
  check(
    fc.property(catalogues, sets, (catalogue, set) => {
      const lacking = set.filter((key) => catalogue.get(key)?.requires.some((needed) => !set.includes(needed)))
      const refusal = refusalOf(() => requireStandalones(catalogue, set))
      if (refusal === undefined) return lacking.length === 0
      const { module, missing } = refusal.members as { module: string; missing: string[] }
      const needed = catalogue.get(module)?.requires ?? []
      return (
        refusal.code === 'ENHANCEMENT_REQUIRES_STANDALONE' &&
        lacking.includes(module) &&
        missing.length > 0 &&
        needed.every((key) => set.includes(key) !== missing.includes(key)) &&
        missing.every((key) => needed.includes(key))
      )
    }),
  )
  t.ok(true, 'holds')
})

t.test('a change is refused for what it breaks, and for nothing that was broken before', async (t) => {
  check(
    fc.property(catalogues, sets, sets, (catalogue, before, after) => {
      const had = findLacks(catalogue, before)
      const fresh = findLacks(catalogue, after).filter(({ module, missing }) => {
        const known = had.find((lack) => lack.module === module)?.missing ?? []
        return missing.some((key) => !known.includes(key))
      })
      return (refusalOf(() => requireStandalones(catalogue, after, before)) !== undefined) === fresh.length > 0
    }),
  )
  t.ok(true, 'holds')
})

t.test('a new licence switches nothing on that cannot stand, and nothing off that was on', async (t) => {
  check(
    fc.property(catalogues, sets, sets, (catalogue, held, wanted) => {
      const sound = (set: readonly string[]) =>
        set.filter((key) => findLacks(catalogue, set).every((l) => l.module !== key))
      const licence = new Set(sound(held))
      const enabled = new Set(sound([...licence].filter((_, index) => index % 2 === 0)))
      const next = sound(wanted)
      const on = switchedOn(catalogue, next, { licence, enabled })
      return (
        findLacks(catalogue, on).every(({ module }) => enabled.has(module)) &&
        [...on].every((key) => next.includes(key) && (enabled.has(key) || !licence.has(key))) &&
        next.every((key) => !enabled.has(key) || on.has(key))
      )
    }),
  )
  t.ok(true, 'holds')
})

t.test('a key that is not in the catalogue is named', async (t) => {
  const refusal = refusalOf(() => requireModules(new Set(['s1']), ['s1', 'toString', 's9']))
  t.match(refusal, { code: 'INVALID_MODULE', members: { module: 'toString' } })
  t.equal(
    refusalOf(() => requireModules(new Set(['s1']), ['s1'])),
    undefined,
  )
})

t.test('a catalogue that contradicts itself is refused', async (t) => {
  const records = { key: 'records', name: 'Records', kind: 'standalone' }
  const reports = { key: 'reports', name: 'Reports', kind: 'enhancement', requires: ['records'] }
  t.ok(configuredModulesSchema.safeParse([records, reports]).success)
  const wrong: readonly (readonly [string, object[]])[] = [
    ['a module named twice', [records, records]],
    ['an enhancement of nothing', [records, { ...reports, requires: [] }]],
    ['an enhancement of an unknown module', [reports]],
    ['an enhancement of an enhancement', [records, reports, { ...reports, key: 'more', requires: ['reports'] }]],
    ['an enhancement of itself', [records, { ...reports, requires: ['reports'] }]],
    ['a standalone module that requires one', [records, { ...records, key: 'more', requires: ['records'] }]],
    ['a requirement named twice', [records, { ...reports, requires: ['records', 'records'] }]],
    ['a key with capitals', [{ ...records, key: 'Records' }]],
    ['an unknown member', [{ ...records, price: 1 }]],
  ]
  for (const [title, modules] of wrong) t.notOk(configuredModulesSchema.safeParse(modules).success, title)
})
