// Whatever the alerting rules speak of is counted by a service, with those labels; and what is counted has few labels.
import { readFile } from 'node:fs/promises'
import { createMetrics } from '@meridian/service-kit/metrics'
import { measureRequests } from '@meridian/service-kit/request-metrics'
import { fastify } from 'fastify'
import t from 'tap'
import { createIdentityMetrics } from '../../services/identity/src/metrics.ts'
import { addReplicaMetrics } from '../../services/region/src/metrics.ts'

const rules = await readFile(new URL('../../infra/monitoring/alerts.yml', import.meta.url), 'utf8')
const readme = await readFile(new URL('../../infra/monitoring/README.md', import.meta.url), 'utf8')

/** The text after `expr:`, also where it begins on the next line. */
function expressionsOf(text: string): readonly string[] {
  return [...text.matchAll(/^ +expr: (?:>\n((?: {10,}.*\n)+)|(.*)\n)/gm)].map(
    ([, folded, plain]) => folded ?? plain ?? '',
  )
}

/** The names of series in a PromQL expression. */
function seriesIn(expression: string): readonly string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\bby \([^)]*\)/g, '')
    .replace(/\{[^}]*\}/g, '')
  const words = bare.match(/[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])/g) ?? []
  return words.filter((word) => word.includes('_') && !/^(histogram_quantile)$/.test(word))
}

const isCounted = (names: readonly string[]) => (series: string) =>
  names.includes(series) || names.includes(series.replace(/_(bucket|sum|count)$/, ''))

async function collected() {
  const identity = createIdentityMetrics(createMetrics()).all
  const region = createMetrics()
  const part = { onApplied: () => {} }
  addReplicaMetrics({ metrics: region, directory: { follower: part } } as never)
  for (const metrics of [identity, region]) {
    metrics.addProcess()
    measureRequests(fastify(), metrics)
  }
  return { names: [...identity.names(), ...region.names()], text: `${await identity.text()}` }
}

t.test('every series that a rule speaks of is counted', async (t) => {
  const { names } = await collected()
  const expressions = expressionsOf(rules)
  t.equal(expressions.length, rules.match(/- alert: /g)?.length, 'each rule has an expression')
  t.ok(expressions.length > 10)
  for (const expression of expressions) {
    const series = seriesIn(expression)
    t.ok(series.length > 0, expression)
    t.strictSame(
      series.filter((name) => !isCounted(names)(name)),
      [],
      expression,
    )
  }
  t.strictSame(seriesIn('max by (a_b) (no_such_thing{c_d="e_f"}) > 1'), ['no_such_thing'], 'names are found')
  t.notOk(isCounted(names)('no_such_thing'), 'and the comparison can fail')
})

t.test('the README says what each of our own numbers means, and what to do about each alert', async (t) => {
  const { names } = await collected()
  const own = names.filter((name) => /^(meridian|http)_/.test(name))
  t.strictSame(
    own.filter((name) => !readme.includes(`\`${name}\``)),
    [],
  )
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name ?? '')
  t.strictSame(
    alerts.filter((name) => !readme.includes(`\`${name}\``)),
    [],
  )
  const headings = [...rules.matchAll(/See "([^"]+)"/g)].map(([, heading]) => heading ?? '')
  t.ok(headings.length > 0)
  t.strictSame(
    headings.filter((heading) => !readme.includes(`## ${heading}`)),
    [],
  )
})
