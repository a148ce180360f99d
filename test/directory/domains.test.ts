// Own domains through the API: claimed, proved, looked at every day, lost, given up; and that one is never two
// organizations'.
import t, { type Test } from 'tap'
import { purgeDeletedOrganizations } from '../../services/identity/src/directory/purge-organizations.ts'
import { recheckDomains } from '../../services/identity/src/directory/recheck-domains.ts'
import { purgeExpired } from '../../services/identity/src/store/purge.ts'
import { eachEngine, embeddedPlace, onPostgresql, type Place } from '../support/databases.ts'
import type { DnsZone } from '../support/dns-zone.ts'
import {
  type IdentityUnderTest,
  type Instance,
  idempotencyKey,
  type Reply,
  signIn,
  startIdentity,
} from '../support/identity.ts'
import { ask, fire, patiently, UNHURRIED } from '../support/races.ts'

t.setTimeout(140_000)

const DAY = 86_400
const DOMAIN = 'app.acme.example'

type World = { identity: IdentityUnderTest; zone: DnsZone; ada: string; lin: string; max: string }

async function start(t: Test, place: Place, instances = 1): Promise<World> {
  const settings = { ...UNHURRIED, domainsMax: 5 }
  const identity = await startIdentity(t, place, { settings, instances })
  const tokenOf = async (email: string) => String((await signIn(identity, email)).body['access_token'])
  return {
    identity,
    zone: identity.zone,
    ada: await tokenOf('ada@acme.test'),
    lin: await tokenOf('lin@acme.test'),
    max: await tokenOf('max@globex.test'),
  }
}

