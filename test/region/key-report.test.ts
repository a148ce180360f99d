// What a region tells the centre of the signing keys that it holds, and that serving never depends on it.
import t from 'tap'
import { makeSigningKey } from '../resource-server/region-issuer.ts'
import { embeddedPlace } from '../support/databases.ts'
import { startCentre, startRegion } from './region-service.ts'

t.test('a region reports the keys that it holds, each change at once', async (t) => {
  const { centre, deps } = await startRegion(t, await embeddedPlace('region'))
  t.strictSame(centre.heldKeys, [['k1']])
  centre.keys = [...centre.keys, makeSigningKey('k2')]
  await deps.keys.refresh()
  await deps.keyReporter.settle()
  t.strictSame(centre.heldKeys, [['k1', 'k2'], ['k1']])
  await deps.keys.refresh()
  await deps.keyReporter.settle()
  t.equal(centre.heldKeys.length, 2, 'no news, no report of its own')
  centre.keys = centre.keys.slice(1)
  await deps.keys.refresh()
  await deps.keyReporter.settle()
  t.strictSame(centre.heldKeys[0], ['k2'], 'a withdrawn key is not named, though it still verifies')
  t.ok(deps.keys.find('k1'))
})

t.test('a report that fails changes nothing for those who call, and is made good later', async (t) => {
  const centre = await startCentre(t)
  const region = await startRegion(t, await embeddedPlace('region'), { centre })
  const { deps, as, lines } = region
  centre.clientTokens.clear()
  centre.refusesReports = true
  centre.keys = [...centre.keys, makeSigningKey('k2')]
  await deps.keys.refresh()
  t.equal((await as()('GET', '/v1/records')).statusCode, 200)
  await deps.keyReporter.settle()
  t.match(lines.join(''), /the centre was not told which keys are held here/)
  t.ok(deps.keys.find('k2'), 'the new key is held all the same')
  t.strictSame(centre.heldKeys, [['k1']])
  centre.refusesReports = false
  await deps.keyReporter.repeat()
  t.strictSame(centre.heldKeys[0], ['k1', 'k2'])
})

t.test('a key that is not stored is not reported: a restart would lose it', async (t) => {
  const { centre, deps, database } = await startRegion(t, await embeddedPlace('region'))
  const rename = (from: string, to: string) =>
    database.sql({ name: `rename_${from}`, text: `ALTER TABLE ${from} RENAME TO ${to}` }, [])
  await rename('verification_key', 'away')
  centre.keys = [...centre.keys, makeSigningKey('k2')]
  await deps.keys.refresh()
  await deps.keyReporter.settle()
  t.strictSame(centre.heldKeys, [['k1']])
  await rename('away', 'verification_key')
  await deps.keys.refresh()
  await deps.keyReporter.settle()
  t.strictSame(centre.heldKeys[0], ['k1', 'k2'])
})
