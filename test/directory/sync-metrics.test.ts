// What the identity service tells a monitoring system of its regions and queues.
import t from 'tap'
import { measureRegions } from '../../services/identity/src/directory/measure-regions.ts'
import { warnOfRegions } from '../../services/identity/src/directory/watch-regions.ts'
import { eachEngine, shiftClock } from '../support/databases.ts'
import { startChallenge, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { regionToken } from '../support/region-lanes.ts'
import { fetchAll, sendReport } from '../support/region-reports.ts'

t.setTimeout(150_000)

await eachEngine(t, 'the numbers say how each region is, and forget what is gone', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'))
  const { metrics, db } = identity.deps
  metrics.all.beforeReading(() => measureRegions(identity.deps))
  const value = async (series: string) => {
    const text = await metrics.all.text()
    return text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1)
  }
  t.equal(await value('meridian_region_health{region="in",health="unreachable"}'), '1')
  await fetchAll(identity, 'in')
  await sendReport(identity, 'in', { parked: 2, now: new Date(Date.now() - 120_000).toISOString() })
  t.equal(await value('meridian_region_health{region="in",health="unreachable"}'), '0')
  t.equal(await value('meridian_region_health{region="in",health="healthy"}'), '1')
  const follower = '{region="in",follower="region-in"}'
  t.equal(await value(`meridian_region_parked_entries${follower}`), '2')
  const skew = Number(await value(`meridian_region_clock_skew_seconds${follower}`))
  t.ok(Math.abs(skew + 120) < 20, `${skew} s`)
  t.equal(await value(`meridian_feed_lag_entries${follower}`), '0')
  await ask(identity, "UPDATE user_account SET name = 'Ada Two' WHERE email = 'ada@acme.test'")
  t.equal(await value(`meridian_feed_lag_entries${follower}`), '1')
  await startChallenge(identity, 'ada@acme.test')
  t.equal(await value('meridian_queue_waiting{queue="mail"}'), '1')

  const token = await regionToken(identity, 'in')
  const page = await identity.get('/v1/regions/in/changes?limit=2', token)
  t.equal(page.status, 200, page.text)
  t.equal(await value('meridian_feed_entries_told_total{region="in"}'), String(page.body['entries'].length))
  t.ok(
    Number(
      await value('http_request_duration_seconds_count{method="GET",route="/v1/regions/:code/changes",status="200"}'),
    ) >= 1,
  )

  const insert = `INSERT INTO sync_order (id, region, kind, status, finished_at, report)
    VALUES ($1::uuid, 'in', 'compare', 'done', meridian_now(), $2::text::jsonb)`
  const report = { rows: 9, differing: 3, mended: 1, named: [], error: null }
  await ask(identity, insert, [identity.deps.makeId(), JSON.stringify(report)])
  t.equal(await value('meridian_region_drift_rows{region="in"}'), '2')
  await shiftClock(db, 86_500)
  t.equal(await value(`meridian_feed_lag_entries${follower}`), undefined, 'who has not been here for a day')
  t.equal(await value('meridian_region_health{region="in",health="unreachable"}'), '1')
  t.equal(await value('meridian_metrics_failures_total'), '0')
})

await eachEngine(t, 'what should be looked at is in the log, region by region', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'))
  const warnings = async () => {
    const before = identity.logText().length
    await warnOfRegions(identity.deps)
    const lines = identity.logText().slice(before).trim().split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>)
  }
  t.match(await warnings(), [{ region: 'in', health: 'unreachable', alarms: [/unreachable/] }, { region: 'us' }])
  for (const region of ['in', 'us'] as const) {
    await fetchAll(identity, region)
    await sendReport(identity, region)
  }
  t.strictSame(await warnings(), [], 'nothing where all is well')
  await sendReport(identity, 'us', { parked: 1 })
  t.match(await warnings(), [{ level: 'warn', region: 'us', health: 'healthy', alarms: [/put aside/] }])
})
