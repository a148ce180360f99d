// What is over goes away, and nothing else does.
import t from 'tap'
import { purgeExpired } from '../../services/identity/src/store/purge.ts'
import { eachEngine, shiftClock } from '../support/databases.ts'
import { refresh, signIn, startChallenge, startIdentity } from '../support/identity.ts'

t.setTimeout(100_000)

t.test('purging', async (t) => {
  await eachEngine(t, 'one-time things go soon after they are over, a live session stays', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'))
    const { refresh_token: first } = (await signIn(identity, 'lin@acme.test')).body
    await startChallenge(identity, 'unknown@example.test')
    const counts = async () => {
      const { otpChallenge, contactBudget, authorizationCode, mailOutbox, refreshTokenFamily, session } =
        identity.db.prisma
      const tables = [otpChallenge, contactBudget, authorizationCode, mailOutbox, refreshTokenFamily, session]
      return Promise.all(tables.map((table) => (table as { count(): Promise<number> }).count()))
    }
    t.equal(await purgeExpired(identity.db), 0)
    t.strictSame(await counts(), [2, 2, 1, 2, 1, 1])
    await shiftClock(identity.db, 8 * 86_400)
    t.equal(await purgeExpired(identity.db), 5)
    t.strictSame(await counts(), [0, 2, 0, 0, 1, 1])
    const { refresh_token: second } = (await refresh(identity, first)).body
    await shiftClock(identity.db, 80 * 86_400)
    await purgeExpired(identity.db)
    t.strictSame(await counts(), [0, 0, 0, 0, 1, 1])
    t.equal((await refresh(identity, second)).status, 200, 'and is still signed in')
    await shiftClock(identity.db, 373 * 86_400)
    await purgeExpired(identity.db)
    t.strictSame(await counts(), [0, 0, 0, 0, 0, 0])
  })

  await eachEngine(
    t,
    "a device's own budget stays when a stranger's for the same address is over",
    async (t, place) => {
      const identity = await startIdentity(t, await place('identity'))
      await startChallenge(identity, 'lin@acme.test')
      await shiftClock(identity.db, 31 * 86_400)
      await identity.db.prisma.$executeRaw`INSERT INTO contact_budget
        (contact_mac, purpose, device_hash, sends, last_sent_at, live_challenge_id)
      SELECT contact_mac, purpose, '\\x01', '{}', meridian_now(), live_challenge_id FROM contact_budget`
      await purgeExpired(identity.db)
      const left = await identity.db.prisma.contactBudget.findMany()
      t.strictSame(
        left.map((row) => [...row.deviceHash]),
        [[1]],
      )
    },
  )

  await eachEngine(
    t,
    'a sign-on goes a month after its end, a device that stayed away after 400 days',
    async (t, place) => {
      const identity = await startIdentity(t, await place('identity'))
      const { refresh_token } = (await signIn(identity, 'lin@acme.test')).body
      const { prisma } = identity.db
      await prisma.$executeRaw`INSERT INTO sign_on_session (id, user_id, secret_hash, auth_time, amr, ip, user_agent,
        idle_seconds, idle_expires_at, absolute_expires_at)
      SELECT gen_random_uuid(), user_id, decode(days::text, 'hex'), meridian_now(), '{}', '', '', 1,
        meridian_now() + make_interval(days => days), meridian_now() + make_interval(days => days)
      FROM session, unnest(ARRAY[10, 20]) days`
      await prisma.$executeRaw`UPDATE session SET sign_on_id = (SELECT id FROM sign_on_session WHERE secret_hash = '\\x10')`
      await prisma.$executeRaw`INSERT INTO known_device (device_hash, contact_mac, used_at)
      SELECT decode('0' || days::text, 'hex'), '\\x01', meridian_now() - make_interval(days => days)
      FROM unnest(ARRAY[340, 380]) days`
      const left = () => Promise.all([prisma.signOnSession.count(), prisma.knownDevice.count(), prisma.session.count()])
      await shiftClock(identity.db, 15 * 86_400)
      await purgeExpired(identity.db)
      t.strictSame(await left(), [2, 2, 1], 'over, but not for a month yet')
      await shiftClock(identity.db, 45 * 86_400)
      await purgeExpired(identity.db)
      t.strictSame(await left(), [1, 1, 1])
      t.equal((await refresh(identity, refresh_token)).status, 200, "the sign-on's session goes on without it")
      await shiftClock(identity.db, 61 * 86_400)
      await purgeExpired(identity.db)
      t.strictSame(await left(), [0, 0, 1])
    },
  )
})
