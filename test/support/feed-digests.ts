// The centre's own digests, and the same sums of what a region holds, by the words of packages/protocol/src/feed.ts alone.
import { setTimeout as sleep } from 'node:timers/promises'
import { digestsPageSchema } from '@meridian/protocol/feed'
import { CODES, type Code, type FeedWorld } from './feed-world.ts'
import { REGION_SECRETS } from './identity.ts'

const SUM = `SELECT count(*)::int AS count, coalesce(sum(
    ('x' || left(encode(sha256(convert_to(kind || E'\\n' || id || E'\\n' || revision || E'\\n' || state::text, 'UTF8')), 'hex'), 15))::bit(60)::bigint
  ), 0)::text AS digest
  FROM replica_entity
  WHERE state IS NOT NULL AND ($1::text IS NULL OR (kind, id) > ($1::text COLLATE "C", $2::text COLLATE "C"))
    AND ($3::text IS NULL OR (kind, id) <= ($3::text COLLATE "C", $4::text COLLATE "C"))`

/** Looked at once more: a rebuild or a repair may still be going on. */
const LOOKS = 50
const LOOK_EVERY_MS = 200

/** Lines that say which ranges are not the same; none where a comparison would find nothing to do. */
export async function digestsDiffer(world: FeedWorld): Promise<readonly string[]> {
  for (let look = 1; ; look += 1) {
    const lines: string[] = []
    for (const code of CODES) lines.push(...(await differOf(world, code)))
    if (lines.length === 0) return []
    if (look === LOOKS) return [...lines, ...(await revisionsThatDiffer(world))]
    await sleep(LOOK_EVERY_MS)
  }
}

async function revisionsThatDiffer(world: FeedWorld): Promise<readonly string[]> {
  const lines: string[] = []
  for (const code of CODES) {
    const { rows: told } = await world
      .centreDatabase()
      .query<{ key: string; revision: string }>(
        "SELECT kind || '/' || entity_id AS key, max(seq)::text AS revision FROM change WHERE region = $1 GROUP BY 1",
        [code],
      )
    const { rows: held } = await world
      .region(code)
      .database.query<{ key: string; row: string }>(
        "SELECT kind || '/' || id AS key, epoch || '.' || revision || ' of generation ' || generation AS row FROM replica_entity WHERE state IS NOT NULL",
      )
    const revisions = new Map(told.map(({ key, revision }) => [key, revision]))
    const differing = held.filter(({ key, row }) => !row.includes(`.${revisions.get(key)} of`))
    lines.push(...differing.slice(0, 20).map(({ key, row }) => `${code}: ${key}: ${revisions.get(key)}, held ${row}`))
  }
  return lines
}

async function differOf(world: FeedWorld, code: Code): Promise<readonly string[]> {
  const token = await centreToken(world, code)
  const lines: string[] = []
  let ranges = 0
  for (let after: string | null | undefined; after !== null; ) {
    const query = after === undefined ? '' : `?${new URLSearchParams({ after })}`
    const reply = await fetch(`${world.centre().url}/v1/regions/${code}/digests${query}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    if (reply.status !== 200) return [`${code}: digests: ${reply.status} ${await reply.text()}`]
    const page = digestsPageSchema.parse(await reply.json())
    for (const range of page.ranges) {
      ranges += 1
      const { rows } = await world
        .region(code)
        .database.query<{ count: number; digest: string }>(SUM, [...keyOf(range.after), ...keyOf(range.through)])
      if (rows[0]?.count === range.count && rows[0].digest === range.digest) continue
      lines.push(`${code}: digest after ${range.after} through ${range.through}: ${JSON.stringify([range, rows[0]])}`)
    }
    after = page.next
  }
  return ranges > 0 ? lines : [`${code}: no digests`]
}

function keyOf(key: string | null): readonly [string | null, string | null] {
  if (key === null) return [null, null]
  const slash = key.indexOf('/')
  return [key.slice(0, slash), key.slice(slash + 1)]
}

/** As the region itself gets one. */
export async function centreToken(world: Pick<FeedWorld, 'centre'>, code: Code): Promise<string> {
  const reply = await fetch(`${world.centre().url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
    headers: { authorization: `Basic ${Buffer.from(`region-${code}:${REGION_SECRETS[code]}`).toString('base64')}` },
  })
  return String(((await reply.json()) as Record<string, unknown>)['access_token'])
}
