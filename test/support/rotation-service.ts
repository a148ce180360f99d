// The real service, driven beside the model: each step acts over HTTP, is compared with what the model predicts,
// and ends with a look at what the database keeps.
import assert from 'node:assert/strict'
import { buildApp } from '../../services/identity/src/app.ts'
import { createIdentityMetrics } from '../../services/identity/src/metrics.ts'
import { declareRestored } from '../../services/identity/src/sessions/restored.ts'
import { freezeClock } from './frozen-clock.ts'
import {
  authorize,
  basic,
  claimsOf,
  exchange,
  type IdentityUnderTest,
  type Instance,
  ISSUER,
  idempotencyKey,
  REGION_SECRETS,
  type Reply,
  redeem,
  refresh,
} from './identity.ts'
import { ask, familyIdOf } from './races.ts'
import {
  admittingMembership,
  CLIENTS,
  endSession,
  exchangeToken,
  type Family,
  openFamily,
  presentToken,
  regionOf,
  type Target,
  type World,
} from './rotation-model.ts'
import { createWorld, personOf, setClientDeleted, setDisabled } from './rotation-world.ts'

const BEGIN_MS = Date.parse('2027-01-01T00:00:00Z')
const YEARS_MS = 400 * 86_400_000

export type Service = ReturnType<typeof createService>