/** Lets time pass for the domains alone: tokens and sessions have tests of their own. */
async function wait({ identity }: World, seconds: number): Promise<void> {
  const columns = ['created_at', 'verified_at', 'next_check_at', 'last_checked_at', 'failing_since', 'quarantine_until']
  const earlier = columns.map((column) => `${column} = ${column} - make_interval(secs => $1::float8)`)
  await ask(identity, `UPDATE organization_domain SET ${earlier.join(', ')}`, [seconds])
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'
const send = (
  instance: Pick<Instance, 'inject'>,
  token: string,
  method: Method,
  url: string,
  payload?: object,
  headers: Record<string, string> = {},
) =>
  instance.inject({
    method,
    url,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  })
const claim = (world: World, domain = DOMAIN, token = world.ada, org = 'acme', region = 'in') =>
  send(world.identity, token, 'POST', `/v1/orgs/${org}/domains`, { domain, region })
const pathOf = ({ body }: Reply) => `/v1/orgs/${body['org_id']}/domains/${body['id']}`
const verify = (instance: Pick<Instance, 'inject'>, claimed: Reply, token: string) =>
  send(instance, token, 'POST', `${pathOf(claimed)}/verify`)
const publish = (world: World, ...claims: Reply[]) => {
  const [first] = claims
  const values = claims.map(({ body }) => body['proof'].value)
  world.zone.records.set(first?.body['proof'].name, ['v=spf1 -all', ...values])
}
const withdraw = (world: World, domain = DOMAIN) => world.zone.records.delete(`_meridian.${domain}`)

async function proved(world: World, domain = DOMAIN, token = world.ada, org = 'acme', region = 'in'): Promise<Reply> {
  const claimed = await claim(world, domain, token, org, region)
  publish(world, claimed)
  const reply = await verify(world.identity, claimed, token)
  if (reply.status !== 200) throw new Error(reply.text)
  return reply
}
const recheckAll = async ({ identity }: World) => {
  while ((await recheckDomains(identity.deps)) > 0);
}
const statusOf = async (world: World, claimed: Reply, token = world.ada) =>
  (await send(world.identity, token, 'GET', pathOf(claimed))).body['status']
const isServed = async ({ identity }: World, domain = DOMAIN) =>
  (await identity.get(`/v1/hosts/resolve?host=${domain}`)).status === 200

t.test('domains', async (t) => {
  await t.test('a domain is claimed, and served once its record proves it', async (t) => {
    const world = await start(t, await embeddedPlace('identity'))
    const claimed = await claim(world, 'App.Acme.Example.')
    t.match(claimed.body, { domain: DOMAIN, status: 'pending', is_primary: false, region: 'in', version: 1 })
    t.match(claimed.body, {
      proof: { type: 'TXT', name: `_meridian.${DOMAIN}`, value: /^meridian-verification=[\w-]{43}$/ },
    })
    t.equal(claimed.headers['location'], pathOf(claimed))
    t.equal(await isServed(world), false)
    const unproved = await verify(world.identity, claimed, world.ada)
    t.match(unproved, { status: 409, body: { code: 'domain_unproved', record: claimed.body['proof'] } })
    t.match(await verify(world.identity, claimed, world.ada), { status: 429, body: { code: 'rate_limited' } })
    t.strictSame(world.zone.asked, [`_meridian.${DOMAIN}`], 'one look in five seconds, for nothing else')
    await wait(world, 5)
    const { value } = claimed.body['proof']
    for (const near of [`${value} `, value.toUpperCase(), `"${value}"`, value.slice(0, -1), 'meridian-verification=']) {
      world.zone.records.set(`_meridian.${DOMAIN}`, [near])
      t.equal((await verify(world.identity, claimed, world.ada)).body['code'], 'domain_unproved', near)
      await wait(world, 5)
    }
    publish(world, claimed)
    const active = await verify(world.identity, claimed, world.ada)
    t.match(active, { status: 200, body: { status: 'active', verified_at: /Z$/, version: 2 } })
    t.ok(await isServed(world))
    const events = await ask(world.identity, "SELECT kind FROM audit_event WHERE kind LIKE 'domain.%' ORDER BY id")
    t.strictSame(events, [{ kind: 'domain.added' }, { kind: 'domain.verified' }])
  })

  await t.test('what is no domain, or is ours, is not claimed', async (t) => {
    const world = await start(t, await embeddedPlace('identity'))
    const wrong = [
      ...['localhost', 'acme', '192.0.2.1', '0x7f.1', '1.2.3', '[::1]', '*.acme.example', 'acme.example:443'],
      ...[
        'https://acme.example',
        'acme.example/x',
        'a b.example',
        'user@acme.example',
        'ac_me.example',
        'acme..example',
      ],
      ...['-acme.example', 'acme.local', 'acme.internal', 'xn--a.example', 'acme.example..', '%61.example', 'acme.1'],
      ...[`${'a'.repeat(64)}.example`, `${'a.'.repeat(121)}example`, 'printer.onion', '1.0.0.127.in-addr.arpa'],
    ]
    for (const domain of wrong) t.equal((await claim(world, domain)).body['code'], 'invalid_request', domain)
    const ours = [
      'id.example.test',
      'x.id.example.test',
      'api.in.example.test',
      'shop.in.example.test',
      'in.example.test',
    ]
    for (const domain of [...ours, 'globex.us.example.test', 'example.test', 'IN.EXAMPLE.TEST.'])
      t.match(await claim(world, domain), { status: 409, body: { code: 'domain_taken' } }, domain)
    for (const [written, domain] of [
      ['B\u00dcCHER.example', 'xn--bcher-kva.example'],
      ['fa\u00df.example', 'xn--fa-hia.example'],
      ['acme\u3002example', 'acme.example'],
      ['co.uk', 'co.uk'],
    ] as const)
      t.equal((await claim(world, written)).body['domain'], domain, written)
    t.match(await claim(world, 'b\u00fccher.example'), { status: 409, body: { code: 'conflict' } }, 'claimed twice')
    t.equal((await claim(world)).status, 201, 'the last one')
    t.match(await claim(world, 'sixth.example'), { status: 409, body: { code: 'conflict' } }, 'one too many')
    t.equal(world.zone.asked.length, 0, 'nothing is looked up for a claim')
  })

  await t.test('a domain is managed by the managers of its region alone', async (t) => {
    const world = await start(t, await embeddedPlace('identity'))
    const { identity } = world
    const own = await proved(world)
    t.equal(
      (await claim(world, 'us.acme.example', world.ada, 'acme', 'us')).status,
      201,
      'nobody manages us: any manager does',
    )
    await ask(
      identity,
      `UPDATE membership SET role = 'manager' WHERE region = 'us' AND org_id = $1 AND user_id = (SELECT id
      FROM user_account WHERE email = 'ada@acme.test')`,
      [own.body['org_id']],
    )
    const foreign = await proved(world, 'shop.globex.example', world.max, 'globex', 'us')
    for (const [who, token] of [
      ['a member', world.lin],
      ['a manager of another', world.max],
    ] as const) {
      t.match(await claim(world, 'x.example', token), { status: 403 }, who)
      t.match(await send(identity, token, 'GET', '/v1/orgs/acme/domains'), { status: 403 }, who)
      t.match(await send(identity, token, 'GET', pathOf(own)), { status: 403 }, who)
      t.match(await verify(identity, own, token), { status: 403 }, who)
      t.match(await send(identity, token, 'DELETE', pathOf(own)), { status: 403 }, who)
      t.match(
        await send(identity, token, 'PUT', pathOf(own), { is_primary: true }, { 'if-match': '*' }),
        { status: 403 },
        who,
      )
    }
    const mixed = `/v1/orgs/acme/domains/${foreign.body['id']}`
    t.match(await send(identity, world.ada, 'GET', mixed), { status: 404 })
    t.match(await send(identity, world.ada, 'DELETE', mixed), { status: 404 })
    t.match(await send(identity, world.ada, 'POST', `${mixed}/verify`), { status: 404 })
    t.equal(await statusOf(world, foreign, world.max), 'active')
    const { domains, next_cursor: cursor } = (await send(identity, world.ada, 'GET', '/v1/orgs/acme/domains?limit=1'))
      .body
    t.match(domains, [{ domain: DOMAIN }])
    const rest = (await send(identity, world.ada, 'GET', `/v1/orgs/acme/domains?cursor=${cursor}`)).body
    t.match(rest, { domains: [{ domain: 'us.acme.example' }], next_cursor: null })
  })

  await eachEngine(
    t,
    'a lost record: served for a week, kept for two months, and well again when it is back',
    async (t, place) => {
      const world = await start(t, await place('identity'))
      const own = await proved(world)
      const after = async (days: number) => {
        await wait(world, days * DAY)
        await recheckAll(world)
        return [await statusOf(world, own), await isServed(world)]
      }
      t.strictSame(await after(2), ['active', true])
      world.zone.unanswered.add(`_meridian.${DOMAIN}`)
      for (let day = 0; day < 9; day += 1)
        t.strictSame(await after(1), ['active', true], 'an outage of the DNS is no proof')
      world.zone.unanswered.clear()
      withdraw(world)
      t.strictSame(await after(2), ['degraded', true])
      world.zone.unanswered.add(`_meridian.${DOMAIN}`)
      t.strictSame(await after(10), ['degraded', true], 'nobody answered: nothing is decided')
      world.zone.unanswered.clear()
      publish(world, own)
      t.strictSame(await after(2), ['active', true])
      withdraw(world)
      t.strictSame(await after(2), ['degraded', true])
      t.strictSame(await after(8), ['disabled', false])
      publish(world, own)
      await wait(world, 5)
      t.match(await verify(world.identity, own, world.ada), {
        status: 200,
        body: { status: 'active', failing_since: null },
      })
      t.ok(await isServed(world))
      withdraw(world)
      t.strictSame(await after(2), ['degraded', true])
      t.strictSame(await after(8), ['disabled', false])
      t.strictSame(await after(60), [404, false], 'released')
      const events = await ask(world.identity, "SELECT kind FROM audit_event WHERE kind LIKE 'domain.%' ORDER BY id")
      t.strictSame(
        events.map(({ kind }) => String(kind).slice('domain.'.length)),
        [
          'added',
          'verified',
          'degraded',
          'enabled',
          'degraded',
          'disabled',
          'enabled',
          'degraded',
          'disabled',
          'released',
        ],
      )
    },
  )

  await eachEngine(
    t,
    'the first proof wins; what was given up is kept from others, and not from oneself',
    async (t, place) => {
      const world = await start(t, await place('identity'))
      const [ours, theirs] = [await claim(world), await claim(world, DOMAIN, world.max, 'globex', 'us')]
      publish(world, ours, theirs)
      t.equal((await verify(world.identity, ours, world.ada)).status, 200)
      t.match(await verify(world.identity, theirs, world.max), { status: 409, body: { code: 'domain_taken' } })
      t.equal(await statusOf(world, theirs, world.max), 'pending')
      t.equal((await send(world.identity, world.ada, 'DELETE', pathOf(ours))).status, 204)
      t.equal(await isServed(world), false)
      t.match(await send(world.identity, world.ada, 'GET', pathOf(ours)), { status: 404 })
      await wait(world, 5)
      t.match(
        await verify(world.identity, theirs, world.max),
        { status: 409, body: { code: 'domain_taken' } },
        'quarantine',
      )
      const again = await claim(world)
      publish(world, again, theirs)
      t.equal((await verify(world.identity, again, world.ada)).status, 200, 'their own again')
      t.equal(
        (await send(world.identity, world.ada, 'DELETE', pathOf(again), undefined, { 'if-match': '"1"' })).status,
        412,
      )
      t.equal(
        (await send(world.identity, world.ada, 'DELETE', pathOf(again), undefined, { 'if-match': '"2"' })).status,
        204,
      )
      await wait(world, 30 * DAY + 1)
      t.equal(await statusOf(world, theirs, world.max), 'pending')
      t.equal((await verify(world.identity, theirs, world.max)).status, 200, 'after the quarantine')
      t.match((await world.identity.get(`/v1/hosts/resolve?host=${DOMAIN}`)).body, {
        org: { slug: 'globex' },
        region: 'us',
      })
    },
  )

  await eachEngine(t, 'the purge of an organization keeps its domains from others as long', async (t, place) => {
    const world = await start(t, await place('identity'))
    const { identity } = world
    const [givenUp, kept] = ['given-up.example', 'kept.example']
    await send(identity, world.ada, 'DELETE', pathOf(await proved(world, givenUp)))
    await wait(world, 10 * DAY)
    await proved(world, kept)
    await claim(world, 'claimed.example')
    const toPurge = `UPDATE organization SET status = 'deleted', status_before_deletion = status,
      deleted_at = meridian_now(), delete_after = meridian_now() WHERE slug = 'acme'`
    await ask(identity, toPurge)
    await purgeDeletedOrganizations(identity.deps)
    await ask(identity, 'UPDATE erasure_order SET acknowledged_at = meridian_now()')
    await purgeDeletedOrganizations(identity.deps)
    t.equal((await ask(identity, `SELECT FROM organization WHERE purged_at IS NOT NULL`)).length, 1)
    const rows = () =>
      ask(
        identity,
        `SELECT d.domain, d.status, d.is_primary, d.verification FROM organization_domain d
          JOIN organization o ON o.id = d.org_id WHERE o.purged_at IS NOT NULL ORDER BY d.domain`,
      )
    const released = { status: 'released', is_primary: false, verification: '' }
    t.strictSame(
      await rows(),
      [
        { domain: givenUp, ...released },
        { domain: kept, ...released },
      ],
      'the domain is left of what was proved, and nothing of a claim',
    )
    const theirs = new Map<string, Reply>()
    for (const domain of [givenUp, kept]) {
      const claimed = await claim(world, domain, world.max, 'globex', 'us')
      publish(world, claimed)
      theirs.set(domain, claimed)
    }
    const outcomeOf = async (domain: string) => {
      await purgeDeletedOrganizations(identity.deps)
      const claimed = theirs.get(domain)
      if (claimed === undefined) throw new Error('not claimed')
      const { status, body } = await verify(identity, claimed, world.max)
      return status === 200 ? 'proved' : body['code']
    }
    t.equal(await outcomeOf(givenUp), 'domain_taken')
    t.equal(await outcomeOf(kept), 'domain_taken')
    await wait(world, 20 * DAY + 60)
    t.equal(await outcomeOf(givenUp), 'proved', 'a month after it was given up')
    t.equal(await outcomeOf(kept), 'domain_taken')
    t.equal((await rows()).length, 1)
    await wait(world, 10 * DAY)
    t.equal(await outcomeOf(kept), 'proved', 'a month after the purge')
    t.strictSame(await rows(), [], 'and then nothing is left')
  })

  await eachEngine(
    t,
    'what a living organization gave up goes after its quarantine, and no sooner',
    async (t, place) => {
      const world = await start(t, await place('identity'))
      const { identity } = world
      const giveUp = async (claimed: Reply) =>
        t.equal((await send(identity, world.ada, 'DELETE', pathOf(claimed))).status, 204)
      await giveUp(await proved(world, 'given-up.example'))
      await giveUp(await claim(world, 'claimed.example'))
      const used = await proved(world, 'used.example')
      await claim(world, 'waiting.example')
      const left = async () => {
        await purgeExpired(identity.db)
        const rows = await ask(identity, 'SELECT domain FROM organization_domain ORDER BY domain')
        return rows.map(({ domain }) => domain)
      }
      const stay = ['used.example', 'waiting.example']
      t.strictSame(await left(), ['given-up.example', ...stay], 'one that was never proved is kept from nobody')
      await wait(world, 30 * DAY - 60)
      t.strictSame(await left(), ['given-up.example', ...stay])
      const theirs = await claim(world, 'given-up.example', world.max, 'globex', 'us')
      publish(world, theirs)
      t.equal((await verify(identity, theirs, world.max)).status, 409)
      await wait(world, 60)
      t.strictSame(await left(), ['given-up.example', ...stay], 'the claim of another is theirs')
      t.strictSame(await ask(identity, `SELECT FROM organization_domain WHERE status = 'released'`), [])
      t.equal((await verify(identity, theirs, world.max)).status, 200)
      t.equal(await statusOf(world, used, world.ada), 'active')
      const released = `SELECT count(*)::int AS n FROM audit_event WHERE kind = 'domain.released'`
      t.strictSame(await ask(identity, released), [{ n: 2 }], 'the audit keeps it')
    },
  )

  await t.test('who is no longer a manager when the answer comes has proved nothing', async (t) => {
    const world = await start(t, await embeddedPlace('identity'))
    const claimed = await claim(world)
    publish(world, claimed)
    world.zone.meanwhile = () =>
      ask(
        world.identity,
        `UPDATE membership SET role = 'manager' WHERE user_id = (SELECT id FROM user_account WHERE email = 'lin@acme.test')`,
      ).then(() =>
        ask(
          world.identity,
          `UPDATE membership SET role = 'viewer' WHERE role = 'manager' AND user_id =
        (SELECT id FROM user_account WHERE email = 'ada@acme.test')`,
        ),
      )
    t.match(await verify(world.identity, claimed, world.ada), { status: 403 })
    t.equal(await statusOf(world, claimed, world.lin), 'pending')
    t.equal(await isServed(world), false)
  })

  await t.test('a manager of another region of the organization sees nothing of a domain', async (t) => {
    const world = await start(t, await embeddedPlace('identity'))
    const american = await claim(world, 'us.acme.example', world.ada, 'acme', 'us')
    const own = await claim(world)
    const sam = await world.identity.db.prisma.userAccount.findFirstOrThrow({ where: { email: 'sam@both.test' } })
    await world.identity.db.prisma.membership.create({
      data: {
        id: world.identity.deps.makeId(),
        userId: sam.id,
        orgId: own.body['org_id'],
        region: 'us',
        role: 'manager',
      },
    })
    const url = pathOf(american)
    t.match(await claim(world, 'more.acme.example', world.ada, 'acme', 'us'), { status: 403 })
    t.match((await send(world.identity, world.ada, 'GET', '/v1/orgs/acme/domains')).body, {
      domains: [{ domain: DOMAIN }],
    })
    for (const [method, path, payload] of [
      ['GET', url, undefined],
      ['DELETE', url, undefined],
      ['PUT', url, { is_primary: false }],
      ['POST', `${url}/verify`, undefined],
    ] as const) {
      const reply = await send(world.identity, world.ada, method, path, payload, { 'if-match': '*' })
      t.match(reply, { status: 404, body: { code: 'not_found' } }, `${method} ${path}`)
    }
    t.strictSame(world.zone.asked, [])
  })

  await t.test('a claim that nobody proves lapses, and keeps nobody out', async (t) => {
    const world = await start(t, await embeddedPlace('identity'))
    const claimed = await claim(world)
    await wait(world, 29 * DAY)
    await recheckAll(world)
    t.equal(await statusOf(world, claimed), 'pending')
    await wait(world, 2 * DAY)
    await recheckAll(world)
    t.equal(await statusOf(world, claimed), 404)
    t.equal(world.zone.asked.length, 0)
    t.ok(await proved(world, DOMAIN, world.max, 'globex', 'us'))
  })

  await t.test('one domain at most is the primary one, and hosts lead to it', async (t) => {
    const world = await start(t, await embeddedPlace('identity'))
    const [first, second] = [await proved(world), await proved(world, 'www.acme.example')]
    const pending = await claim(world, 'later.acme.example')
    const prefer = (domain: Reply, isPrimary: boolean, ifMatch = '*') =>
      send(world.identity, world.ada, 'PUT', pathOf(domain), { is_primary: isPrimary }, { 'if-match': ifMatch })
    const targetOf = async (host: string) =>
      (await world.identity.get(`/v1/hosts/resolve?host=${host}`)).body['redirect_to']
    t.equal(await targetOf('acme.in.example.test'), null)
    t.match(await prefer(pending, true), { status: 409, body: { code: 'conflict' } })
    t.match(await prefer(first, true), { status: 200, body: { is_primary: true, version: 3 } })
    t.equal((await prefer(first, false, '"2"')).status, 412)
    t.equal(await targetOf('acme.in.example.test'), DOMAIN)
    t.equal(await targetOf('www.acme.example'), DOMAIN)
    t.equal(await targetOf(DOMAIN), null)
    t.equal((await prefer(second, true)).status, 200)
    t.match((await send(world.identity, world.ada, 'GET', pathOf(first))).body, { is_primary: false })
    t.equal(await targetOf(DOMAIN), 'www.acme.example')
    await send(world.identity, world.ada, 'DELETE', pathOf(second))
    t.equal(await targetOf('acme.in.example.test'), null)
  })

  await t.test('a repeat with its key adds nothing, and the DNS’s silence changes nothing', async (t) => {
    const world = await start(t, await embeddedPlace('identity'))
    const headers = { 'idempotency-key': idempotencyKey() }
    const add = (domain: string) =>
      send(world.identity, world.ada, 'POST', '/v1/orgs/acme/domains', { domain, region: 'in' }, headers)
    const first = await add(DOMAIN)
    t.strictSame((await add(DOMAIN)).body, first.body)
    t.match(await add('other.example'), { status: 422, body: { code: 'idempotency_key_reused' } })
    world.zone.unanswered.add(`_meridian.${DOMAIN}`)
    t.match(await verify(world.identity, first, world.ada), { status: 503, body: { code: 'temporarily_unavailable' } })
    t.equal(await statusOf(world, first), 'pending')
  })

  await onPostgresql(t, 'of two organizations that prove a domain at once, one has it', async (t, place) => {
    const world = await start(t, await place('identity'), 2)
    for (let round = 0; round < 4; round += 1) {
      const domain = `race-${round}.example`
      const [ours, theirs] = [await claim(world, domain), await claim(world, domain, world.max, 'globex', 'us')]
      publish(world, ours, theirs)
      const replies = await fire(world.identity, [
        (instance) => verify(instance, ours, world.ada),
        (instance) => verify(instance, theirs, world.max),
      ])
      t.strictSame(replies.map(({ status }) => status).sort(), [200, 409], `round ${round}`)
      for (const [claimed, token] of [
        [ours, world.ada],
        [theirs, world.max],
      ] as const)
        await patiently(() => send(world.identity, token, 'DELETE', pathOf(claimed)))
    }
  })

  await onPostgresql(
    t,
    'a domain that is given up while another proves it stays out of their reach',
    async (t, place) => {
      const world = await start(t, await place('identity'), 2)
      for (let round = 0; round < 4; round += 1) {
        const domain = `handover-${round}.example`
        const ours = await proved(world, domain)
        const theirs = await claim(world, domain, world.max, 'globex', 'us')
        publish(world, ours, theirs)
        const replies = await fire(world.identity, [
          (instance) => send(instance, world.ada, 'DELETE', pathOf(ours)),
          (instance) => verify(instance, theirs, world.max),
        ])
        t.strictSame(
          replies.map(({ status }) => status),
          [204, 409],
          `round ${round}`,
        )
        await send(world.identity, world.max, 'DELETE', pathOf(theirs))
      }
    },
  )

  await onPostgresql(
    t,
    'processes share the daily looks: each domain is looked at by one of them',
    async (t, place) => {
      const world = await start(t, await place('identity'), 2)
      for (const name of ['a', 'b', 'c', 'd']) await proved(world, `${name}.acme.example`)
      await wait(world, 2 * DAY)
      world.zone.asked.length = 0
      await fire(
        world.identity,
        Array.from({ length: 6 }, () => (instance: Instance) => recheckDomains(instance.deps)),
      )
      t.strictSame(
        [...world.zone.asked].sort(),
        ['a', 'b', 'c', 'd'].map((name) => `_meridian.${name}.acme.example`),
      )
    },
  )
})
