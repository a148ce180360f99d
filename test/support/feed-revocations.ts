// Takes away what people have, one way after another, and waits until every region that it concerns refuses them.
import { setTimeout as sleep } from 'node:timers/promises'
import { CODES, type Code, type FeedWorld } from './feed-world.ts'

export type Refusal = {
  readonly way: string
  /** From the commit to the later of the regions' first refusals. */
  readonly ms: number
  /** Whether the feed had told those regions of it by then; a sign-out it never tells. */
  readonly wasToldByFeed: boolean
}

type Membership = { id: string; user_id: string; org_id: string; region: Code; role: string; version: number }

const WAYS: Readonly<Record<string, string>> = {
  'role changed':
    "UPDATE membership SET role = CASE role WHEN 'member' THEN 'viewer' ELSE 'member' END WHERE id = $1::uuid",
  suspended: "UPDATE membership SET status = 'suspended' WHERE id = $1::uuid",
  removed: "UPDATE membership SET status = 'removed' WHERE id = $1::uuid",
}
const SIGNED_OUT = 'signed out'
const REFUSED_WITHIN_MS = 30_000
const ROWS_A_TRANSACTION = 5000

/** Whom it can be taken from: `count` members of each way. */
const MEMBERS = `SELECT m.id::text, m.user_id::text, m.org_id::text, m.region, m.role, m.version
  FROM membership m JOIN user_account u ON u.id = m.user_id JOIN organization o ON o.id = m.org_id
    JOIN organization_region x ON x.org_id = m.org_id AND x.region = m.region
  WHERE m.status = 'active' AND u.status = 'active' AND o.status = 'active' AND x.status = 'active' AND m.role <> 'manager'
  ORDER BY m.id DESC LIMIT $1`

export async function revokeEach(
  world: FeedWorld,
  { rounds, askEveryMs, pauseMs }: { readonly rounds: number; readonly askEveryMs: number; readonly pauseMs: number },
): Promise<readonly Refusal[]> {
  const ways = [...Object.keys(WAYS), SIGNED_OUT]
  const centre = world.centreDatabase()
  const { rows: members } = await centre.query<Membership>(MEMBERS, [rounds * ways.length])
  const refusals: Promise<Refusal>[] = []
  for (const [index, member] of members.entries()) {
    const way = ways[index % ways.length] ?? SIGNED_OUT
    const sid = world.makeId()
    const regions = way === SIGNED_OUT ? CODES : [member.region]
    const stranger = strangerOf(world)
    const tokens = regions.map((code) => {
      const token = way === SIGNED_OUT ? world.token(code, { ...stranger, sid }) : tokenOf(world, code, member, sid)
      return [code, token] as const
    })
    for (const [code, token] of tokens) {
      const { status } = await world.ask(code, token)
      if (status !== 200) throw new Error(`${code} answers ${status} to somebody who is to be let in`)
    }
    if (way === SIGNED_OUT) await centre.query("INSERT INTO revocation (kind, subject) VALUES ('session', $1)", [sid])
    else await centre.query(WAYS[way] ?? '', [member.id])
    const committedAt = performance.now()
    const refused = Promise.all(tokens.map(([code, token]) => untilRefused(world, code, token, askEveryMs)))
    refusals.push(
      refused.then(async () => {
        const ms = performance.now() - committedAt
        return { way, ms, wasToldByFeed: way !== SIGNED_OUT && (await isToldByFeed(world, member)) }
      }),
    )
    await sleep(pauseMs)
  }
  return Promise.all(refusals)
}

/** Somebody whom no region knows yet: a sign-out is of a session, whoever has it. */
const strangerOf = (world: FeedWorld) => ({
  sub: world.makeId(),
  org_id: world.makeId(),
  mid: world.makeId(),
  mv: 1,
  role: 'member',
})

const tokenOf = (world: FeedWorld, code: Code, member: Membership, sid: string) =>
  world.token(code, {
    sub: member.user_id,
    org_id: member.org_id,
    mid: member.id,
    mv: member.version,
    role: member.role,
    sid,
  })

async function untilRefused(world: FeedWorld, code: Code, token: string, everyMs: number): Promise<void> {
  const deadline = performance.now() + REFUSED_WITHIN_MS
  while ((await world.ask(code, token)).status !== 401) {
    if (performance.now() > deadline) throw new Error(`${code} goes on letting somebody in`)
    await sleep(everyMs)
  }
}

async function isToldByFeed(world: FeedWorld, { id, region, version }: Membership): Promise<boolean> {
  const { rows } = await world
    .region(region)
    .database.query<{ version: number | null }>(
      "SELECT (state ->> 'version')::int AS version FROM replica_entity WHERE kind = 'membership' AND id = $1",
      [id],
    )
  return rows[0] !== undefined && rows[0].version !== version
}

/** So many changes for each region that say nothing new: what an import or a job leaves to be told. */
export async function queueBulk(world: FeedWorld, changes: number): Promise<void> {
  const centre = world.centreDatabase()
  await centre.query(`CREATE TEMPORARY TABLE IF NOT EXISTS to_tell AS
    SELECT region, kind, entity_id, row_number() OVER (PARTITION BY region ORDER BY random()) - 1 AS n
    FROM (SELECT DISTINCT region, kind, entity_id FROM change) AS known`)
  await centre.query('CREATE INDEX IF NOT EXISTS to_tell_idx ON to_tell (region, n)')
  for (let done = 0; done < changes; done += ROWS_A_TRANSACTION) {
    for (const code of CODES) {
      await centre.query(
        `INSERT INTO change (region, kind, entity_id)
          SELECT t.region, t.kind, t.entity_id
          FROM generate_series($2::integer, $3::integer) i
            JOIN to_tell t ON t.region = $1 AND t.n = i % (SELECT count(*) FROM to_tell WHERE region = $1)`,
        [code, done, Math.min(changes, done + ROWS_A_TRANSACTION) - 1],
      )
    }
  }
}