export function createService(identity: IdentityUnderTest) {
  const { db } = identity
  const seen: Record<string, number> = {}
  const count = (what: string) => {
    seen[what] = (seen[what] ?? 0) + 1
  }
  let runs = 0
  let app = identity.app
  let latest = BEGIN_MS
  let noticesBefore = 0

  const post: Instance['post'] = async (url, form, headers = {}) => {
    const reply = await app.inject({
      method: 'POST',
      url,
      payload: new URLSearchParams(form).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
    const isJson = String(reply.headers['content-type'] ?? '').includes('json')
    return { status: reply.statusCode, body: isJson ? reply.json() : {}, headers: reply.headers, text: reply.body }
  }

  const orgOf = (world: World, target: Target) => world.orgs.get(target.org)?.slug ?? 'nowhere'
  const formOf = (world: World, family: Pick<Family, 'client'>, target: Target | null) => ({
    client_id: family.client.id,
    ...(target === null ? {} : { resource: target.resource, org_id: orgOf(world, target) }),
  })
  const headersOf = (client: string, key: string | null) => ({
    ...(client === 'region-in' ? basic('region-in', REGION_SECRETS.in) : {}),
    ...(key === null ? {} : { 'idempotency-key': key }),
  })

  const vouchesFor = (world: World, family: Family, target: Target | null, access: unknown) => {
    const { iat, exp, sid, client_id, aud, org_id, region, role, mv } = claimsOf(access)
    assert.deepEqual([iat, sid, client_id], [Math.floor(world.now / 1000), family.sid, family.client.id])
    if (target === null) {
      assert.deepEqual([aud, org_id, role], [ISSUER, undefined, undefined], 'an account token')
      family.access = { token: String(access), expiresAt: exp * 1000 }
      return
    }
    const membership = admittingMembership(world, family, target)
    const wanted = [
      target.resource,
      world.orgs.get(target.org)?.id,
      regionOf(target.resource),
      membership?.role,
      membership?.version,
    ]
    assert.deepEqual([aud, org_id, region, role, mv], wanted, 'the role of this moment')
  }

  /** Sends it, and holds the answer to the model. */
  const present = async (world: World, family: Family, counter: number, key: string | null, target: Target | null) => {
    const token = family.tokens[counter]
    assert(token !== undefined)
    const notices = world.notices
    const predicted = presentToken(world, family, counter, key, target)
    const reply = await refresh({ post }, token, formOf(world, family, target), headersOf(family.client.id, key))
    compare(world, family, target, predicted, reply)
    if (world.notices > notices) count('reused')
    return predicted
  }

  const compare = (
    world: World,
    family: Family,
    target: Target | null,
    predicted: ReturnType<typeof presentToken>,
    reply: Reply,
  ) => {
    if (predicted.answer !== 'given') {
      count(predicted.answer)
      assert.equal(reply.body['error'], predicted.answer, reply.text)
      assert.equal(reply.status, predicted.answer === 'invalid_client' ? 401 : 400)
      return
    }
    count(predicted.isNew ? 'rotated' : 'repeated')
    assert.equal(reply.status, 200, reply.text)
    const successor = String(reply.body['refresh_token'])
    const known = family.tokens[predicted.counter]
    if (known === undefined) {
      assert(!family.tokens.includes(successor), 'a token that is new')
      family.tokens[predicted.counter] = successor
    } else assert.equal(successor, known, 'the same successor again')
    vouchesFor(world, family, target ?? family.client.bound, reply.body['access_token'])
  }

  const familyState = `SELECT f.id::text, f.counter, f.revoked_at IS NOT NULL AS is_dead, s.revoked_at IS NOT NULL AS is_signed_out,
      extract(epoch FROM f.idle_expires_at)::float8 * 1000 AS idle_expires_at,
      extract(epoch FROM f.absolute_expires_at)::float8 * 1000 AS absolute_expires_at,
      (SELECT count(*) FROM revocation WHERE kind = 'session' AND subject = s.id::text)::int AS told
    FROM refresh_token_family f JOIN session s ON s.id = f.session_id
    WHERE f.id::text = ANY (string_to_array($1::text, ' '))`
  const noticesSql = `SELECT count(*)::int AS notices FROM mail_outbox WHERE kind = 'token_reuse'`
  const countNotices = async () => Number((await ask(identity, noticesSql))[0]?.['notices'])

  return {
    db,
    seen,

    /** Begins a history: people and organizations of its own, later than all before. */
    async createWorld(): Promise<World> {
      runs += 1
      latest += YEARS_MS
      await freezeClock(db, latest)
      noticesBefore = await countNotices()
      return createWorld(db, runs, latest)
    },

    async signIn(world: World, who: number, clientIndex: number) {
      const person = personOf(world, who)
      const client = CLIENTS[clientIndex]
      assert(client !== undefined)
      if (person.isDisabled || world.deletedClients.has(client.id) || world.families.length >= 6) return
      if (client.bound !== null && admittingMembership(world, { client, person } as Family, client.bound) === undefined)
        return
      const form = formOf(world, { client }, client.bound)
      const headers = headersOf(client.id, null)
      // Notices go out first: what is mailed next is the code.
      await identity.mailTo(person.email)
      const authorized = await authorize({ ...identity, post }, person.email, form, headers)
      const reply = await redeem({ post }, authorized, form, headers)
      assert.equal(reply.status, 200, reply.text)
      const token = String(reply.body['refresh_token'])
      const { sid, exp } = claimsOf(reply.body['access_token'])
      const access =
        client.bound === null ? { token: String(reply.body['access_token']), expiresAt: exp * 1000 } : undefined
      const family = openFamily(world, { id: familyIdOf(token), sid, client, person, token, access })
      vouchesFor(world, family, client.bound, reply.body['access_token'])
      count('signed in')
    },

    async refresh(world: World, family: Family, back: number, keyKind: string, target: Target | null) {
      const keys: Record<string, string | null> = {
        new: idempotencyKey(),
        same: family.retryKey,
        older: 'k'.repeat(22),
      }
      await present(world, family, Math.max(0, family.counter - back), keys[keyKind] ?? null, target)
    },

    async loseAnswer(world: World, family: Family, target: Target | null) {
      const lost = { spent: family.counter, key: idempotencyKey() }
      const { answer } = await present(world, family, lost.spent, lost.key, target)
      if (answer === 'given') family.lost = lost
    },

    /** Whoever lost an answer asks for it again, by the same request or without its key. */
    async retry(world: World, index: number, hasKey: boolean, target: Target | null) {
      const waiting = world.families.filter(({ lost, isDead }) => lost !== undefined && !isDead)
      const family = waiting[index % waiting.length]
      if (family?.lost === undefined) return
      count('retried')
      await present(world, family, family.lost.spent, hasKey ? family.lost.key : null, target)
    },

    /** The head, several times at once: one rotation, and the same answer for all. */
    async burst(world: World, family: Family, size: number, target: Target | null) {
      const token = String(family.tokens[family.counter])
      const spent = family.counter
      const sent = Array.from({ length: size }, () =>
        refresh({ post }, token, formOf(world, family, target), headersOf(family.client.id, null)),
      )
      for (const reply of await Promise.all(sent)) {
        compare(world, family, target, presentToken(world, family, spent, null, target), reply)
      }
    },

    async exchange(world: World, family: Family, target: Target) {
      if (family.access === undefined) return
      const predicted = exchangeToken(world, family, target)
      const reply = await exchange({ post }, family.access.token, formOf(world, family, target))
      count(`exchange ${predicted}`)
      if (predicted === 'given') vouchesFor(world, family, target, reply.body['access_token'])
      else assert.equal(reply.body['error'], predicted, reply.text)
    },

    async wait(world: World, seconds: number) {
      world.now += seconds * 1000
      latest = world.now
      await freezeClock(db, world.now)
    },

    async signOut(world: World, family: Family, back: number) {
      const token = String(family.tokens[Math.max(0, family.counter - back)])
      const reply = await post(
        '/oauth/revoke',
        { client_id: family.client.id, token },
        headersOf(family.client.id, null),
      )
      if (world.deletedClients.has(family.client.id)) return assert.equal(reply.status, 401)
      assert.equal(reply.status, 200, reply.text)
      endSession(world, family)
    },

    /** A new process's app on the same database: it remembers nothing. */
    async restart() {
      if (app !== identity.app) await app.close()
      app = await buildApp(
        { ...identity.deps, metrics: createIdentityMetrics() },
        {
          trustProxy: false,
          challengesPerMinute: 1_000_000,
          tokenRequestsPerMinute: 10_000_000,
          pageRequestsPerMinute: 1_000_000,
          hostLookupsPerMinute: 1_000_000,
        },
      )
      await app.ready()
    },

    async declareRestored(world: World) {
      const { epoch } = await declareRestored(identity.deps, false)
      assert.notEqual(String(epoch), world.epoch)
      world.epoch = String(epoch)
    },

    /** What the database keeps is what the model says: counters, ends, expiries, notices. */
    async holdsTo(world: World) {
      const rows = await ask(identity, familyState, [world.families.map(({ id }) => id).join(' ')])
      const byId = new Map(rows.map(({ id, ...row }) => [id, row]))
      for (const family of world.families) {
        assert.deepEqual(byId.get(family.id), {
          counter: family.counter,
          is_dead: family.isDead,
          is_signed_out: family.isSignedOut,
          idle_expires_at: family.idleExpiresAt,
          absolute_expires_at: family.absoluteExpiresAt,
          told: family.isSignedOut ? 1 : 0,
        })
        assert.equal(family.tokens.length, family.counter + 1, 'as many new tokens as rotations')
        assert.equal(new Set(family.tokens).size, family.tokens.length, 'each its own')
      }
      assert.equal((await countNotices()) - noticesBefore, world.notices, 'one mail for each theft')
    },

    /** What died never answers again, also when everybody is let in again; the newest token of what lives does. */
    async deadStayDead(world: World) {
      for (const who of [0, 1]) await setDisabled(db, world, who, false)
      await setClientDeleted(db, world, false)
      for (const family of world.families) {
        const isLive = !family.isDead
        if (isLive) await present(world, family, family.counter, null, null)
        for (const counter of isLive ? [] : family.tokens.keys())
          await present(world, family, counter, family.retryKey, null)
      }
      await this.holdsTo(world)
    },
  }
}
